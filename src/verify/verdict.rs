//! Which failure is the cause, and which only follow from it.
//!
//! A table says what each failure can bring about. A failing check that no other failing check explains is a cause; where there
//! are several, the one that explains most comes first, and the rest are told as problems of their own.

use super::checks::WENT_BACK;
use super::report::{CheckResult, Fail};
use std::collections::BTreeSet;

/// The root cause of a failed verification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    /// The check that found it.
    pub id: &'static str,
    /// What that check checks.
    pub title: &'static str,
    /// What is wrong, what to do, what was seen.
    pub fail: Fail,
    /// Failing checks that this explains.
    pub consequences: Vec<&'static str>,
    /// Failing checks that are causes of their own.
    pub others: Vec<&'static str>,
}

/// What a task that cannot start, or dies, brings about.
const NO_TASK: &[&str] = &["VF-TASKS", "VF-SERVICE", "VF-TARGETS", "VF-HEALTH", "VF-LOGS"];
/// What follows when the server cannot be asked.
const NO_ANSWER: &[&str] = &["VF-HEALTH", "VF-CONTROL-PLANE", "VF-ROOT", "VF-CORS", "VF-REDIRECT"];

/// What the server says of itself, and nobody hears when something else answers in its place.
const INFO: &[&str] = &["VF-INFO-DATABASE", "VF-INFO-IDS", "VF-INFO-URL", "VF-INFO-VERSION", "VF-INFO-AUTH"];

/// What only the next task needs: as long as no task is missing, nor ECS went back from one that would not start, nothing else
/// follows from these.
const NEXT_TASK: &[&str] = &["VF-SECRETS", "VF-ROLES", "VF-LOG-GROUP", "VF-ROUTE"];

/// A failure, and the failures that it can bring about. Read transitively. Earlier rows win where two causes explain equally
/// much.
const EXPLAINS: &[(&str, &[&[&str]])] = &[
    ("VF-DATABASE", &[NO_TASK, &["VF-INFO-DATABASE"]]),
    (
        "VF-ENVIRONMENT",
        &[
            NO_TASK,
            NO_ANSWER,
            &["VF-REVISION", "VF-INFO-DATABASE", "VF-INFO-IDS", "VF-INFO-URL", "VF-INFO-AUTH", "VF-INFO-VERSION"],
        ],
    ),
    ("VF-SECRETS", &[NO_TASK]),
    ("VF-ROLES", &[NO_TASK]),
    ("VF-LOG-GROUP", &[NO_TASK]),
    ("VF-ROUTE", &[NO_TASK]),
    ("VF-GROUPS", &[NO_TASK, NO_ANSWER, &["VF-TLS", "VF-INFO-DATABASE"]]),
    ("VF-PORT", &[NO_TASK, &["VF-REVISION"]]),
    ("VF-HEALTH-CHECK", &[NO_TASK, NO_ANSWER]),
    ("VF-BALANCER", &[NO_ANSWER, INFO, &["VF-LISTENER", "VF-PUBLIC-ROUTE", "VF-DNS", "VF-TLS", "VF-TARGETS"]]),
    ("VF-LISTENER", &[NO_ANSWER, INFO, &["VF-TLS", "VF-TARGETS"]]),
    ("VF-PUBLIC-ROUTE", &[NO_ANSWER, &["VF-TLS"]]),
    ("VF-DNS", &[NO_ANSWER, INFO, &["VF-TLS"]]),
    ("VF-TLS", &[NO_ANSWER]),
    ("VF-REVISION", &[NO_TASK, &["VF-INFO-VERSION"]]),
    ("VF-LOGS", &[&["VF-TASKS", "VF-SERVICE", "VF-TARGETS", "VF-INFO-DATABASE"], NO_ANSWER]),
    ("VF-TASKS", &[&["VF-SERVICE", "VF-TARGETS"], NO_ANSWER]),
    ("VF-SERVICE", &[&["VF-TARGETS"], NO_ANSWER]),
    ("VF-TARGETS", &[NO_ANSWER]),
    ("VF-HEALTH", &[&["VF-CONTROL-PLANE", "VF-ROOT", "VF-CORS"]]),
    ("VF-INFO-AUTH", &[&["VF-CONTROL-PLANE", "VF-ROOT"]]),
    ("VF-CONTROL-PLANE", &[]),
];

