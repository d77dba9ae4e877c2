//! Another version of the server: snapshot, migration, one rolling update; and what happens when the image is bad.

use super::world::{counts, info, quickstart, steps, world};
use crate::support::cli::{Output, Rehearsal};
use serde_json::Value;

const IMAGE: &str = "715803424590.dkr.ecr.eu-central-1.amazonaws.com/zenml-pro-server";

/// Where each of these is among the operations; each must be there once.
#[track_caller]
fn positions(output: &Output, operations: &[&str]) -> Vec<usize> {
    let called = output.mutations();
    let place = |wanted: &&str| {
        let places: Vec<usize> = (0..called.len()).filter(|at| called[*at] == **wanted).collect();
        assert_eq!(places.len(), 1, "{wanted} among {called:#?}");
        places[0]
    };
    operations.iter().map(place).collect()
}

fn set_image(rehearsal: &Rehearsal, tag: &str) {
    let text = std::fs::read_to_string(rehearsal.config()).unwrap();
    let without: Vec<&str> = text.lines().filter(|line| !line.starts_with("image ")).collect();
    std::fs::write(rehearsal.config(), without.join("\n")).unwrap();
    rehearsal.edit("[service]", &format!("[service]\nimage = \"{IMAGE}:{tag}\""));
}

#[test]
fn a_new_version_is_snapshot_then_migration_then_one_rolling_update_and_the_old_revision_goes_last() {
    let rehearsal = Rehearsal::new();
    rehearsal.up().expect(0);
    let before = world(&rehearsal);
    rehearsal.edit("\"0.98.0\"", "\"0.99.0\"");
    let up = rehearsal.run(&["up", "--yes", "-vv", "--events", "events.ndjson"]).expect(0);

    let order = [
        "rds:CreateDBSnapshot",
        "ecs:RegisterTaskDefinition",
        "ecs:RunTask",
        "ecs:UpdateService",
        "ecs:DeregisterTaskDefinition",
    ];
    let places = positions(&up, &order);
    assert!(places[0] < places[2] && places[1..].is_sorted(), "{:#?}", up.mutations());
    // It is not enough that the snapshot was asked for before the migration: it is there by then.
    let steps = steps(&rehearsal.project().join("events.ndjson"));
    let at = |kind: &str, verb: &str, what: &str| {
        let wanted = |event: &Value| {
            event["type"] == what && event["verb"] == verb && event["address"].as_str().unwrap().starts_with(kind)
        };
        steps.iter().position(wanted).unwrap_or_else(|| panic!("{kind} {verb} {what}\n{steps:#?}"))
    };
    assert!(at("rds.snapshot/before-0.99.0", "make", "finished") < at("ecs.task_run/", "make", "started"));
    assert!(at("ecs.task_definition/", "make", "finished") < at("ecs.task_run/", "make", "started"));
    assert!(at("ecs.task_run/", "make", "finished") < at("ecs.service/", "make", "started"));
    assert!(at("ecs.service/", "make", "finished") < at("ecs.task_definition/", "delete", "started"));
    // The record of the earlier migration says which version the database has: it stays until there is a newer one.
    assert!(at("ecs.task_run/", "make", "finished") < at("ecs.task_run/", "delete", "started"));

    let after = world(&rehearsal);
    assert_eq!(counts(&after), quickstart(&[("snapshot", 1)]));
    assert_eq!(info(&rehearsal)["version"], "0.99.0");
    let (old, new) = (&before["service"][0], &after["service"][0]);
    assert_eq!((&old["serviceArn"], &old["createdAt"]), (&new["serviceArn"], &new["createdAt"]));
    assert_eq!(after["revision"][0], new["taskDefinition"]);
    assert_ne!(old["taskDefinition"], new["taskDefinition"]);
    for kind in ["database", "load_balancer", "target_group", "listener", "nat_gateway", "secret", "role"] {
        assert_eq!(before[kind], after[kind]);
    }
    the_second_up_changes_nothing(&rehearsal, &after);
    a_lower_version_is_refused(&rehearsal, &after);
}

fn the_second_up_changes_nothing(rehearsal: &Rehearsal, before: &Value) {
    let again = rehearsal.run(&["up", "--yes", "-vv"]).expect(0);
    assert!(again.stderr.contains("no changes"), "{}", again.text());
    assert_eq!(*before, world(rehearsal));
}

fn a_lower_version_is_refused(rehearsal: &Rehearsal, before: &Value) {
    rehearsal.edit("\"0.99.0\"", "\"0.98.0\"");
    for arguments in [&["up", "--yes"][..], &["plan"], &["apply", "--yes"]] {
        let refused = rehearsal.run(arguments).expect(3);
        assert!(refused.stderr.contains("0.98.0 is lower than 0.99.0"), "{}", refused.text());
        assert!(refused.stderr.contains("nothing was changed"), "{}", refused.text());
    }
    assert_eq!(*before, world(rehearsal));
    // What the file says of the version is no reason not to look, or not to take it down.
    rehearsal.run(&["status"]).expect(0);
    rehearsal.run(&["destroy", "--plan", "--disable-protection"]).expect(0);
}

