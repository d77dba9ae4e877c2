//! The state is deleted: `state rebuild` makes it again from what is in AWS, and everything goes on.

use super::scripts::INVENTORY;
use super::world::{counts, quickstart, start_until, world};
use crate::support::cli::{Output, Rehearsal, wait};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::PathBuf;

fn folder(rehearsal: &Rehearsal) -> PathBuf {
    let mut folders = std::fs::read_dir(rehearsal.project().join(".hybridctl")).unwrap().flatten();
    folders.next().expect("because there is one deployment").path()
}

fn name(rehearsal: &Rehearsal) -> String {
    folder(rehearsal).file_stem().unwrap().to_string_lossy().into_owned()
}

fn lose_state(rehearsal: &Rehearsal) {
    std::fs::remove_file(folder(rehearsal).join("state.json")).unwrap();
}

fn rebuild(rehearsal: &Rehearsal) -> Output {
    let rebuilt = rehearsal.run(&["state", "rebuild", "--yes", "-vv"]).expect(0);
    assert_eq!(rebuilt.mutations(), [""; 0], "{}", rebuilt.text());
    rebuilt
}

fn plan_is_empty(rehearsal: &Rehearsal) {
    let plan = rehearsal.run(&["plan", "--detailed-exitcode"]);
    assert_eq!(plan.code, 0, "{}", plan.text());
}

/// What a document says, without times and what counts saves and incarnations. Which of them made an object that has no tags is unknown.
fn said(mut state: Value) -> Value {
    let kinds = hybridctl::aws::kinds();
    for counter in ["serial", "incarnations", "written"] {
        state.as_object_mut().unwrap().remove(counter);
    }
    for (address, recorded) in state["resources"].as_object_mut().unwrap() {
        recorded["made"] = Value::Null;
        if !kinds.get(address.split_once('/').unwrap().0).unwrap().spec().tagged {
            recorded["token"] = Value::Null;
            recorded["tags"]["hybridctl:incarnation"] = Value::Null;
        }
    }
    state
}

#[track_caller]
fn assert_equal(lost: Value, rebuilt: Value) {
    let (lost, rebuilt) = (said(lost), said(rebuilt));
    let addresses = |state: &Value| state["resources"].as_object().unwrap().keys().cloned().collect::<BTreeSet<_>>();
    for address in addresses(&lost).union(&addresses(&rebuilt)) {
        assert_eq!(lost["resources"][address], rebuilt["resources"][address], "{address}");
    }
    assert_eq!(lost, rebuilt);
}

fn destroy(rehearsal: &Rehearsal) -> Output {
    rehearsal.run(&["destroy", "--yes", "--confirm", &name(rehearsal), "--disable-protection"])
}

/// From nothing to destroyed, with the state deleted wherever it can hurt.
fn survives_the_loss_of_its_state(template: &str) {
    let rehearsal = Rehearsal::of(template);
    rehearsal.run(&["plan"]).expect(0);
    let before = rehearsal.boto(INVENTORY, &[]);
    rehearsal.up().expect(0);
    let lost = rehearsal.state();
    lose_state(&rehearsal);
    let made = rehearsal.boto(INVENTORY, &[]);
    for verb in [&["plan"][..], &["up", "--yes"], &["plan", "--destroy"]] {
        let refused = rehearsal.run(&[verb, &["-vv"]].concat()).expect(1);
        for word in ["hybridctl state rebuild", lost["lineage"].as_str().unwrap(), "nothing was changed"] {
            assert!(refused.stderr.contains(word), "{word}\n{}", refused.text());
        }
        assert_eq!(refused.mutations(), [""; 0]);
    }
    assert!(destroy(&rehearsal).expect(1).stderr.contains("hybridctl state rebuild"));
    rebuild(&rehearsal);
    assert_equal(lost, rehearsal.state());
    plan_is_empty(&rehearsal);
    rehearsal.diff().expect(0);
    assert_eq!(rehearsal.boto(INVENTORY, &[]), made);

    // After an update, with a snapshot and a migration in it.
    rehearsal.edit("0.98.0", "0.99.0");
    rehearsal.up().expect(0);
    // Writes down that the snapshot of the upgrade stands before nothing any more.
    rehearsal.up().expect(0);
    let lost = rehearsal.state();
    lose_state(&rehearsal);
    rebuild(&rehearsal);
    assert_equal(lost, rehearsal.state());
    plan_is_empty(&rehearsal);

    lose_state(&rehearsal);
    rebuild(&rehearsal);
    let destroyed = destroy(&rehearsal).expect(0);
    let list = destroyed.stdout.rsplit_once("kept:\n").unwrap().1;
    let items = |world: &Value| -> BTreeSet<String> {
        world.as_array().unwrap().iter().map(|item| item.as_str().unwrap().to_owned()).collect()
    };
    let after = rehearsal.boto(INVENTORY, &[]);
    assert_eq!(items(&before).difference(&items(&after)).count(), 0);
    for item in items(&after).difference(&items(&before)) {
        let name = item.split_once(": ").unwrap().1;
        let listed = if name.starts_with("AWSServiceRoleFor") { "service-linked roles" } else { name };
        assert!(list.contains(listed), "{item} is left and not listed\n{list}");
    }

    // What is kept is found again too, and with it the next deployment of this name.
    let lost = rehearsal.state();
    lose_state(&rehearsal);
    rebuild(&rehearsal);
    for address in lost["resources"].as_object().unwrap().keys() {
        assert!(!rehearsal.state()["resources"][address].is_null(), "{address}");
    }
}

