//! Secret values: they outlive a destroy under their names, and appear nowhere else.

use super::scripts::LEAKS;
use crate::support::cli::{Output, Rehearsal, wait};
use serde_json::Value;
use std::path::Path;

const VALUES: &str = r#"
sm = client("secretsmanager")
out({secret["Name"]: [secret["ARN"], sm.get_secret_value(SecretId=secret["ARN"])["SecretString"]] for secret in sm.list_secrets()["SecretList"]})
"#;
const DESTROY: [&str; 5] = ["destroy", "--yes", "--confirm", "zenml-hybrid", "--disable-protection"];

#[test]
fn within_their_window_the_secrets_of_a_destroyed_deployment_come_back_with_their_values() {
    let mut rehearsal = Rehearsal::new();
    rehearsal.variables = vec![("ZENML_SERVER_PRO_OAUTH2_CLIENT_SECRET".into(), "an-enrollment-key".into())];
    rehearsal.up().expect(0);
    let first = rehearsal.boto(VALUES, &[]);
    assert_eq!(first.as_object().unwrap().len(), 5, "{first:#}");
    rehearsal.run(&DESTROY).expect(0);
    let kept: Vec<_> = rehearsal.boto(VALUES, &[]).as_object().unwrap().keys().cloned().collect();
    assert_eq!(kept, ["zenml/server/encryption-key"], "the others are in their window");
    let again = rehearsal.run(&["up", "--yes", "-vv"]).expect(0);
    let second = rehearsal.boto(VALUES, &[]);
    for name in first.as_object().unwrap().keys() {
        if name != "zenml/rds/database-url" {
            assert_eq!(second[name], first[name], "{name}");
        }
    }
    // Another database may have another address.
    assert_eq!(second["zenml/rds/database-url"][0], first["zenml/rds/database-url"][0]);
    let operations = again.operations();
    assert_eq!(operations.iter().filter(|call| *call == "secretsmanager:RestoreSecret").count(), 4, "{operations:?}");
    assert!(!operations.contains(&"secretsmanager:CreateSecret".to_owned()), "{operations:?}");
    rehearsal.run(&["verify"]).expect(0);
    rehearsal.run(&["plan", "--detailed-exitcode"]).expect(0);
}

/// The command lines of every process of this machine that can be read, until the child ends.
fn command_lines_during(mut child: std::process::Child, into: &Path) -> Output {
    let mut seen = std::collections::BTreeSet::new();
    while child.try_wait().unwrap().is_none() {
        let processes = std::fs::read_dir("/proc").unwrap().flatten();
        seen.extend(processes.filter_map(|process| std::fs::read(process.path().join("cmdline")).ok()));
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    std::fs::write(into, seen.into_iter().collect::<Vec<_>>().concat()).unwrap();
    wait(child)
}

#[test]
fn no_secret_value_is_told_at_the_loudest_level_nor_on_a_command_line() {
    const CANARY: &str = "c4n4ry /+=\"&%é<'$\\x>0123456789";
    let mut rehearsal = Rehearsal::new();
    rehearsal.variables = vec![
        ("ZENML_SERVER_PRO_OAUTH2_CLIENT_SECRET".into(), CANARY.into()),
        ("RUST_LOG".into(), "trace".into()),
        ("RUST_BACKTRACE".into(), "full".into()),
    ];
    let captured = rehearsal.project().join("captured");
    std::fs::create_dir(&captured).unwrap();
    let keep = |n: usize, output: &Output| std::fs::write(captured.join(format!("{n}.txt")), output.text()).unwrap();

    let child = rehearsal.start(&["up", "--yes", "-vvvv", "--events", "up.ndjson"]);
    let up = command_lines_during(child, &captured.join("command lines"));
    keep(0, &up);
    for loud in ["DEBUG", "ec2:CreateVpc", "secretsmanager:CreateSecret"] {
        assert!(up.stderr.contains(loud), "the log is not loud: `{loud}` is not in it");
    }
    up.expect(0);
    let values = rehearsal.boto(VALUES, &[]);
    assert!(std::fs::read(captured.join("command lines")).unwrap().len() > 100, "no command line was read");

    std::fs::remove_file(rehearsal.project().join(".hybridctl/zenml-hybrid.sandbox/state.json")).unwrap();
    let commands: [&[&str]; 8] = [
        &["up", "--yes", "-vvvv"],
        &["state", "rebuild", "--yes", "-vvvv", "--format", "json"],
        &["plan", "--out", "saved.plan", "-vvvv", "--format", "json"],
        &["diff", "--all", "-vvvv", "--format", "json"],
        &["verify", "-vvvv"],
        &["output", "--format", "json", "-vvvv"],
        &["state", "show", "-vvvv"],
        &["destroy", "--yes", "--confirm", "zenml-hybrid", "--disable-protection", "-vvvv", "--events", "down.ndjson"],
    ];
    for (n, command) in (1..).zip(commands) {
        keep(n, &rehearsal.run(command).expect(i32::from(n == 1)));
    }
    // The values of what the destroy deleted are still known to this test.
    let known: Vec<&str> = values.as_object().unwrap().values().map(|secret| secret[1].as_str().unwrap()).collect();
    assert!(known.len() == 5 && known.contains(&CANARY), "{known:?}");
    let project = rehearsal.project().display().to_string();
    let script = LEAKS.replace(r#"stored["zenml/pro/oauth2-client-secret"]"#, "None");
    let found = rehearsal.boto(&script, &[&[project.as_str()], &known[..]].concat());
    assert!(found["files"].as_u64().unwrap() > 12 && found["values"].as_u64().unwrap() >= 6, "{found}");
    assert_eq!(found["hits"], Value::Array(vec![]), "{found:#}");
}
