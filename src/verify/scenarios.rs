//! Deployments broken in one place, with everything that follows from it: the verdict names that place and nothing else.

mod breaks;
mod pairs;

use super::probe::dns::NameFailure;
use super::probe::tls::{Broken, Trust};
use super::samples;
use super::{Facts, judge};
use crate::aws::look::logs::TaskLog;
use crate::aws::look::service::Task;
use breaks::*;
use serde_json::json;

/// One broken deployment.
struct Scenario {
    name: &'static str,
    /// The check that must be blamed, and the class of the failure.
    cause: (&'static str, Option<&'static str>),
    /// Words of the advice.
    next: &'static str,
    /// The failures that are told as following from it, in the order of the checks.
    follows: &'static [&'static str],
    broken: fn() -> Facts,
}

const fn broken(
    name: &'static str,
    cause: (&'static str, Option<&'static str>),
    next: &'static str,
    follows: &'static [&'static str],
    broken: fn() -> Facts,
) -> Scenario {
    Scenario { name, cause, next, follows, broken }
}

/// No server answers: its tasks are gone, and so are their targets.
const DOWN: &[&str] = &["VF-HEALTH", "VF-TARGETS", "VF-SERVICE"];
/// The same, and the log does not tell why.
const UNTOLD: &[&str] = &["VF-HEALTH", "VF-TARGETS", "VF-SERVICE", "VF-LOGS"];
/// No server answers, and what the tasks stopped for follows too.
const NO_TASKS: &[&str] = &["VF-HEALTH", "VF-TARGETS", "VF-SERVICE", "VF-TASKS"];
/// The same, and so does what their log says.
const NO_START: &[&str] = &["VF-HEALTH", "VF-TARGETS", "VF-SERVICE", "VF-TASKS", "VF-LOGS"];

