//! Several people and CI with one state in a bucket: one at a time, whoever dies, sleeps or repeats himself.

use super::world::{counts, quickstart, signal, start_until, world};
use crate::support::cli::{Rehearsal, wait};
use crate::support::proxy::{Fault, Faults, always, error, share};
use hybridctl::state::lease::LeaseTimes;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const BUCKET: &str = "\n[state]\nbucket = \"acme-state\"\nprefix = \"team/prod\"\n";

/// Keys, versions and settings of the bucket, and which values of the secret store any version of any object holds.
const LOOK: &str = r#"
s3, sm = client("s3"), client("secretsmanager")
values = {s["Name"]: sm.get_secret_value(SecretId=s["ARN"])["SecretString"] for s in sm.list_secrets()["SecretList"]}
versions = s3.list_object_versions(Bucket="acme-state").get("Versions", [])
texts = [s3.get_object(Bucket="acme-state", Key=v["Key"], VersionId=v["VersionId"])["Body"].read() for v in versions]
out({"keys": sorted(o["Key"] for o in s3.list_objects_v2(Bucket="acme-state").get("Contents", [])),
     "versions": sum(v["Key"] == "team/prod/state.json" for v in versions),
     "versioning": s3.get_bucket_versioning(Bucket="acme-state").get("Status"),
     "blocked": s3.get_public_access_block(Bucket="acme-state")["PublicAccessBlockConfiguration"]["BlockPublicPolicy"],
     "values": len(values), "hits": [name for name, value in values.items() for text in texts if value.encode() in text]})
"#;

fn shared() -> Rehearsal {
    let rehearsal = Rehearsal::new();
    let text = std::fs::read_to_string(rehearsal.config()).unwrap();
    std::fs::write(rehearsal.config(), text + BUCKET).unwrap();
    rehearsal
}

fn keys(rehearsal: &Rehearsal) -> Value {
    rehearsal.boto(LOOK, &[])["keys"].clone()
}

/// As if on another machine: nothing but the config is there.
fn forget_the_project(rehearsal: &Rehearsal) {
    for entry in std::fs::read_dir(rehearsal.project()).unwrap().flatten() {
        assert!(entry.file_type().unwrap().is_file(), "{:?} holds a state beside the bucket", entry.path());
        if entry.path() != rehearsal.config() {
            std::fs::remove_file(entry.path()).unwrap();
        }
    }
}

fn converged(rehearsal: &Rehearsal) {
    let found = world(rehearsal);
    assert_eq!(counts(&found), quickstart(&[]), "{found:#}");
    rehearsal.run(&["plan", "--detailed-exitcode"]).expect(0);
    assert_eq!(rehearsal.state()["intents"], json!({}));
    assert_eq!(keys(rehearsal), json!(["team/prod/fingerprint.key", "team/prod/state.json"]), "a lock is left");
}

#[test]
fn a_state_in_a_bucket_serves_every_machine_survives_lost_answers_and_holds_no_secret() {
    let mut rehearsal = shared();
    let lossy = Faults::none().on("s3:PutObject", share(0.2, 7), Fault::Drop).on(
        "s3:PutObject",
        share(0.1, 8),
        error("ConditionalRequestConflict", 409),
    );
    // As a pipeline does it: what only looks writes nothing, and the plan is true for the machine that carries it out.
    rehearsal.run(&["plan", "--out", "first.plan"]).expect(0);
    let proxy = rehearsal.disturbed(lossy);
    let up = rehearsal.run(&["apply", "first.plan"]).expect(0);
    let log = proxy.take_log();
    let lost = log.of("s3:PutObject").filter(|entry| !matches!(entry.verdict, crate::support::proxy::Verdict::Passed));
    assert!(lost.count() > 5, "{}\n{}", log.text(), up.text());
    proxy.disturb(Faults::none());
    converged(&rehearsal);
    let look = rehearsal.boto(LOOK, &[]);
    assert_eq!((&look["versioning"], &look["blocked"], &look["hits"]), (&json!("Enabled"), &json!(true), &json!([])));
    assert!(look["values"] == 5 && look["versions"].as_u64() > Some(10), "{look:#}");

    forget_the_project(&rehearsal);
    assert!(rehearsal.up().expect(0).stderr.contains("no changes"));
    let history = rehearsal.run(&["state", "history", "--format", "json"]).expect(0).json();
    let newest = history.as_array().unwrap().last().unwrap();
    assert_eq!((&newest["current"], &newest["serial"]), (&json!(true), &rehearsal.state()["serial"]));
    assert!(newest["who"].as_str().unwrap().contains('@'), "{newest}");
    let status = rehearsal.run(&["status", "--format", "json"]).expect(0).json();
    assert_eq!(status["last_change"], json!({ "at": newest["written"], "who": newest["who"] }));
    let destroy = ["destroy", "--yes", "--confirm", "zenml-hybrid", "--disable-protection", "--skip-final-snapshot"];
    rehearsal.run(&destroy).expect(0);
}

