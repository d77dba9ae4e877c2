//! Logs of real servers, each of which was broken in the way that its file is named for. `tests/it/real` records them.

use super::*;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// No server here can be brought to write these; lines after ZenML's and AWS's sources stand for them (`log_classes`).
const UNRECORDED: &[&str] = &["cp.token", "db.full", "db.lost", "db.race", "mig.restore"];

/// The recorded logs by the name of their class: `db.grant-2` is the second of `db.grant`.
fn recorded() -> BTreeMap<String, String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/logs");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let read = |path: std::path::PathBuf| {
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let events = std::fs::read_to_string(&path).unwrap();
        (name, events.lines().map(|event| message(event).0).collect::<Vec<_>>().join("\n"))
    };
    files.map(read).collect()
}

fn class_of(name: &str) -> &str {
    name.split('-').next().unwrap()
}

#[test]
fn every_recorded_failure_is_recognised() {
    for (name, log) in recorded() {
        let found = cause_in(&log).map(|class| class.id);
        let expected = (!matches!(class_of(&name), "started" | "silent" | "notes")).then(|| class_of(&name));
        assert_eq!(found, expected, "{name}");
    }
}

#[test]
fn every_class_is_recorded_or_known_not_to_be() {
    let logs = recorded();
    let recorded: BTreeSet<&str> = logs.keys().map(|name| class_of(name)).collect();
    for class in LOG_CLASSES {
        assert_ne!(recorded.contains(class.id), UNRECORDED.contains(&class.id), "{}", class.id);
    }
}

#[test]
fn a_recorded_start_has_its_markers_and_no_notes() {
    let logs = recorded();
    let markers = |name: &str| [WAITING, STARTED, FAILED].map(|marker| logs[name].contains(marker));
    assert_eq!(markers("started"), [true, true, false]);
    assert_eq!(markers("db.auth"), [true, false, true]);
    assert_eq!(notes_in(&logs["started"]), [] as [&Class; 0]);
    let notes: Vec<&str> = notes_in(&logs["notes"]).iter().map(|note| note.id).collect();
    assert_eq!(notes, ["wl.unavailable", "cfg.deprecated"]);
}

/// A login that fails is repeated for a quarter of a minute, and longer when nothing answers: the first try says enough.
#[test]
fn the_first_try_of_a_login_says_enough() {
    let logs = recorded();
    for name in ["cp.tls", "cp.dns", "cp.timeout", "cp.refused"] {
        let first = logs[name].lines().find(|line| line.contains("Retrying")).unwrap();
        assert_eq!(of_log(first).map(|class| class.id), Some(name), "{first}");
    }
}

#[test]
fn what_is_quoted_of_a_recorded_log_names_the_error_and_no_secret() {
    for (name, log) in recorded() {
        let Some(class) = cause_in(&log) else { continue };
        let quoted = quote(&log, class);
        assert!(class.marks.iter().any(|mark| quoted.contains(mark)), "{name}: {quoted}");
        assert!(!quoted.contains("hunter2"), "{name}: {quoted}");
    }
}
