//! `state migrate`: moves the document to another place, and leaves a mark where it was.
//!
//! In this order, so that a kill at any point loses nothing: copy, read back, compare, mark. Until the mark stands the old place
//! is the one in force, and the same command goes on.

use crate::cli::exit::{DONE, ERROR, Failure, STALE, USAGE, section};
use crate::cli::session::store::{self, OpenStore};
use crate::cli::{Global, telling};
use crate::state::place::{Document, Store};
use crate::state::{State, StateStore, StoreError, moved::Mark};
use clap::Args;

/// Move the document to a bucket or to a folder
#[derive(Debug, Args)]
pub(super) struct Migrate {
    /// `s3://bucket/prefix`, or a folder, relative to the config file
    #[arg(long, value_name = "PLACE")]
    to: String,
    /// Make the bucket if there is none: versioned, encrypted, closed to the public
    #[arg(long)]
    create_bucket: bool,
    /// Region of the bucket, if it is not the deployment's
    #[arg(long, value_name = "REGION")]
    bucket_region: Option<String>,
}

impl Migrate {
    pub(super) async fn run(self, global: &Global) -> Result<u8, Failure> {
        let kept = OpenStore::open(global).await?;
        let (target, to) = self.target(global, &kept).await?;
        if is_same(&target, &kept.store) {
            return Err(Failure::new(ERROR, format!("the state is in {to} already")));
        }
        let _old = kept.lock(global, "state migrate").await?;
        let state = kept.store.load().await?.ok_or_else(|| super::nothing(&kept))?;
        let _new = store::lock(global, &target, &kept.aws, "state migrate").await?;
        may_go_there(&target, &state).await?;
        if let Some(key) = kept.store.fingerprint_key().await? {
            target.keep_fingerprint_key(&key).await?;
        }
        // In a folder nobody's name is kept; in a bucket it becomes ours.
        target.put_over(&Document::State(Box::new(State { written: None, ..state.clone() }))).await?;
        arrived(&target, &state).await?;
        let mark = Mark {
            version: crate::state::VERSION,
            moved_to: to.clone(),
            lineage: state.lineage,
            serial: state.serial,
            by: store::who("state migrate"),
        };
        kept.store.put_over(&Document::Moved(mark)).await?;
        let resources = state.resources.len();
        telling::say(
            global,
            &format!("moved to {}: serial {}, {resources} resources on record", target.url(), state.serial),
        );
        telling::say(
            global,
            &format!("now change the config file, which still names the old place:\n{}", self.lines(&to)),
        );
        Ok(DONE)
    }

    /// The new place, and how it is written.
    async fn target(&self, global: &Global, kept: &OpenStore) -> Result<(Store, String), Failure> {
        let Some((bucket, prefix)) = store::parse_bucket(&self.to)? else {
            let named = std::path::Path::new(&self.to).file_name().is_some();
            if !named || self.to.trim() != self.to || self.to.contains(char::is_control) {
                let failure = Failure::new(USAGE, format!("`--to {}` is not the name of a folder", self.to));
                return Err(failure.hint("for example `--to .hybridctl/zenml-hybrid`, or s3://BUCKET/PREFIX"));
            }
            return Ok((Store::File(store::folder(global, &self.to)), self.to.clone()));
        };
        let region = self.bucket_region.as_deref().unwrap_or(&kept.config.region);
        let aws = store::connect(global, &mut kept.config.clone(), true).await?;
        let target = store::in_bucket(global, &aws, bucket, prefix, region, global.sandbox).await?;
        if let (Store::S3(target), true) = (&target, self.create_bucket) {
            store::make(&aws, target.bucket()).await?;
        }
        Ok((target, format!("s3://{bucket}/{prefix}")))
    }

    fn lines(&self, to: &str) -> String {
        let region = self.bucket_region.iter().map(|region| format!("\nregion = \"{region}\""));
        let lines = format!("{}{}", section(to), region.collect::<String>());
        lines.lines().map(|line| format!("    {line}\n")).collect::<String>().trim_end().to_owned()
    }
}

/// The same place, however it is written.
fn is_same(target: &Store, kept: &Store) -> bool {
    let folder = |store: &Store| match store {
        Store::File(folder) => std::fs::canonicalize(folder.folder()).ok(),
        Store::S3(_) => None,
    };
    target.url() == kept.url() || folder(target).is_some_and(|target| Some(target) == folder(kept))
}

/// Nothing is there, or what a migration of this very state left there.
async fn may_go_there(target: &Store, state: &State) -> Result<(), Failure> {
    let (lineage, serial) = match target.document().await? {
        None => return Ok(()),
        Some(Document::Moved(mark)) => (mark.lineage, 0),
        Some(Document::State(there)) => (there.lineage, there.serial),
    };
    if lineage != state.lineage {
        let text = format!("{} holds a state of another lineage: nothing was changed", target.root());
        return Err(Failure::new(STALE, text).hint("choose another place"));
    }
    if serial > state.serial {
        let text =
            format!("{} holds a newer serial, {serial}, than {}: nothing was changed", target.root(), state.serial);
        return Err(Failure::new(STALE, text).hint("the config file seems to name an old place of the state"));
    }
    Ok(())
}

/// Reads back what was written.
async fn arrived(target: &Store, state: &State) -> Result<(), Failure> {
    let plain = |state: State| State { written: None, ..state };
    match target.load().await? {
        Some(there) if plain(there.clone()) == plain(state.clone()) => Ok(()),
        _ => Err(StoreError::Damaged(format!(
            "{} does not give back what was written; the old place stays in force",
            target.root()
        ))
        .into()),
    }
}
