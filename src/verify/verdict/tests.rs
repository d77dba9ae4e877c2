//! The table by itself: what it says of failures that no scenario shows, and that it never goes round in a circle.

use super::table::ANY;
use super::*;
use crate::verify::log_classes::{LOG_CLASSES, STOP_CLASSES};
use crate::verify::{CHECKS, Status};

/// `VF-TLS tls.expired`: a check and the kinds of its failure.
fn failed(text: &'static str) -> CheckResult {
    let mut words = text.split(' ');
    let id = words.next().unwrap();
    let check = CHECKS.iter().find(|check| check.id == id).unwrap();
    CheckResult::of(check, Err(Fail::new("x").classes(words).into()))
}

#[test]
fn the_cause_is_the_failure_that_nothing_else_explains() {
    for (failing, root, others) in [
        (vec!["VF-LISTENER listener.none", "VF-TLS tls.refused", "VF-HEALTH answer.unasked"], "VF-LISTENER", vec![]),
        (vec!["VF-LISTENER listener.none", "VF-TLS tls.expired"], "VF-LISTENER", vec!["VF-TLS"]),
        (vec!["VF-ROUTE route.way", "VF-TASKS egress", "VF-SERVICE service.short"], "VF-ROUTE", vec![]),
        (vec!["VF-ROUTE route.way", "VF-TASKS memory", "VF-SERVICE service.short"], "VF-TASKS", vec!["VF-ROUTE"]),
        (vec!["VF-SECRETS secrets.gone", "VF-TASKS secret.gone"], "VF-SECRETS", vec![]),
        (vec!["VF-SECRETS secrets.gone", "VF-TASKS starting"], "VF-SECRETS", vec![]),
        (vec!["VF-SECRETS secrets.gone", "VF-LOGS cp.auth", "VF-TASKS exit"], "VF-LOGS", vec!["VF-SECRETS"]),
        (vec!["VF-DATABASE database.parameters", "VF-TASKS image.grant"], "VF-DATABASE", vec!["VF-TASKS"]),
        (vec!["VF-DATABASE database.state", "VF-INFO-DATABASE db.lost"], "VF-DATABASE", vec![]),
        (vec!["VF-DATABASE database.state", "VF-INFO-DATABASE info.store"], "VF-DATABASE", vec!["VF-INFO-DATABASE"]),
        (vec!["VF-GROUPS group.database", "VF-TLS tls.expired"], "VF-GROUPS", vec!["VF-TLS"]),
        (vec!["VF-GROUPS group.database group.clients", "VF-TLS tls.unreachable"], "VF-GROUPS", vec![]),
        (vec!["VF-HEALTH-CHECK health.path", "VF-TASKS image.missing"], "VF-HEALTH-CHECK", vec!["VF-TASKS"]),
        (vec!["VF-BALANCER balancer.gone", "VF-DNS dns.absent", "VF-HEALTH answer.unasked"], "VF-BALANCER", vec![]),
        (vec!["VF-REVISION rollback memory", "VF-TASKS memory"], "VF-TASKS", vec![]),
        (vec!["VF-REVISION rollback memory", "VF-TASKS image.grant"], "VF-REVISION", vec!["VF-TASKS"]),
        (vec!["VF-REVISION rollback exit", "VF-ENVIRONMENT env.other"], "VF-REVISION", vec![]),
        (vec!["VF-DNS dns.absent", "VF-TLS tls.handshake", "VF-HEALTH answer.unasked"], "VF-DNS", vec![]),
        (vec!["VF-DNS dns.absent", "VF-TLS tls.expired"], "VF-DNS", vec!["VF-TLS"]),
        (vec!["VF-DNS dns.elsewhere", "VF-TLS tls.host", "VF-INFO-IDS ids.workspace"], "VF-DNS", vec![]),
    ] {
        let checks: Vec<CheckResult> = failing.iter().map(|text| failed(text)).collect();
        let cause = cause(&checks).expect("because something failed");
        assert_eq!((cause.id, cause.others.clone()), (root, others), "{failing:?}");
        assert_eq!(cause.consequences.len() + cause.others.len() + 1, failing.len(), "{failing:?}: {cause:?}");
    }
    assert_eq!(cause(&[]), None);
}

#[test]
fn the_table_knows_only_real_checks_and_each_can_be_a_cause() {
    let known = |id: &str| CHECKS.iter().any(|check| check.id == id);
    for row in TABLE {
        assert!(known(row.id), "{row:?}");
        assert!(row.effects.iter().flat_map(|(ids, _)| ids.iter()).all(|id| known(id)), "{row:?}");
    }
    for check in CHECKS {
        assert_eq!(cause(&[failed(check.id)]).map(|cause| cause.id), Some(check.id));
    }
}

/// Every kind of failure that the table or a log can speak of, as a failure of the check that it is of.
fn nodes() -> Vec<CheckResult> {
    let classes = LOG_CLASSES.iter().chain(STOP_CLASSES).map(|class| class.id);
    let told: BTreeSet<&str> = classes.chain(["exit", "stop", "starting", "crash", "egress"]).collect();
    let mut found: BTreeSet<(&str, &str)> = BTreeSet::new();
    for row in TABLE {
        found.extend(row.kinds.iter().map(|kind| (row.id, *kind)));
        let effects = row.effects.iter().flat_map(|(ids, kinds)| ids.iter().map(move |id| (*id, *kinds)));
        found.extend(effects.flat_map(|(id, kinds)| kinds.iter().map(move |kind| (id, *kind))));
    }
    found.extend(
        ["VF-TASKS", "VF-LOGS", "VF-MIGRATION"].iter().flat_map(|id| told.iter().map(move |kind| (*id, *kind))),
    );
    let check = |id: &str| CHECKS.iter().find(|check| check.id == id).unwrap();
    let made = |(id, kind): (&str, &'static str)| CheckResult::of(check(id), Err(Fail::new("x").class(kind).into()));
    found.into_iter().map(made).collect()
}

#[test]
fn nothing_explains_itself_not_even_by_others() {
    let nodes = nodes();
    assert!(nodes.len() > 100, "{}", nodes.len());
    let failing: Vec<Failing<'_>> = nodes.iter().map(|check| Failing { check, fail: check.fail().unwrap() }).collect();
    for (at, node) in failing.iter().enumerate() {
        assert!(!reach(at, &failing).contains(&at), "{} {:?}", node.check.id, node.fail.class);
    }
    assert!(is_of(&Fail::new("x"), ANY));
}

#[test]
fn what_could_not_be_judged_is_no_failure() {
    let check = CheckResult { status: Status::Skip("x".into()), ..failed("VF-DNS") };
    assert_eq!(cause(&[check]), None);
}
