//! Deployments broken in one place, with everything that follows from it: the verdict names that place and nothing else.

use super::probe::dns::NameFailure;
use super::probe::http::Answer;
use super::probe::tls::{Broken, Trust};
use super::samples::{self, NOW};
use super::{Facts, judge};
use crate::aws::look::front::Target;
use crate::aws::look::logs::{Line, TaskLog};
use crate::aws::look::network::Rule;
use crate::aws::look::service::{Definition, Rollout, Service, Task};
use serde_json::json;

/// One broken deployment.
struct Scenario {
    name: &'static str,
    /// The check that must be blamed, and the class of the failure.
    cause: (&'static str, Option<&'static str>),
    /// Words of the advice.
    next: &'static str,
    broken: fn() -> Facts,
}

const PULL: &str = "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref \
                    715803424590.dkr.ecr.eu-central-1.amazonaws.com/zenml-pro-server:0.98.0";
const ASM: &str = "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: \
                   unable to retrieve secret from asm";
const EXITED: &str = "Essential container in task exited";
const ELB: &str = "Task failed ELB health checks in (target-group arn:aws:elasticloadbalancing:r:1:targetgroup/x/1)";
const START: &str = "Waiting for application startup.";
const STARTED: &str = "Application startup complete.";
const NEW: &str = "arn:aws:ecs:r:1:task-definition/x:2";
const FAILED: &str = "Application startup failed. Exiting.";

const fn broken(
    name: &'static str,
    cause: (&'static str, Option<&'static str>),
    next: &'static str,
    broken: fn() -> Facts,
) -> Scenario {
    Scenario { name, cause, next, broken }
}

