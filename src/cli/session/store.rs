//! Where the config says that the state is, opened and locked.

pub(crate) use super::who::who;
use crate::aws::s3::Bucket;
use crate::aws::{Aws, Connection};
use crate::cli::exit::{CONFIG, ERROR, Failure};
use crate::cli::{Global, telling};
use crate::config::{Config, Placeholders, StateLocation};
use crate::report::errors::error_text;
use crate::state::file::FileStore;
use crate::state::lease::LeaseTimes;
use crate::state::place::{Lock, Store};
use crate::state::s3::S3Store;
use std::path::{Path, PathBuf};

/// A store of its own, for the verbs that look after the state and nothing else.
pub(crate) struct OpenStore {
    pub(crate) config: Config,
    pub(crate) store: Store,
    pub(crate) aws: Aws,
}

impl OpenStore {
    /// The store that the config names; the sandbox is started only if the state is in it.
    ///
    /// # Errors
    /// The config's, and those of reaching a bucket.
    pub(crate) async fn open(global: &Global) -> Result<Self, Failure> {
        let mut config = super::load(global, Placeholders::Accept)?;
        let aws = connect(global, &mut config, false).await?;
        let store = open(global, &config, &aws, global.sandbox).await?;
        Ok(Self { config, store, aws })
    }

    /// Takes the lock under this verb's name.
    ///
    /// # Errors
    /// Names who holds it.
    pub(crate) async fn lock(&self, global: &Global, verb: &str) -> Result<Lock, Failure> {
        lock(global, &self.store, &self.aws, verb).await
    }
}

/// Clients for the place of the state. A folder needs none that work, unless `anyway`.
pub(crate) async fn connect(global: &Global, config: &mut Config, anyway: bool) -> Result<Aws, Failure> {
    if matches!(config.state, StateLocation::Path(_)) && !anyway {
        return Ok(Aws::disconnected());
    }
    let sandbox = if global.sandbox { Some(super::start_sandbox(global, config).await?) } else { None };
    let (region, profile) = (config.region.clone(), global.profile.clone());
    Ok(Aws::connect(&Connection { region, profile, endpoint: sandbox.map(|sandbox| sandbox.endpoint) }).await)
}

/// Opens the store.
///
/// # Errors
/// If the bucket's endpoint must not be used.
pub(crate) async fn open(global: &Global, config: &Config, aws: &Aws, sandbox: bool) -> Result<Store, Failure> {
    match &config.state {
        StateLocation::Path(path) => Ok(Store::File(folder(global, path))),
        StateLocation::Bucket { bucket, prefix, region } => {
            in_bucket(global, aws, bucket, prefix, region, sandbox).await
        }
    }
}

/// The state folder at this path.
pub(crate) fn folder(global: &Global, path: &str) -> FileStore {
    // Beside the config file, not in the working folder; a sandbox's is apart from a real account's.
    let beside = global.config.parent().map(Path::to_path_buf).unwrap_or_default();
    let mut folder = beside.join(path).into_os_string();
    if global.sandbox {
        folder.push(".sandbox");
    }
    FileStore::new(PathBuf::from(folder))
}

/// The state below this prefix.
///
/// # Errors
/// If the bucket's endpoint must not be used, or the sandbox's bucket cannot be made.
pub(crate) async fn in_bucket(
    global: &Global,
    aws: &Aws,
    bucket: &str,
    prefix: &str,
    region: &str,
    sandbox: bool,
) -> Result<Store, Failure> {
    let bucket = Bucket::of(aws, bucket, region).map_err(|error| {
        let text = error_text("use the state bucket", &error, telling::style(global));
        Failure::new(CONFIG, text)
    })?;
    // What an account would already have; a real bucket is never made unasked.
    if sandbox && !exists(aws, &bucket).await? {
        make(aws, &bucket).await?;
    }
    Ok(Store::S3(Box::new(S3Store::new(bucket, prefix))))
}

async fn exists(aws: &Aws, bucket: &Bucket) -> Result<bool, Failure> {
    let exists = aws.patiently(async || bucket.exists().await).await;
    exists.map_err(|error| Failure::aws(&format!("look for the bucket `{}`", bucket.name()), &error))
}

/// Makes the bucket, unless it is ours already.
///
/// # Errors
/// AWS's.
pub(crate) async fn make(aws: &Aws, bucket: &Bucket) -> Result<(), Failure> {
    let made = aws.patiently(async || bucket.create().await).await;
    made.map_err(|error| Failure::aws(&format!("make the bucket `{}`", bucket.name()), &error))
}

/// Takes the lock, and sees to it that without it nothing is changed.
///
/// # Errors
/// Names who holds it.
pub(crate) async fn lock(global: &Global, store: &Store, aws: &Aws, verb: &str) -> Result<Lock, Failure> {
    let times = if global.sandbox { LeaseTimes::SANDBOX } else { LeaseTimes::AWS };
    let lock = store.lock(&who(verb), times, &|line| telling::say(global, line)).await?;
    if let Some(lease) = store.lease() {
        aws.gate().guard(lease);
    }
    Ok(lock)
}

/// Parses `s3://bucket/prefix`. `None`: a folder.
///
/// # Errors
/// An address of a bucket without its name or prefix.
pub(crate) fn parse_bucket(place: &str) -> Result<Option<(&str, &str)>, Failure> {
    let Some(rest) = place.strip_prefix("s3://") else { return Ok(None) };
    match rest.split_once('/').map(|(bucket, prefix)| (bucket, prefix.trim_matches('/'))) {
        Some((bucket, prefix)) if !bucket.is_empty() && !prefix.is_empty() => Ok(Some((bucket, prefix))),
        _ => Err(Failure::new(ERROR, format!("`{place}` is not a place in a bucket"))
            .hint("for example s3://my-bucket/zenml-hybrid")),
    }
}
