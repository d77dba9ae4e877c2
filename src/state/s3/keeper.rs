//! Renews the lock from a thread of its own, and gives it back at the end.
//!
//! A thread, because the rest of the process may wait for a person's answer or compute for seconds; with a client of its own,
//! because connections belong to the runtime that opened them.

use super::lock::{look, write};
use super::objects::Place;
use crate::aws::s3::{Condition, Put};
use crate::state::StoreError;
use crate::state::lease::{Lease, LockObject, Moment};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::oneshot;

/// How long the end of a run waits for the lock to be given back. After that it ends by itself.
const FAREWELL: Duration = Duration::from_secs(5);

/// Gives the lock back when dropped.
#[derive(Debug)]
pub struct Keeper {
    end: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Keeper {
    pub(super) fn start(place: Place, object: LockObject, etag: String, lease: Arc<Lease>) -> Self {
        let (end, ended) = oneshot::channel();
        let work = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let runtime = runtime.expect("because the system gives a process an event queue");
            runtime.block_on(Renewals { place, lock: object, etag, lease }.until(ended));
        };
        Self { end: Some(end), thread: Some(std::thread::spawn(work)) }
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        drop(self.end.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Renewals {
    place: Place,
    lock: LockObject,
    etag: String,
    lease: Arc<Lease>,
}

/// Why there are no more renewals.
enum Lost {
    Taken,
    Removed,
}

impl Renewals {
    async fn until(mut self, mut ended: oneshot::Receiver<()>) {
        let times = self.lease.times();
        let mut pause = times.beat;
        loop {
            tokio::select! {
                // The other half was dropped.
                _ = &mut ended => break,
                () = tokio::time::sleep(pause) => {}
                () = self.lease.asked.notified() => {}
            }
            pause = match self.renew().await {
                Ok(None) => times.beat,
                Ok(Some(Lost::Taken | Lost::Removed)) => return,
                Err(error) => {
                    tracing::debug!(%error, "the lock was not renewed");
                    self.lease.troubled(error.to_string());
                    times.beat / 5
                }
            };
        }
        if tokio::time::timeout(FAREWELL, self.give_back()).await.is_err() {
            tracing::debug!("the lock was not given back in time; it ends by itself");
        }
    }

    /// One renewal; a lock that is not ours any more is told to the run.
    async fn renew(&mut self) -> Result<Option<Lost>, StoreError> {
        let asked = Moment::now();
        self.lock.renewals += 1;
        let put = write(&self.place, &self.lock, Condition::Unchanged(&self.etag)).await;
        match put.map_err(|error| super::objects::remote(&self.place.url(&self.place.lock_key()), error))? {
            Put::Done(etag) => {
                self.etag = etag;
                self.lease.renewed(asked);
                Ok(None)
            }
            Put::Conflict => Err(StoreError::Unfit("two writers met at the lock".into())),
            Put::Refused => self.find_out().await,
        }
    }

    /// A refusal means that the object changed: by an earlier renewal whose answer was lost, or by somebody else.
    async fn find_out(&mut self) -> Result<Option<Lost>, StoreError> {
        let silence = self.lease.silence().as_secs();
        match look(&self.place).await? {
            Some(found) if found.lock.id == self.lock.id => {
                self.etag = found.etag().to_owned();
                self.lease.asked.notify_one();
                Ok(None)
            }
            Some(found) => {
                let holder = &found.lock.holder;
                self.lease.lose(format!("{holder} took it over after this run had not renewed it for {silence} s"));
                Ok(Some(Lost::Taken))
            }
            None => {
                self.lease.lose(format!(
                    "it was removed; this run had not renewed it for {silence} s, or somebody ran `hybridctl state unlock`"
                ));
                Ok(Some(Lost::Removed))
            }
        }
    }

    async fn give_back(&mut self) {
        // Twice: the first may meet a renewal whose answer was lost.
        for _ in 0..2 {
            match self.place.bucket.delete(&self.place.lock_key(), &self.etag).await {
                Ok(Put::Refused) => match look(&self.place).await {
                    Ok(Some(found)) if found.lock.id == self.lock.id => self.etag = found.etag().to_owned(),
                    _ => return,
                },
                Ok(Put::Done(_)) => return,
                Ok(Put::Conflict) => {}
                Err(error) => return tracing::debug!(%error, "the lock was not given back; it ends by itself"),
            }
        }
    }
}
