//! The state in an S3 bucket, for a team: one object, replaced only if nobody else replaced it, and a lock with a lease.
//!
//! Keys below the prefix: `state.json` (its history is the bucket's versions of it), `lock.json`, `fingerprint.key`. A newcomer
//! would get this wrong: the lock alone does not protect the document, since a paused holder does not know that it lost it.
//! The condition on every save does.

mod fitness;
mod keeper;
mod lock;
mod objects;
mod patience;

pub use fitness::commands;
pub use keeper::Keeper;
pub use lock::SeenLock;

use super::lease::{Lease, LeaseTimes};
use super::moved::Mark;
use super::place::{Document, Past};
use super::{LockInfo, State, StateStore, StoreError, Written};
use crate::aws::s3::{Bucket, Condition, Object, Put};
use lock::Holding;
use objects::{FENCE, Place, SERIAL, WHO, labels, remote};
use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

/// Versions that a history lists.
const LISTED: usize = 50;

/// The object as this process last saw it.
#[derive(Debug, Clone, Default)]
struct Known {
    /// `None`: there is no object.
    etag: Option<String>,
    serial: u64,
    fence: u64,
}

/// A state in a bucket.
#[derive(Debug)]
pub struct S3Store {
    place: Place,
    known: RefCell<Option<Known>>,
    holding: RefCell<Option<Holding>>,
}

impl S3Store {
    /// The store below this prefix, which need not hold anything yet.
    pub fn new(bucket: Bucket, prefix: &str) -> Self {
        let place = Place { bucket, prefix: prefix.to_owned() };
        Self { place, known: RefCell::default(), holding: RefCell::default() }
    }

    /// The document's address, `s3://bucket/prefix/state.json`.
    pub fn url(&self) -> String {
        self.place.url(&self.place.state_key())
    }

    /// As `state migrate --to` takes it, `s3://bucket/prefix`.
    pub fn root(&self) -> String {
        self.place.url(&self.place.prefix)
    }

    /// The bucket.
    pub fn bucket(&self) -> &Bucket {
        &self.place.bucket
    }

    /// Takes the lock, and keeps it until the keeper is dropped. `tell` is told of waiting and of what is wrong with the bucket.
    ///
    /// # Errors
    /// [`StoreError::Leased`] if its holder is alive; [`StoreError::Unfit`] if the bucket does not honour conditions.
    pub async fn lock(&self, who: &LockInfo, times: LeaseTimes, tell: &dyn Fn(&str)) -> Result<Keeper, StoreError> {
        let fence = match self.place.get(&self.place.state_key()).await? {
            Some(object) => fence_of(&object),
            None => {
                fitness::probe(&self.place).await?;
                fitness::tell_settings(&self.place, tell).await;
                0
            }
        };
        let (holding, keeper) = lock::acquire(&self.place, who, fence, times, tell).await?;
        let taken_from = holding.taken_from.clone();
        self.holding.replace(Some(holding));
        if let Some(before) = taken_from {
            tell(&format!("took over the lock of {before}, who has not renewed it"));
            self.shut_out().await?;
        }
        Ok(keeper)
    }

    /// Saves the document under the new number, so that no late save of the old holder can be accepted.
    async fn shut_out(&self) -> Result<(), StoreError> {
        for _ in 0..3 {
            let state = match self.load().await {
                Ok(Some(state)) => state,
                // Nothing that a late save could go on from.
                Ok(None) | Err(StoreError::Damaged(_) | StoreError::MovedAway { .. }) => return Ok(()),
                Err(error) => return Err(error),
            };
            match self.save(&State { serial: state.serial + 1, ..state }).await {
                Err(StoreError::Moved { .. }) => {}
                saved => return saved,
            }
        }
        Err(StoreError::Unfit(format!("{}: others go on saving it", self.url())))
    }

    /// The lock as it is.
    ///
    /// # Errors
    /// If it cannot be read.
    pub async fn seen_lock(&self) -> Result<Option<SeenLock>, StoreError> {
        lock::look(&self.place).await
    }

    /// Removes the lock; a live one only by force. True if it is gone.
    ///
    /// # Errors
    /// [`StoreError::Leased`] if it is somebody else's by now.
    pub async fn unlock(&self, seen: &SeenLock, force: bool) -> Result<bool, StoreError> {
        lock::break_open(&self.place, seen, force).await
    }

    /// What the clients ask before every changing call.
    pub fn lease(&self) -> Option<Arc<Lease>> {
        self.holding.borrow().as_ref().map(|holding| Arc::clone(&holding.lease))
    }

    /// The key for fingerprints of secrets; made on first use if the run may change anything.
    ///
    /// # Errors
    /// If it can be neither read nor made.
    pub async fn fingerprint_key(&self) -> Result<Option<Vec<u8>>, StoreError> {
        let key = self.place.key("fingerprint.key");
        if let Some(object) = self.place.get(&key).await? {
            return super::file::fingerprint_key_from(object.body, &self.place.url(&key)).map(Some);
        }
        if self.holding.borrow().is_none() {
            return Ok(None);
        }
        self.keep_fingerprint_key(&super::file::new_fingerprint_key()?).await?;
        let kept = self.place.get(&key).await?.map(|object| object.body).unwrap_or_default();
        super::file::fingerprint_key_from(kept, &self.place.url(&key)).map(Some)
    }

