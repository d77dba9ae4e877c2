//! Steps to operations with edges; a replacement is two operations.
//!
//! Makes follow the desired edges. Deletes follow the *recorded* ones, because the config may be gone. Whether a replaced
//! resource is made first or deleted first is a property of the plan, not of its kind: it is made first if something that
//! stays uses it.

use super::{Action, Plan, Problem, Step};
use crate::model::{Address, Edge, Graph, Need, OnDelete};
use crate::resource::{Kinds, Life};
use crate::state::State;
use std::collections::{BTreeMap, BTreeSet};

/// What an operation does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verb {
    /// Creates, adopts or updates.
    Make,
    /// Lifts the protection against deletion.
    Release,
    /// Deletes the object or its replaced predecessors, or strikes it off the record.
    Delete,
}

/// One operation.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OpId {
    /// Which resource.
    pub address: Address,
    /// What is done.
    pub verb: Verb,
}

/// How far another operation must have come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wait {
    /// Its outputs are known.
    Usable,
    /// It has ended.
    Ended,
}

/// Every operation with what it waits for.
pub type Operations = BTreeMap<OpId, BTreeMap<OpId, Wait>>;

/// Turns steps into operations.
pub fn lower(plan: &Plan, recorded: &State) -> Operations {
    let mut operations = Operations::new();
    let op = |address: &Address, verb| OpId { address: address.clone(), verb };
    for step in plan.steps.values() {
        if step.makes() {
            operations.entry(op(&step.address, Verb::Make)).or_default();
        }
        if step.deletes() {
            operations.entry(op(&step.address, Verb::Delete)).or_default();
        }
    }
    for step in plan.steps.values() {
        order_makes(plan, step, &mut operations);
        order_deletes(plan, step, recorded, &mut operations);
        if step.action == Action::Replace {
            let (make, delete) = (op(&step.address, Verb::Make), op(&step.address, Verb::Delete));
            let (first, second) = if step.create_first { (make, delete) } else { (delete, make) };
            wait(&mut operations, second, first, Wait::Ended);
        } else if step.makes() && !step.deposed.is_empty() {
            wait(&mut operations, op(&step.address, Verb::Delete), op(&step.address, Verb::Make), Wait::Ended);
        }
    }
    for step in plan.steps.values().filter(|step| step.release) {
        // As late as the delete itself: a run that fails before must not leave the database unprotected.
        let before = operations[&op(&step.address, Verb::Delete)].clone();
        operations.insert(op(&step.address, Verb::Release), before);
        wait(&mut operations, op(&step.address, Verb::Delete), op(&step.address, Verb::Release), Wait::Ended);
    }
    operations
}

fn wait(operations: &mut Operations, who: OpId, on: OpId, how: Wait) {
    let waits = operations.entry(who).or_default();
    let strictest = waits.get(&on).copied().map_or(how, |known| known.max(how));
    waits.insert(on, strictest);
}

fn order_makes(plan: &Plan, step: &Step, operations: &mut Operations) {
    if !step.makes() {
        return;
    }
    let make = OpId { address: step.address.clone(), verb: Verb::Make };
    for (address, edge) in &step.after {
        let Some(used) = plan.steps.get(address) else { continue };
        let used_op = |verb| OpId { address: address.clone(), verb };
        match edge.need {
            Need::Gone if used.deletes() => wait(operations, make.clone(), used_op(Verb::Delete), Wait::Ended),
            Need::Gone => {}
            // A final snapshot uses the database that is about to be deleted: the delete waits.
            _ if used.action == Action::Delete => wait(operations, used_op(Verb::Delete), make.clone(), Wait::Ended),
            Need::Usable if used.makes() => wait(operations, make.clone(), used_op(Verb::Make), Wait::Usable),
            Need::Settled if used.makes() => wait(operations, make.clone(), used_op(Verb::Make), Wait::Ended),
            _ => {}
        }
    }
}

/// The recorded edges of the objects that go away, and of the users that stay.
fn order_deletes(plan: &Plan, user: &Step, recorded: &State, operations: &mut Operations) {
    let edges = recorded_edges(user, recorded);
    for (address, edge) in edges {
        let Some(used) = plan.steps.get(address).filter(|used| used.deletes()) else { continue };
        let delete_used = OpId { address: address.clone(), verb: Verb::Delete };
        let delete_user = OpId { address: user.address.clone(), verb: Verb::Delete };
        // Replaced predecessors of something that stays hold what they use; mere order binds what goes for good.
        let goes = matches!(user.action, Action::Delete | Action::Forget | Action::Replace);
        if user.deletes() && (goes || edge.uses) {
            match edge.on_delete {
                // The new user, which comes before the old one goes, needs the new one of what is replaced after its delete.
                OnDelete::Reversed if !edge.uses && made_first(user) && deleted_first(used) => {}
                // A snapshot that is kept back from an earlier run has no delete and holds nothing.
                OnDelete::Reversed => wait(operations, delete_used, delete_user, Wait::Ended),
                OnDelete::Same if used.action != Action::Replace => {
                    wait(operations, delete_user, delete_used, Wait::Ended)
                }
                OnDelete::Same => {}
            }
        } else if edge.uses && user.makes() && user.id.is_some() {
            // The user stays: it lets go of the old object when it is updated. A user without a live object holds nothing.
            let make_user = OpId { address: user.address.clone(), verb: Verb::Make };
            wait(operations, delete_used, make_user, Wait::Ended);
        }
    }
}

fn made_first(step: &Step) -> bool {
    step.action == Action::Replace && step.create_first
}

