//! How long a call to the bucket is tried again, and which failures deserve it.

use super::objects::remote;
use crate::resource::{Class, Error};
use crate::state::StoreError;
use std::time::{Duration, Instant};

/// A state that cannot be saved ends the run: worth more than a moment.
const BUDGET: Duration = Duration::from_secs(60);
const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(5);

/// Pauses that double, with jitter, until the budget is spent.
#[derive(Debug)]
pub(super) struct Patience {
    since: Instant,
    next: Duration,
}

impl Patience {
    pub(super) fn new() -> Self {
        Self { since: Instant::now(), next: FIRST }
    }

    /// Waits before another try after a failure that may pass.
    ///
    /// # Errors
    /// The failure, if it does not pass or the budget is spent.
    pub(super) async fn pause_for(&mut self, error: Error, place: &str) -> Result<(), StoreError> {
        if !matches!(error.class, Class::Throttle | Class::Ambiguous | Class::Busy) {
            return Err(remote(place, error));
        }
        self.pause_or(|| remote(place, error)).await
    }

    /// Waits before another try.
    ///
    /// # Errors
    /// `failure`, if the budget is spent.
    pub(super) async fn pause_or(&mut self, failure: impl FnOnce() -> StoreError) -> Result<(), StoreError> {
        if self.since.elapsed() > BUDGET {
            return Err(failure());
        }
        tokio::time::sleep(self.next.mul_f64(0.5 + fastrand::f64() / 2.0)).await;
        self.next = (self.next * 2).min(LONGEST);
        Ok(())
    }
}