#[test]
fn a_bucket_of_somebody_else_is_refused_by_name_and_nothing_is_changed() {
    let mut rehearsal = shared();
    let make = "client('s3').create_bucket(Bucket='acme-state', CreateBucketConfiguration={'LocationConstraint': 'eu-central-1'})";
    rehearsal.boto(make, &[]);
    let refused = |faults: Faults, call: &str| faults.on(call, always(), error("AccessDenied", 403));
    let proxy = rehearsal.disturbed(["s3:GetObject", "s3:PutObject"].into_iter().fold(Faults::none(), refused));
    let destroy = ["destroy", "--yes", "--confirm", "zenml-hybrid"];
    for command in [&["plan"][..], &["up", "--yes"], &destroy, &["state", "rebuild", "--yes"]] {
        let refused = rehearsal.run(command).expect(1);
        for said in ["error[HC", "acme-state", "AccessDenied", "if this one is not yours"] {
            assert!(refused.stderr.contains(said), "{command:?}: `{said}`\n{}", refused.text());
        }
    }
    let log = proxy.take_log();
    assert!(log.count("s3:GetObject") > 0 && log.mutations().is_empty(), "{}", log.text());
}

#[test]
fn a_second_run_is_refused_while_the_first_lives_and_goes_on_by_itself_when_that_was_killed() {
    let mut rehearsal = shared();
    rehearsal.variables.push(("CI_JOB_URL".into(), "https://ci.example.com/jobs/7".into()));
    let mut first = start_until(&rehearsal, &["up", "--yes"], |steps| steps.len() >= 40).unwrap();
    let second = rehearsal.run(&["up", "--yes", "-vv"]).expect(8);
    for word in [&format!("process {}", first.id()), "`hybridctl up`", "jobs/7", "hybridctl state unlock --force"] {
        assert!(second.stderr.contains(word), "`{word}` is missing\n{}", second.text());
    }
    let changes: Vec<_> = second.mutations().into_iter().filter(|operation| !operation.starts_with("s3:")).collect();
    assert_eq!(changes, Vec::<String>::new());
    let unlock = rehearsal.run(&["state", "unlock"]).expect(8);
    assert!(unlock.stderr.contains(&format!("process {}", first.id())), "{}", unlock.text());

    first.kill().unwrap();
    let killed = Instant::now();
    assert_eq!(wait(first).code, 137);
    let mut third = start_until(&rehearsal, &["up", "--yes"], |steps| !steps.is_empty()).unwrap();
    let took = killed.elapsed();
    // The plan comes between the lock and the first step.
    assert!(took < LeaseTimes::SANDBOX.longest_takeover() + Duration::from_secs(20), "{took:?}");
    assert!(third.try_wait().unwrap().is_none());
    let third = wait(third).expect(0);
    assert!(third.stderr.contains("took over the lock of"), "{}", third.text());
    converged(&rehearsal);
}

#[test]
fn a_run_that_sleeps_past_its_lease_changes_nothing_when_it_wakes_up_after_another_took_over() {
    let mut rehearsal = shared();
    let old = rehearsal.disturbed(Faults::none());
    let sleeper = start_until(&rehearsal, &["up", "--yes"], |steps| steps.len() >= 40).unwrap();
    signal("STOP", sleeper.id());
    old.settle();
    let fell_asleep = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%SZ").to_string();
    let _new = rehearsal.disturbed(Faults::none());
    let up = rehearsal.up().expect(0);
    assert!(up.stderr.contains("took over the lock of"), "{}", up.text());
    let before = world(&rehearsal);
    let serial = rehearsal.state()["serial"].clone();

    let asleep = old.take_log();
    assert!(!asleep.mutations().is_empty(), "it slept before it began");
    signal("CONT", sleeper.id());
    let woken = wait(sleeper).expect(8);
    // What the kernel held at the moment of the pause leaves when the process goes on; S3's conditions refuse the saves.
    let log = old.take_log().signed_after(&fell_asleep);
    let changes: Vec<_> = log.mutations().into_iter().filter(|operation| !operation.starts_with("s3:")).collect();
    assert_eq!(changes, Vec::<&str>::new(), "{}\n{}", log.text(), woken.text());
    assert_eq!((log.effects("s3:Put*"), log.effects("s3:Delete*")), (0, 0), "{}\n{}", log.text(), woken.text());
    assert!(woken.stderr.contains("the lock on the state was lost"), "{}", woken.text());
    assert_eq!((world(&rehearsal), rehearsal.state()["serial"].clone()), (before, serial));
    converged(&rehearsal);
}

#[test]
fn an_interrupted_run_gives_the_lock_back_whether_it_looks_or_works() {
    let mut rehearsal = shared();
    rehearsal.run(&["state", "unlock"]).expect(0);
    let is_locked = |rehearsal: &Rehearsal| keys(rehearsal).to_string().contains("lock.json");
    // The plan is made under the lock: here it gets no answer.
    let slow = Faults::none().on("ec2:DescribeVpcs", always(), Fault::Delay(Duration::from_secs(60)));
    let _proxy = rehearsal.disturbed(slow);
    let looking = rehearsal.start(&["up", "--yes"]);
    let since = Instant::now();
    while !is_locked(&rehearsal) {
        assert!(since.elapsed() < Duration::from_secs(60), "it takes no lock");
    }
    signal("INT", looking.id());
    wait(looking).expect(130);
    assert!(!is_locked(&rehearsal));

    let _proxy = rehearsal.disturbed(Faults::none());
    let working = start_until(&rehearsal, &["up", "--yes"], |steps| steps.len() >= 30).unwrap();
    assert!(is_locked(&rehearsal));
    signal("TERM", working.id());
    wait(working).expect(143);
    assert!(!is_locked(&rehearsal));
}