const SCENARIOS: &[Scenario] = &[
    broken("the image is not granted", ("VF-TASKS", Some("image.grant")), "ask for the image grant", DOWN, || {
        never_started(&format!("{PULL}: 403 Forbidden"))
    }),
    broken("the image's tag does not exist", ("VF-TASKS", Some("image.missing")), "zenml.version", DOWN, || {
        never_started(&format!("{PULL}: not found"))
    }),
    broken("a secret is missing", ("VF-SECRETS", Some("secrets.gone")), "hybridctl up", NO_TASKS, || {
        let mut facts = never_started(&format!("{ASM}: Secrets Manager can't find the specified secret."));
        secrets(&mut facts, |secret| *secret = None);
        facts
    }),
    broken("a secret is pending deletion", ("VF-SECRETS", Some("secrets.deleted")), "restore-secret", NO_TASKS, || {
        let mut facts = never_started(&format!("{ASM}: it was marked for deletion"));
        secrets(&mut facts, |secret| {
            secret.as_mut().expect("because it is there").deleted = Some("2026-11-20T10:00:00Z".into());
        });
        facts
    }),
    broken("the OAuth2 client secret is wrong", ("VF-LOGS", Some("cp.auth")), "oauth2_client_secret", NO_TASKS, || {
        exits(
            3,
            "RuntimeError: Error fetching auth token from the Cloud API: 401 Client Error: Unauthorized for url: x",
        )
    }),
    broken("the database is stopped", ("VF-DATABASE", Some("database.state")), "start-db-instance", NO_START, || {
        let mut facts = exits(3, "(2003, \"Can't connect to MySQL server on 'h' (timed out)\")");
        facts.look.database.as_mut().unwrap().as_mut().unwrap().status = "stopped".into();
        facts
    }),
    broken("the database refuses the connection", ("VF-LOGS", Some("db.refused")), "VF-DATABASE", NO_TASKS, || {
        exits(3, "(2003, \"Can't connect to MySQL server on 'h' ([Errno 111] Connection refused)\")")
    }),
    broken("the database denies access", ("VF-LOGS", Some("db.auth")), "password secret", NO_TASKS, || {
        exits(3, "(1045, \"Access denied for user 'zenml'@'10.0.128.5' (using password: YES)\")")
    }),
    broken("TLS to the database fails", ("VF-LOGS", Some("db.tls")), "ZENML_STORE_SSL_CA", NO_TASKS, || {
        exits(
            3,
            "(2003, \"Can't connect to MySQL server on 'h' ([SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed)\")",
        )
    }),
    broken(
        "the server fell back to SQLite",
        ("VF-ENVIRONMENT", Some("env.store")),
        "hybridctl up",
        &["VF-INFO-DATABASE"],
        || {
            let mut facts = samples::with_info("database_type", json!("sqlite"));
            definition(&mut facts).environment.remove("ZENML_STORE_URL");
            facts
        },
    ),
    broken("the container listens on another port", ("VF-PORT", None), "service.port", NO_TASKS, || {
        let mut facts = fails_health_checks("Target.FailedHealthChecks", &[START, STARTED]);
        definition(&mut facts).command.clear();
        facts
    }),
    broken(
        "the private subnets have no route to NAT",
        ("VF-ROUTE", Some("route.way")),
        "hybridctl up",
        NO_TASKS,
        || {
            let mut facts = never_started(&format!("{ASM}: context deadline exceeded. Please check your task network"));
            facts.look.network.as_mut().unwrap().tables[2].default = None;
            facts
        },
    ),
    broken("no way to the control plane", ("VF-ROUTE", Some("route.way")), "hybridctl up", NO_START, || {
        let mut facts = exits(137, "");
        let log = &mut facts.look.logs.as_mut().unwrap()[0];
        (log.head, log.tail) = (lines(&[START], 200_000), lines(&[START], 200_000));
        facts.look.network.as_mut().unwrap().tables[2].default = None;
        facts
    }),
    broken(
        "no rule lets clients in at the load balancer",
        ("VF-GROUPS", Some("group.clients")),
        "hybridctl up",
        &["VF-TLS", "VF-REDIRECT", "VF-HEALTH"],
        || {
            let mut facts = unreachable();
            rules(&mut facts, "sg-alb", 443);
            facts
        },
    ),
    broken(
        "no rule lets the load balancer in at the tasks",
        ("VF-GROUPS", Some("group.tasks")),
        "hybridctl up",
        NO_TASKS,
        || {
            let mut facts = fails_health_checks("Target.Timeout", &[START, STARTED]);
            rules(&mut facts, "sg-ecs", 8000);
            facts
        },
    ),
    broken(
        "no rule lets the tasks in at the database",
        ("VF-GROUPS", Some("group.database")),
        "hybridctl up",
        NO_START,
        || {
            let mut facts = exits(3, "(2003, \"Can't connect to MySQL server on 'h' (timed out)\")");
            rules(&mut facts, "sg-rds", 3306);
            facts
        },
    ),
    broken(
        "a new revision's image is missing",
        ("VF-TASKS", Some("image.missing")),
        "zenml.version",
        &["VF-SERVICE"],
        || {
            let mut facts = rolling();
            facts.look.stopped = Ok(vec![ended(NEW, &format!("{PULL}: not found"), None)]);
            facts
        },
    ),
    broken(
        "ECS goes back from a revision that crashes",
        ("VF-LOGS", Some("cp.auth")),
        "oauth2_client_secret",
        &["VF-SERVICE", "VF-REVISION"],
        || {
            let mut facts = rolling();
            service(&mut facts).rollouts.swap(0, 1);
            let task = ended(NEW, EXITED, Some(3));
            let said =
                lines(&[START, "RuntimeError: Error fetching auth token from the Cloud API: 401", FAILED], 25_000);
            facts.look.logs.as_mut().unwrap().push(TaskLog { task: task.clone(), head: said.clone(), tail: said });
            facts.look.stopped = Ok(vec![task]);
            facts
        },
    ),
    broken(
        "ECS went back from a revision that ran out of memory",
        ("VF-REVISION", Some("rollback")),
        "service.memory",
        &[],
        || {
            let mut facts = rolling();
            service(&mut facts).rollouts.remove(0);
            facts.look.stopped = Ok(vec![ended(NEW, "OutOfMemoryError: Container killed", Some(137))]);
            facts
        },
    ),
    broken(
        "somebody moved the service to a revision that crashes",
        ("VF-REVISION", Some("revision.other")),
        "hybridctl diff",
        NO_START,
        || {
            let mut facts = exits(3, "ImportError: cannot import name 'x' from 'y'");
            facts.recorded.task_definition_arn = Some(NEW.into());
            facts
        },
    ),
    broken("the container runs out of memory", ("VF-TASKS", Some("memory")), "service.memory", UNTOLD, || {
        let mut facts = exits(137, "");
        newest(&mut facts).reason = "OutOfMemoryError: Container killed due to memory usage".into();
        facts
    }),
    broken(
        "the container is out of memory again in a moment",
        ("VF-TASKS", Some("memory")),
        "service.memory",
        &["VF-HEALTH", "VF-TARGETS", "VF-LOGS"],
        || starting_again("OutOfMemoryError: Container killed due to memory usage", ""),
    ),
    broken(
        "the server is refused again in a moment",
        ("VF-LOGS", Some("cp.auth")),
        "oauth2_client_secret",
        &["VF-HEALTH", "VF-TARGETS", "VF-TASKS"],
        || starting_again(EXITED, "RuntimeError: Error fetching auth token from the Cloud API: 401 Client Error"),
    ),
    broken("the server crashes for a reason of its own", ("VF-LOGS", Some("crash")), "aws logs tail", NO_TASKS, || {
        exits(3, "ImportError: cannot import name 'x' from 'y'")
    }),
    broken("the server dies without a word", ("VF-TASKS", Some("exit")), "VF-LOGS", DOWN, || {
        let mut facts = exits(1, "");
        facts.look.logs = Ok(vec![]);
        facts
    }),
    broken(
        "the health check asks another path",
        ("VF-HEALTH-CHECK", Some("health.path")),
        "hybridctl up",
        NO_TASKS,
        || {
            let mut facts = fails_health_checks(
                "Target.ResponseCodeMismatch: Health checks failed with these codes: [404]",
                &[START, STARTED],
            );
            facts.look.targets.as_mut().unwrap().as_mut().unwrap().health_path = "/healthz".into();
            facts
        },
    ),
    broken(
        "the grace is too short for a start",
        ("VF-HEALTH-CHECK", Some("health.grace")),
        "hybridctl up",
        NO_START,
        || {
            let mut facts = fails_health_checks("Target.FailedHealthChecks", &[START]);
            service(&mut facts).health_check_grace = 10;
            facts
        },
    ),
    broken(
        "the certificate is for another host",
        ("VF-TLS", Some("tls.host")),
        "certificate for this host",
        &[],
        || certificate(Trust::WrongHost),
    ),
    broken("the certificate has expired", ("VF-TLS", Some("tls.expired")), "validation record", &[], || {
        certificate(Trust::Expired)
    }),
    broken("the name leads somewhere else", ("VF-DNS", Some("dns.elsewhere")), "hybridctl up", &[], || {
        let mut facts = samples::good();
        facts.endpoint.name = Some(Ok(vec!["198.51.100.9".parse().unwrap()]));
        facts
    }),
    broken("the zone is not delegated", ("VF-DNS", Some("dns.delegation")), "name servers", &[], || {
        let mut facts = samples::good();
        facts.endpoint.name = Some(Err(NameFailure::Absent));
        facts.endpoint.zone = Some(Err(NameFailure::Absent));
        facts
    }),
    broken("two tasks migrated at once", ("VF-LOGS", Some("db.race")), "hybridctl up", NO_TASKS, || {
        exits(3, "(1050, \"Table 'api_transaction' already exists\")")
    }),
    broken("an old image meets a newer schema", ("VF-LOGS", Some("mig.downgrade")), "newer version", NO_TASKS, || {
        exits(3, "alembic.util.exc.CommandError: Can't locate revision identified by '0.98.0'")
    }),
    broken(
        "the target group has no listener",
        ("VF-LISTENER", Some("listener.none")),
        "hybridctl up",
        &["VF-TLS", "VF-HEALTH", "VF-TARGETS"],
        || {
            let mut facts = unreachable();
            facts.endpoint.plain = samples::good().endpoint.plain;
            facts.look.balancer.as_mut().unwrap().as_mut().unwrap().listeners.retain(|listener| listener.port != 443);
            let group = facts.look.targets.as_mut().unwrap().as_mut().unwrap();
            (group.targets[0].state, group.targets[0].reason) = ("unused".into(), "Target.NotInUse".into());
            facts.endpoint.handshakes[0].1 = Err(Broken::Refused("connection refused".into()));
            facts
        },
    ),
    broken(
        "the first `up` waits for the grant",
        ("VF-MIGRATION", Some("image.grant")),
        "ask for the image grant",
        DOWN,
        || {
            let mut facts = without_service();
            migration_stops(&mut facts, &format!("{PULL}: 403 Forbidden"), None, &[]);
            facts
        },
    ),
    broken("the first migration may not sign in", ("VF-MIGRATION", Some("db.auth")), "password secret", DOWN, || {
        let mut facts = without_service();
        migration_stops(&mut facts, EXITED, Some(1), &["(1045, \"Access denied for user 'zenml'@'h'\")"]);
        facts
    }),
    broken(
        "the first migration does not reach the database",
        ("VF-GROUPS", Some("group.database")),
        "hybridctl up",
        &["VF-HEALTH", "VF-TARGETS", "VF-SERVICE", "VF-MIGRATION"],
        || {
            let mut facts = without_service();
            let said = "(2003, \"Can't connect to MySQL server on 'h' (timed out)\")";
            migration_stops(&mut facts, EXITED, Some(1), &[said]);
            rules(&mut facts, "sg-rds", 3306);
            facts
        },
    ),
    broken(
        "the migration of an upgrade fails",
        ("VF-MIGRATION", Some("mig.failed")),
        "snapshot",
        &["VF-REVISION"],
        || {
            let mut facts = samples::good();
            facts.recorded.task_definition_arn = Some(NEW.into());
            migration_stops(&mut facts, EXITED, Some(1), &["RuntimeError: The database migration failed: x"]);
            facts
        },
    ),
    broken("two servers sign with keys of their own", ("VF-ENVIRONMENT", Some("env.key")), "hybridctl up", &[], || {
        let mut facts = samples::good();
        definition(&mut facts).secrets.remove("ZENML_SERVER_JWT_SECRET_KEY");
        let second = Task { id: "t2".into(), ..facts.look.running.as_ref().unwrap()[0].clone() };
        facts.look.running.as_mut().unwrap().push(second);
        (service(&mut facts).desired, service(&mut facts).running) = (2, 2);
        facts
    }),
    broken(
        "nothing was made, or all was destroyed",
        ("VF-SERVICE", Some("service.absent")),
        "hybridctl up",
        &["VF-DNS", "VF-HEALTH", "VF-BALANCER", "VF-TARGETS", "VF-DATABASE"],
        nothing,
    ),
];

