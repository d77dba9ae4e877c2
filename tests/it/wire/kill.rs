//! Killed and interrupted at any moment: the next run finishes the job, and nothing is there twice.

use super::world::{counts, quickstart, signal, start_until, world};
use crate::support::cli::{Rehearsal, wait};
use fastrand::Rng;
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Lines of an `up` that makes everything, not counting those that tell of waiting.
const LINES_OF_UP: usize = 178;
/// The same for a new version.
const LINES_OF_UPDATE: usize = 16;
/// The same for a destroy.
const LINES_OF_DESTROY: usize = 115;
/// Moments at which a first `up` is killed; spread over its course, two to a test so that the tests run side by side.
const MOMENTS: usize = 10;
const DESTROY: [&str; 5] = ["destroy", "--yes", "--confirm", "zenml-hybrid", "--disable-protection"];

/// A line in the `part`th of `parts` equal parts of a run; the same at every run of the test.
fn moment(part: usize, parts: usize, lines: usize) -> usize {
    let inside = Rng::with_seed(2026 + part as u64).f64();
    1 + ((part as f64 + inside) / parts as f64 * (lines - 2) as f64) as usize
}

/// Runs a command and kills it when it has told so many lines. The kill must meet it alive.
fn kill_after(rehearsal: &Rehearsal, arguments: &[&str], lines: usize) {
    match start_until(rehearsal, arguments, |steps| steps.len() >= lines) {
        Ok(mut child) => {
            child.kill().unwrap();
            let status = wait(child);
            assert_eq!(status.code, 137, "it ended before line {lines}\n{}", status.text());
        }
        Err(output) => panic!("it ended before line {lines}\n{}", output.text()),
    }
}

/// `up` ends well, there is what there should be and nothing twice, and a plan has nothing to do.
fn converges(rehearsal: &Rehearsal, expected: &BTreeMap<String, usize>, story: &str) -> Value {
    let up = rehearsal.up();
    assert_eq!(up.code, 0, "{story}\n{}", up.text());
    let found = world(rehearsal);
    assert_eq!(counts(&found), *expected, "{story}\n{found:#}\n{}", up.text());
    let plan = rehearsal.run(&["plan", "--detailed-exitcode"]);
    assert_eq!(plan.code, 0, "{story}\n{}", plan.text());
    let state = rehearsal.state();
    assert_eq!(state["intents"].as_object().map_or(0, |intents| intents.len()), 0, "{story}\n{state:#}");
    found
}

/// An empty world on the same ports. The state of the old one is set aside by the next command.
fn reset(rehearsal: &Rehearsal) {
    rehearsal.run(&["sandbox", "reset"]).expect(0);
}

fn first_up_survives(parts: [usize; 2]) {
    let rehearsal = Rehearsal::new();
    for part in parts {
        let line = moment(part, MOMENTS, LINES_OF_UP);
        kill_after(&rehearsal, &["up", "--yes"], line);
        converges(&rehearsal, &quickstart(&[]), &format!("up killed after line {line} of {LINES_OF_UP}"));
        reset(&rehearsal);
    }
}

#[test]
fn a_first_up_killed_in_its_first_fifth_is_finished_by_the_next() {
    first_up_survives([0, 1]);
}

#[test]
fn a_first_up_killed_in_its_second_fifth_is_finished_by_the_next() {
    first_up_survives([2, 3]);
}

#[test]
fn a_first_up_killed_in_its_third_fifth_is_finished_by_the_next() {
    first_up_survives([4, 5]);
}

#[test]
fn a_first_up_killed_in_its_fourth_fifth_is_finished_by_the_next() {
    first_up_survives([6, 7]);
}

#[test]
fn a_first_up_killed_in_its_last_fifth_is_finished_by_the_next() {
    first_up_survives([8, 9]);
}

#[test]
fn an_upgrade_killed_at_three_moments_is_finished_by_the_next_up_with_its_snapshot() {
    let rehearsal = Rehearsal::new();
    rehearsal.up().expect(0);
    let created = world(&rehearsal)["service"][0]["createdAt"].clone();
    let versions = ["0.98.0", "0.99.0", "0.99.1", "0.99.2"];
    for part in 0..3 {
        let (old, new) = (versions[part], versions[part + 1]);
        rehearsal.edit(&format!("\"{old}\""), &format!("\"{new}\""));
        let line = moment(part, 3, LINES_OF_UPDATE);
        kill_after(&rehearsal, &["up", "--yes"], line);
        let story = format!("upgrade to {new} killed after line {line} of {LINES_OF_UPDATE}");
        let found = converges(&rehearsal, &quickstart(&[("snapshot", part + 1)]), &story);
        let dashed = format!("before-{}", new.replace('.', "-"));
        assert!(found["snapshot"][part].as_str().unwrap().contains(&dashed), "{story}\n{found:#}");
        assert_eq!(found["service"][0]["createdAt"], created, "{story}");
    }
}

