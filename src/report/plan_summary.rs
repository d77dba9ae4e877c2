//! The end of a plan: how many, what happens to data, and what the users of the deployment notice.

use super::plan_step::impacts;
use super::words::{count, list};
use crate::model::Address;
use crate::plan::{Action, Plan, Reason, Step};
use serde_json::{Map, Value};

/// How many steps of each action, in the order in which they are told.
const TOLD: [(Action, &str, &str); 8] = [
    (Action::Create, "create", "to create"),
    (Action::Adopt, "adopt", "to adopt"),
    (Action::Update, "update", "to update"),
    (Action::Replace, "replace", "to replace"),
    (Action::Delete, "delete", "to delete"),
    (Action::Forget, "forget", "to forget"),
    (Action::Retain, "retain", "kept"),
    (Action::Keep, "keep", "unchanged"),
];

/// Returns `Plan: 3 to create, 1 to update, 33 unchanged.`
pub fn counts_line(plan: &Plan) -> String {
    let told = TOLD.iter().map(|(action, _, words)| (plan.count(*action), words)).filter(|(number, _)| *number > 0);
    let mut parts: Vec<String> = told.map(|(number, words)| format!("{number} {words}")).collect();
    let leftovers: usize = plan.steps.values().map(|step| step.deposed.len()).sum();
    if leftovers > 0 {
        parts.push(format!("{} of earlier replacements to delete", count(leftovers, "leftover")));
    }
    if parts.is_empty() {
        return "Plan: nothing to do, and nothing on record.".to_owned();
    }
    if plan.is_empty() {
        return format!("Plan: no changes, {}.", parts.join(", "));
    }
    format!("Plan: {}.", parts.join(", "))
}

/// Returns the counts as JSON, every action named, also those with none.
pub fn counts_json(plan: &Plan) -> Value {
    let entry = |(action, key, _): &(Action, &str, &str)| ((*key).to_owned(), Value::from(plan.count(*action)));
    let mut counts: Map<String, Value> = TOLD.iter().map(entry).collect();
    let leftovers: usize = plan.steps.values().map(|step| step.deposed.len()).sum();
    counts.insert("leftovers".to_owned(), leftovers.into());
    Value::Object(counts)
}

/// What happens to the data of one resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DataFate {
    /// It goes, and this snapshot of it is made.
    Copied(Address, Address),
    /// It goes, and only a snapshot from before keeps a copy.
    CopiedEarlier(Address, Address),
    /// It goes, and nothing keeps a copy.
    Lost(Address),
    /// It is gone already; an empty one is made.
    Empty(Address),
}

/// Returns what happens to data, in the order of addresses; empty when none is touched.
pub fn data_fates(plan: &Plan) -> Vec<DataFate> {
    let holding = plan.steps.values().filter(|step| step.holds_data);
    holding.filter_map(|step| data_fate(plan, step)).collect()
}

fn data_fate(plan: &Plan, step: &Step) -> Option<DataFate> {
    let address = step.address.clone();
    match (step.action, &step.reason) {
        (Action::Create, Reason::DeletedOutside | Reason::Interrupted) => return Some(DataFate::Empty(address)),
        (Action::Delete | Action::Replace, _) => {}
        _ => return None,
    }
    let copies = || plan.steps.values().filter(|copy| copy.holds_data && copy.after.contains_key(&address));
    // An earlier snapshot holds what was there then, not what is there now.
    let now = copies().find(|copy| copy.makes() || copy.action == Action::Keep);
    let earlier = copies().find(|copy| copy.action == Action::Retain);
    Some(match (now, earlier) {
        (Some(copy), _) => DataFate::Copied(address, copy.address.clone()),
        (None, Some(copy)) => DataFate::CopiedEarlier(address, copy.address.clone()),
        (None, None) => DataFate::Lost(address),
    })
}