#[test]
fn each_broken_deployment_has_one_cause_the_right_one_with_the_right_advice() {
    let complaints: Vec<String> = SCENARIOS.iter().filter_map(Scenario::complaint).collect();
    assert!(complaints.is_empty(), "{}", complaints.join("\n\n"));
}

impl Scenario {
    /// What is wrong with what is said of it; `None`: nothing.
    fn complaint(&self) -> Option<String> {
        let report = judge(&(self.broken)());
        let complain = |what: String| Some(format!("{}: {what}\n{}", self.name, report.text()));
        let Some(found) = &report.verdict else { return complain("nothing was found".into()) };
        if (found.id, found.fail.class) != self.cause {
            return complain(format!("{} {:?} is blamed, not {:?}", found.id, found.fail.class, self.cause));
        }
        if !found.others.is_empty() {
            return complain(format!("{:?} are blamed besides", found.others));
        }
        if found.consequences != self.follows {
            return complain(format!("{:?} follow from it, not {:?}", found.consequences, self.follows));
        }
        let advice = &found.fail.next;
        (!advice.contains(self.next)).then(|| complain(format!("`{advice}` does not say `{}`", self.next)))?
    }
}

#[test]
fn two_independent_faults_are_both_told() {
    let mut facts = never_started(&format!("{PULL}: 403 Forbidden"));
    facts.endpoint.handshakes[0].1.as_mut().unwrap().trust = Trust::Expired;
    let found = judge(&facts).verdict.unwrap();
    assert_eq!((found.id, found.others), ("VF-TASKS", vec!["VF-TLS"]));
}
