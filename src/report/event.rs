//! The interface between running and telling.

use crate::model::Address;
use crate::plan::{Action, Verb};
use crate::resource::{Error, Id};
use std::time::Duration;

/// Something that happened during an apply.
#[derive(Debug, Clone)]
pub enum Event {
    /// Work is about to begin: every operation, and what it waits for.
    Planned {
        /// Address, verb, and the addresses it waits for.
        operations: Vec<(Address, Verb, Vec<Address>)>,
    },
    /// An operation began.
    Started {
        /// Which resource.
        address: Address,
        /// Making or deleting.
        verb: Verb,
        /// What the plan says of it.
        action: Action,
        /// What it usually takes.
        expected: Duration,
    },
    /// AWS gave the object its id, and it is on record.
    Made {
        /// Which resource.
        address: Address,
        /// AWS's id.
        id: Id,
    },
    /// It is not there yet.
    Settling {
        /// Which resource.
        address: Address,
        /// AWS's own word.
        word: String,
        /// Since the operation began.
        waited: Duration,
    },
    /// A line for the user.
    Note {
        /// Which resource.
        address: Address,
        /// The line.
        line: String,
    },
    /// An operation ended well.
    Finished {
        /// Which resource.
        address: Address,
        /// Making or deleting.
        verb: Verb,
        /// What the plan says of it.
        action: Action,
        /// How long it took.
        took: Duration,
    },
    /// An operation failed.
    Failed {
        /// Which resource.
        address: Address,
        /// Making or deleting.
        verb: Verb,
        /// Why.
        error: Error,
    },
    /// An operation was not begun, because another one failed.
    Skipped {
        /// Which resource.
        address: Address,
        /// Which failure stands in the way.
        because: Address,
    },
    /// It was asked for and goes on in AWS by itself: nobody waits for it.
    Left {
        /// Which resource.
        address: Address,
        /// AWS's own word.
        word: String,
    },
    /// Ctrl-C or a signal: nothing new is started.
    Stopping,
    /// All is over.
    Done(Totals),
}

/// How many operations ended how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Ended well.
    pub done: usize,
    /// Failed.
    pub failed: usize,
    /// Not begun because another one failed.
    pub skipped: usize,
    /// Not begun or not finished because the run was stopped.
    pub stopped: usize,
}

/// Takes events.
pub trait Reporter {
    /// Tells one event.
    fn event(&mut self, event: &Event);

    /// Called from time to time while nothing happens, so that a long silence can be explained.
    fn tick(&mut self) {}
}

/// Tells nothing.
pub struct Silent;

impl Reporter for Silent {
    fn event(&mut self, _event: &Event) {}
}
