//! What would change and why: a pure function of the desired graph, the record and what was seen.
//!
//! The decision table is [`decide`]; the order of operations is in [`order`]. Nothing here reads a clock, a file or AWS, so
//! the same inputs give the same plan everywhere.

pub mod decide;
pub mod diff;
mod foreign;
pub mod order;
pub mod problem;
pub mod saved;

pub use decide::{Given, plan};
pub use diff::Change;
pub use order::{OpId, Operations, Verb, Wait, lower};
pub use problem::Problem;

use crate::model::{Address, Edge, Keep};
use crate::resource::{Id, Observed, Phase};
use crate::state::{Recorded, State};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// What the probe saw.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Observations {
    /// Of the object on record, or of what a lookup found where nothing is on record.
    pub seen: BTreeMap<Address, Seen>,
    /// Of the object that an interrupted create was making.
    pub pending: BTreeMap<Address, Seen>,
}

impl Observations {
    /// As if everything on record were still as recorded, for a plan without reading.
    pub fn of_record(state: &State) -> Self {
        let live = |recorded: &Recorded| {
            let observed = Observed {
                inputs: recorded.inputs.clone(),
                outputs: Some(recorded.outputs.clone()),
                phase: Phase::Ready,
                tags: Some(recorded.tags.clone()),
                detail: None,
            };
            Seen::Live(recorded.id.clone(), observed)
        };
        let seen = state.resources.iter().map(|(address, recorded)| (address.clone(), live(recorded)));
        Self { seen: seen.collect(), pending: BTreeMap::new() }
    }
}

/// One address, as seen.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "most are live; a box would only make them harder to match")]
pub enum Seen {
    /// It exists and is ours.
    Live(Id, Observed),
    /// It does not exist.
    Gone,
    /// It is ours, deleted, and can be brought back.
    Restorable(Id),
    /// The name is taken; the text says whose.
    Foreign(String),
    /// Its key is not known before apply, or nobody looked.
    Unknown,
}

/// What is to be done with one resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Nothing.
    Keep,
    /// Make it.
    Create,
    /// It exists and is ours: take it on record, and change what differs.
    Adopt,
    /// Change it in place.
    Update,
    /// Make a new one and delete the old.
    Replace,
    /// Delete it.
    Delete,
    /// Leave it although it is not wanted any more, and keep its record.
    Retain,
    /// Strike it off the record: it is gone, or it is not ours to delete.
    Forget,
}

/// Why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// As wanted.
    Unchanged,
    /// It does not exist yet.
    New,
    /// Whether it exists is looked up during apply.
    LookedUpAtApply,
    /// It was deleted outside hybridctl.
    DeletedOutside,
    /// An earlier run was interrupted while making or changing it.
    Interrupted,
    /// It was found by its tags although nothing is on record.
    FoundByTags,
    /// It was deleted, and is brought back within its recovery window.
    Restored,
    /// The configuration changed.
    Config,
    /// Somebody changed it on AWS.
    Drift,
    /// It can never be used: AWS's word.
    Failed(String),
    /// It is not wanted any more.
    NotWanted,
    /// It is kept, and why.
    Kept(String),
    /// It goes with its parent, or the account shares it.
    NotOurs,
    /// Only replaced predecessors of it are deleted.
    Leftovers,
}

/// One step of a plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// Which resource.
    pub address: Address,
    /// What is to be done.
    pub action: Action,
    /// Why.
    pub reason: Reason,
    /// Field by field.
    pub changes: Vec<Change>,
    /// Desired inputs; references stand for what is known only at apply. Null when it is deleted.
    pub inputs: Value,
    /// The live object: to be kept, changed, adopted, restored, replaced or deleted.
    pub id: Option<Id>,
    /// Desired edges; recorded edges when it is not desired.
    pub after: BTreeMap<Address, Edge>,
    /// Replace: the new one is made before the old one goes.
    pub create_first: bool,
    /// Older incarnations to delete at the end.
    pub deposed: BTreeSet<Id>,
    /// Protection has to be lifted before the delete.
    pub release: bool,
    /// Adopt: it has to be restored first.
    pub restore: bool,
    /// What becomes of it later.
    pub keep: Keep,
    /// True if losing it loses data.
    pub holds_data: bool,
    /// Step of the guide.
    pub guide: String,
    /// The `Name` tag.
    pub label: String,
}

impl Step {
    /// True if an object is made or changed.
    pub fn makes(&self) -> bool {
        matches!(self.action, Action::Create | Action::Adopt | Action::Update | Action::Replace)
    }

    /// True if an object is deleted or struck off the record.
    pub fn deletes(&self) -> bool {
        matches!(self.action, Action::Delete | Action::Forget | Action::Replace) || !self.deposed.is_empty()
    }

    /// True if anything happens at all.
    pub fn acts(&self) -> bool {
        self.makes() || self.deletes()
    }
}

/// What would change and why.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// The serial of the state that the plan was made from.
    pub serial: u64,
    /// By address.
    pub steps: BTreeMap<Address, Step>,
    /// Outputs of what stays that were read and are not those on record: somebody put another version of a secret.
    #[serde(default)]
    pub moved: BTreeMap<Address, Value>,
    /// Of all that is to be done this is only what was asked for.
    #[serde(default)]
    pub is_narrowed: bool,
}

impl Plan {
    /// True if applying it does nothing.
    pub fn is_empty(&self) -> bool {
        !self.steps.values().any(Step::acts)
    }

    /// Leaves only these resources and what has to happen before: what they are made with, and what stands on them when they go.
    /// An empty list leaves everything.
    pub fn narrow(&mut self, targets: &[Address], recorded: &State) {
        if targets.is_empty() {
            return;
        }
        let mut before: BTreeMap<Address, BTreeSet<Address>> = BTreeMap::new();
        for (operation, waits) in lower(self, recorded) {
            before.entry(operation.address).or_default().extend(waits.into_keys().map(|other| other.address));
        }
        let mut wanted: BTreeSet<Address> = BTreeSet::new();
        let mut open: Vec<Address> = targets.to_vec();
        while let Some(address) = open.pop() {
            let Some(step) = self.steps.get(&address) else { continue };
            if wanted.insert(address.clone()) {
                open.extend(before.remove(&address).unwrap_or_default());
                open.extend(step.after.keys().filter(|_| step.makes()).cloned());
            }
        }
        self.steps.retain(|address, _| wanted.contains(address));
        self.is_narrowed = true;
    }

    /// How many steps have this action.
    pub fn count(&self, action: Action) -> usize {
        self.steps.values().filter(|step| step.action == action).count()
    }
}
