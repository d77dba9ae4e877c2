//! Where the state document lives.

use super::State;
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
}

impl fmt::Display for LockInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (process {}, `hybridctl {}`) since {}", self.who, self.pid, self.command, self.since)
    }
}

/// Why the state could not be read, written or locked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Someone else holds the lock.
    #[error("the state is locked by {0}")]
    Locked(LockInfo),
    /// Someone else saved in between.
    #[error("the state was changed by another run: expected serial {expected}, found {found}")]
    Moved {
        /// The serial this run built on.
        expected: u64,
        /// The serial in the store.
        found: u64,
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
}
