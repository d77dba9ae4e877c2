//! Where a state is kept: a folder or a bucket, with the same interface.

use super::file::{FileStore, Locked};
use super::lease::{Lease, LeaseTimes};
use super::moved::Mark;
use super::s3::{Keeper, S3Store, SeenLock};
use super::{LockInfo, State, StateStore, StoreError, upgrade};
use std::sync::Arc;

/// What stands in the document's place.
#[derive(Debug, Clone, PartialEq)]
pub enum Document {
    /// The state.
    State(Box<State>),
    /// It was here.
    Moved(Mark),
}

impl Document {
    /// Understands a text.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub fn parse(text: &[u8]) -> Result<Self, String> {
        if let Some(mark) = Mark::parse(text) {
            return Ok(Self::Moved(mark));
        }
        let text = std::str::from_utf8(text).map_err(|e| format!("not a state document: {e}"))?;
        upgrade::parse(text).map(|state| Self::State(Box::new(state)))
    }
}

/// One version of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Past {
    /// Its serial.
    pub serial: u64,
    /// When it was written.
    pub written: jiff::Timestamp,
    /// By whom, if the place knows.
    pub who: Option<String>,
    /// A file, or S3's id of the version.
    pub handle: String,
    /// True for the newest.
    pub current: bool,
}

/// A folder or a bucket.
#[derive(Debug)]
pub enum Store {
    /// A folder, for one person.
    File(FileStore),
    /// A bucket, for a team.
    S3(Box<S3Store>),
}

/// Held until it is dropped.
#[derive(Debug)]
pub enum Lock {
    /// The operating system's.
    File(Locked),
    /// A lease that is renewed.
    S3(Keeper),
}

impl Store {
    /// The document's address, for people.
    pub fn url(&self) -> String {
        match self {
            Self::File(store) => store.path().display().to_string(),
            Self::S3(store) => store.url(),
        }
    }

    /// The place as `state migrate --to` takes it.
    pub fn root(&self) -> String {
        match self {
            Self::File(store) => store.folder().display().to_string(),
            Self::S3(store) => store.root(),
        }
    }

    /// Takes the lock. `tell` is told of waiting, and of what is wrong with the place.
    ///
    /// # Errors
    /// Names who holds it.
    pub async fn lock(&self, who: &LockInfo, times: LeaseTimes, tell: &dyn Fn(&str)) -> Result<Lock, StoreError> {
        match self {
            Self::File(store) => store.lock(who).map(Lock::File),
            Self::S3(store) => store.lock(who, times, tell).await.map(Lock::S3),
        }
    }

    /// What the clients ask before every changing call, if the lock is one that can be lost.
    pub fn lease(&self) -> Option<Arc<Lease>> {
        match self {
            Self::File(_) => None,
            Self::S3(store) => store.lease(),
        }
    }

    /// Who holds the lock, if anybody does and is alive.
    ///
    /// # Errors
    /// If the lock cannot be read.
    pub async fn holder(&self) -> Result<Option<LockInfo>, StoreError> {
        match self {
            Self::File(store) => store.holder(),
            Self::S3(store) => {
                let seen = store.seen_lock().await?;
                Ok(seen.filter(SeenLock::is_live).map(|seen| seen.lock.holder))
            }
        }
    }

    /// The key for fingerprints of secrets, made when the lock is held for the first time; `None`: there is none yet, and who
    /// only looks leaves nothing behind.
    ///
    /// # Errors
    /// If it can be neither read nor made.
    pub async fn fingerprint_key(&self) -> Result<Option<Vec<u8>>, StoreError> {
        match self {
            Self::File(store) => store.fingerprint_key(),
            Self::S3(store) => store.fingerprint_key().await,
        }
    }

    /// Stores that key.
    ///
    /// # Errors
    /// If it cannot be written.
    pub async fn keep_fingerprint_key(&self, key: &[u8]) -> Result<(), StoreError> {
        match self {
            Self::File(store) => store.keep_fingerprint_key(key),
            Self::S3(store) => store.keep_fingerprint_key(key).await,
        }
    }

    /// Moves the document aside; the next load finds nothing. Returns where it went.
    ///
    /// # Errors
    /// If it cannot be moved.
    pub async fn set_aside(&self, why: &str) -> Result<String, StoreError> {
        match self {
            Self::File(store) => store.set_aside(why).map(|path| path.display().to_string()),
            Self::S3(store) => store.set_aside(why).await,
        }
    }

    /// The document's versions, oldest first.
    ///
    /// # Errors
    /// If they cannot be listed.
    pub async fn history(&self) -> Result<Vec<Past>, StoreError> {
        match self {
            Self::File(store) => store.history(),
            Self::S3(store) => store.history().await,
        }
    }

    /// The version that is current.
    ///
    /// # Errors
    /// If it cannot be read.
    pub async fn current(&self) -> Result<Option<Past>, StoreError> {
        match self {
            Self::File(store) => store.current(),
            Self::S3(store) => store.current().await,
        }
    }

    /// The text of a version.
    ///
    /// # Errors
    /// If it cannot be read.
    pub async fn earlier(&self, past: &Past) -> Result<Vec<u8>, StoreError> {
        match self {
            Self::File(store) => store.earlier(past),
            Self::S3(store) => store.earlier(past).await,
        }
    }

    /// What stands in the document's place.
    ///
    /// # Errors
    /// If it cannot be read or understood.
    pub async fn document(&self) -> Result<Option<Document>, StoreError> {
        match self {
            Self::File(store) => store.document(),
            Self::S3(store) => store.document().await,
        }
    }

    /// The text in the document's place, whatever it is.
    ///
    /// # Errors
    /// If it cannot be read.
    pub async fn text(&self) -> Result<Option<Vec<u8>>, StoreError> {
        match self {
            Self::File(store) => store.text(),
            Self::S3(store) => store.text().await,
        }
    }

    /// Replaces whatever stands in the document's place. Only under the lock.
    ///
    /// # Errors
    /// If it cannot be written, or somebody else wrote meanwhile.
    pub async fn put_over(&self, document: &Document) -> Result<(), StoreError> {
        match self {
            Self::File(store) => store.put_over(document),
            Self::S3(store) => store.put_over(document).await,
        }
    }
}

impl StateStore for Store {
    async fn load(&self) -> Result<Option<State>, StoreError> {
        match self {
            Self::File(store) => store.load().await,
            Self::S3(store) => store.load().await,
        }
    }

    async fn save(&self, next: &State) -> Result<(), StoreError> {
        match self {
            Self::File(store) => store.save(next).await,
            Self::S3(store) => store.save(next).await,
        }
    }

    async fn hold(&self) -> Result<(), StoreError> {
        match self {
            Self::File(store) => store.hold().await,
            Self::S3(store) => store.hold().await,
        }
    }
}
