//! Deployments that really broke, each in one place: `verify` names that place, with what to do, and blames nothing else.
//!
//! Each is a copy of one good deployment in which boto3 changes one thing; everything else is what the sandbox makes of it.
//! Most causes meet the *next* task, so the running one is ended first, as AWS does when it retires one.
//!
//! Two ends of a start are told by the sandbox rather than worked out, since no AWS call brings them about in a deployment of
//! ours (`server_fails` in the simulator's `conditions.py`): two migrations at once (ours run alone, under a lock), and an old
//! image that looks for its revision in a newer schema (our servers do not migrate; `tests/it/real/starts.rs` has a real one
//! that does). `src/verify/scenarios.rs` has all of this as canned facts, with those that ECS is in for a moment only.

use crate::support::cli::Rehearsal;
use serde_json::Value;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

/// One broken deployment.
struct Broken {
    name: &'static str,
    /// Lines of Python, after `broken.py`.
    how: &'static [&'static str],
    /// The check that must be blamed, and the class of the failure.
    cause: (&'static str, Option<&'static str>),
    /// Words of the advice.
    next: &'static str,
}

const fn broken(
    name: &'static str,
    how: &'static [&'static str],
    cause: (&'static str, Option<&'static str>),
    next: &'static str,
) -> Broken {
    Broken { name, how, cause, next }
}

/// Breaks a deployment by the lines in `argv`.
pub const BREAK: &str = include_str!("broken.py");
/// Copies at once: most of a case is waiting.
const SIDE_BY_SIDE: usize = 3;
const NEXT: &str = "next_task()";