/// Returns the sentences on data.
pub fn data_lines(plan: &Plan) -> Vec<String> {
    let fates = data_fates(plan);
    if fates.is_empty() {
        return vec!["No data is at risk.".to_owned()];
    }
    let replaced = |address: &Address| plan.steps[address].action == Action::Replace;
    let sentence = |fate: &DataFate| match fate {
        DataFate::Copied(address, copy) => format!("Data: {address} goes; its data is kept in {copy}."),
        DataFate::CopiedEarlier(address, copy) => {
            format!("DATA AT RISK: {address} goes, and what is newer than {copy} goes with it.")
        }
        DataFate::Lost(address) if replaced(address) => {
            format!("DATA AT RISK: {address} is replaced; what is in the old one is not carried over.")
        }
        DataFate::Lost(address) => format!("DATA AT RISK: {address} is deleted and nothing keeps a copy."),
        DataFate::Empty(address) => format!("Data: {address} is made again; what was in the old one is gone."),
    };
    fates.iter().map(sentence).collect()
}

/// Returns the sentences on what the users of the deployment notice: one per impact. None for a plan that only makes, or that
/// deletes: nobody uses it yet, or what is deleted may be missed.
pub fn impact_lines(plan: &Plan) -> Vec<String> {
    let mut told: Vec<(&str, Vec<&Address>)> = vec![];
    for step in plan.steps.values() {
        for impact in impacts(step) {
            match told.iter_mut().find(|(known, _)| *known == impact) {
                Some((_, addresses)) => addresses.push(&step.address),
                None => told.push((impact, vec![&step.address])),
            }
        }
    }
    let sentence = |(impact, addresses): &(&str, Vec<&Address>)| format!("Expect from {}: {impact}.", list(addresses));
    let lines: Vec<String> = told.iter().map(sentence).collect();
    let running = plan.count(Action::Update) + plan.count(Action::Replace) > 0;
    if plan.is_narrowed {
        return [
            vec!["This is a part of what is to be done; what the rest needs may not work meanwhile.".to_owned()],
            lines,
        ]
        .concat();
    }
    if lines.is_empty() && running && plan.count(Action::Delete) == 0 {
        return vec!["None of these changes is known to cause an outage.".to_owned()];
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples::{plan_of, step};

    #[test]
    fn counts_are_said_with_words() {
        assert_eq!(counts_line(&plan_of([])), "Plan: nothing to do, and nothing on record.");
        let quiet = plan_of([step("a.a/1", Action::Keep), step("a.a/2", Action::Retain)]);
        assert_eq!(counts_line(&quiet), "Plan: no changes, 1 kept, 1 unchanged.");
        let busy = plan_of([
            step("a.a/1", Action::Create),
            step("a.a/2", Action::Replace),
            step("a.a/3", Action::Keep).with(|step| step.deposed = ["old-1".into()].into()),
        ]);
        assert_eq!(
            counts_line(&busy),
            "Plan: 1 to create, 1 to replace, 1 unchanged, 1 leftover of earlier replacements to delete."
        );
        assert_eq!(counts_json(&busy)["replace"], 1);
    }

    // snapshot ──▶ database
    #[test]
    fn data_is_lost_copied_or_left_alone() {
        let data = |text, action| step(text, action).with(|step| step.holds_data = true);
        let lost = plan_of([data("rds.instance/main", Action::Delete)]);
        assert_eq!(data_lines(&lost), ["DATA AT RISK: rds.instance/main is deleted and nothing keeps a copy."]);
        let copied = plan_of([
            data("rds.instance/main", Action::Delete),
            data("rds.snapshot/final", Action::Create).uses("rds.instance/main"),
        ]);
        assert_eq!(data_lines(&copied), ["Data: rds.instance/main goes; its data is kept in rds.snapshot/final."]);
        let earlier = || data("rds.snapshot/before", Action::Retain).uses("rds.instance/main");
        let both = plan_of([
            data("rds.instance/main", Action::Delete),
            earlier(),
            data("rds.snapshot/final", Action::Create).uses("rds.instance/main"),
        ]);
        assert_eq!(data_lines(&both), data_lines(&copied));
        let skipped = plan_of([data("rds.instance/main", Action::Delete), earlier()]);
        assert_eq!(
            data_lines(&skipped),
            ["DATA AT RISK: rds.instance/main goes, and what is newer than rds.snapshot/before goes with it."]
        );
        assert_eq!(data_lines(&plan_of([data("rds.instance/main", Action::Update)])), ["No data is at risk."]);
    }
}
