//! Two faults at once that have nothing to do with each other: both are told, as the cause or as a problem besides.

use super::breaks::*;
use crate::verify::probe::dns::NameFailure;
use crate::verify::probe::http::Answer;
use crate::verify::probe::tls::{Broken, Trust};
use crate::verify::report::Fail;
use crate::verify::samples;
use crate::verify::{Facts, judge};
use serde_json::{Value, json};

/// One thing that is wrong, and the kind of failure by which it shows.
struct Fault {
    id: &'static str,
    kind: &'static str,
    make: fn(&mut Facts),
}

const fn fault(id: &'static str, kind: &'static str, make: fn(&mut Facts)) -> Fault {
    Fault { id, kind, make }
}

fn says(facts: &mut Facts, field: &str, value: Value) {
    let Some(Ok(answer)) = facts.endpoint.answers.get_mut("info") else { return };
    let mut said = answer.json();
    if said.is_object() {
        said[field] = value;
        answer.body = said.to_string();
    }
}

fn lacks(facts: &mut Facts, name: &str) {
    let definition = definition(facts);
    let known = [definition.environment.remove(name), definition.secrets.remove(name)];
    assert!(known.iter().any(Option::is_some), "{name}");
}

fn answers(facts: &mut Facts, question: &'static str, answer: Answer) {
    let said = facts.endpoint.answers.get(question).and_then(|answer| answer.as_ref().ok());
    if said.is_some_and(|answer| !answer.is_from_balancer()) {
        facts.endpoint.answers.insert(question, Ok(answer));
    }
}

fn trust(facts: &mut Facts, trust: Trust) {
    if let Ok(secured) = &mut facts.endpoint.handshakes[0].1 {
        secured.trust = trust;
    }
}

const FAULTS: &[Fault] = &[
    fault("VF-DATABASE", "database.parameters", |facts| {
        facts.look.database.as_mut().unwrap().as_mut().unwrap().parameters[0].1 = "pending-reboot".into();
    }),
    fault("VF-DATABASE", "database.state", |facts| {
        facts.look.database.as_mut().unwrap().as_mut().unwrap().status = "stopped".into();
    }),
    fault("VF-SECRETS", "secrets.deleted", |facts| {
        secrets(facts, |secret| secret.as_mut().unwrap().deleted = Some("2026-11-20T10:00:00Z".into()));
    }),
    fault("VF-ROLES", "roles.secrets", |facts| {
        let denied = ("secretsmanager:GetSecretValue".into(), "arn".into());
        facts.look.access.as_mut().unwrap().denied.push(denied);
    }),
    fault("VF-LOG-GROUP", "", |facts| facts.look.log_group = Ok(false)),
    fault("VF-ROUTE", "route.way", |facts| facts.look.network.as_mut().unwrap().tables[2].default = None),
    fault("VF-ROUTE", "route.addresses", |facts| {
        facts.look.network.as_mut().unwrap().subnets.get_mut("subnet-a").unwrap().free_addresses = 0;
    }),
    fault("VF-PUBLIC-ROUTE", "", |facts| {
        facts.look.balancer.as_mut().unwrap().as_mut().unwrap().subnet_ids = vec!["subnet-a".into()];
    }),
    fault("VF-GROUPS", "group.tasks", |facts| rules(facts, "sg-ecs", 8000)),
    fault("VF-GROUPS", "group.database", |facts| rules(facts, "sg-rds", 3306)),
    fault("VF-GROUPS", "group.clients", |facts| rules(facts, "sg-alb", 443)),
    fault("VF-PORT", "", |facts| definition(facts).ports = vec![9000]),
    fault("VF-HEALTH-CHECK", "health.path", |facts| {
        facts.look.targets.as_mut().unwrap().as_mut().unwrap().health_path = "/healthz".into();
    }),
    fault("VF-HEALTH-CHECK", "health.grace", |facts| service(facts).health_check_grace = 10),
    fault("VF-BALANCER", "balancer.state", |facts| {
        facts.look.balancer.as_mut().unwrap().as_mut().unwrap().state = "failed".into();
    }),
    fault("VF-LISTENER", "listener.none", |facts| {
        facts.look.balancer.as_mut().unwrap().as_mut().unwrap().listeners.remove(0);
        facts.endpoint.handshakes[0].1 = Err(Broken::Refused("connection refused".into()));
        facts.endpoint.answers.clear();
    }),
    fault("VF-DNS", "dns.absent", |facts| facts.endpoint.name = Some(Err(NameFailure::Absent))),
    fault("VF-TLS", "tls.expired", |facts| trust(facts, Trust::Expired)),
    fault("VF-TLS", "tls.host", |facts| trust(facts, Trust::WrongHost)),
    fault("VF-REDIRECT", "redirect.wrong", |facts| {
        facts.endpoint.plain = Some(Ok(Answer { status: 200, ..Answer::default() }));
    }),
    fault("VF-CORS", "", |facts| answers(facts, "cors", Answer { status: 200, ..Answer::default() })),
    fault("VF-ROOT", "", |facts| answers(facts, "root", Answer { status: 200, ..Answer::default() })),
    fault("VF-INFO-DATABASE", "info.store", |facts| says(facts, "database_type", json!("sqlite"))),
    fault("VF-INFO-IDS", "ids.workspace", |facts| says(facts, "pro_workspace_id", json!("0"))),
    fault("VF-INFO-URL", "url", |facts| says(facts, "server_url", json!("http://x"))),
    fault("VF-INFO-AUTH", "auth.store", |facts| says(facts, "secrets_store_type", json!("aws"))),
    fault("VF-INFO-VERSION", "", |facts| {
        answers(facts, "version", Answer { status: 200, body: "\"0.97.0\"".into(), ..Answer::default() });
    }),
    fault("VF-ENVIRONMENT", "env.store", |facts| lacks(facts, "ZENML_STORE_DATABASE")),
    fault("VF-ENVIRONMENT", "env.pro", |facts| lacks(facts, "ZENML_SERVER_PRO_WORKSPACE_ID")),
    fault("VF-ENVIRONMENT", "env.url", |facts| lacks(facts, "ZENML_SERVER_SERVER_URL")),
    fault("VF-ENVIRONMENT", "env.key", |facts| lacks(facts, "ZENML_SERVER_JWT_SECRET_KEY")),
    fault("VF-ENVIRONMENT", "env.secrets", |facts| lacks(facts, "ZENML_SECRETS_STORE_TYPE")),
    fault("VF-REVISION", "revision.other", |facts| facts.recorded.task_definition_arn = Some(NEW.into())),
    fault("VF-SERVICE", "service.zero", |facts| service(facts).desired = 0),
    fault("VF-TASKS", "image.grant", |facts| stop_tasks(facts, &format!("{PULL}: 403 Forbidden"), None)),
    fault("VF-TASKS", "image.missing", |facts| stop_tasks(facts, &format!("{PULL}: not found"), None)),
    fault("VF-TASKS", "memory", |facts| stop_tasks(facts, "OutOfMemoryError: Container killed", Some(137))),
    fault("VF-TASKS", "capacity", |facts| stop_tasks(facts, "Capacity is unavailable at this time", None)),
    fault("VF-LOGS", "cp.auth", |facts| exit_tasks(facts, 3, "Error fetching auth token from the Cloud API: 401")),
    fault("VF-LOGS", "db.auth", |facts| exit_tasks(facts, 3, "(1045, \"Access denied for user 'zenml'@'h'\")")),
    fault("VF-LOGS", "mig.downgrade", |facts| exit_tasks(facts, 3, "Can't locate revision identified by '0.98.0'")),
    fault("VF-LOGS", "crash", |facts| exit_tasks(facts, 3, "ImportError: cannot import name 'x' from 'y'")),
];

