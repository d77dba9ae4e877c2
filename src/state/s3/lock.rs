//! Taking, watching, taking over and breaking the lock object.
//!
//! Whoever finds a lock watches it until it is renewed (its holder is alive: refused) or has expired (taken over, with the next
//! higher number). Every write of it is conditional, so of two that try only one succeeds.

use super::keeper::Keeper;
use super::objects::{Place, remote};
use super::patience::Patience;
use crate::aws::s3::{Condition, Object, Put};
use crate::state::lease::{Lease, LeaseTimes, LockObject, Moment, expiry};
use crate::state::{LockInfo, StoreError};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use uuid::Uuid;

/// A lock that this process holds.
#[derive(Debug)]
pub(super) struct Holding {
    pub(super) lock: LockObject,
    pub(super) lease: Arc<Lease>,
    /// Whose it was, if it was taken over from somebody who went silent.
    pub(super) taken_from: Option<LockInfo>,
}

/// The lock object as somebody else sees it.
#[derive(Debug, Clone)]
pub struct SeenLock {
    /// What it says.
    pub lock: LockObject,
    /// Since its last renewal, by S3's clock.
    pub age: Duration,
    etag: String,
}

impl SeenLock {
    pub(super) fn etag(&self) -> &str {
        &self.etag
    }

    /// True if its holder may be at work.
    pub fn is_live(&self) -> bool {
        self.age < expiry(self.lock.lease())
    }
}

/// The lock as it is, or `None`.
pub(super) async fn look(place: &Place) -> Result<Option<SeenLock>, StoreError> {
    let key = place.lock_key();
    match place.get(&key).await? {
        Some(object) => seen(place, object).map(Some),
        None => Ok(None),
    }
}

fn seen(place: &Place, object: Object) -> Result<SeenLock, StoreError> {
    let lock = serde_json::from_slice(&object.body).map_err(|why| {
        let object = place.url(&place.lock_key());
        StoreError::Damaged(format!(
            "{object} is no lock of hybridctl: {why}\nhint: if it is no other tool's, delete it"
        ))
    })?;
    Ok(SeenLock { lock, age: object.age.unwrap_or_default(), etag: object.etag })
}

/// Takes the lock; watches one that is there. `fence` is the number under which the document was last saved.
pub(super) async fn acquire(
    place: &Place,
    who: &LockInfo,
    fence: u64,
    times: LeaseTimes,
    tell: &dyn Fn(&str),
) -> Result<(Holding, Keeper), StoreError> {
    let lock = LockObject {
        id: Uuid::new_v4(),
        fence: fence + 1,
        holder: who.clone(),
        lease_millis: u64::try_from(times.lease.as_millis()).unwrap_or(u64::MAX),
        renewals: 0,
    };
    let mut watch = Watch::default();
    let mut free = true;
    let mut taken_from = None;
    let mut patience = Patience::new();
    loop {
        let asked = Moment::now();
        if std::mem::replace(&mut free, false) {
            match write(place, &lock, Condition::Absent).await {
                Ok(Put::Done(etag)) => return Ok(held(place, lock, etag, asked, times, None)),
                Ok(Put::Refused) => {}
                Ok(Put::Conflict) => patience.pause_or(|| conflict(place)).await?,
                Err(error) => patience.pause_for(error, &place.url(&place.lock_key())).await?,
            }
        }
        let Some(found) = look(place).await? else {
            // Given back between the two calls; or a server that goes on refusing to make what is not there.
            patience.pause_or(|| phantom(place)).await?;
            free = true;
            continue;
        };
        if found.lock.id == lock.id {
            // Our own, whose answer was lost.
            return Ok(held(place, found.lock, found.etag, asked, times, taken_from));
        }
        if watch.has_expired(&found)? {
            let lock = LockObject { fence: found.lock.fence.max(fence) + 1, ..lock.clone() };
            let asked = Moment::now();
            taken_from = Some(found.lock.holder);
            match write(place, &lock, Condition::Unchanged(&found.etag)).await {
                Ok(Put::Done(etag)) => return Ok(held(place, lock, etag, asked, times, taken_from)),
                // Its holder woke up, another was faster, or the answer was lost: look again.
                Ok(Put::Refused | Put::Conflict) => {}
                Err(error) => patience.pause_for(error, &place.url(&place.lock_key())).await?,
            }
            continue;
        }
        watch.tell_once(&found, tell);
        tokio::time::sleep(times.poll).await;
    }
}