    /// Stores the key.
    ///
    /// # Errors
    /// If it cannot be written.
    pub async fn keep_fingerprint_key(&self, key: &[u8]) -> Result<(), StoreError> {
        let name = self.place.key("fingerprint.key");
        let there = self.place.get(&name).await?;
        let condition = there.as_ref().map_or(Condition::Absent, |there| Condition::Unchanged(&there.etag));
        // Refused: somebody else was faster with a new one, which is as good.
        self.place.put(&name, key.to_vec(), condition, HashMap::new()).await.map(drop)
    }

    /// Moves the document aside; the next load finds nothing. Returns where it went.
    ///
    /// # Errors
    /// If it cannot be written or deleted.
    pub async fn set_aside(&self, why: &str) -> Result<String, StoreError> {
        let key = self.place.state_key();
        let Some(object) = self.place.get(&key).await? else { return Ok(self.url()) };
        let aside = self.place.key(&format!("state.{why}-{}.json", jiff::Timestamp::now().as_second()));
        self.place.put(&aside, object.body, Condition::Absent, object.labels).await?;
        match self.place.bucket.delete(&key, &object.etag).await {
            Ok(Put::Done(_)) => {}
            Ok(Put::Refused | Put::Conflict) => {
                return Err(StoreError::Unfit(format!("{}: somebody else wrote it meanwhile", self.url())));
            }
            Err(error) => return Err(remote(&self.place.url(&key), error)),
        }
        self.known.replace(None);
        Ok(self.place.url(&aside))
    }

    /// The document's versions, oldest first.
    ///
    /// # Errors
    /// If they cannot be listed.
    pub async fn history(&self) -> Result<Vec<Past>, StoreError> {
        self.versions(LISTED).await
    }

    /// The version that is current.
    ///
    /// # Errors
    /// If it cannot be read.
    pub async fn current(&self) -> Result<Option<Past>, StoreError> {
        Ok(self.versions(1).await?.into_iter().find(|past| past.current))
    }

    /// The newest so many, oldest first.
    async fn versions(&self, most: usize) -> Result<Vec<Past>, StoreError> {
        let listed = self.place.bucket.versions(&self.place.state_key(), most).await;
        let listed = listed.map_err(|error| remote(&self.url(), error))?;
        let past = |version: crate::aws::s3::Version| Past {
            serial: version.labels.get(SERIAL).and_then(|serial| serial.parse().ok()).unwrap_or_default(),
            written: version.written,
            who: version.labels.get(WHO).cloned(),
            handle: version.id,
            current: version.current,
        };
        Ok(listed.into_iter().rev().map(past).collect())
    }

    /// The text of an earlier version.
    ///
    /// # Errors
    /// If it cannot be read.
    pub async fn earlier(&self, past: &Past) -> Result<Vec<u8>, StoreError> {
        let found = self.place.bucket.get_version(&self.place.state_key(), &past.handle).await;
        let found = found.map_err(|error| remote(&self.url(), error))?;
        found.map(|object| object.body).ok_or_else(|| StoreError::Unfit(format!("version {} is gone", past.handle)))
    }

    /// What stands in the document's place.
    ///
    /// # Errors
    /// If it cannot be read or understood.
    pub async fn document(&self) -> Result<Option<Document>, StoreError> {
        let Some(object) = self.place.get(&self.place.state_key()).await? else {
            self.known.replace(Some(Known::default()));
            return Ok(None);
        };
        let document = Document::parse(&object.body).map_err(|why| {
            StoreError::Damaged(format!(
                "{}: {why}\nhint: list the earlier versions with `hybridctl state history`, and put a good one back with \
                 `hybridctl state pull --serial N --out FILE` and `hybridctl state push --force`",
                self.url()
            ))
        });
        let label = |name| object.labels.get(name).and_then(|number: &String| number.parse().ok()).unwrap_or_default();
        let (serial, fence) = match &document {
            Ok(Document::State(state)) => (state.serial, state.fence()),
            _ => (label(SERIAL), label(FENCE)),
        };
        self.known.replace(Some(Known { etag: Some(object.etag), serial, fence }));
        document.map(Some)
    }

