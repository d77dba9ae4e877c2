//! What is on record, or was begun, and is wanted no more: it goes, stays for a reason, or was never ours.

use super::Planner;
use crate::model::{Address, Keep};
use crate::plan::{Action, Problem, Reason, Step, foreign};
use crate::resource::{Life, Observed, Phase, Spec};
use crate::state::Intent;
use serde_json::Value;

impl Planner<'_> {
    /// On record, or interrupted in the making, and not desired.
    pub(super) fn undesired(&mut self, address: &Address) {
        let current = self.current(address);
        let record = self.given.recorded.resources.get(address);
        let intent = self.given.recorded.intents.get(address);
        let keep = record.map(|recorded| &recorded.keep).or(intent.map(|intent| &intent.keep));
        let keep = keep.cloned().unwrap_or_default();
        let holds_data = record.map_or(intent.is_some_and(|intent| intent.holds_data), |recorded| recorded.holds_data);
        let after = record.map(|recorded| &recorded.after).or(intent.map(|intent| &intent.after));
        let mut step = Step {
            address: address.clone(),
            action: Action::Forget,
            reason: Reason::NotWanted,
            changes: vec![],
            inputs: Value::Null,
            id: current.live.map(|(id, _)| id.clone()).or(record.map(|recorded| recorded.id.clone())),
            after: after.cloned().unwrap_or_default(),
            create_first: false,
            deposed: current.deposed.clone(),
            release: false,
            restore: false,
            keep,
            holds_data,
            guide: String::new(),
            label: String::new(),
        };
        let spec = self.given.kinds.get(&address.kind).map(|kind| kind.spec());
        // What has its name now is not ours to delete.
        let anothers = |observed: &Observed| spec.as_ref().is_ok_and(|spec| foreign::is_anothers(observed, spec));
        let live = current.live.filter(|(_, observed)| !anothers(observed));
        if let (Some((id, observed)), Ok(spec)) = (live, &spec) {
            self.refuse_foreign(address, id, observed, spec);
        }
        // What failed while it was made holds nothing, and is no copy of anything.
        let failed = |observed: &Observed| matches!(observed.phase, Phase::Failed(_));
        let never_whole = record.is_none() && live.is_some_and(|(_, observed)| failed(observed));
        match (live, spec) {
            (_, Err(error)) => self.problems.push(Problem::Broken(error.to_string())),
            (_, Ok(spec)) if spec.life != Life::Own => step.reason = Reason::NotOurs,
            (None, _) => step.reason = Reason::DeletedOutside,
            (Some((_, observed)), _) if matches!(step.keep, Keep::Always(_)) && !never_whole => {
                let Keep::Always(why) = &step.keep else { unreachable!("because it was matched") };
                (step.action, step.reason) = (Action::Retain, Reason::Kept(why.clone()));
                // Only its intent knows of it: it is put on record, once it is whole.
                if let (None, Some(intent)) = (record, intent) {
                    self.take_on_record(&mut step, intent, observed);
                }
            }
            (Some((_, observed)), Ok(spec)) => {
                step.action = Action::Delete;
                self.release(&mut step, observed, &spec);
                let waits_for_snapshot = matches!(step.keep, Keep::WhileSnapshotOf(_));
                if holds_data && !never_whole && !waits_for_snapshot && !self.given.consents.may_lose(address) {
                    self.problems.push(Problem::DataDeleted { address: address.clone() });
                }
            }
        }
        self.steps.insert(address.clone(), step);
    }

    fn take_on_record(&self, step: &mut Step, intent: &Intent, observed: &Observed) {
        (step.action, step.reason) = (Action::Adopt, Reason::Interrupted);
        step.inputs.clone_from(&intent.inputs);
        // Its tags stay as they are.
        let named = observed.tags.as_ref().and_then(|tags| tags.get("Name")).cloned();
        let usual = || format!("{}-{}", self.given.recorded.deployment, step.address.name);
        step.label = named.unwrap_or_else(usual);
    }

    /// AWS refuses the delete of what is protected. Lifting that is a step of its own and needs consent.
    pub(super) fn release(&mut self, step: &mut Step, observed: &Observed, spec: &Spec) {
        step.release = spec.protected_by.is_some_and(|field| observed.inputs[field] == Value::Bool(true));
        if step.release && !self.given.consents.disable_protection {
            self.problems.push(Problem::Protected { address: step.address.clone() });
        }
    }

    /// What is kept as long as a snapshot exists: known only when every other step is.
    pub(super) fn retain_keys(&mut self) {
        let snapshot_of = |database: &Address| {
            self.steps.values().find(|step| {
                step.holds_data
                    && !matches!(step.action, Action::Delete | Action::Forget)
                    && step.address != *database
                    && step.after.contains_key(database)
            })
        };
        let kept: Vec<(Address, String)> = self
            .steps
            .values()
            .filter(|step| step.action == Action::Delete)
            .filter_map(|step| {
                let Keep::WhileSnapshotOf(database) = &step.keep else { return None };
                let snapshot = snapshot_of(database)?;
                Some((step.address.clone(), format!("the data in {} cannot be read without it", snapshot.address)))
            })
            .collect();
        for (address, why) in kept {
            let step = self.steps.get_mut(&address).expect("because it was just seen");
            (step.action, step.reason) = (Action::Retain, Reason::Kept(why));
        }
    }
}
