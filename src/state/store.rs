//! Where the state document lives.

use super::State;
use crate::resource::Error;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Who holds the lock, shown to whoever is refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockInfo {
    /// User and machine, `alice@laptop`.
    pub who: String,
    /// Process id on that machine.
    pub pid: u32,
    /// The command line's verb, `up`.
    pub command: String,
    /// Since when.
    pub since: jiff::Timestamp,
    /// Page of the CI job, if it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<String>,
}

impl fmt::Display for LockInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (process {}, `hybridctl {}`) since {}", self.who, self.pid, self.command, self.since)?;
        match &self.job {
            Some(job) => write!(f, ", {job}"),
            None => Ok(()),
        }
    }
}

/// Why the state could not be read, written or locked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Someone else holds the lock.
    #[error("the state is locked by {0}")]
    Locked(LockInfo),
    /// Someone else holds the lock of a shared state, and is alive.
    #[error("the state is locked by {0}")]
    Leased(LockInfo),
    /// The lock that this process held is another's, or nobody's.
    #[error("the lock on the state was lost: {0}")]
    LockLost(String),
    /// The document was moved; the mark that it left says where to.
    #[error("{from} holds no state any more: it was moved to {to}")]
    MovedAway {
        /// The place that was asked.
        from: String,
        /// Where it is now, as `state migrate --to` takes it.
        to: String,
    },
    /// There is no such bucket.
    #[error("there is no bucket `{bucket}` in {region}")]
    NoBucket {
        /// Its name.
        bucket: String,
        /// Where it was looked for.
        region: String,
    },
    /// The place does not do what a shared state needs.
    #[error("{0}")]
    Unfit(String),
    /// A call to the place failed.
    #[error("{place}: {error}")]
    Remote {
        /// The object, `s3://bucket/key`.
        place: String,
        /// AWS's error.
        error: Box<Error>,
    },
    /// Someone else saved in between.
    #[error("the state was changed by another run: expected serial {expected}, found {found}")]
    Moved {
        /// The serial this run built on.
        expected: u64,
        /// The serial in the store.
        found: u64,
    },
    /// The document was deleted while this run was under way.
    #[error("the state was deleted while this run was under way: expected serial {expected}, found none")]
    Gone {
        /// The serial this run built on.
        expected: u64,
    },
    /// The document cannot be understood, or contradicts itself.
    #[error("{0}")]
    Damaged(String),
    /// Reading or writing failed.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
}

/// Keeps one state document.
pub trait StateStore {
    /// The document, or `None` if there is none yet.
    fn load(&self) -> impl Future<Output = Result<Option<State>, StoreError>>;
    /// Replaces the document of serial `next.serial - 1`. When this returns, the document survives a power cut.
    fn save(&self, next: &State) -> impl Future<Output = Result<(), StoreError>>;
    /// Asked before every call: returns while this run may go on. Waits while that is being found out.
    fn hold(&self) -> impl Future<Output = Result<(), StoreError>> {
        async { Ok(()) }
    }
}