    /// The text in the document's place, whatever it is.
    ///
    /// # Errors
    /// If it cannot be read.
    pub async fn text(&self) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.place.get(&self.place.state_key()).await?.map(|object| object.body))
    }

    /// Replaces whatever stands in the document's place, which must be what this process read there.
    ///
    /// # Errors
    /// [`StoreError::Moved`] if somebody else wrote meanwhile.
    pub async fn put_over(&self, document: &Document) -> Result<(), StoreError> {
        match document {
            Document::State(state) => self.put(&self.stamped(state)).await,
            Document::Moved(mark) => self.put_mark(mark).await,
        }
    }

    async fn put_mark(&self, mark: &Mark) -> Result<(), StoreError> {
        self.hold().await?;
        let known = self.known().await?;
        let fence = self.holding.borrow().as_ref().map_or(known.fence, |holding| holding.lock.fence);
        let labels = labels(mark.serial, fence, &mark.by.who);
        match self.place.put(&self.place.state_key(), mark.text(), known.condition(), labels).await? {
            Put::Done(etag) => {
                self.known.replace(Some(Known { etag: Some(etag), serial: mark.serial, fence }));
                Ok(())
            }
            _ => Err(StoreError::Moved { expected: mark.serial, found: known.serial }),
        }
    }

    async fn known(&self) -> Result<Known, StoreError> {
        if self.known.borrow().is_none() {
            // What it holds does not matter here.
            let _ = self.document().await;
        }
        Ok(self.known.borrow().clone().unwrap_or_default())
    }

    /// The document with this run's name in it.
    fn stamped(&self, next: &State) -> State {
        let holding = self.holding.borrow();
        let Some(Holding { lock, .. }) = holding.as_ref() else { return next.clone() };
        let written = Written { fence: lock.fence, writer: lock.id, who: lock.holder.who.clone() };
        State { written: Some(written), ..next.clone() }
    }

    async fn put(&self, next: &State) -> Result<(), StoreError> {
        next.verify_integrity().map_err(|e| StoreError::Damaged(e.to_string()))?;
        self.hold().await?;
        let known = self.known().await?;
        if known.fence > next.fence() {
            return Err(overtaken(known.fence, next.fence()));
        }
        let mut text = serde_json::to_vec_pretty(next).map_err(|e| StoreError::Damaged(e.to_string()))?;
        text.push(b'\n');
        let who = next.written.as_ref().map_or("", |written| written.who.as_str());
        let labels = labels(next.serial, next.fence(), who);
        match self.place.put(&self.place.state_key(), text, known.condition(), labels).await? {
            Put::Done(etag) => {
                self.known.replace(Some(Known { etag: Some(etag), serial: next.serial, fence: next.fence() }));
                Ok(())
            }
            _ => self.after_refusal(next, known.serial).await,
        }
    }

    /// A refused save: ours got through and its answer was lost, or somebody else's did.
    async fn after_refusal(&self, next: &State, expected: u64) -> Result<(), StoreError> {
        let stored = match self.document().await? {
            Some(Document::State(stored)) => stored,
            Some(Document::Moved(mark)) => return Err(self.moved_away(&mark)),
            None if expected > 0 => return Err(StoreError::Gone { expected }),
            None => return Err(StoreError::Moved { expected, found: 0 }),
        };
        let writer = |state: &State| state.written.as_ref().map(|written| written.writer);
        if stored.serial == next.serial && writer(&stored).is_some() && writer(&stored) == writer(next) {
            return Ok(());
        }
        if stored.fence() > next.fence() {
            return Err(overtaken(stored.fence(), next.fence()));
        }
        Err(StoreError::Moved { expected, found: stored.serial })
    }

    fn moved_away(&self, mark: &Mark) -> StoreError {
        StoreError::MovedAway { from: self.root(), to: mark.moved_to.clone() }
    }
}

impl Known {
    fn condition(&self) -> Condition<'_> {
        self.etag.as_deref().map_or(Condition::Absent, Condition::Unchanged)
    }
}

/// Under which number it was saved. A damaged document must not stand in the way of mending it, so its label counts too; one that
/// was copied there by hand has none.
fn fence_of(object: &Object) -> u64 {
    let label = object.labels.get(FENCE).and_then(|fence| fence.parse().ok()).unwrap_or_default();
    match Document::parse(&object.body) {
        Ok(Document::State(state)) => state.fence().max(label),
        _ => label,
    }
}

fn overtaken(theirs: u64, ours: u64) -> StoreError {
    StoreError::LockLost(format!("the state was saved under lock number {theirs}, and this run has number {ours}"))
}

impl StateStore for S3Store {
    async fn load(&self) -> Result<Option<State>, StoreError> {
        match self.document().await? {
            Some(Document::State(state)) => Ok(Some(*state)),
            Some(Document::Moved(mark)) => Err(self.moved_away(&mark)),
            None => Ok(None),
        }
    }

    async fn save(&self, next: &State) -> Result<(), StoreError> {
        let known = self.known().await?;
        if known.serial + 1 != next.serial {
            return Err(StoreError::Moved { expected: next.serial.saturating_sub(1), found: known.serial });
        }
        self.put(&self.stamped(next)).await
    }

    async fn hold(&self) -> Result<(), StoreError> {
        match self.lease() {
            Some(lease) => lease.hold().await,
            None => Ok(()),
        }
    }
}