#[test]
fn the_quickstart_survives_the_loss_of_its_state() {
    survives_the_loss_of_its_state("quickstart");
}

#[test]
fn the_production_template_survives_the_loss_of_its_state() {
    survives_the_loss_of_its_state("production");
}

/// The new target group stands and the old one still serves.
#[test]
fn a_state_that_is_lost_in_a_replacement_leaves_no_orphan() {
    let rehearsal = Rehearsal::new();
    rehearsal.up().expect(0);
    rehearsal.edit("[service]\n", "[service]\nport = 8001\n");
    let made = |steps: &[Value]| {
        steps.iter().any(|step| step["type"] == "finished" && step["address"] == "elb.target_group/main")
    };
    let mut child =
        start_until(&rehearsal, &["up", "--yes"], made).unwrap_or_else(|output| panic!("{}", output.text()));
    child.kill().unwrap();
    wait(child);
    assert_eq!(counts(&world(&rehearsal))["target_group"], 2, "it was killed too late");
    lose_state(&rehearsal);
    let rebuilt = rebuild(&rehearsal);
    assert!(rebuilt.stdout.contains("replaced: the next `up` deletes it"), "{}", rebuilt.text());
    rehearsal.up().expect(0);
    assert_eq!(counts(&world(&rehearsal)), quickstart(&[]));
    plan_is_empty(&rehearsal);
}

#[test]
fn a_state_that_is_deleted_in_the_middle_of_an_up_ends_it_and_the_next_one_says_so_and_heals() {
    let rehearsal = Rehearsal::new();
    let made = |steps: &[Value]| {
        steps.iter().any(|step| step["type"] == "finished" && step["address"] == "ec2.subnet/private-a")
    };
    let child = start_until(&rehearsal, &["up", "--yes"], made).unwrap_or_else(|output| panic!("{}", output.text()));
    lose_state(&rehearsal);
    let ended = wait(child).expect(1);
    assert!(ended.stderr.contains("the state was deleted while this run was under way"), "{}", ended.text());
    assert!(ended.stderr.contains("hybridctl state rebuild"), "{}", ended.text());
    assert!(!folder(&rehearsal).join("state.json").exists(), "a save brought it back");
    let refused = rehearsal.up().expect(1);
    assert!(refused.stderr.contains("hybridctl state rebuild"), "{}", refused.text());
    rebuild(&rehearsal);
    rehearsal.up().expect(0);
    assert_eq!(counts(&world(&rehearsal)), quickstart(&[]));
    plan_is_empty(&rehearsal);
}

/// With the folder, the key of the secret's fingerprint is lost too.
#[test]
fn a_lost_folder_costs_no_rollout_when_the_secret_is_the_stored_one() {
    let mut rehearsal = Rehearsal::new();
    let value = |value: &str| vec![("ZENML_SERVER_PRO_OAUTH2_CLIENT_SECRET".to_owned(), value.to_owned())];
    rehearsal.variables = value("the-enrollment-key");
    rehearsal.up().expect(0);
    std::fs::remove_dir_all(folder(&rehearsal)).unwrap();
    rebuild(&rehearsal);
    plan_is_empty(&rehearsal);
    let show = rehearsal.state().to_string();
    assert!(!show.contains("the-enrollment-key"));
    // Another value is a change, and so is the way back.
    for value_now in ["another-key", "the-enrollment-key"] {
        rehearsal.variables = value(value_now);
        rehearsal.run(&["plan", "--detailed-exitcode"]).expect(2);
        rehearsal.up().expect(0);
        let script = r#"out(client("secretsmanager").get_secret_value(SecretId="zenml/pro/oauth2-client-secret")["SecretString"])"#;
        assert_eq!(rehearsal.boto(script, &[]), value_now);
        plan_is_empty(&rehearsal);
    }
}

