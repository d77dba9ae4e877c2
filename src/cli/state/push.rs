//! `state push`: puts an edited document back.
//!
//! The file must be the current document, edited. An older one, or one of another lineage, is a way to lose objects: by force
//! only, with a reason that stays in the document until the next run saves it.

use crate::cli::exit::{DONE, ERROR, Failure, STALE};
use crate::cli::session::store::OpenStore;
use crate::cli::{Global, telling};
use crate::state::place::Document;
use crate::state::{State, StoreError};
use clap::Args;
use std::path::{Path, PathBuf};

/// Put an edited document back
#[derive(Debug, Args)]
pub(super) struct Push {
    /// The document, as `hybridctl state pull` wrote it
    file: PathBuf,
    /// Replace a newer, a damaged or another lineage's document
    #[arg(long, requires = "reason")]
    force: bool,
    /// Why, for whoever reads the document later
    #[arg(long, value_name = "TEXT", requires = "force")]
    reason: Option<String>,
}

impl Push {
    pub(super) async fn run(self, global: &Global) -> Result<u8, Failure> {
        let next = read(&self.file)?;
        let kept = OpenStore::open(global).await?;
        let _lock = kept.lock(global, "state push").await?;
        let stored = match kept.store.document().await {
            Ok(Some(Document::State(state))) => Some(*state),
            Ok(Some(Document::Moved(mark))) => {
                return Err(StoreError::MovedAway { from: kept.store.root(), to: mark.moved_to }.into());
            }
            Ok(None) => None,
            Err(StoreError::Damaged(why)) if self.force => {
                telling::say(global, &why);
                None
            }
            Err(error) => return Err(error.into()),
        };
        belongs_here(&kept, &next, stored.as_ref())?;
        if !self.force {
            follows(&next, stored.as_ref())?;
        }
        let newest = kept.store.history().await?.iter().map(|past| past.serial).max().unwrap_or_default();
        let (known, begun) = stored.map_or((0, 0), |stored| (stored.serial, stored.incarnations));
        let serial = newest.max(next.serial).max(known) + 1;
        // What an older document says was begun last is not what was begun last: its tokens are used up, and a final snapshot
        // that was the newest then is none of what was written since.
        let rewound = serial > next.serial + 1 || begun > next.incarnations;
        let ahead = if rewound { serial + begun.max(next.incarnations) + 2 } else { next.incarnations };
        let next = State { serial, incarnations: ahead, note: self.reason, ..next };
        let resources = next.resources.len();
        kept.store.put_over(&Document::State(Box::new(next))).await?;
        telling::say(global, &format!("serial {serial} is the state now: {resources} resources on record"));
        Ok(DONE)
    }
}

fn read(path: &Path) -> Result<State, Failure> {
    let wrong = |why: String| Failure::new(ERROR, format!("{}: {why}", path.display()));
    let text = std::fs::read(path).map_err(|error| wrong(error.to_string()))?;
    match Document::parse(&text).map_err(wrong)? {
        Document::State(state) => Ok(*state),
        Document::Moved(_) => Err(wrong("this is the mark that a state left when it was moved, not a state".into())),
    }
}

/// What no force overrides: a state of another deployment or place.
fn belongs_here(kept: &OpenStore, next: &State, stored: Option<&State>) -> Result<(), Failure> {
    if next.deployment != kept.config.name {
        let text =
            format!("the file is a state of the deployment `{}`, and this is `{}`", next.deployment, kept.config.name);
        return Err(Failure::new(STALE, text));
    }
    match stored.map(|stored| (&stored.place, &next.place)) {
        Some((Some(here), Some(there))) if here != there => {
            Err(Failure::new(STALE, "the file is a state of another account, region or sandbox"))
        }
        _ => Ok(()),
    }
}

fn follows(next: &State, stored: Option<&State>) -> Result<(), Failure> {
    let Some(stored) = stored else { return Ok(()) };
    let force = "if it is meant, add `--force --reason TEXT`: objects that the newer state knows may be forgotten";
    if next.lineage != stored.lineage {
        let text = format!("the file is of lineage {}, and the state here is of {}", next.lineage, stored.lineage);
        return Err(Failure::new(STALE, text).hint(force));
    }
    if next.serial == stored.serial {
        return Ok(());
    }
    let text = format!("the file was made from serial {}, and the state here is at {}", next.serial, stored.serial);
    Err(Failure::new(STALE, text).hint("pull again and repeat the edit").hint(force))
}