const SCENARIOS: &[Scenario] = &[
    broken("the image is not granted", ("VF-TASKS", Some("image.grant")), "ask for the image grant", || {
        never_started(&format!("{PULL}: 403 Forbidden"))
    }),
    broken("the image's tag does not exist", ("VF-TASKS", Some("image.missing")), "zenml.version", || {
        never_started(&format!("{PULL}: not found"))
    }),
    broken("a secret is missing", ("VF-SECRETS", None), "hybridctl up", || {
        let mut facts = never_started(&format!("{ASM}: Secrets Manager can't find the specified secret."));
        secrets(&mut facts, |secret| *secret = None);
        facts
    }),
    broken("a secret is pending deletion", ("VF-SECRETS", None), "restore-secret", || {
        let mut facts = never_started(&format!("{ASM}: it was marked for deletion"));
        secrets(&mut facts, |secret| {
            secret.as_mut().expect("because it is there").deleted = Some("2026-11-20T10:00:00Z".into());
        });
        facts
    }),
    broken("the OAuth2 client secret is wrong", ("VF-LOGS", Some("cp.auth")), "oauth2_client_secret", || {
        exits(
            3,
            "RuntimeError: Error fetching auth token from the Cloud API: 401 Client Error: Unauthorized for url: x",
        )
    }),
    broken("the database is stopped", ("VF-DATABASE", None), "start-db-instance", || {
        let mut facts = exits(3, "(2003, \"Can't connect to MySQL server on 'h' (timed out)\")");
        facts.look.database.as_mut().unwrap().as_mut().unwrap().status = "stopped".into();
        facts
    }),
    broken("the database refuses the connection", ("VF-LOGS", Some("db.refused")), "VF-DATABASE", || {
        exits(3, "(2003, \"Can't connect to MySQL server on 'h' ([Errno 111] Connection refused)\")")
    }),
    broken("the database denies access", ("VF-LOGS", Some("db.auth")), "password secret", || {
        exits(3, "(1045, \"Access denied for user 'zenml'@'10.0.128.5' (using password: YES)\")")
    }),
    broken("TLS to the database fails", ("VF-LOGS", Some("db.tls")), "ZENML_STORE_SSL_CA", || {
        exits(
            3,
            "(2003, \"Can't connect to MySQL server on 'h' ([SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed)\")",
        )
    }),
    broken("the server fell back to SQLite", ("VF-ENVIRONMENT", None), "hybridctl up", || {
        let mut facts = samples::with_info("database_type", json!("sqlite"));
        definition(&mut facts).environment.remove("ZENML_STORE_URL");
        facts
    }),
    broken("the container listens on another port", ("VF-PORT", None), "service.port", || {
        let mut facts = fails_health_checks("Target.FailedHealthChecks", &[START, STARTED]);
        definition(&mut facts).command.clear();
        facts
    }),
    broken("the private subnets have no route to NAT", ("VF-ROUTE", None), "hybridctl up", || {
        let mut facts = never_started(&format!("{ASM}: context deadline exceeded. Please check your task network"));
        facts.look.network.as_mut().unwrap().tables[2].default = None;
        facts
    }),
    broken("no way to the control plane", ("VF-ROUTE", None), "hybridctl up", || {
        let mut facts = exits(137, "");
        let log = &mut facts.look.logs.as_mut().unwrap()[0];
        (log.head, log.tail) = (lines(&[START], 200_000), lines(&[START], 200_000));
        facts.look.network.as_mut().unwrap().tables[2].default = None;
        facts
    }),
    broken("no rule lets clients in at the load balancer", ("VF-GROUPS", None), "hybridctl up", || {
        let mut facts = unreachable();
        rules(&mut facts, "sg-alb", 443);
        facts
    }),
    broken("no rule lets the load balancer in at the tasks", ("VF-GROUPS", None), "hybridctl up", || {
        let mut facts = fails_health_checks("Target.Timeout", &[START, STARTED]);
        rules(&mut facts, "sg-ecs", 8000);
        facts
    }),
    broken("no rule lets the tasks in at the database", ("VF-GROUPS", None), "hybridctl up", || {
        let mut facts = exits(3, "(2003, \"Can't connect to MySQL server on 'h' (timed out)\")");
        rules(&mut facts, "sg-rds", 3306);
        facts
    }),
    broken("a new revision's image is missing", ("VF-TASKS", Some("image.missing")), "zenml.version", || {
        let mut facts = rolling();
        facts.look.stopped = Ok(vec![ended(NEW, &format!("{PULL}: not found"), None)]);
        facts
    }),
    broken("ECS goes back from a revision that crashes", ("VF-LOGS", Some("cp.auth")), "oauth2_client_secret", || {
        let mut facts = rolling();
        service(&mut facts).rollouts.swap(0, 1);
        let task = ended(NEW, EXITED, Some(3));
        let said = lines(&[START, "RuntimeError: Error fetching auth token from the Cloud API: 401", FAILED], 25_000);
        facts.look.logs.as_mut().unwrap().push(TaskLog { task: task.clone(), head: said.clone(), tail: said });
        facts.look.stopped = Ok(vec![task]);
        facts
    }),
    broken(
        "ECS went back from a revision that ran out of memory",
        ("VF-REVISION", Some("rollback")),
        "service.memory",
        || {
            let mut facts = rolling();
            service(&mut facts).rollouts.remove(0);
            facts.look.stopped = Ok(vec![ended(NEW, "OutOfMemoryError: Container killed", Some(137))]);
            facts
        },
    ),
    broken("somebody moved the service to a revision that crashes", ("VF-REVISION", None), "hybridctl diff", || {
        let mut facts = exits(3, "ImportError: cannot import name 'x' from 'y'");
        facts.recorded.task_definition_arn = Some(NEW.into());
        facts
    }),
    broken("the container runs out of memory", ("VF-TASKS", Some("memory")), "service.memory", || {
        let mut facts = exits(137, "");
        newest(&mut facts).reason = "OutOfMemoryError: Container killed due to memory usage".into();
        facts
    }),
    broken("the container is out of memory again in a moment", ("VF-TASKS", Some("memory")), "service.memory", || {
        starting_again("OutOfMemoryError: Container killed due to memory usage", "")
    }),
    broken("the server is refused again in a moment", ("VF-LOGS", Some("cp.auth")), "oauth2_client_secret", || {
        starting_again(EXITED, "RuntimeError: Error fetching auth token from the Cloud API: 401 Client Error")
    }),
    broken("the server crashes for a reason of its own", ("VF-LOGS", Some("crash")), "aws logs tail", || {
        exits(3, "ImportError: cannot import name 'x' from 'y'")
    }),
    broken("the server dies without a word", ("VF-TASKS", None), "VF-LOGS", || {
        let mut facts = exits(1, "");
        facts.look.logs = Ok(vec![]);
        facts
    }),
    broken("the health check asks another path", ("VF-HEALTH-CHECK", Some("health.path")), "hybridctl up", || {
        let mut facts = fails_health_checks(
            "Target.ResponseCodeMismatch: Health checks failed with these codes: [404]",
            &[START, STARTED],
        );
        facts.look.targets.as_mut().unwrap().as_mut().unwrap().health_path = "/healthz".into();
        facts
    }),
    broken("the grace is too short for a start", ("VF-HEALTH-CHECK", Some("health.grace")), "hybridctl up", || {
        let mut facts = fails_health_checks("Target.FailedHealthChecks", &[START]);
        service(&mut facts).health_check_grace = 10;
        facts
    }),
    broken("the certificate is for another host", ("VF-TLS", None), "certificate for this host", || {
        certificate(Trust::WrongHost)
    }),
    broken("the certificate has expired", ("VF-TLS", None), "validation record", || certificate(Trust::Expired)),
    broken("the name leads somewhere else", ("VF-DNS", None), "hybridctl up", || {
        let mut facts = samples::good();
        facts.endpoint.name = Some(Ok(vec!["198.51.100.9".parse().unwrap()]));
        facts
    }),
    broken("the zone is not delegated", ("VF-DNS", Some("dns.delegation")), "name servers", || {
        let mut facts = samples::good();
        facts.endpoint.name = Some(Err(NameFailure::Absent));
        facts.endpoint.zone = Some(Err(NameFailure::Absent));
        facts
    }),
    broken("two tasks migrated at once", ("VF-LOGS", Some("db.race")), "hybridctl up", || {
        exits(3, "(1050, \"Table 'api_transaction' already exists\")")
    }),
    broken("an old image meets a newer schema", ("VF-LOGS", Some("mig.downgrade")), "newer version", || {
        exits(3, "alembic.util.exc.CommandError: Can't locate revision identified by '0.98.0'")
    }),
    broken("the target group has no listener", ("VF-LISTENER", None), "hybridctl up", || {
        let mut facts = unreachable();
        facts.look.balancer.as_mut().unwrap().as_mut().unwrap().listeners.retain(|listener| listener.port != 443);
        let group = facts.look.targets.as_mut().unwrap().as_mut().unwrap();
        (group.targets[0].state, group.targets[0].reason) = ("unused".into(), "Target.NotInUse".into());
        facts.endpoint.handshakes[0].1 = Err(Broken::Refused("connection refused".into()));
        facts
    }),
];

