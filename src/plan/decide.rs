//! The decision table: desired × recorded × seen → action.

mod undesired;

use super::diff::{self, Change, Sides};
use super::{Action, Observations, Plan, Problem, Reason, Seen, Step, foreign, order};
use crate::model::input::{is_known, references, substitute};
use crate::model::{Address, Graph, Node, OutputRef};
use crate::resource::{Consents, Effect, Id, Kind, Kinds, Life, Observed, Phase, Spec, Tags};
use crate::state::{Recorded, State, Verb};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// What a plan is made of.
pub struct Given<'a> {
    /// What should exist.
    pub desired: &'a Graph,
    /// What is on record.
    pub recorded: &'a State,
    /// What was seen.
    pub seen: &'a Observations,
    /// The kinds.
    pub kinds: &'a Kinds<'a>,
    /// The config's own tags.
    pub user_tags: &'a Tags,
    /// What the user agreed to.
    pub consents: &'a Consents,
}

/// Makes the plan.
///
/// # Errors
/// Every reason why there can be none, together.
pub fn plan(given: &Given<'_>) -> Result<Plan, Vec<Problem>> {
    let mut planner = Planner { given, steps: BTreeMap::new(), known: BTreeMap::new(), problems: vec![] };
    let order = order::topological(given.desired).map_err(|address| {
        vec![Problem::Broken(format!("the graph has a cycle through {address}; this is a bug in hybridctl"))]
    })?;
    for address in &order {
        planner.desired(address, &given.desired.nodes[address]);
    }
    let addresses: BTreeSet<&Address> = given.recorded.resources.keys().chain(given.recorded.intents.keys()).collect();
    for address in addresses {
        if !given.desired.nodes.contains_key(address) {
            planner.undesired(address);
        }
    }
    planner.retain_keys();
    let kept = |address: &Address| planner.steps.get(address).is_some_and(|step| step.action == Action::Keep);
    let moved = planner.known.iter().filter(|(address, outputs)| {
        kept(address) && given.recorded.resources.get(*address).is_some_and(|recorded| recorded.outputs != **outputs)
    });
    let moved = moved.map(|(address, outputs)| (address.clone(), outputs.clone())).collect();
    let mut plan = Plan { serial: given.recorded.serial, steps: planner.steps, moved, is_narrowed: false };
    let mut problems = planner.problems;
    problems.extend(order::decide_create_first(&mut plan, given.recorded, given.kinds));
    if problems.is_empty() { Ok(plan) } else { Err(problems) }
}

struct Planner<'a> {
    given: &'a Given<'a>,
    steps: BTreeMap<Address, Step>,
    /// Outputs that are known before apply.
    known: BTreeMap<Address, Value>,
    problems: Vec<Problem>,
}

/// The object that stands for an address now, and its predecessors.
struct Current<'a> {
    live: Option<(&'a Id, &'a Observed)>,
    /// On record, or of the interrupted create that is being taken up.
    token: Option<&'a str>,
    recorded: Option<&'a Recorded>,
    /// What it was made or last changed with, as far as that is known.
    inputs: Option<&'a Value>,
    interrupted: bool,
    /// An earlier run was deleting the recorded object.
    deleting: bool,
    deposed: BTreeSet<Id>,
}

