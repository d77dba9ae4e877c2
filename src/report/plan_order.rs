//! The order in which a person reads a plan: used before users, as the guide has it where that leaves a choice.
//!
//! It is for reading only: what really waits for what is decided by `plan::lower`, which also knows the record.

use crate::model::{Address, Need, OnDelete};
use crate::plan::{Action, Plan, Step};
use std::collections::{BTreeMap, BTreeSet};

/// Returns the steps that are worth a line: what acts, in order, then what is left alone on purpose.
pub fn reading_order(plan: &Plan) -> Vec<&Step> {
    let mut waiting: BTreeMap<&Address, BTreeSet<&Address>> =
        plan.steps.values().filter(|step| step.acts()).map(|step| (&step.address, BTreeSet::new())).collect();
    for step in plan.steps.values().filter(|step| step.acts()) {
        for (address, edge) in &step.after {
            let Some((first, then)) = ordered(plan, step, address, edge.need, edge.on_delete) else { continue };
            if let Some(waits) = waiting.get_mut(then) {
                waits.insert(first);
            }
        }
    }
    let mut order = Vec::with_capacity(waiting.len());
    while !waiting.is_empty() {
        let ready = waiting.iter().filter(|(_, waits)| waits.is_empty()).map(|(address, _)| *address);
        // A cycle is for the planner to report; here it must only not hang.
        let next = ready.min_by_key(|address| rank(&plan.steps[*address])).or(waiting.keys().next().copied());
        let Some(next) = next else { break };
        waiting.remove(next);
        waiting.values_mut().for_each(|waits| waits.retain(|used| *used != next));
        order.push(&plan.steps[next]);
    }
    order.extend(plan.steps.values().filter(|step| step.action == Action::Retain));
    order
}

/// Which of the two addresses of an edge is shown first, and which then.
fn ordered<'a>(
    plan: &'a Plan,
    user: &'a Step,
    used: &Address,
    need: Need,
    on_delete: OnDelete,
) -> Option<(&'a Address, &'a Address)> {
    let used = plan.steps.get(used).filter(|used| used.acts())?;
    let used_first = match (user.makes(), used.makes()) {
        (true, true) => need != Need::Gone,
        (true, false) => need == Need::Gone,
        (false, false) => on_delete == OnDelete::Same,
        (false, true) => return None,
    };
    Some(if used_first { (&used.address, &user.address) } else { (&user.address, &used.address) })
}

/// What is made before what is deleted; then by the number of the guide's step; then by address.
fn rank(step: &Step) -> (bool, u32, &Address) {
    (!step.makes(), guide_number(&step.guide), &step.address)
}

/// The first number in `step 1` or `implied by step 1`; without a number it comes last.
fn guide_number(guide: &str) -> u32 {
    let digits: String = guide.chars().skip_while(|c| !c.is_ascii_digit()).take_while(char::is_ascii_digit).collect();
    digits.parse().unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Edge;
    use crate::report::samples::{plan_of, step};

    fn order(plan: &Plan) -> Vec<String> {
        reading_order(plan).iter().map(|step| step.address.to_string()).collect()
    }

    // b.b/1 (step 1) ◀── a.a/2 (step 2);  c.c/0 (step 3) alone;  d.d/9 (step 2) ◀── e.e/1 (step 1)
    #[test]
    fn used_before_users_and_otherwise_as_the_guide_has_it() {
        let plan = plan_of([
            step("a.a/2", Action::Create).guide("step 2").uses("b.b/1"),
            step("b.b/1", Action::Create).guide("implied by step 1"),
            step("c.c/0", Action::Update).guide("step 3"),
            step("d.d/9", Action::Create).guide("step 2"),
            step("e.e/1", Action::Create).guide("step 1").uses("d.d/9"),
            step("f.f/1", Action::Keep).guide("step 1"),
            step("g.g/1", Action::Retain),
        ]);
        assert_eq!(order(&plan), ["b.b/1", "a.a/2", "d.d/9", "e.e/1", "c.c/0", "g.g/1"]);
    }

    // service ──▶ database ◀── snapshot (made after the service is gone);  listener ──SAME── service
    #[test]
    fn users_are_deleted_before_what_they_used() {
        let plan = plan_of([
            step("rds.instance/main", Action::Delete),
            step("ecs.service/zenml", Action::Delete)
                .uses("rds.instance/main")
                .edge("elb.listener/https", Edge::SETTLED_SAME),
            step("elb.listener/https", Action::Delete),
            step("rds.snapshot/final", Action::Create).uses("rds.instance/main").edge("ecs.service/zenml", Edge::GONE),
        ]);
        assert_eq!(
            order(&plan),
            ["elb.listener/https", "ecs.service/zenml", "rds.snapshot/final", "rds.instance/main"]
        );
    }

    #[test]
    fn a_cycle_does_not_hang() {
        let plan = plan_of([step("a.a/1", Action::Create).uses("b.b/1"), step("b.b/1", Action::Create).uses("a.a/1")]);
        assert_eq!(order(&plan).len(), 2);
    }
}