fn service(facts: &mut Facts) -> &mut Service {
    facts.look.service.as_mut().unwrap().as_mut().unwrap()
}

fn definition(facts: &mut Facts) -> &mut Definition {
    facts.look.definition.as_mut().unwrap().as_mut().unwrap()
}

fn newest(facts: &mut Facts) -> &mut Task {
    &mut facts.look.stopped.as_mut().unwrap()[0]
}

fn secrets(facts: &mut Facts, change: impl FnOnce(&mut Option<crate::aws::look::access::Secret>)) {
    change(facts.look.secrets.as_mut().unwrap().values_mut().next().unwrap());
}

/// Takes the inbound rules for a port out of a group.
fn rules(facts: &mut Facts, group: &str, port: u16) {
    let inbound = &mut facts.look.groups.as_mut().unwrap().get_mut(group).unwrap().inbound;
    inbound.retain(|rule: &Rule| !rule.covers(port));
}

fn lines(texts: &[&str], age: i64) -> Vec<Line> {
    texts.iter().map(|text| Line { at: NOW - age, text: (*text).to_owned() }).collect()
}

/// The load balancer answers 503 in the place of a server that is not there.
fn without_tasks(reason: &str, exit_code: Option<i32>) -> Facts {
    let mut facts = samples::good();
    let running = facts.look.running.as_mut().unwrap().remove(0);
    let stopped =
        Task { status: "STOPPED".into(), stopped_at: Some(NOW - 20_000), reason: reason.into(), exit_code, ..running };
    facts.look.stopped = Ok(vec![Task { id: "t2".into(), ..stopped.clone() }, stopped]);
    facts.look.logs = Ok(vec![]);
    facts.look.targets.as_mut().unwrap().as_mut().unwrap().targets.clear();
    service(&mut facts).running = 0;
    for answer in facts.endpoint.answers.values_mut() {
        let headers = [("server".to_owned(), "awselb/2.0".to_owned())].into();
        *answer = Ok(Answer { status: 503, headers, body: "<html>".into() });
    }
    facts
}