/// The names say what is wrong, in the words of a person who looks for it.
const BROKEN: &[Broken] = &[
    broken(
        "the image is not granted",
        &["conditions(image_granted=False)", NEXT],
        ("VF-TASKS", Some("image.grant")),
        "ask for the image grant",
    ),
    broken(
        "the image's tag does not exist",
        &["conditions(image_present=False)", NEXT],
        ("VF-TASKS", Some("image.missing")),
        "zenml.version",
    ),
    broken(
        "a secret is missing",
        &["secret('zenml/server/jwt-key', ForceDeleteWithoutRecovery=True)", NEXT],
        ("VF-SECRETS", Some("secrets.gone")),
        "hybridctl up",
    ),
    broken(
        "a secret is pending deletion",
        &["secret('zenml/server/jwt-key', RecoveryWindowInDays=7)", NEXT],
        ("VF-SECRETS", Some("secrets.deleted")),
        "restore-secret",
    ),
    broken(
        "the OAuth2 client secret is wrong",
        &["conditions(client_accepted=False)", NEXT],
        ("VF-LOGS", Some("cp.auth")),
        "oauth2_client_secret",
    ),
    broken(
        "the database is stopped",
        &["stop_database()", NEXT],
        ("VF-DATABASE", Some("database.state")),
        "start-db-instance",
    ),
    broken(
        "the database refuses the connection",
        &["conditions(database_listens=False)", NEXT],
        ("VF-LOGS", Some("db.refused")),
        "VF-DATABASE",
    ),
    broken(
        "the database denies access",
        &["modify(MasterUserPassword='another-one-0')", NEXT],
        ("VF-LOGS", Some("db.auth")),
        "password secret",
    ),
    broken(
        "TLS to the database fails",
        &["modify(CACertificateIdentifier='rds-ca-2019')", NEXT],
        ("VF-LOGS", Some("db.tls")),
        "ZENML_STORE_SSL_CA",
    ),
    broken(
        "the server fell back to SQLite",
        &["by_hand(rename)", "until(lambda: len(service()['deployments']), lambda found: found == 1)"],
        ("VF-ENVIRONMENT", Some("env.store")),
        "hybridctl up",
    ),
    broken(
        "the container listens on another port",
        &["by_hand(lambda container: container.pop('command'))", "until(failed, bool)"],
        ("VF-PORT", None),
        "service.port",
    ),
    broken(
        "the private subnets have no route to NAT",
        &["routes(no_route)", NEXT],
        ("VF-ROUTE", Some("route.way")),
        "hybridctl up",
    ),
    broken("the NAT gateway is gone", &["routes(no_gateway)", NEXT], ("VF-ROUTE", Some("route.way")), "hybridctl up"),
    broken(
        "no rule lets clients in at the load balancer",
        &["close('alb', 'ingress', 443)"],
        ("VF-GROUPS", Some("group.clients")),
        "hybridctl up",
    ),
    broken(
        "no rule lets the load balancer in at the tasks",
        &["close('ecs', 'ingress', 8000)", "unhealthy()"],
        ("VF-GROUPS", Some("group.tasks")),
        "hybridctl up",
    ),
    broken(
        "no rule lets the tasks in at the database",
        &["close('rds', 'ingress', 3306)", NEXT],
        ("VF-GROUPS", Some("group.database")),
        "hybridctl up",
    ),
    broken(
        "no rule lets the tasks out to AWS",
        &["close('ecs', 'egress', 443)", NEXT],
        ("VF-GROUPS", Some("group.egress")),
        "hybridctl up",
    ),
    broken(
        "the container runs out of memory",
        &["conditions(server_memory=2048)", NEXT],
        ("VF-TASKS", Some("memory")),
        "service.memory",
    ),
    broken(
        "the server crashes for a reason of its own",
        &["conditions(server_fails=\"ImportError: cannot import name 'x' from 'y'\")", NEXT],
        ("VF-LOGS", Some("crash")),
        "aws logs tail",
    ),
    broken(
        "the health check asks another path",
        &["health_check(HealthCheckPath='/healthz')", "unhealthy()"],
        ("VF-HEALTH-CHECK", Some("health.path")),
        "hybridctl up",
    ),
    broken(
        "the grace is too short for a start",
        &["conditions(server_steps=5)", "grace(10)", NEXT],
        ("VF-HEALTH-CHECK", Some("health.grace")),
        "hybridctl up",
    ),
    broken(
        "the certificate is for another host",
        &["another_certificate()"],
        ("VF-TLS", Some("tls.host")),
        "certificate for this host",
    ),
    broken(
        "the certificate has expired",
        &["conditions(certificate={'Status': 'EXPIRED'})"],
        ("VF-TLS", Some("tls.expired")),
        "validation record",
    ),
    broken("the name leads somewhere else", &["another_address()"], ("VF-DNS", Some("dns.elsewhere")), "hybridctl up"),
    broken(
        "the zone is not delegated",
        &["conditions(delegated=False)"],
        ("VF-DNS", Some("dns.delegation")),
        "name servers",
    ),
    broken(
        "two tasks migrated at once",
        &["conditions(server_fails=\"(1050, \\\"Table 'api_transaction' already exists\\\")\")", NEXT],
        ("VF-LOGS", Some("db.race")),
        "hybridctl up",
    ),
    broken(
        "an old image meets a newer schema",
        &[
            "migrate('0.99.0')",
            "conditions(server_fails=\"alembic.util.exc.CommandError: Can't locate revision identified by '0.99.0'\")",
            NEXT,
        ],
        ("VF-LOGS", Some("mig.downgrade")),
        "newer version",
    ),
    broken(
        "the target group has no listener",
        &["for listener in listeners(443):\n    elb.delete_listener(ListenerArn=listener)"],
        ("VF-LISTENER", Some("listener.none")),
        "hybridctl up",
    ),
    broken(
        "the execution role may not read",
        &["may_not_read()", NEXT],
        ("VF-ROLES", Some("roles.secrets")),
        "hybridctl up",
    ),
    broken(
        "the log group is gone",
        &["client('logs').delete_log_group(logGroupName='/ecs/zenml-hybrid')", NEXT],
        ("VF-LOG-GROUP", None),
        "hybridctl up",
    ),
    broken(
        "the execution role may not pull",
        &["may_not_pull()", NEXT],
        ("VF-ROLES", Some("roles.image")),
        "hybridctl up",
    ),
    broken(
        "two servers sign with keys of their own",
        &[
            "ecs.update_service(cluster=CLUSTER, service=SERVICE, desiredCount=2)",
            "by_hand(without_key)",
            "until(lambda: len(service()['deployments']), lambda found: found == 1)",
        ],
        ("VF-ENVIRONMENT", Some("env.key")),
        "hybridctl up",
    ),
    broken(
        "somebody moved the service to an image that does not exist",
        &["by_hand(lambda container: container.update(image=container['image'] + '-missing'))", "until(failed, bool)"],
        ("VF-REVISION", Some("revision.other")),
        "hybridctl diff",
    ),
];