fn deleted_first(step: &Step) -> bool {
    step.action == Action::Replace && !step.create_first
}

/// The edges that the live object was made with.
fn recorded_edges<'a>(step: &'a Step, recorded: &'a State) -> &'a BTreeMap<Address, Edge> {
    match (recorded.resources.get(&step.address), recorded.intents.get(&step.address)) {
        (Some(record), _) => &record.after,
        (None, Some(intent)) => &intent.after,
        (None, None) => &step.after,
    }
}

/// Users before used: decides for every replaced resource which of old and new comes first.
pub(super) fn decide_create_first(plan: &mut Plan, recorded: &State, kinds: &Kinds<'_>) -> Vec<Problem> {
    let mut problems = vec![];
    let order = match by_edges(plan.steps.iter().map(|(address, step)| (address, &step.after))) {
        Ok(order) => order,
        Err(address) => return vec![Problem::Broken(format!("the plan has a cycle through {address}"))],
    };
    for address in order.iter().rev() {
        if plan.steps[address].action != Action::Replace {
            continue;
        }
        let spec = kinds.get(&address.kind).map(|kind| kind.spec());
        match holder(plan, recorded, address).or_else(|| late_user(plan, recorded, address)) {
            Some(user) if !spec.as_ref().is_ok_and(|spec| spec.coexists) => {
                problems.push(Problem::Held { address: address.clone(), user });
            }
            Some(_) => {}
            // Nothing is deleted of what goes with its parent, only its record, and that says what was (which version a
            // database was migrated to): it goes when there is a new one.
            None if spec.as_ref().is_ok_and(|spec| spec.life == Life::Parent && spec.coexists) => {}
            None => continue,
        }
        plan.steps.get_mut(address).expect("because the order was made from the steps").create_first = true;
    }
    problems
}

/// A user of the old object that stays, or that is itself made first.
fn holder(plan: &Plan, recorded: &State, address: &Address) -> Option<Address> {
    let holds = |step: &&Step| {
        let uses = recorded_edges(step, recorded).get(address).is_some_and(|edge| edge.uses);
        let stays = match step.action {
            Action::Keep | Action::Update | Action::Adopt | Action::Retain => step.id.is_some(),
            Action::Replace => step.create_first,
            // Its replaced predecessors go when the new one is there.
            Action::Create => !step.deposed.is_empty(),
            Action::Delete | Action::Forget => false,
        };
        uses && stays
    };
    plan.steps.values().find(holds).map(|step| step.address.clone())
}

/// What stays and uses something that goes together with the old object, and needs the new one before it lets go of that.
fn late_user(plan: &Plan, recorded: &State, address: &Address) -> Option<Address> {
    let mut going = BTreeSet::from([address]);
    let mut open = vec![address];
    while let Some(used) = open.pop() {
        let is_deleted = used != address && plan.steps[used].action == Action::Delete;
        for step in plan.steps.values() {
            // A final snapshot is made of what is about to be deleted.
            let outlives = is_deleted && step.makes() && step.after.contains_key(used);
            if outlives && needs(plan, &step.address, address) {
                return Some(step.address.clone());
            }
            let Some(edge) = recorded_edges(step, recorded).get(used) else { continue };
            let goes = matches!(step.action, Action::Delete | Action::Forget) || deleted_first(step);
            if goes && edge.on_delete == OnDelete::Reversed && going.insert(&step.address) {
                open.push(&step.address);
            }
            let lets_go = step.makes() && step.id.is_some() && (edge.uses || made_first(step));
            if used != address && !goes && lets_go && needs(plan, &step.address, address) {
                return Some(step.address.clone());
            }
        }
    }
    None
}

/// True if what is made at `user` comes after what is made at `used`.
fn needs(plan: &Plan, user: &Address, used: &Address) -> bool {
    let mut seen = BTreeSet::from([user]);
    let mut open = vec![user];
    while let Some(address) = open.pop() {
        if address == used {
            return true;
        }
        let after = plan.steps.get(address).filter(|step| step.makes()).map(|step| &step.after);
        open.extend(after.into_iter().flat_map(BTreeMap::keys).filter(|next| seen.insert(next)));
    }
    false
}

/// Addresses in dependency order: used before users.
///
/// # Errors
/// An address on a cycle.
pub fn topological(graph: &Graph) -> Result<Vec<Address>, Address> {
    by_edges(graph.nodes.iter().map(|(address, node)| (address, &node.after)))
}

fn by_edges<'a>(
    nodes: impl Iterator<Item = (&'a Address, &'a BTreeMap<Address, Edge>)>,
) -> Result<Vec<Address>, Address> {
    let mut waiting: BTreeMap<&Address, BTreeSet<&Address>> =
        nodes.map(|(address, after)| (address, after.keys().collect())).collect();
    let all: BTreeSet<&Address> = waiting.keys().copied().collect();
    waiting.values_mut().for_each(|after| after.retain(|used| all.contains(used)));
    let mut order = Vec::with_capacity(waiting.len());
    while !waiting.is_empty() {
        let ready: Vec<&Address> =
            waiting.iter().filter(|(_, after)| after.is_empty()).map(|(address, _)| *address).collect();
        if ready.is_empty() {
            return Err((*waiting.keys().next().expect("because it is not empty")).clone());
        }
        for address in &ready {
            waiting.remove(address);
        }
        waiting.values_mut().for_each(|after| after.retain(|used| !ready.contains(used)));
        order.extend(ready.into_iter().cloned());
    }
    Ok(order)
}