#[test]
fn a_state_moves_to_a_bucket_and_back_and_a_config_that_names_the_old_place_is_refused() {
    let rehearsal = Rehearsal::new();
    rehearsal.up().expect(0);
    let before = rehearsal.state();
    let local = std::fs::read_to_string(rehearsal.config()).unwrap();
    for odd in ["", ".", "/", " x"] {
        let refused = rehearsal.run(&["state", "migrate", "--to", odd]).expect(64);
        assert!(refused.stderr.contains("is not the name of a folder"), "{}", refused.text());
    }
    let again = rehearsal.run(&["state", "migrate", "--to", "./.hybridctl/../.hybridctl/zenml-hybrid"]).expect(1);
    assert!(again.stderr.contains("already"), "{}", again.text());
    let refused = rehearsal.run(&["state", "migrate", "--to", ".hybridctl/zenml-hybrid"]).expect(1);
    assert!(refused.stderr.contains("already"), "{}", refused.text());

    let moved = rehearsal.run(&["state", "migrate", "--to", "s3://acme-state/team/prod"]).expect(0);
    assert!(moved.stderr.contains("bucket = \"acme-state\""), "{}", moved.text());
    for arguments in [&["up", "--yes"][..], &["plan"], &["state", "list"], &["destroy", "--plan"]] {
        let stale = rehearsal.run(arguments).expect(7);
        let words = ["was moved to s3://acme-state/team/prod", "prefix = \"team/prod\""];
        assert!(words.iter().all(|word| stale.stderr.contains(word)), "{}", stale.text());
    }
    std::fs::write(rehearsal.config(), format!("{local}{BUCKET}")).unwrap();
    rehearsal.run(&["plan", "--detailed-exitcode"]).expect(0);
    same_but_for_the_writer(&before, &rehearsal.state());

    pull_and_push(&rehearsal);

    let now = rehearsal.state();
    rehearsal.run(&["state", "migrate", "--to", ".hybridctl/zenml-hybrid"]).expect(0);
    rehearsal.run(&["plan"]).expect(7);
    std::fs::write(rehearsal.config(), local).unwrap();
    rehearsal.run(&["plan", "--detailed-exitcode"]).expect(0);
    same_but_for_the_writer(&now, &rehearsal.state());
}

#[track_caller]
fn same_but_for_the_writer(left: &Value, right: &Value) {
    let plain = |state: &Value| {
        let mut state = state.clone();
        state.as_object_mut().unwrap().remove("written");
        state
    };
    assert_eq!(plain(left), plain(right));
}

fn pull_and_push(rehearsal: &Rehearsal) {
    let state = rehearsal.state();
    let serial = state["serial"].as_u64().unwrap();
    rehearsal.run(&["state", "pull", "--out", "pulled.json"]).expect(0);
    rehearsal.run(&["state", "pull", "--out", "pulled.json"]).expect(1);
    rehearsal.run(&["state", "push", "pulled.json"]).expect(0);
    assert_eq!(rehearsal.state()["serial"], serial + 1);
    // What was pulled is not the current document any more.
    let stale = rehearsal.run(&["state", "push", "pulled.json"]).expect(7);
    assert!(stale.stderr.contains("--force --reason"), "{}", stale.text());
    rehearsal.run(&["state", "push", "pulled.json", "--force"]).expect(64);
    let foreign = rehearsal.project().join("foreign.json");
    let mut other = state.clone();
    other["lineage"] = json!("00000000-0000-0000-0000-000000000001");
    other["serial"] = json!(serial + 1);
    std::fs::write(&foreign, other.to_string()).unwrap();
    rehearsal.run(&["state", "push", "foreign.json"]).expect(7);
    other["deployment"] = json!("other");
    std::fs::write(&foreign, other.to_string()).unwrap();
    rehearsal.run(&["state", "push", "foreign.json", "--force", "--reason", "why not"]).expect(7);

    // An earlier version is put back on purpose.
    let number = serial.to_string();
    rehearsal.run(&["state", "pull", "--serial", &number, "--out", "earlier.json"]).expect(0);
    rehearsal.run(&["state", "push", "earlier.json", "--force", "--reason", "a bad edit"]).expect(0);
    let now = rehearsal.state();
    assert_eq!((now["serial"].clone(), now["resources"].clone()), (json!(serial + 2), state["resources"].clone()));
    assert_eq!(now["note"], "a bad edit");
    // No token comes twice, and no earlier final snapshot is taken for the newest.
    assert!(now["incarnations"].as_u64() > state["incarnations"].as_u64().map(|begun| begun + 1), "{now:#}");
    rehearsal.run(&["plan", "--detailed-exitcode"]).expect(0);
}