/// Reasons for a stop that say that something is wrong, but not what.
const VAGUE: &[&str] = &["health", "crash"];

/// Where the arrows of the table point the other way this time.
#[derive(Clone, Copy)]
struct Turned {
    /// The reason of ECS is better than the server's own words. A task that never ran, or was ended from outside, has nothing
    /// to tell; one that ended itself has told why.
    tasks_know_better: bool,
    /// ECS went back to another revision because the tasks of the applied one stopped. Otherwise somebody put a revision in
    /// its place, and what its tasks do follows from that.
    went_back: bool,
}

impl Turned {
    fn of(failing: &[&CheckResult]) -> Self {
        let class = |id: &str| failing.iter().find(|check| check.id == id).and_then(|check| check.fail()?.class);
        let is_clear = |class: &&str| !VAGUE.contains(class);
        let tasks_know_better = class("VF-LOGS").is_none()
            || (class("VF-LOGS") == Some("crash") && class("VF-TASKS").as_ref().is_some_and(is_clear));
        Self { tasks_know_better, went_back: class("VF-REVISION") == Some(WENT_BACK) }
    }

    /// Arrows that the table lacks.
    fn added(self, from: &str) -> &'static [&'static str] {
        match from {
            "VF-TASKS" if self.tasks_know_better && self.went_back => &["VF-LOGS", "VF-REVISION"],
            "VF-TASKS" if self.tasks_know_better => &["VF-LOGS"],
            "VF-TASKS" | "VF-LOGS" if self.went_back => &["VF-REVISION"],
            _ => &[],
        }
    }

    /// Arrows of the table that are not true.
    fn removed(self, from: &str, to: &str) -> bool {
        match from {
            "VF-LOGS" => self.tasks_know_better && to == "VF-TASKS",
            "VF-REVISION" => self.went_back && matches!(to, "VF-TASKS" | "VF-LOGS"),
            _ => false,
        }
    }
}

/// The cause of what failed; `None`: nothing did.
pub fn cause(checks: &[CheckResult]) -> Option<Cause> {
    let failing: Vec<&CheckResult> = checks.iter().filter(|check| check.fail().is_some()).collect();
    let is_failing = |id: &str| failing.iter().any(|check| check.id == id);
    let lacks_tasks = is_failing("VF-TASKS") || is_failing("VF-SERVICE");
    let turned = Turned::of(&failing);
    let explained = |by: &str| {
        if NEXT_TASK.contains(&by) && !lacks_tasks && !turned.went_back {
            return vec![];
        }
        let reached = reach(by, turned);
        failing.iter().map(|check| check.id).filter(|id| *id != by && reached.contains(id)).collect::<Vec<_>>()
    };
    let is_root = |id: &str| !failing.iter().any(|other| other.id != id && explained(other.id).contains(&id));
    let mut roots: Vec<&CheckResult> = failing.iter().copied().filter(|check| is_root(check.id)).collect();
    let rank = |id: &str| EXPLAINS.iter().position(|(cause, _)| *cause == id).unwrap_or(EXPLAINS.len());
    roots.sort_by_key(|check| (std::cmp::Reverse(explained(check.id).len()), rank(check.id)));
    let (first, others) = roots.split_first()?;
    Some(Cause {
        id: first.id,
        title: first.title,
        fail: first.fail()?.clone(),
        consequences: explained(first.id),
        others: others.iter().map(|check| check.id).collect(),
    })
}

