//! One step of a plan in words: what is done and why, and the lines below it.

use super::value_text::{Line, Values};
use super::words::{act, count, list, printable};
use crate::model::Keep;
use crate::plan::{Action, Reason, Step, diff::TAGS};
use crate::resource::Effect;

/// Returns what is done and why, `replace, new one first: container cannot change in place`.
/// Where nothing could be looked up, absence is no news and is not mentioned.
pub fn headline(step: &Step, offline: bool) -> String {
    let act = match step.action {
        Action::Replace if step.create_first => "replace, new one first".to_owned(),
        Action::Replace => "replace, old one first".to_owned(),
        Action::Adopt if step.restore => "restore".to_owned(),
        Action::Create if matches!(step.reason, Reason::DeletedOutside | Reason::Interrupted) => {
            "create again".to_owned()
        }
        Action::Keep if !step.deposed.is_empty() => format!("delete {}", count(step.deposed.len(), "leftover")),
        other => act(other).to_owned(),
    };
    match why(step, offline) {
        Some(why) => format!("{act}: {why}"),
        None => act,
    }
}

/// Returns the reason in words, or `None` where the action says it all.
pub fn why(step: &Step, offline: bool) -> Option<String> {
    let words = match &step.reason {
        Reason::New | Reason::Unchanged => return None,
        Reason::LookedUpAtApply if offline => return None,
        Reason::LookedUpAtApply => "whether it exists is looked up during apply",
        Reason::DeletedOutside => "deleted outside hybridctl",
        Reason::Interrupted => match step.action {
            Action::Adopt => "an earlier run was interrupted while making it",
            Action::Update => "an earlier run was interrupted while changing it",
            _ => "an earlier run was interrupted while deleting it",
        },
        Reason::FoundByTags => "it exists, on no record",
        Reason::Restored => "deleted, but still within its recovery window",
        Reason::Config if step.action == Action::Replace => return Some(cannot_change(step)),
        Reason::Config => "the configuration changed",
        Reason::Drift if step.action == Action::Replace => {
            return Some(format!("somebody changed it on AWS, and {}", cannot_change(step)));
        }
        Reason::Drift => "somebody changed it on AWS",
        Reason::Failed(word) => return Some(format!("it can never be used (`{}`)", printable(word))),
        Reason::NotWanted if step.action == Action::Forget => "an interrupted run did not get to make it",
        Reason::NotWanted => "not wanted any more",
        Reason::Kept(why) => return Some(printable(why)),
        Reason::NotOurs => "not ours to delete: it goes with its parent, or the account shares it",
        Reason::Leftovers => "replaced earlier",
    };
    Some(words.to_owned())
}

fn cannot_change(step: &Step) -> String {
    let replacing = step.changes.iter().filter(|change| change.effect == Effect::Replace);
    format!("{} cannot change in place", list(replacing.map(|change| change.field.as_str())))
}

/// Returns the lines below a step: a sign (or a space) and the text.
pub fn details(step: &Step, values: &Values<'_>) -> Vec<(char, String)> {
    let mut lines = vec![];
    if step.action == Action::Create {
        lines.extend(values.leaves("", &step.inputs).iter().map(Line::text));
    }
    if let (Action::Adopt, Some(id)) = (step.action, &step.id) {
        lines.push((' ', format!("id: {id}")));
    }
    for change in &step.changes {
        let told = values.difference(&change.field, &change.from, &change.to);
        // A kind may compare by meaning and find a difference where two values look alike.
        let told = if told.is_empty() { vec![Line::Is(change.field.clone(), values.one(&change.to))] } else { told };
        let drift = change.drift && step.reason != Reason::Drift;
        for line in told {
            let (sign, text) = line.text();
            lines.push((sign, if drift { format!("{text}  (somebody changed it on AWS)") } else { text }));
        }
    }
    lines.extend(impacts(step).into_iter().map(|impact| ('!', format!("impact: {impact}"))));
    if step.release {
        lines.push(('!', "its deletion protection is lifted first".to_owned()));
    }
    if let (true, Keep::WhileSnapshotOf(database)) = (step.action == Action::Delete, &step.keep) {
        lines.push((' ', format!("no snapshot of {database} needs it any more")));
    }
    lines.extend(step.deposed.iter().map(|id| ('-', format!("{id} is deleted at the end: it was replaced"))));
    if changes_only_tags(step) {
        lines.push((' ', "only tags change".to_owned()));
    }
    lines
}

fn changes_only_tags(step: &Step) -> bool {
    step.action == Action::Update && !step.changes.is_empty() && step.changes.iter().all(|c| c.field == TAGS)
}

/// The impact of a replacement of which the kind declares none.
const ABSENT: &str = "it is absent until the new one is made";

/// Returns what a step costs the users of the deployment, each sentence once.
pub fn impacts(step: &Step) -> Vec<&str> {
    let mut impacts: Vec<&str> = vec![];
    for impact in step.changes.iter().filter_map(|change| change.impact.as_deref()) {
        if step.makes() && !impacts.contains(&impact) {
            impacts.push(impact);
        }
    }
    if step.action == Action::Replace && !step.create_first && impacts.is_empty() {
        impacts.push(ABSENT);
    }
    impacts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples::{plan_of, step};

    #[test]
    fn every_reason_is_a_sentence_that_a_person_understands() {
        let table = [
            (Action::Create, Reason::New, "create"),
            (Action::Create, Reason::LookedUpAtApply, "create: whether it exists is looked up during apply"),
            (Action::Create, Reason::DeletedOutside, "create again: deleted outside hybridctl"),
            (Action::Create, Reason::Interrupted, "create again: an earlier run was interrupted while deleting it"),
            (Action::Adopt, Reason::FoundByTags, "adopt: it exists, on no record"),
            (Action::Adopt, Reason::Interrupted, "adopt: an earlier run was interrupted while making it"),
            (Action::Update, Reason::Config, "update: the configuration changed"),
            (Action::Update, Reason::Drift, "update: somebody changed it on AWS"),
            (Action::Update, Reason::Interrupted, "update: an earlier run was interrupted while changing it"),
            (
                Action::Replace,
                Reason::Failed("inaccessible".into()),
                "replace, old one first: it can never be used (`inaccessible`)",
            ),
            (Action::Delete, Reason::NotWanted, "delete: not wanted any more"),
            (Action::Retain, Reason::Kept("it costs nothing".into()), "retain: it costs nothing"),
            (Action::Forget, Reason::DeletedOutside, "forget: deleted outside hybridctl"),
            (
                Action::Forget,
                Reason::NotOurs,
                "forget: not ours to delete: it goes with its parent, or the account shares it",
            ),
            (Action::Keep, Reason::Unchanged, "keep"),
        ];
        for (action, reason, said) in table {
            let plan = plan_of([step("a.b/c", action).reason(reason)]);
            assert_eq!(plan.steps.values().map(|step| headline(step, false)).collect::<Vec<_>>(), [said]);
        }
    }
}