#[test]
fn a_failing_migration_leaves_the_service_untouched_and_says_why() {
    let rehearsal = Rehearsal::new();
    rehearsal.up().expect(0);
    let before = world(&rehearsal);
    rehearsal.edit("\"0.98.0\"", "\"0.99.0\"");
    set_image(&rehearsal, "0.99.0-migratefail");
    let failed = rehearsal.run(&["up", "--yes", "-vv"]).expect(1);
    assert!(failed.stderr.contains("Specified key was too long"), "{}", failed.text());
    assert!(
        failed.stderr.contains("exit code 1") && failed.stderr.contains("ecs.task_run/migrate"),
        "{}",
        failed.text()
    );
    assert!(!failed.stderr.contains("old code now meets"), "{}", failed.text());
    assert!(!failed.mutations().contains(&"ecs:UpdateService".to_owned()), "{:#?}", failed.mutations());

    let after = world(&rehearsal);
    assert_eq!((&before["service"], &before["task"]), (&after["service"], &after["task"]));
    assert_eq!(after["service"][0]["desiredCount"], after["service"][0]["runningCount"]);
    assert_eq!(after["snapshot"].as_array().unwrap().len(), 1);
    assert_eq!(info(&rehearsal)["version"], "0.98.0");
    // Again with the same image: the same end, and still nothing of the service.
    rehearsal.up().expect(1);
    assert_eq!(before["service"], world(&rehearsal)["service"]);

    set_image(&rehearsal, "0.99.0");
    rehearsal.up().expect(0);
    let good = world(&rehearsal);
    assert_eq!(good["service"][0]["createdAt"], before["service"][0]["createdAt"]);
    assert_eq!(good["revision"].as_array().unwrap().len(), 1);
    assert_eq!(info(&rehearsal)["version"], "0.99.0");
    assert!(rehearsal.up().expect(0).stderr.contains("no changes"));
}

#[test]
fn a_server_that_crashes_after_its_migration_is_told_as_a_rollback_onto_a_newer_schema() {
    let rehearsal = Rehearsal::new();
    rehearsal.up().expect(0);
    let before = world(&rehearsal);
    rehearsal.edit("\"0.98.0\"", "\"0.99.0\"");
    set_image(&rehearsal, "0.99.0-crash");
    for _ in 0..2 {
        let failed = rehearsal.up().expect(1);
        for told in [
            "rolled back",
            "Essential container in task exited (exit code 1)",
            "RuntimeError: Simulated crash.",
            "old code now meets the new schema",
            "the code of version 0.98.0 again",
            "hybridctl up",
        ] {
            assert!(failed.stderr.contains(told), "`{told}` is missing\n{}", failed.text());
        }
        assert!(!failed.text().contains("The deployment works"), "{}", failed.text());
    }
    let rolled_back = world(&rehearsal);
    assert_eq!(rolled_back["service"][0]["taskDefinition"], before["service"][0]["taskDefinition"]);
    assert_eq!(info(&rehearsal)["version"], "0.98.0");

    set_image(&rehearsal, "0.99.0");
    let up = rehearsal.run(&["up", "--yes", "-vv"]).expect(0);
    positions(&up, &["ecs:UpdateService"]);
    let mutations = up.mutations();
    assert!(!mutations.iter().any(|call| call == "ecs:DeleteService" || call == "ecs:CreateService"), "{mutations:#?}");
    let after = world(&rehearsal);
    for key in ["serviceArn", "createdAt"] {
        assert_eq!(before["service"][0][key], after["service"][0][key]);
    }
    assert_eq!(after["revision"], serde_json::json!([after["service"][0]["taskDefinition"]]));
    assert_eq!(info(&rehearsal)["version"], "0.99.0");
    assert!(rehearsal.up().expect(0).stderr.contains("no changes"));
}

#[test]
fn an_up_that_does_not_wait_leaves_the_rollout_to_ecs_and_the_next_one_sees_it_through() {
    let rehearsal = Rehearsal::new();
    let up = rehearsal.run(&["up", "--yes", "--no-wait", "--events", "events.ndjson"]).expect(0);
    for said in ["not waited for: ecs.service/server", "hybridctl verify", "--wait 15m", "hybridctl up"] {
        assert!(up.stderr.contains(said), "`{said}`\n{}", up.text());
    }
    let left = |event: &Value| event["type"] == "left" && event["address"] == "ecs.service/server";
    let told = steps(&rehearsal.project().join("events.ndjson"));
    assert!(told.iter().any(left), "{told:#?}");
    assert_eq!(rehearsal.state()["intents"].as_object().unwrap().keys().collect::<Vec<_>>(), ["ecs.service/server"]);
    rehearsal.run(&["verify", "--wait", "1m"]).expect(0);
    rehearsal.up().expect(0);
    assert_eq!(rehearsal.state()["intents"], serde_json::json!({}));
    assert_eq!(counts(&world(&rehearsal)), quickstart(&[]));
    rehearsal.run(&["plan", "--detailed-exitcode"]).expect(0);
}
