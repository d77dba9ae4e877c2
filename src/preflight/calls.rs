//! The IAM actions that a plan calls, and none that only another plan would: nobody has to allow a delete for a first `up`.

use super::wish::{Intention, Made};
use crate::plan::{Action, Reason, Step};
use crate::resource::{Actions, Life, Spec};
use std::collections::BTreeSet;

type Called = BTreeSet<&'static str>;

/// Of everything that the plan does. Without a plan what is not there is made.
pub(super) fn actions(given: &Intention<'_>, made: &[Made<'_>]) -> Called {
    let spec = |kind: &str| given.kinds.get(kind).ok().map(|kind| kind.spec());
    let Some(plan) = given.plan else {
        let known = made.iter().filter_map(|one| spec(&one.address.kind));
        return known.flat_map(|Spec { actions, .. }| [actions.reads, actions.creates]).flatten().copied().collect();
    };
    let steps = plan.steps.values().filter(|step| step.acts());
    steps.filter_map(|step| Some(called(step, &spec(&step.address.kind)?))).flatten().collect()
}

/// Of one step.
fn called(step: &Step, spec: &Spec) -> Called {
    let Actions { reads, creates, restores, deletes, .. } = spec.actions;
    let from_old_data = spec.restored_by.is_some_and(|field| !step.inputs[field].is_null());
    let mut called: Called = reads.iter().copied().collect();
    match step.action {
        Action::Create | Action::Replace if from_old_data => called.extend(restores),
        Action::Create | Action::Replace => called.extend(creates),
        Action::Adopt if step.restore => called.extend(restores),
        Action::Adopt | Action::Update => called.extend(changes(step, spec)),
        Action::Keep | Action::Delete | Action::Retain | Action::Forget => {}
    }
    if step.release {
        called.extend(spec.actions.changing(&spec.protected_by.into_iter().collect()));
    }
    // What goes with its parent, or is the account's, is only struck off the record.
    let goes = matches!(step.action, Action::Delete | Action::Replace) || !step.deposed.is_empty();
    if goes && spec.life == Life::Own {
        called.extend(deletes);
    }
    called
}

/// How far an interrupted run came, and what AWS never returns of an object that is found, is not known: anything may be set.
fn changes(step: &Step, spec: &Spec) -> Called {
    match step.reason {
        Reason::Config | Reason::Drift => {
            spec.actions.changing(&step.changes.iter().map(|change| change.field.as_str()).collect())
        }
        _ => spec.actions.updates.iter().map(|update| update.action).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples;
    use crate::resource::{Effect, Kinds};
    use serde_json::{Value, json};

    fn step(kind: &str, action: Action, changed: &[&str]) -> Step {
        let step = samples::step(&format!("{kind}/main"), action);
        let change = |step: samples::Sample, field: &&str| step.change(field, Value::Null, Value::Null, Effect::Update);
        changed.iter().fold(step, change).built()
    }

    /// Without the reads.
    fn of(step: &Step) -> Vec<&'static str> {
        let kinds: Kinds<'static> = crate::aws::kinds();
        let spec = kinds.get(&step.address.kind).unwrap().spec();
        let called = called(step, &spec);
        assert!(spec.actions.reads.iter().all(|read| called.contains(read)), "{called:?}");
        called.into_iter().filter(|action| !spec.actions.reads.contains(action)).collect()
    }

    #[test]
    fn a_create_needs_no_right_to_delete_or_to_change() {
        let create = step("rds.instance", Action::Create, &[]);
        assert_eq!(of(&create), ["rds:AddTagsToResource", "rds:CreateDBInstance", "secretsmanager:GetSecretValue"]);
        let vpc = step("ec2.vpc", Action::Create, &[]);
        assert_eq!(of(&vpc), ["ec2:CreateTags", "ec2:CreateVpc", "ec2:ModifyVpcAttribute"]);
    }

    #[test]
    fn old_data_takes_the_right_to_restore_and_not_to_create() {
        let mut restored = step("rds.instance", Action::Create, &[]);
        restored.inputs = json!({ "restore_from": "snapshot" });
        let called = of(&restored);
        assert!(called.contains(&"rds:RestoreDBInstanceFromDBSnapshot"), "{called:?}");
        assert!(!called.contains(&"rds:CreateDBInstance"), "{called:?}");
        let mut secret = step("secrets.generated", Action::Adopt, &[]);
        secret.restore = true;
        assert!(of(&secret).contains(&"secretsmanager:RestoreSecret"));
    }

    #[test]
    fn a_change_needs_what_its_fields_call_and_one_that_was_interrupted_all_of_it() {
        assert_eq!(of(&step("rds.instance", Action::Update, &["storage_gib"])), ["rds:ModifyDBInstance"]);
        assert_eq!(of(&step("ecs.service", Action::Update, &["tags"])), ["ecs:TagResource", "ecs:UntagResource"]);
        let mut interrupted = step("rds.instance", Action::Update, &[]);
        interrupted.reason = Reason::Interrupted;
        assert!(of(&interrupted).contains(&"rds:RebootDBInstance"));
    }

    #[test]
    fn a_replacement_a_destroy_and_leftovers_need_the_right_to_delete() {
        let replace = of(&step("ec2.vpc", Action::Replace, &[]));
        assert!(replace.contains(&"ec2:CreateVpc") && replace.contains(&"ec2:DeleteVpc"), "{replace:?}");
        assert_eq!(of(&step("rds.instance", Action::Delete, &[])), ["rds:DeleteDBInstance"]);
        let mut protected = step("rds.instance", Action::Delete, &[]);
        protected.release = true;
        assert_eq!(of(&protected), ["rds:DeleteDBInstance", "rds:ModifyDBInstance"]);
        let mut leftovers = step("ecs.task_definition", Action::Keep, &[]);
        leftovers.deposed.insert("family:1".into());
        assert_eq!(of(&leftovers), ["ecs:DeleteTaskDefinitions", "ecs:DeregisterTaskDefinition"]);
        // It goes with the cluster.
        assert_eq!(of(&step("ecs.task_run", Action::Delete, &[])), [""; 0]);
    }
}