/// The task of an applied revision is to take the place of one that has run for long.
fn rolling() -> Facts {
    let mut facts = samples::good();
    let rollout = |status: &str, state: &str, revision: &str| Rollout {
        status: status.into(),
        state: state.into(),
        task_definition_arn: revision.into(),
        ..Rollout::default()
    };
    let old = service(&mut facts).task_definition_arn.clone();
    service(&mut facts).rollouts = vec![rollout("PRIMARY", "IN_PROGRESS", NEW), rollout("ACTIVE", "COMPLETED", &old)];
    facts.recorded.task_definition_arn = Some(NEW.into());
    facts
}

/// A task of this revision that stopped a moment ago.
fn ended(revision: &str, reason: &str, exit_code: Option<i32>) -> Task {
    let (id, status) = ("t3".into(), "STOPPED".into());
    let revision = revision.into();
    Task {
        id,
        status,
        task_definition_arn: revision,
        stopped_at: Some(NOW - 20_000),
        reason: reason.into(),
        exit_code,
        ..Task::default()
    }
}

/// The task never ran, so it never logged.
fn never_started(reason: &str) -> Facts {
    without_tasks(reason, None)
}

/// The server ended itself; this was its last word.
fn exits(code: i32, word: &str) -> Facts {
    let mut facts = without_tasks(EXITED, Some(code));
    let said =
        if word.is_empty() { vec![START] } else { vec![START, "Traceback (most recent call last):", word, FAILED] };
    let task = newest(&mut facts).clone();
    facts.look.logs = Ok(vec![TaskLog { task, head: lines(&said, 25_000), tail: lines(&said, 25_000) }]);
    facts
}

/// As [`exits`], at a moment when the next task runs and has not come far.
fn starting_again(reason: &str, word: &str) -> Facts {
    let mut facts = exits(3, word);
    newest(&mut facts).reason = reason.into();
    let next = Task { started_at: Some(NOW - 5000), ..samples::good().look.running.unwrap().remove(0) };
    let said = lines(&[START], 4000);
    facts.look.logs.as_mut().unwrap().insert(0, TaskLog { task: next.clone(), head: said.clone(), tail: said });
    facts.look.running = Ok(vec![next]);
    service(&mut facts).running = 1;
    facts
}

/// The load balancer never got a good answer, and ECS ended the task for it.
fn fails_health_checks(reason: &str, said: &[&str]) -> Facts {
    let mut facts = without_tasks(ELB, Some(137));
    let task = newest(&mut facts).clone();
    facts.look.logs = Ok(vec![TaskLog { task, head: lines(said, 50_000), tail: lines(said, 50_000) }]);
    let target = Target { address: "10.0.128.5".into(), port: 8000, state: "unhealthy".into(), reason: reason.into() };
    facts.look.targets.as_mut().unwrap().as_mut().unwrap().targets = vec![target];
    facts
}

/// Nobody gets a connection.
fn unreachable() -> Facts {
    let mut facts = samples::good();
    facts.endpoint.handshakes[0].1 = Err(Broken::Unreachable("no answer within 5 seconds".into()));
    facts.endpoint.plain = Some(Err("no answer within 5 seconds".into()));
    facts.endpoint.answers.clear();
    facts
}

fn certificate(trust: Trust) -> Facts {
    let mut facts = samples::good();
    facts.endpoint.handshakes[0].1.as_mut().unwrap().trust = trust;
    facts
}

#[test]
fn each_broken_deployment_has_one_cause_the_right_one_with_the_right_advice() {
    for Scenario { name, cause, next, broken } in SCENARIOS {
        let report = judge(&broken());
        let text = report.text();
        let found = report.verdict.unwrap_or_else(|| panic!("{name}: nothing was found\n{text}"));
        assert_eq!((found.id, found.fail.class), *cause, "{name}\n{text}");
        assert!(found.others.is_empty(), "{name}: {:?} are blamed besides\n{text}", found.others);
        assert!(found.fail.next.contains(next), "{name}: {}\n{text}", found.fail.next);
    }
}

#[test]
fn two_independent_faults_are_both_told() {
    let mut facts = never_started(&format!("{PULL}: 403 Forbidden"));
    facts.endpoint.handshakes[0].1.as_mut().unwrap().trust = Trust::Expired;
    let found = judge(&facts).verdict.unwrap();
    assert_eq!((found.id, found.others), ("VF-TASKS", vec!["VF-TLS"]));
}
