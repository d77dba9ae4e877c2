//! Waiting on the wire: what goes wrong while something is made says why, and waiting ends where it cannot help.

use super::broken::BREAK;
use super::checks;
use super::world::{counts, quickstart, world};
use crate::support::cli::{Output, Rehearsal};
use crate::support::proxy::{Call, Fault, Faults, Moment, always, first, nth, replace, stop};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// RDS does not give a subnet back that an instance stands in, and says so only after everything else was changed.
#[test]
fn a_zone_can_be_taken_away_again_once_the_database_is_out_of_it() {
    let rehearsal = Rehearsal::new();
    checks::set(&rehearsal, &json!({ "database_zone": "eu-central-1c" }));
    rehearsal.edit("[database]", "[network]\nzones = 3\n\n[database]");
    rehearsal.up().expect(0);
    assert_eq!(counts(&world(&rehearsal))["subnet"], 6);
    rehearsal.edit("zones = 3", "zones = 2");
    let failover = "aws rds reboot-db-instance --db-instance-identifier zenml-hybrid-db --force-failover";
    checks::refused(&rehearsal, &["PF-DB-ZONE"], &["the database is in eu-central-1c", "keep the zones", failover]);
    // The way that the remedy tells.
    rehearsal.edit("zones = 2", "zones = 3");
    rehearsal.edit("[database]", "[database]\nmulti_az = true");
    rehearsal.up().expect(0);
    rehearsal.boto("client('rds').reboot_db_instance(DBInstanceIdentifier='zenml-hybrid-db', ForceFailover=True)", &[]);
    rehearsal.edit("zones = 3", "zones = 2");
    checks::refused(&rehearsal, &["PF-DB-ZONE"], &["the database's standby is in eu-central-1c", "multi_az = false"]);
    rehearsal.edit("zones = 2", "zones = 3");
    rehearsal.edit("multi_az = true", "multi_az = false");
    rehearsal.up().expect(0);
    rehearsal.edit("zones = 3", "zones = 2");
    rehearsal.up().expect(0);
    assert_eq!(counts(&world(&rehearsal)), quickstart(&[]));
    rehearsal.diff().expect(0);
}

/// The first reading of a new NAT gateway says that it failed, however far it has come.
fn failing_gateway(code: &str, message: &str) -> Faults {
    let failed =
        format!("<failureCode>{code}</failureCode><failureMessage>{message}</failureMessage><state>failed</state>");
    let by_id = |call: &Call| call.text().contains("nat-gateway-id");
    ["pending", "available"].iter().fold(Faults::none(), |faults, state| {
        let changed = replace(&format!("<state>{state}</state>"), &failed);
        faults.on_those("ec2:DescribeNatGateways", by_id, first(1), changed)
    })
}

#[test]
fn a_nat_gateway_that_failed_by_chance_is_made_once_more() {
    let mut rehearsal = Rehearsal::new();
    let tokens = Arc::new(Mutex::new(BTreeSet::new()));
    let noted = Arc::clone(&tokens);
    let note = move |call: &Call| {
        noted.lock().unwrap().extend(call.parameters().into_iter().filter(|(name, _)| name == "ClientToken"));
        true
    };
    let faults = failing_gateway("InternalError", "try again");
    let faults = faults.on_those("ec2:CreateNatGateway", note, always(), Fault::Delay(Duration::ZERO));
    let proxy = rehearsal.disturbed(faults);
    let up = rehearsal.up().expect(0);
    let log = proxy.take_log();
    assert_eq!((log.effects("ec2:CreateNatGateway"), log.effects("ec2:DeleteNatGateway")), (2, 1), "{}", log.text());
    assert_eq!(tokens.lock().unwrap().len(), 2, "with the first token AWS would answer with what was deleted");
    assert!(up.stderr.contains("InternalError: try again: it is deleted and made once more"), "{}", up.text());
    assert_eq!(counts(&world(&rehearsal)), quickstart(&[]));
    rehearsal.diff().expect(0);
}