impl<'a> Planner<'a> {
    fn current(&self, address: &Address) -> Current<'a> {
        let State { resources, intents, .. } = self.given.recorded;
        let recorded = resources.get(address);
        let mut deposed: BTreeSet<Id> = recorded.iter().flat_map(|recorded| recorded.deposed.iter().cloned()).collect();
        let intent = intents.get(address);
        deposed.extend(intent.iter().flat_map(|intent| intent.deposed.iter().cloned()));
        let pending = diff::live(self.given.seen.pending.get(address));
        let going = pending.filter(|(_, observed)| matches!(observed.phase, Phase::Deleting(_)));
        // A later run began to delete what the interrupted create made: that has to be seen out.
        deposed.extend(going.map(|(id, _)| id.clone()));
        let making = intent.filter(|intent| intent.verb == Verb::Create && going.is_none());
        if let (Some(intent), Some(live)) = (making, pending) {
            // The interrupted create did make its object: that one is current now, the recorded one is left to delete.
            deposed.extend(recorded.map(|recorded| recorded.id.clone()));
            deposed.remove(live.0);
            return Current {
                live: Some(live),
                token: Some(&intent.token),
                recorded: None,
                inputs: Some(&intent.inputs),
                interrupted: true,
                deleting: false,
                deposed,
            };
        }
        // An intent names predecessors of what it makes. Nothing was made: the recorded object is still the current one.
        if let Some(recorded) = recorded {
            deposed.remove(&recorded.id);
        }
        Current {
            live: diff::live(self.given.seen.seen.get(address)),
            token: recorded.map(|recorded| recorded.token.as_str()),
            recorded,
            inputs: recorded.map(|recorded| &recorded.inputs),
            // A delete that is not wanted any more counts as well: it may have come half-way, and its intent has to go.
            interrupted: intent.is_some_and(|intent| intent.verb != Verb::Create),
            deleting: intent.is_some_and(|intent| intent.verb == Verb::Delete),
            deposed,
        }
    }

    fn desired(&mut self, address: &Address, node: &Node) {
        let Ok(kind) = self.given.kinds.get(&address.kind) else {
            self.problems.push(Problem::Broken(format!("no kind `{}` is registered", address.kind)));
            return;
        };
        let current = self.current(address);
        let known = &self.known;
        let want = substitute(&node.inputs, &|reference: &OutputRef| {
            known.get(&reference.address)?.get(&reference.output).filter(|value| !value.is_null()).cloned()
        });
        // Sets are sorted by what is in them: with values in the place of references the order is another one.
        let want = match kind.canonical(&want) {
            Ok(want) => want,
            Err(error) => return self.problems.push(Problem::Broken(format!("{address}: {error}"))),
        };
        let mut step = Step {
            address: address.clone(),
            action: Action::Create,
            reason: Reason::New,
            changes: vec![],
            inputs: node.inputs.clone(),
            id: None,
            after: node.after.clone(),
            create_first: false,
            deposed: current.deposed.clone(),
            release: false,
            restore: false,
            keep: node.keep.clone(),
            holds_data: node.holds_data,
            guide: node.guide.to_owned(),
            label: node.label.clone(),
        };
        match current.live {
            Some((_, observed)) if matches!(observed.phase, Phase::Deleting(_)) => {
                self.absent(&mut step, &current, &want)
            }
            Some((id, observed)) => {
                step.id = Some(id.clone());
                self.refuse_foreign(address, id, observed, &kind.spec());
                let tags = self.tags(&step, current.token.unwrap_or_default());
                let sides = Sides {
                    fields: kind.fields(),
                    want: &want,
                    live: observed,
                    recorded: current.inputs,
                    tags: &tags,
                    recorded_tags: current.recorded.map(|recorded| &recorded.tags),
                };
                step.changes = diff::changes(&sides);
                if !kind.spec().tagged {
                    step.changes.retain(|change| change.field != diff::TAGS);
                }
                if let Some(recorded) = current.recorded {
                    self.find_moved_outputs(&mut step.changes, kind, node, &recorded.inputs);
                }
                self.present(&mut step, &current, observed, &kind.spec());
            }
            None => self.absent(&mut step, &current, &want),
        }
        if matches!(step.action, Action::Keep | Action::Update | Action::Adopt) {
            self.learn_outputs(&step, &current, kind.fields());
        }
        if !step.deposed.is_empty() && step.action == Action::Keep {
            step.reason = Reason::Leftovers;
        }
        self.steps.insert(address.clone(), step);
    }

    /// The config did not move if the inputs were the same with the outputs on record: somebody changed what they come from.
    fn find_moved_outputs(&self, changes: &mut [Change], kind: &dyn Kind, node: &Node, recorded: &Value) {
        let records = &self.given.recorded.resources;
        let as_recorded = substitute(&node.inputs, &|reference: &OutputRef| {
            records.get(&reference.address)?.outputs.get(&reference.output).filter(|value| !value.is_null()).cloned()
        });
        let Ok(as_recorded) = kind.canonical(&as_recorded) else { return };
        for change in changes.iter_mut().filter(|change| !change.drift && is_known(&change.to)) {
            let Some(field) = kind.fields().iter().find(|field| field.name == change.field) else { continue };
            let (want, recorded) = (&as_recorded[field.name], &recorded[field.name]);
            change.drift = is_known(want) && field.satisfied(want, recorded);
        }
    }

    fn tags(&self, step: &Step, token: &str) -> Tags {
        let State { deployment, lineage, .. } = self.given.recorded;
        crate::aws::tags::wanted(deployment, *lineage, &step.address, token, &step.label, self.given.user_tags)
    }

    fn refuse_foreign(&mut self, address: &Address, id: &Id, observed: &Observed, spec: &Spec) {
        if let Some(whose) = foreign::whose(id, observed, spec, self.given.recorded.lineage) {
            self.problems.push(Problem::Foreign { address: address.clone(), whose });
        }
    }

    /// The object exists.
    fn present(&mut self, step: &mut Step, current: &Current<'_>, observed: &Observed, spec: &Spec) {
        if let Phase::Failed(word) = &observed.phase {
            if step.holds_data && !self.given.consents.may_lose(&step.address) {
                self.problems.push(Problem::DataFailed { address: step.address.clone(), word: word.clone() });
            }
            (step.action, step.reason) = (Action::Replace, Reason::Failed(word.clone()));
            self.release(step, observed, spec);
            return;
        }
        if spec.life == Life::Account {
            step.changes.clear();
        }
        let replaced: Vec<&str> =
            step.changes.iter().filter(|c| c.effect == Effect::Replace).map(|c| c.field.as_str()).collect();
        if !replaced.is_empty() && step.holds_data && !self.given.consents.may_lose(&step.address) {
            let fields = replaced.join(", ");
            self.problems.push(Problem::DataReplaced { address: step.address.clone(), fields });
        }
        let moved = |changes: &[Change]| if changes.iter().all(|c| c.drift) { Reason::Drift } else { Reason::Config };
        (step.action, step.reason) = if !replaced.is_empty() {
            (Action::Replace, moved(&step.changes))
        } else if current.recorded.is_none() {
            (Action::Adopt, if current.interrupted { Reason::Interrupted } else { Reason::FoundByTags })
        } else if current.interrupted {
            (Action::Update, Reason::Interrupted)
        } else if step.changes.is_empty() {
            (Action::Keep, Reason::Unchanged)
        } else {
            (Action::Update, moved(&step.changes))
        };
        if step.action == Action::Replace {
            self.release(step, observed, spec);
        }
    }

    /// The object does not exist, or nobody knows.
    fn absent(&mut self, step: &mut Step, current: &Current<'_>, want: &Value) {
        let seen = self.given.seen.seen.get(&step.address);
        if let Some(Seen::Foreign(whose)) = seen {
            self.problems.push(Problem::Foreign { address: step.address.clone(), whose: whose.clone() });
        }
        let kind = self.given.kinds.get(&step.address.kind).expect("because desired() has looked it up");
        let another = current.recorded.is_some_and(|recorded| diff::replaces(kind.fields(), &recorded.inputs, want));
        if let Some(Seen::Restorable(id)) = seen.filter(|_| !another) {
            (step.action, step.reason, step.restore) = (Action::Adopt, Reason::Restored, true);
            step.id = Some(id.clone());
            return;
        }
        let Some(recorded) = current.recorded else {
            if matches!(seen, None | Some(Seen::Unknown)) && !self.parent_is_new(step) {
                step.reason = Reason::LookedUpAtApply;
            }
            return;
        };
        if current.deleting {
            // It was our own delete, with the consent that the plan then asked for.
            step.reason = Reason::Interrupted;
            return;
        }
        step.reason = Reason::DeletedOutside;
        let restored_by = kind.spec().restored_by;
        let restored = restored_by.is_some_and(|field| !want[field].is_null());
        if (step.holds_data || recorded.holds_data) && !restored && !self.given.consents.may_lose(&step.address) {
            let (address, id) = (step.address.clone(), recorded.id.clone());
            self.problems.push(Problem::DataGone { address, id, restored_by });
        }
    }

    /// True if its key contains the id of something that does not exist yet: then it cannot exist either.
    fn parent_is_new(&self, step: &Step) -> bool {
        let mut new = false;
        references(&step.inputs, &mut |reference| {
            new |= self.steps.get(&reference.address).is_some_and(|parent| parent.action == Action::Create);
        });
        new
    }

    /// Outputs of an object that stays, except those that the coming update changes.
    fn learn_outputs(&mut self, step: &Step, current: &Current<'_>, fields: &[crate::resource::Field]) {
        let live = current.live.and_then(|(_, observed)| observed.outputs.as_ref());
        let Some(mut outputs) = live.or(current.recorded.map(|recorded| &recorded.outputs)).cloned() else { return };
        let changing = fields.iter().filter(|field| step.changes.iter().any(|change| change.field == field.name));
        for output in changing.flat_map(|field| field.changes) {
            outputs[*output] = Value::Null;
        }
        self.known.insert(step.address.clone(), outputs);
    }
}
