//! Moments at which one disturbed call used to be dangerous: between password and database, in a rollout, on a full disk.

use super::world::{counts, quickstart, world};
use crate::support::cli::{Rehearsal, finished, wait};
use crate::support::proxy::{Call, Fault, Faults, Moment, always, error, field, nth, stop};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const DESTROY: [&str; 5] = ["destroy", "--yes", "--confirm", "zenml-hybrid", "--disable-protection"];

/// Versions of the database's password, and its value.
const PASSWORD: &str = r#"
secrets = client("secretsmanager")
versions = secrets.list_secret_version_ids(SecretId="zenml/rds/password", IncludeDeprecated=True)["Versions"]
out([len(versions), secrets.get_secret_value(SecretId="zenml/rds/password")["SecretString"]])
"#;

#[test]
fn a_run_that_dies_between_password_and_database_uses_the_stored_password_next_time() {
    let mut rehearsal = Rehearsal::new();
    let proxy = rehearsal.disturbed(Faults::none());
    let (child, killed) = (Arc::new(Mutex::new(None::<Child>)), Arc::new(AtomicBool::new(false)));
    let (victim, dead) = (Arc::clone(&child), Arc::clone(&killed));
    let kill = move |_: &Call| {
        victim.lock().unwrap().as_mut().unwrap().kill().unwrap();
        dead.store(true, Ordering::SeqCst);
    };
    proxy.disturb(Faults::none().on("rds:CreateDBInstance", nth(1), stop(Moment::Before, kill)));
    {
        // The hook waits until the process has been put there.
        let mut running = child.lock().unwrap();
        *running = Some(rehearsal.start(&["up", "--yes"]));
    }
    for _ in 0..6000 {
        if killed.load(Ordering::SeqCst) {
            break;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(killed.load(Ordering::SeqCst), "no database is ever asked for\n{}", proxy.log().text());
    let died = wait(child.lock().unwrap().take().unwrap());
    assert_eq!(died.code, 137, "{}", died.text());
    proxy.settle();
    proxy.disturb(Faults::none());
    let before = rehearsal.boto(PASSWORD, &[]);
    assert_eq!(before[0], 1, "{before}");
    rehearsal.up().expect(0);
    assert_eq!(rehearsal.boto(PASSWORD, &[]), before);
    assert_eq!(counts(&world(&rehearsal)), quickstart(&[]));
    rehearsal.run(&["plan", "--detailed-exitcode"]).expect(0);
}

#[test]
fn settings_that_wait_for_a_restart_get_one_before_the_service_is_made() {
    let mut rehearsal = Rehearsal::new();
    let restarted = Arc::new(AtomicBool::new(false));
    let (seen, begun) = (Arc::clone(&restarted), Arc::clone(&restarted));
    let waits = move |_: &Call| !seen.load(Ordering::SeqCst);
    let restart = move |_: &Call| {
        begun.store(true, Ordering::SeqCst);
        true
    };
    let faults = Faults::none()
        .on_those("rds:DescribeDBInstances", waits, always(), field("ParameterApplyStatus", "pending-reboot"))
        .on_those("rds:RebootDBInstance", restart, always(), Fault::Delay(Duration::ZERO));
    let proxy = rehearsal.disturbed(faults);
    let up = rehearsal.up().expect(0);
    let log = proxy.take_log();
    assert_eq!(log.effects("rds:RebootDBInstance"), 1, "{}\n{}", up.text(), log.text());
    log.assert_before("rds:RebootDBInstance", "ecs:CreateService");
    log.assert_before("rds:RebootDBInstance", "ecs:RunTask");
    rehearsal.run(&["plan", "--detailed-exitcode"]).expect(0);
}

/// Every rollout that the service has had.
const ROLLOUTS: &str = r#"
ecs = client("ecs")
cluster = ecs.list_clusters()["clusterArns"][0]
service = ecs.list_services(cluster=cluster)["serviceArns"][0]
out(len(ecs.list_service_deployments(cluster=cluster, service=service)["serviceDeployments"]))
"#;

#[test]
fn a_lost_answer_to_a_change_of_the_service_is_no_second_rollout() {
    let mut rehearsal = Rehearsal::new();
    rehearsal.up().expect(0);
    let before = rehearsal.boto(ROLLOUTS, &[]).as_u64().unwrap();
    rehearsal.edit("memory = 1024", "memory = 2048");
    let proxy = rehearsal.disturbed(Faults::none().on("ecs:UpdateService", nth(1), Fault::Drop));
    let up = rehearsal.up().expect(0);
    let log = proxy.take_log();
    assert!(log.of("ecs:UpdateService").next().is_some_and(|entry| entry.took_effect()), "{}", log.text());
    let after = rehearsal.boto(ROLLOUTS, &[]).as_u64().unwrap();
    assert_eq!(after, before + 1, "{}\n{}", up.text(), log.text());
    rehearsal.run(&["plan", "--detailed-exitcode"]).expect(0);
}

#[test]
fn a_slow_answer_about_a_gateway_holds_up_no_other_branch() {
    let mut rehearsal = Rehearsal::new();
    let by_id = |call: &Call| call.text().contains("nat-gateway-id");
    let slow = Fault::Delay(Duration::from_secs(3));
    let proxy = rehearsal.disturbed(Faults::none().on_those("ec2:DescribeNatGateways", by_id, nth(1), slow));
    rehearsal.up().expect(0);
    let log = proxy.take_log();
    let delayed = log.of("ec2:DescribeNatGateways").max_by_key(|entry| entry.took).unwrap();
    let (from, until) = (delayed.arrived, delayed.arrived + delayed.took);
    let meanwhile: Vec<_> = log.0.iter().filter(|entry| entry.arrived > from && entry.arrived < until).collect();
    for branch in ["rds:", "elasticloadbalancing:"] {
        let busy = meanwhile.iter().any(|entry| entry.operation.starts_with(branch));
        assert!(busy, "nothing of {branch} while the gateway was asked for\n{}", log.text());
    }
}

#[test]
fn a_gateway_whose_answer_is_lost_and_that_is_not_shown_is_asked_for_with_the_same_token() {
    let mut rehearsal = Rehearsal::new();
    let tokens = Arc::new(Mutex::new(vec![]));
    let noted = Arc::clone(&tokens);
    let note = move |call: &Call| {
        let token = call.parameters().into_iter().find(|(name, _)| name == "ClientToken");
        noted.lock().unwrap().push(token);
        true
    };
    let faults = Faults::none()
        .on_those("ec2:CreateNatGateway", note, nth(1), Fault::Drop)
        .hide("ec2:CreateNatGateway", Duration::from_secs(4));
    let proxy = rehearsal.disturbed(faults);
    let up = rehearsal.up().expect(0);
    let tokens = tokens.lock().unwrap().clone();
    assert!(tokens.len() > 1 && tokens.iter().all(|token| token.is_some() && *token == tokens[0]), "{tokens:?}");
    assert_eq!(counts(&world(&rehearsal)), quickstart(&[]), "{}\n{}", up.text(), proxy.log().text());
}

/// Saves that fail because nothing fits any more: a limit on the size of files stands in for the disk.
#[test]
fn a_full_disk_ends_the_run_with_the_last_good_state_and_room_finishes_the_job() {
    let rehearsal = Rehearsal::new();
    let up = rehearsal.command(&["up", "--yes"]);
    let mut command = Command::new("sh");
    // A write beyond the limit fails, as it does on a full disk, instead of ending the process.
    command.arg("-c").arg("trap '' XFSZ; ulimit -f 80; exec \"$0\" \"$@\"").arg(up.get_program()).args(up.get_args());
    command.env_clear().envs(up.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.current_dir(rehearsal.project()).stdin(Stdio::null());
    let full = finished(command.output().unwrap());
    assert!(full.code != 0 && full.code < 100, "{}", full.text());
    assert!(full.stderr.contains("state"), "{}", full.text());
    // What is there can be read, and holds what was saved last.
    let state = rehearsal.state();
    assert!(state["resources"].as_object().is_some_and(|made| !made.is_empty()), "{state:#}\n{}", full.text());
    rehearsal.up().expect(0);
    assert_eq!(counts(&world(&rehearsal)), quickstart(&[]));
    rehearsal.run(&["plan", "--detailed-exitcode"]).expect(0);
}

/// A task that is slow to die writes one more line, and so makes the group again.
#[test]
fn a_log_group_that_comes_back_in_a_destroy_is_swept() {
    let mut rehearsal = Rehearsal::new();
    rehearsal.up().expect(0);
    let script = r#"client("logs").create_log_group(logGroupName="/ecs/zenml-hybrid")"#;
    let again = Mutex::new(rehearsal.script(&rehearsal.sandbox.endpoint, script, &[]));
    let comes_back = stop(Moment::Passed, move |_| assert!(again.lock().unwrap().status().unwrap().success()));
    // By then the group is gone.
    let proxy = rehearsal.disturbed(Faults::none().on("ec2:DeleteVpc", nth(1), comes_back));
    let destroyed = rehearsal.run(&DESTROY).expect(0);
    let said = "the log group /ecs/zenml-hybrid had come back and was deleted again";
    assert!(destroyed.text().contains(said), "{}\n{}", destroyed.text(), proxy.log().text());
    assert_eq!(counts(&world(&rehearsal))["log_group"], 0);
}

/// The name carries the time of the run, so somebody else's is a matter of chance; then nothing is deleted.
#[test]
fn a_final_snapshot_whose_name_is_taken_leaves_the_database_and_the_next_destroy_takes_another_name() {
    let mut rehearsal = Rehearsal::new();
    rehearsal.up().expect(0);
    let taken = Faults::none().on("rds:CreateDBSnapshot", nth(1), error("DBSnapshotAlreadyExists", 400));
    let proxy = rehearsal.disturbed(taken);
    let refused = rehearsal.run(&DESTROY);
    let log = proxy.take_log();
    assert!(refused.code != 0 && log.effects("rds:DeleteDBInstance") == 0, "{}\n{}", refused.text(), log.text());
    rehearsal.run(&DESTROY).expect(0);
    let left = counts(&world(&rehearsal));
    assert_eq!((left["database"], left["snapshot"]), (0, 1), "{left:?}");
}
