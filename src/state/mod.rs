//! What hybridctl knows of a deployment: one JSON document with the records *and* the intents.
//!
//! An intent is saved before a call is made, an id before anything waits for it. The document is its own write-ahead log:
//! one file, one compare-and-swap, nothing to reconcile.

pub mod file;
pub mod lease;
pub mod memory;
pub mod moved;
pub mod place;
pub mod s3;
pub mod store;
mod upgrade;

pub use store::{LockInfo, StateStore, StoreError};

use crate::model::{Address, Edge, Keep};
use crate::resource::{Id, Tags};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// Version of the document's format.
pub const VERSION: u32 = 1;

/// No run counts this far; a document that says so was edited by hand.
const COUNTED_OUT: u64 = u64::MAX / 2;

/// The state document.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    /// Format version, [`VERSION`].
    pub version: u32,
    /// The deployment's name.
    pub deployment: String,
    /// Identifies this document for life; a tag on every object.
    pub lineage: Uuid,
    /// Rises with every save; compare-and-swap goes by it.
    pub serial: u64,
    /// Counts creates; only rises. Part of every client token.
    pub incarnations: u64,
    /// Where these objects live; a state of one place is never applied to another.
    pub place: Option<Place>,
    /// Facts that were looked up once and must not move under the deployment (zones).
    #[serde(default)]
    pub facts: Value,
    /// What exists.
    pub resources: BTreeMap<Address, Recorded>,
    /// What was about to be done when the document was last saved.
    pub intents: BTreeMap<Address, Intent>,
    /// Who saved it last; only where several share it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub written: Option<Written>,
    /// Why it was pushed by force; until the next run saves it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// Who saved a shared document, and under which lock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Written {
    /// Number of the lock; rises with every holder. A save with a lower one is refused.
    pub fence: u64,
    /// That very lock: a save whose answer was lost is recognised by it and the serial.
    pub writer: Uuid,
    /// User and machine, `alice@laptop`.
    pub who: String,
}

/// Account, region and world of a deployment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Twelve digits.
    pub account: String,
    /// `eu-central-1`.
    pub region: String,
    /// The sandbox world's id; `None` on AWS.
    pub sandbox_world: Option<String>,
}

/// One object on record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recorded {
    /// AWS's name for it.
    pub id: Id,
    /// The incarnation that made it.
    pub token: String,
    /// When it was made or taken over; `None`: long ago.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made: Option<jiff::Timestamp>,
    /// As last applied.
    pub inputs: Value,
    /// As last read.
    pub outputs: Value,
    /// As last applied.
    pub tags: Tags,
    /// Its dependencies when it was applied: deletes follow these, the config may be gone.
    pub after: BTreeMap<Address, Edge>,
    /// What `destroy` does with it.
    pub keep: Keep,
    /// True if losing it loses data.
    pub holds_data: bool,
    /// Replaced objects that are still to be deleted.
    pub deposed: Vec<Id>,
}

/// What is being done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verb {
    /// A new object is being made.
    Create,
    /// An object is being changed.
    Update,
    /// An object, or its deposed predecessors, are being deleted.
    Delete,
}

/// Written before the call: enough to find its result after a crash.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Intent {
    /// What is being done.
    pub verb: Verb,
    /// The incarnation; also the client token.
    pub token: String,
    /// With every reference resolved.
    pub inputs: Value,
    /// For the record that a create ends with.
    pub after: BTreeMap<Address, Edge>,
    /// As of a record: what was begun may hold the only copy of something long before its end.
    #[serde(default)]
    pub keep: Keep,
    /// As of a record.
    #[serde(default)]
    pub holds_data: bool,
    /// Known once the call has answered.
    pub id: Option<Id>,
    /// Predecessors that are to be deleted when this has ended.
    pub deposed: Vec<Id>,
    /// When it began.
    pub since: jiff::Timestamp,
}

/// The document contradicts itself.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the state is damaged: {0}")]
pub struct Corrupt(pub String);

impl State {
    /// An empty document of a new lineage.
    pub fn new(deployment: &str, lineage: Uuid) -> Self {
        Self {
            version: VERSION,
            deployment: deployment.to_owned(),
            lineage,
            serial: 0,
            incarnations: 0,
            place: None,
            facts: Value::Null,
            resources: BTreeMap::new(),
            intents: BTreeMap::new(),
            written: None,
            note: None,
        }
    }

    /// Number of the lock under which it was saved; 0 where nobody shares it.
    pub fn fence(&self) -> u64 {
        self.written.as_ref().map_or(0, |written| written.fence)
    }

    /// True if nothing is recorded and nothing was being done.
    pub fn is_empty(&self) -> bool {
        self.resources.is_empty() && self.intents.is_empty()
    }

    /// True if all that is recorded is what a `destroy` leaves.
    pub fn is_only_what_is_kept(&self) -> bool {
        self.intents.is_empty() && self.resources.values().all(|recorded| recorded.keep != Keep::Never)
    }

    /// When the oldest of what is on record was made or begun, as far as that is known: what is older than this deployment is not
    /// of its making. `None`: it begins now. What an earlier life left here says nothing of this one; where no time at all is on
    /// record, everything is old.
    pub fn since(&self) -> Option<jiff::Timestamp> {
        let of_this_life = || self.resources.values().filter(|recorded| recorded.keep == Keep::Never);
        let made = of_this_life().filter_map(|recorded| recorded.made);
        let known = made.chain(self.intents.values().map(|intent| intent.since)).min();
        known.or_else(|| of_this_life().next().map(|_| jiff::Timestamp::UNIX_EPOCH))
    }

    /// The next incarnation token of this resource: 32 hex digits, because ACM takes at most 32 word characters.
    pub fn next_token(&mut self, address: &Address) -> String {
        self.incarnations += 1;
        let name = format!("{address}#{}", self.incarnations);
        Uuid::new_v5(&self.lineage, name.as_bytes()).simple().to_string()
    }

    /// Checks what must hold before every save.
    ///
    /// # Errors
    /// Says which rule is broken: a bug, or a file edited by hand.
    pub fn verify_integrity(&self) -> Result<(), Corrupt> {
        if self.serial > COUNTED_OUT || self.incarnations > COUNTED_OUT {
            return Err(Corrupt("`serial` or `incarnations` is beyond what can be counted".into()));
        }
        let mut ids = BTreeSet::new();
        for (address, recorded) in &self.resources {
            for id in recorded.deposed.iter().chain([&recorded.id]) {
                if !ids.insert((&address.kind, id)) {
                    return Err(Corrupt(format!("{address}: the id `{id}` is recorded twice")));
                }
            }
            if recorded.token.is_empty() {
                return Err(Corrupt(format!("{address}: the record has no incarnation")));
            }
            if !crate::model::input::is_known(&recorded.inputs) {
                return Err(Corrupt(format!("{address}: the recorded inputs have holes")));
            }
        }
        for (address, intent) in &self.intents {
            if intent.verb != Verb::Create && !self.resources.contains_key(address) {
                return Err(Corrupt(format!("{address}: an intent to {:?} something not on record", intent.verb)));
            }
        }
        Ok(())
    }
}