fn conflict(place: &Place) -> StoreError {
    let why = "others write it all the time";
    remote(&place.url(&place.lock_key()), crate::resource::Error::terminal(why))
}

fn phantom(place: &Place) -> StoreError {
    let lock = place.url(&place.lock_key());
    StoreError::Unfit(format!(
        "{lock}: the server says that it is there when it is written, and that it is not when it is read"
    ))
}

fn held(
    place: &Place,
    lock: LockObject,
    etag: String,
    asked: Moment,
    times: LeaseTimes,
    taken_from: Option<LockInfo>,
) -> (Holding, Keeper) {
    let lease = Arc::new(Lease::new(times, asked));
    let keeper = Keeper::start(place.apart(), lock.clone(), etag, Arc::clone(&lease));
    (Holding { lock, lease, taken_from }, keeper)
}

pub(super) async fn write(
    place: &Place,
    lock: &LockObject,
    condition: Condition<'_>,
) -> Result<Put, crate::resource::Error> {
    let body = serde_json::to_vec_pretty(lock).expect("because a lock is plain data");
    place.bucket.put(&place.lock_key(), body, condition, HashMap::new()).await
}

/// What a contender has seen of a lock.
#[derive(Debug, Default)]
struct Watch {
    first: Option<(SeenLock, Instant)>,
    told: bool,
}

impl Watch {
    /// True if nobody renewed it for its whole lease.
    ///
    /// # Errors
    /// It was renewed meanwhile: its holder is alive.
    fn has_expired(&mut self, found: &SeenLock) -> Result<bool, StoreError> {
        if !found.is_live() {
            return Ok(true);
        }
        let (first, since) = self.first.get_or_insert_with(|| (found.clone(), Instant::now()));
        if first.etag != found.etag {
            return Err(StoreError::Leased(found.lock.holder.clone()));
        }
        // For a server that tells no times.
        Ok(since.elapsed() >= expiry(found.lock.lease()))
    }

    fn tell_once(&mut self, found: &SeenLock, tell: &dyn Fn(&str)) {
        if !std::mem::replace(&mut self.told, true) {
            let left = expiry(found.lock.lease()).saturating_sub(found.age).as_secs();
            tell(&format!("the state is locked by {}", found.lock.holder));
            tell(&format!("watching whether that run is alive; otherwise its lock ends in {left} s"));
        }
    }
}

/// Removes the lock. A live one only by force.
pub(super) async fn break_open(place: &Place, found: &SeenLock, force: bool) -> Result<bool, StoreError> {
    if found.is_live() && !force {
        return Ok(false);
    }
    let mut patience = Patience::new();
    loop {
        match place.bucket.delete(&place.lock_key(), &found.etag).await {
            Ok(Put::Done(_)) => return Ok(true),
            Ok(Put::Refused) => {
                // Renewed between the look and the delete, or gone.
                let Some(now) = look(place).await? else { return Ok(true) };
                if now.lock.id != found.lock.id || !force {
                    return Err(StoreError::Leased(now.lock.holder));
                }
                return Box::pin(break_open(place, &now, force)).await;
            }
            Ok(Put::Conflict) => patience.pause_or(|| conflict(place)).await?,
            Err(error) => patience.pause_for(error, &place.url(&place.lock_key())).await?,
        }
    }
}