/// Everything that a failure can bring about, directly or through others.
fn reach(id: &str, turned: Turned) -> BTreeSet<&'static str> {
    let (mut reached, mut open) = (BTreeSet::new(), vec![id]);
    while let Some(next) = open.pop() {
        let row = EXPLAINS.iter().find(|(cause, _)| *cause == next);
        let listed = row.into_iter().flat_map(|(_, lists)| lists.iter()).flat_map(|list| list.iter());
        for id in listed.chain(turned.added(next)).filter(|id| !turned.removed(next, id)) {
            if reached.insert(*id) {
                open.push(id);
            }
        }
    }
    reached
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verify::{CHECKS, Status};

    fn checks(failing: &[&str]) -> Vec<CheckResult> {
        let judged = |id: &str| match failing.contains(&id) {
            true => Err(Fail::new("x").into()),
            false => Ok(String::new()),
        };
        CHECKS.iter().map(|check| CheckResult::of(check, judged(check.id))).collect()
    }

    #[test]
    fn the_cause_is_the_failure_that_nothing_else_explains() {
        for (failing, root, others) in [
            (vec!["VF-LISTENER", "VF-TLS", "VF-HEALTH", "VF-TARGETS", "VF-REDIRECT"], "VF-LISTENER", vec![]),
            (vec!["VF-ROUTE"], "VF-ROUTE", vec![]),
            (vec!["VF-ROUTE", "VF-TASKS", "VF-SERVICE", "VF-HEALTH", "VF-TARGETS", "VF-LOGS"], "VF-ROUTE", vec![]),
            (vec!["VF-SECRETS", "VF-TASKS", "VF-SERVICE"], "VF-SECRETS", vec![]),
            (vec!["VF-ENVIRONMENT", "VF-REVISION", "VF-INFO-DATABASE"], "VF-ENVIRONMENT", vec![]),
            (vec!["VF-INFO-DATABASE"], "VF-INFO-DATABASE", vec![]),
            (vec!["VF-DATABASE", "VF-INFO-DATABASE"], "VF-DATABASE", vec![]),
            (vec!["VF-LOG-GROUP", "VF-LISTENER", "VF-TLS", "VF-HEALTH"], "VF-LISTENER", vec!["VF-LOG-GROUP"]),
            (vec!["VF-SECRETS", "VF-ROUTE"], "VF-SECRETS", vec!["VF-ROUTE"]),
            (vec!["VF-ROLES", "VF-LISTENER", "VF-TLS", "VF-HEALTH", "VF-TARGETS"], "VF-LISTENER", vec!["VF-ROLES"]),
            (vec!["VF-TLS"], "VF-TLS", vec![]),
            (vec!["VF-DNS", "VF-HEALTH"], "VF-DNS", vec![]),
            (vec!["VF-LOGS", "VF-TASKS", "VF-SERVICE", "VF-TARGETS", "VF-HEALTH"], "VF-TASKS", vec![]),
            (vec!["VF-PORT", "VF-TARGETS", "VF-TASKS", "VF-SERVICE", "VF-HEALTH"], "VF-PORT", vec![]),
            (vec!["VF-GROUPS", "VF-TARGETS", "VF-SERVICE", "VF-HEALTH"], "VF-GROUPS", vec![]),
            (vec!["VF-BALANCER", "VF-LISTENER", "VF-DNS", "VF-HEALTH"], "VF-BALANCER", vec![]),
            (vec!["VF-REVISION", "VF-INFO-VERSION"], "VF-REVISION", vec![]),
        ] {
            let cause = cause(&checks(&failing)).expect("because something failed");
            assert_eq!((cause.id, cause.others.clone()), (root, others), "{failing:?}");
            assert_eq!(cause.consequences.len() + cause.others.len() + 1, failing.len(), "{failing:?}: {cause:?}");
        }
        assert_eq!(cause(&checks(&[])), None);
    }

    #[test]
    fn every_single_failure_has_a_cause_and_the_table_knows_only_real_checks() {
        for check in CHECKS {
            assert_eq!(cause(&checks(&[check.id])).map(|cause| cause.id), Some(check.id));
        }
        let known = |id: &str| CHECKS.iter().any(|check| check.id == id);
        for (cause, lists) in EXPLAINS {
            assert!(known(cause), "{cause}");
            assert!(lists.iter().flat_map(|list| list.iter()).all(|id| known(id)), "{cause}");
        }
    }

    #[test]
    fn any_two_failures_leave_at_least_one_root() {
        for a in CHECKS {
            for b in CHECKS {
                assert!(cause(&checks(&[a.id, b.id])).is_some(), "{} and {} explain each other", a.id, b.id);
            }
        }
    }

    #[test]
    fn what_could_not_be_judged_is_no_failure() {
        let mut results = checks(&[]);
        results[0].status = Status::Skip("x".into());
        assert_eq!(cause(&results), None);
    }
}