#[test]
fn a_nat_gateway_without_a_way_out_is_not_tried_again_and_names_what_is_missing() {
    let mut rehearsal = Rehearsal::new();
    let proxy = rehearsal.disturbed(failing_gateway("Gateway.NotAttached", "Network vpc-1 has no Internet gateway"));
    let up = rehearsal.up().expect(1);
    assert_eq!(proxy.log().effects("ec2:CreateNatGateway"), 1);
    for word in ["Gateway.NotAttached: Network vpc-1 has no Internet gateway", "ec2.internet_gateway_attachment"] {
        assert!(up.stderr.contains(word), "{word}\n{}", up.text());
    }
    rehearsal.up().expect(0);
    assert_eq!(counts(&world(&rehearsal)), quickstart(&[]));
}

/// How long it may take until a stop is explained (P9), in milliseconds.
const SOON: i64 = 60_000;

/// When the tasks of the service that failed have stopped, in milliseconds since 1970, the first one first.
const STOPS: &str = "out(sorted(int(task['stoppedAt'].timestamp() * 1000) for task in failed()))";

/// Until ECS has gone back, or found that it cannot.
const SETTLED: &str = "until(lambda: [one['rolloutState'] for one in service()['deployments']], lambda found: 'IN_PROGRESS' not in found)";

#[test]
fn a_server_that_crashes_says_why_at_its_first_stop() {
    let rehearsal = Rehearsal::new();
    let image = "715803424590.dkr.ecr.eu-central-1.amazonaws.com/zenml-pro-server:0.98.0-crash";
    rehearsal.edit("[service]", &format!("[service]\nimage = \"{image}\""));
    let up = rehearsal.run(&["up", "--yes", "--events", "events.ndjson"]).expect(1);
    let told = "a new task stopped: Essential container in task exited (exit code 1); it logged RuntimeError: Simulated crash.";
    let at = |text: &str| up.stderr.find(text).unwrap_or_else(|| panic!("`{text}` is missing\n{}", up.text()));
    assert!(at(told) < at("the rollout of zenml-hybrid:1 failed"), "{}", up.text());
    the_first_stop_is_explained_soon(&rehearsal, told, &up);
    rehearsal.edit("0.98.0-crash", "0.98.0");
    rehearsal.up().expect(0);
}

/// A rollout that fails, by what happens behind our back between its plan and its first task.
struct Failing {
    name: &'static str,
    /// A line of Python, after `broken.py`.
    how: &'static str,
    /// The class, as it is told.
    class: &'static str,
    /// More words of the note.
    words: &'static [&'static str],
    /// The exit code of `up`.
    code: i32,
    /// Whom `verify` blames when ECS has gone back, or could not: most of this keeps the old revision from starting too.
    cause: &'static str,
}

const FAILING: &[Failing] = &[
    Failing {
        name: "out of memory",
        how: "conditions(server_memory=1500)",
        class: "(memory)",
        words: &["OutOfMemoryError", "raise `service.memory`"],
        code: 1,
        cause: "VF-REVISION",
    },
    Failing {
        name: "the image's tag was taken away",
        how: "conditions(image_present=False)",
        class: "(image.missing)",
        words: &["CannotPullContainerError", "not found", "correct `zenml.version`"],
        code: 1,
        cause: "VF-TASKS",
    },
    Failing {
        name: "the image grant was taken away after the migration",
        how: "conditions(image_granted=False)",
        class: "(image.grant)",
        words: &["CannotPullContainerError", "403", "ask for the image grant"],
        code: 9,
        cause: "VF-TASKS",
    },
    Failing {
        name: "a secret vanished",
        how: "secret('zenml/server/jwt-key', ForceDeleteWithoutRecovery=True)",
        class: "(secret.gone)",
        words: &["can't find the specified secret", "VF-SECRETS"],
        code: 1,
        cause: "VF-SECRETS",
    },
    Failing {
        name: "the OAuth2 client secret is wrong",
        how: "conditions(client_accepted=False)",
        class: "(cp.auth)",
        words: &["exit code 3", "401 Client Error", "oauth2_client_secret"],
        code: 1,
        cause: "VF-LOGS",
    },
];

#[test]
fn a_rollout_that_fails_says_why_within_a_minute_of_the_first_stop() {
    let good = Rehearsal::new();
    good.edit("memory = 1024", "memory = 2048");
    good.up().expect(0);
    // A new revision of the same image: it is rolled out without a migration, which would meet the same.
    good.edit("memory = 2048", "memory = 1024");
    std::thread::scope(|scope| {
        // A few at a time: most of each is waiting.
        for some in FAILING.chunks(3) {
            let good = &good;
            scope.spawn(move || some.iter().for_each(|failing| failing.is_explained(good)));
        }
    });
}