#[test]
fn a_state_that_is_deleted_from_its_bucket_is_made_again() {
    let rehearsal = Rehearsal::new();
    let text = std::fs::read_to_string(rehearsal.config()).unwrap();
    std::fs::write(rehearsal.config(), text + "\n[state]\nbucket = \"team-state\"\n").unwrap();
    rehearsal.up().expect(0);
    let lost = rehearsal.state();
    let delete = r#"
s3 = client("s3")
for one in s3.list_objects_v2(Bucket="team-state")["Contents"]:
    s3.delete_object(Bucket="team-state", Key=one["Key"])
"#;
    rehearsal.boto(delete, &[]);
    assert!(rehearsal.up().expect(1).stderr.contains("hybridctl state rebuild"));
    rehearsal.run(&["state", "rebuild", "--yes"]).expect(0);
    plan_is_empty(&rehearsal);
    let rebuilt = rehearsal.state();
    let ids = |state: &Value| {
        let records = state["resources"].as_object().unwrap().iter();
        records.map(|(address, recorded)| (address.clone(), recorded["id"].clone())).collect::<Vec<_>>()
    };
    assert_eq!(ids(&lost), ids(&rebuilt));
}

#[test]
fn a_record_is_not_replaced_without_being_told_and_the_old_one_is_kept() {
    let rehearsal = Rehearsal::new();
    let nothing = rehearsal.run(&["state", "rebuild", "--yes"]).expect(1);
    assert!(nothing.stderr.contains("carries the tags of `zenml-hybrid`"), "{}", nothing.text());
    rehearsal.up().expect(0);
    let refused = rehearsal.run(&["state", "rebuild", "--yes"]).expect(64);
    assert!(refused.stderr.contains("--replace"), "{}", refused.text());
    let unasked = rehearsal.run(&["state", "rebuild", "--replace"]).expect(64);
    assert!(unasked.stderr.contains("--yes"), "{}", unasked.text());
    let lost = rehearsal.state();

    // A torn document cannot be read, and is set aside all the same.
    std::fs::write(folder(&rehearsal).join("state.json"), "{\"version\": 1,").unwrap();
    let damaged = rehearsal.run(&["state", "rebuild", "--yes"]).expect(1);
    assert!(damaged.stderr.contains("--replace"), "{}", damaged.text());
    let replaced = rehearsal.run(&["state", "rebuild", "--replace", "--yes", "--format", "json"]).expect(0);
    assert_eq!(replaced.json()["lineage"], lost["lineage"]);
    assert_equal(lost, rehearsal.state());
    let aside = std::fs::read_dir(folder(&rehearsal)).unwrap().flatten();
    assert!(aside.map(|entry| entry.file_name()).any(|name| name.to_string_lossy().starts_with("state.damaged-")));
}

/// Two people, one account, one name: the second state document cannot take the first one's objects.
#[test]
fn of_two_lineages_one_has_to_be_named() {
    let rehearsal = Rehearsal::new();
    rehearsal.up().expect(0);
    let lost = rehearsal.state();
    let other = "11111111-2222-3333-4444-555555555555";
    let script = r#"
ec2 = client("ec2")
vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
tags = {"deployment": "zenml-hybrid", "lineage": argv[0], "address": "ec2.vpc/main", "incarnation": "0" * 32}
ec2.create_tags(Resources=[vpc], Tags=[{"Key": "hybridctl:" + key, "Value": value} for key, value in tags.items()])
out(vpc)
"#;
    let vpc = rehearsal.boto(script, &[other]);
    plan_is_empty(&rehearsal);
    lose_state(&rehearsal);
    let refused = rehearsal.run(&["state", "rebuild", "--yes"]).expect(64);
    for word in ["--lineage UUID", other, lost["lineage"].as_str().unwrap(), "1 objects"] {
        assert!(refused.stderr.contains(word), "{word}\n{}", refused.text());
    }
    let lineage = lost["lineage"].as_str().unwrap();
    let rebuilt = rehearsal.run(&["state", "rebuild", "--yes", "--lineage", lineage]).expect(0);
    assert!(!rebuilt.stdout.contains(vpc.as_str().unwrap()), "{}", rebuilt.text());
    assert_equal(lost, rehearsal.state());
    plan_is_empty(&rehearsal);
}