/// Pairs that do have to do with each other: the first may bring the second about.
const RELATED: &[(&str, &str)] = &[
    ("env.store", "info.store"),
    ("env.store", "db.auth"),
    ("env.pro", "cp.auth"),
    ("env.pro", "ids.workspace"),
    ("env.pro", "VF-ROOT"),
    ("env.pro", "VF-CORS"),
    ("env.url", "url"),
    ("env.url", "VF-CORS"),
    ("env.secrets", "auth.store"),
    ("env.", "revision.other"),
    ("VF-PORT", "revision.other"),
    // Somebody's revision may have another image, other memory and other variables.
    ("revision.other", "VF-TASKS"),
    ("revision.other", "VF-LOGS"),
    ("revision.other", "VF-INFO-VERSION"),
    // A task ends in one way.
    ("VF-TASKS", "VF-LOGS"),
    ("balancer.state", "listener.none"),
    ("balancer.state", "dns.absent"),
];

impl Fault {
    fn is(&self, name: &str) -> bool {
        self.id == name || (!name.starts_with("VF-") && self.kind.starts_with(name))
    }

    fn is_kind_of(&self, fail: Option<&Fail>) -> bool {
        fail.is_some_and(|fail| self.kind.is_empty() || fail.kinds().any(|kind| kind == self.kind))
    }

    fn has_to_do_with(&self, other: &Self) -> bool {
        let related = |(a, b): &(&str, &str)| (self.is(a) && other.is(b)) || (other.is(a) && self.is(b));
        self.id == other.id || RELATED.iter().any(related)
    }
}

#[test]
fn each_fault_alone_is_the_cause() {
    for fault in FAULTS {
        let mut facts = samples::good();
        (fault.make)(&mut facts);
        let report = judge(&facts);
        let found = report.verdict.as_ref().unwrap_or_else(|| panic!("{} {}", fault.id, fault.kind));
        assert_eq!((found.id, found.others.as_slice()), (fault.id, &[][..]), "{}\n{}", fault.kind, report.text());
        assert_eq!(found.fail.class.unwrap_or_default(), fault.kind, "{}", report.text());
    }
}

#[test]
fn each_of_two_unrelated_faults_is_told() {
    let mut pairs = 0;
    for (a, b) in FAULTS.iter().flat_map(|a| FAULTS.iter().map(move |b| (a, b))) {
        if a.has_to_do_with(b) {
            continue;
        }
        let mut facts = samples::good();
        (a.make)(&mut facts);
        (b.make)(&mut facts);
        let report = judge(&facts);
        let found = report.verdict.as_ref().unwrap();
        for fault in [a, b] {
            // What cannot be seen behind the other is not judged at all.
            let is_seen = report.checks.iter().any(|check| check.id == fault.id && fault.is_kind_of(check.fail()));
            let is_told = found.id == fault.id || found.others.contains(&fault.id);
            assert!(is_told || !is_seen, "{} {} and {} {}\n{}", a.id, a.kind, b.id, b.kind, report.text());
        }
        pairs += 1;
    }
    assert!(pairs > 1000, "{pairs}");
}