impl Failing {
    fn is_explained(&self, good: &Rehearsal) {
        let mut rehearsal = good.copy();
        let script = rehearsal.script(&rehearsal.sandbox.endpoint, BREAK, &[self.how]);
        let script = Mutex::new(script);
        let behind = move |_: &Call| assert!(script.lock().unwrap().status().unwrap().success());
        let faults = Faults::none().on("ecs:RegisterTaskDefinition", nth(1), stop(Moment::Passed, behind));
        let _proxy = rehearsal.disturbed(faults);
        let up = rehearsal.run(&["up", "--yes", "--events", "events.ndjson"]).expect(self.code);
        let note = the_first_stop_is_explained_soon(&rehearsal, self.class, &up);
        for word in self.words {
            assert!(note.contains(word), "{}: `{word}` is not in `{note}`\n{}", self.name, up.text());
        }
        rehearsal.boto(BREAK, &[SETTLED]);
        let verified = rehearsal.run(&["verify", "--format", "json"]).expect(10);
        let verdict = &verified.json()["verdict"];
        assert_eq!(verdict["cause"], self.cause, "{}: {verdict:#}", self.name);
        assert_eq!(verdict["others"], serde_json::json!([]), "{}: {verdict:#}", self.name);
        let is_told = verdict["why"].as_str().unwrap().contains(self.class);
        // A secret that is gone is seen itself.
        assert!(is_told || self.cause == "VF-SECRETS", "{}: {verdict:#}", self.name);
    }
}

/// These words were told not much later than the first stop (a task that is on its way down may be told of before it
/// has stopped); returns it.
fn the_first_stop_is_explained_soon(rehearsal: &Rehearsal, words: &str, up: &Output) -> String {
    let events = std::fs::read_to_string(rehearsal.project().join("events.ndjson")).unwrap();
    let events: Vec<Value> = events.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    // Where the first stop and the end of the rollout fall between two looks, the failure tells it.
    let line = |event: &Value| match event["type"].as_str() {
        Some("note") => event["line"].as_str().unwrap().to_owned(),
        Some("failed") => event["error"]["message"].as_str().unwrap().to_owned(),
        _ => String::new(),
    };
    let note = events
        .iter()
        .find(|event| line(event).contains(words))
        .unwrap_or_else(|| panic!("`{words}` is not told\n{}", up.text()));
    let stops = rehearsal.boto(BREAK, &[STOPS]);
    let first = stops[0].as_i64().unwrap_or_else(|| panic!("nothing stopped\n{}", up.text()));
    let told: jiff::Timestamp = note["time"].as_str().unwrap().parse().unwrap();
    let late = told.as_millisecond() - first;
    println!("{words}: told {late} ms after the stop");
    assert!(late <= SOON, "it was told {late} ms after the stop\n{}", up.text());
    line(note)
}

/// The status word alone tells no cause.
#[test]
fn the_reason_that_aws_gives_for_a_failed_object_is_told_at_once() {
    let mut rehearsal = Rehearsal::new();
    let mut faults = Faults::none();
    for state in ["provisioning", "active"] {
        let failed = "<Code>failed</Code><Reason>no room in subnet-1</Reason>";
        let failed = replace(&format!("<Code>{state}</Code>"), failed);
        faults = faults.on("elasticloadbalancing:DescribeLoadBalancers", always(), failed);
    }
    for state in ["creating", "available", "modifying", "backing-up"] {
        let failed = "<DBInstanceStatus>incompatible-network</DBInstanceStatus>";
        let failed = replace(&format!("<DBInstanceStatus>{state}</DBInstanceStatus>"), failed);
        faults = faults.on("rds:DescribeDBInstances", always(), failed);
    }
    let proxy = rehearsal.disturbed(faults);
    let up = rehearsal.up().expect(1);
    let told = [
        "could not create elb.load_balancer/main\n  failed: no room in subnet-1",
        "could not create rds.instance/main\n  incompatible-network: DB instance created",
    ];
    for said in told {
        assert!(up.stderr.contains(said), "`{said}`\n{}", up.text());
    }
    proxy.disturb(Faults::none());
    rehearsal.up().expect(0);
    assert_eq!(counts(&world(&rehearsal)), quickstart(&[]));
}