#[test]
fn each_broken_deployment_has_one_cause_the_right_one_with_the_right_advice() {
    let good = Rehearsal::new();
    good.up().expect(0);
    let chosen = std::env::var("HYBRIDCTL_BROKEN").ok();
    let is_chosen = |case: &&Broken| chosen.as_ref().is_none_or(|part| case.name.contains(part));
    let cases: Vec<&Broken> = BROKEN.iter().filter(is_chosen).collect();
    assert!(!cases.is_empty(), "no case is named so");
    let (started, next, complaints) = (Instant::now(), AtomicUsize::new(0), Mutex::new(vec![]));
    let work = || {
        while let Some(case) = cases.get(next.fetch_add(1, Ordering::SeqCst)) {
            let complaint = case.complaint(&good);
            complaints.lock().unwrap().extend(complaint);
        }
    };
    std::thread::scope(|scope| {
        (0..SIDE_BY_SIDE).for_each(|_| drop(scope.spawn(work)));
    });
    eprintln!("{} broken deployments in {} s", cases.len(), started.elapsed().as_secs());
    let complaints = complaints.into_inner().unwrap();
    assert!(complaints.is_empty(), "{} of {}\n\n{}", complaints.len(), cases.len(), complaints.join("\n\n"));
}

impl Broken {
    /// What is wrong with what `verify` says; `None`: nothing.
    fn complaint(&self, good: &Rehearsal) -> Option<String> {
        let rehearsal = good.copy();
        rehearsal.boto(BREAK, self.how);
        let output = rehearsal.run(&["verify", "--format", "json"]);
        let complain = |what: String| Some(format!("{}: {what}\n{}", self.name, output.text()));
        if output.code != 10 {
            return complain("the exit code is not 10".into());
        }
        let report: Value = match serde_json::from_str(&output.stdout) {
            Ok(report) => report,
            Err(error) => return complain(error.to_string()),
        };
        let verdict = &report["verdict"];
        let found = (verdict["cause"].as_str().unwrap_or_default(), verdict["class"].as_str());
        if found != self.cause {
            return complain(format!("{found:?} is blamed, not {:?}", self.cause));
        }
        if verdict["others"] != Value::Array(vec![]) {
            return complain(format!("{} are blamed besides", verdict["others"]));
        }
        let advice = verdict["next"].as_str().unwrap_or_default();
        (!advice.contains(self.next)).then(|| complain(format!("`{advice}` does not say `{}`", self.next)))?
    }
}

/// The migration stops, so there is no service: its own task tells why. After a `destroy` nothing is there to be blamed.
#[test]
fn before_there_is_a_service_the_migration_tells_and_after_a_destroy_nothing_is_there() {
    let rehearsal = Rehearsal::new();
    let blamed = || {
        let output = rehearsal.run(&["verify", "--format", "json"]).expect(10);
        let report: Value = serde_json::from_str(&output.stdout).unwrap();
        let verdict = report["verdict"].clone();
        assert_eq!(verdict["others"], Value::Array(vec![]), "{}", output.text());
        (verdict["cause"].as_str().unwrap().to_owned(), verdict["class"].as_str().unwrap().to_owned())
    };
    let is = |id: &str, class: &str| (id.to_owned(), class.to_owned());
    rehearsal.boto(BREAK, &["conditions(image_granted=False)"]);
    rehearsal.up().expect(9);
    assert_eq!(blamed(), is("VF-MIGRATION", "image.grant"));
    rehearsal.boto(BREAK, &["conditions(image_granted=True, database_listens=False)"]);
    assert_ne!(rehearsal.up().code, 0);
    assert_eq!(blamed(), is("VF-MIGRATION", "db.refused"));
    rehearsal
        .run(&["destroy", "--yes", "--confirm", "zenml-hybrid", "--disable-protection", "--skip-final-snapshot"])
        .expect(0);
    assert_eq!(blamed(), is("VF-SERVICE", "service.absent"));
}
