//! How an apply, and an operation of it, can end.

use crate::model::Address;
use crate::resource::Error;
use crate::state::{State, StoreError};
use std::collections::BTreeMap;
use std::time::Duration;

/// How an apply ended.
#[derive(Debug, Default)]
pub struct Outcome {
    /// The record afterwards.
    pub state: Option<State>,
    /// What ended well, and how long it took.
    pub done: BTreeMap<Address, Duration>,
    /// What failed, and why.
    pub failed: BTreeMap<Address, Error>,
    /// What was not begun, and which failure stands in the way.
    pub skipped: BTreeMap<Address, Address>,
    /// What was asked for and goes on in AWS by itself, and AWS's word for it. It is on record as unfinished.
    pub left: BTreeMap<Address, String>,
    /// True if the run was stopped before its end.
    pub stopped: bool,
    /// True if something only ran out of time: the next run goes on waiting.
    pub timed_out: bool,
    /// The state could not be saved: the run ended at once.
    pub lost: Option<StoreError>,
}

impl Outcome {
    /// True if everything was done, or at least asked for.
    pub fn complete(&self) -> bool {
        self.failed.is_empty() && self.skipped.is_empty() && !self.stopped && self.lost.is_none()
    }
}

/// Why an operation did not end well.
pub(super) enum Halt {
    Failed(Error),
    TimedOut(Error),
    Stopped,
    /// It was not to be waited for; AWS's word when it was left.
    Left(String),
    Lost(StoreError),
}

impl From<Error> for Halt {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl From<StoreError> for Halt {
    fn from(error: StoreError) -> Self {
        Self::Lost(error)
    }
}