#[test]
fn a_destroy_killed_at_three_moments_is_finished_by_the_next_with_one_final_snapshot() {
    let rehearsal = Rehearsal::new();
    for part in 0..3 {
        rehearsal.up().expect(0);
        let line = moment(part, 3, LINES_OF_DESTROY);
        kill_after(&rehearsal, &DESTROY, line);
        let again = rehearsal.run(&DESTROY);
        let story = format!("destroy killed after line {line} of {LINES_OF_DESTROY}\n{}", again.text());
        assert_eq!(again.code, 0, "{story}");
        let left = world(&rehearsal);
        let found: Vec<_> = counts(&left).into_iter().filter(|(_, number)| *number > 0).collect();
        // The execution role and the encryption key are kept, as is the data.
        let kept = [("role", 1), ("secret", 1), ("snapshot", 1)].map(|(kind, number)| (kind.to_owned(), number));
        assert_eq!(found, kept, "{story}\n{left:#}");
        let nothing = rehearsal.run(&DESTROY).expect(0);
        assert!(nothing.stderr.contains("nothing to do"), "{}", nothing.text());
        reset(&rehearsal);
    }
}

#[test]
fn one_signal_ends_a_run_within_seconds_and_says_how_to_go_on() {
    let rehearsal = Rehearsal::new();
    for (name, code, line) in [("INT", 130, 40), ("TERM", 143, 60)] {
        let child = start_until(&rehearsal, &["up", "--yes"], |steps| steps.len() >= line).unwrap();
        let asked = Instant::now();
        signal(name, child.id());
        let output = wait(child).expect(code);
        assert!(asked.elapsed() < Duration::from_secs(5), "{:?}\n{}", asked.elapsed(), output.text());
        assert!(output.stderr.contains("continue with:\n    hybridctl up"), "{}", output.text());
    }
    converges(&rehearsal, &quickstart(&[]), "after SIGINT and SIGTERM");
}

/// While AWS does not answer, the first waits for the calls in flight, so that what they make is on record.
#[test]
fn the_second_signal_ends_a_run_at_once() {
    let rehearsal = Rehearsal::new();
    let child = start_until(&rehearsal, &["up", "--yes"], |steps| steps.len() >= 50).unwrap();
    signal("STOP", rehearsal.sandbox.pid);
    signal("INT", child.id());
    std::thread::sleep(Duration::from_millis(500));
    let mut child = child;
    let waiting = child.try_wait().unwrap().is_none();
    let asked = Instant::now();
    signal("INT", child.id());
    let output = wait(child);
    signal("CONT", rehearsal.sandbox.pid);
    let output = output.expect(130);
    assert!(waiting, "the first signal did not wait for calls in flight\n{}", output.text());
    assert!(asked.elapsed() < Duration::from_secs(2), "{:?}\n{}", asked.elapsed(), output.text());
    assert!(output.stderr.contains("the state is safe"), "{}", output.text());
    converges(&rehearsal, &quickstart(&[]), "after two SIGINTs");

    // After the last step there is nothing to save: one signal is enough to leave the verification.
    rehearsal.boto("ec2 = client('ec2')\nout(ec2.create_tags(Resources=[v['VpcId'] for v in ec2.describe_vpcs()['Vpcs']], Tags=[{'Key': 'Name', 'Value': 'x'}]))", &[]);
    let done = |steps: &[Value]| steps.last().is_some_and(|step| step["type"] == "done");
    let child = start_until(&rehearsal, &["up", "--yes"], done).unwrap();
    signal("STOP", rehearsal.sandbox.pid);
    std::thread::sleep(Duration::from_millis(300));
    let asked = Instant::now();
    signal("INT", child.id());
    let output = wait(child);
    signal("CONT", rehearsal.sandbox.pid);
    let output = output.expect(130);
    assert!(asked.elapsed() < Duration::from_secs(2), "{:?}\n{}", asked.elapsed(), output.text());
}

/// The database's name is its id: only time tells the old one from the one that takes its place.
#[test]
fn a_destroy_and_an_up_that_are_killed_while_the_database_goes_are_finished_by_the_next_up() {
    let rehearsal = Rehearsal::new();
    rehearsal.up().expect(0);
    let started = |verb: &'static str| {
        let is_it = move |step: &Value| {
            step["address"] == "rds.instance/main" && step["type"] == "started" && step["verb"] == verb
        };
        move |steps: &[Value]| steps.iter().any(is_it)
    };
    let destroy = [&DESTROY[..], &["--skip-final-snapshot"]].concat();
    for ups in 0..2 {
        let kill = |arguments: &[&str], reached: &dyn Fn(&[Value]) -> bool| {
            let run = start_until(&rehearsal, arguments, reached);
            let mut child = run.unwrap_or_else(|output| panic!("it ended before\n{}", output.text()));
            // The delete has been called by then, and takes a second here.
            std::thread::sleep(Duration::from_millis(300));
            child.kill().unwrap();
            wait(child).expect(137);
        };
        kill(&destroy, &started("delete"));
        (0..ups).for_each(|_| kill(&["up", "--yes"], &started("make")));
        converges(&rehearsal, &quickstart(&[]), &format!("a destroy and then {ups} ups were killed"));
    }
}
