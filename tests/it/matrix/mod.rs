//! The kill matrix on the wire: the real process is killed at every call that changes something, at three moments of each.
//!
//! The same command is run again, and then nothing may be there twice, nothing of ours unknown, nothing of others touched.
//! A plain `cargo test` takes a seeded sample of every operation and moment. All of it, with a table at the end:
//!
//! ```sh
//! HYBRIDCTL_MATRIX=all cargo test matrix -- --nocapture
//! ```
//!
//! `400..` goes on with a run that was stopped after so many. Another value runs the cases whose name contains it:
//! `HYBRIDCTL_MATRIX="up, answered: ec2:CreateVpc#1"`.

mod case;
mod inspector;
mod operation;

use crate::support::proxy::Moment;
use case::{Case, Outcome};
use fastrand::Rng;
use inspector::Inspector;
use operation::{Ground, OPERATIONS, Reference};
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

const MOMENTS: [Moment; 3] = [Moment::Before, Moment::Answered, Moment::Passed];
/// Cases of each operation and moment in a plain `cargo test`.
const SAMPLE: usize = 1;
/// Cases at once: most of a case is waiting.
const SIDE_BY_SIDE: usize = 3;

#[test]
fn killed_at_any_call_the_same_command_finishes_the_job() {
    let chosen = std::env::var("HYBRIDCTL_MATRIX").ok();
    let ground = Ground::prepare();
    let references = ground.references();
    let mut cases: Vec<Case<'_>> = references.iter().flat_map(Reference::cases).collect();
    // In any order, so that what a stopped run has shown is true of all of it. Calls come in another one in every run.
    cases.sort_by_key(Case::name);
    Rng::with_seed(2026).shuffle(&mut cases);
    let cases = match chosen.as_deref() {
        Some("all") => cases,
        Some(part) if done_before(part).is_some() => cases.split_off(done_before(part).unwrap().min(cases.len())),
        Some(part) => cases.into_iter().filter(|case| case.name().contains(part)).collect(),
        None => sample(&cases),
    };
    assert!(!cases.is_empty(), "no case is named so");
    let started = Instant::now();
    let outcomes = run(&ground, &cases);
    eprintln!("{} cases in {} s", cases.len(), started.elapsed().as_secs());
    eprintln!("{}", table(&outcomes));
    let failed: Vec<String> = outcomes.iter().filter_map(|(case, outcome)| outcome.complaint(case)).collect();
    let missed = outcomes.iter().filter(|(_, outcome)| !outcome.killed).count();
    assert!(missed * 20 <= outcomes.len(), "{missed} of {} runs were not killed: nothing was shown", outcomes.len());
    assert!(failed.is_empty(), "{} of {} cases failed\n\n{}", failed.len(), cases.len(), failed.join("\n\n"));
}

/// `400..`: the first cases of the order, which is always the same, were run before.
fn done_before(chosen: &str) -> Option<usize> {
    chosen.strip_suffix("..")?.parse().ok()
}

/// The first cases of each operation and moment, the same at every run.
fn sample<'r>(cases: &[Case<'r>]) -> Vec<Case<'r>> {
    let mut groups: BTreeMap<(&str, Moment), Vec<Case<'r>>> = BTreeMap::new();
    for case in cases {
        groups.entry((case.reference.operation.name, case.moment)).or_default().push(case.clone());
    }
    groups.into_values().flat_map(|group| group.into_iter().take(SAMPLE)).collect()
}

fn run<'c>(ground: &Ground, cases: &'c [Case<'c>]) -> Vec<(&'c Case<'c>, Outcome)> {
    let (next, outcomes) = (AtomicUsize::new(0), Mutex::new(vec![]));
    let work = || {
        let mut inspector = Inspector::start(&ground.empty);
        while let Some(case) = cases.get(next.fetch_add(1, Ordering::SeqCst)) {
            let outcome = case.run(ground, &mut inspector);
            let mut outcomes = outcomes.lock().unwrap();
            if let Some(complaint) = outcome.complaint(case) {
                eprintln!("{complaint}");
            }
            outcomes.push((case, outcome));
            if outcomes.len().is_multiple_of(100) {
                eprintln!("{} of {} cases\n{}", outcomes.len(), cases.len(), table(&outcomes));
            }
        }
    };
    std::thread::scope(|scope| {
        (0..SIDE_BY_SIDE).for_each(|_| drop(scope.spawn(work)));
    });
    outcomes.into_inner().unwrap()
}

/// Operation by moment: how often the process was killed, and what was wrong after the next run.
fn table(outcomes: &[(&Case<'_>, Outcome)]) -> String {
    let mut rows: BTreeMap<(usize, Moment), [usize; 6]> = BTreeMap::new();
    for (case, outcome) in outcomes {
        let place = OPERATIONS.iter().position(|operation| operation.name == case.reference.operation.name).unwrap();
        let row = rows.entry((place, case.moment)).or_default();
        let found = [&outcome.orphans, &outcome.duplicates, &outcome.unconverged, &outcome.others];
        let found = found.map(|list| usize::from(!list.is_empty()));
        let found = [usize::from(outcome.killed), found[0], found[1], found[2], found[3], usize::from(!outcome.killed)];
        row.iter_mut().zip(found).for_each(|(sum, one)| *sum += one);
    }
    let mut text =
        "| Operation | Killed | Kill points | Orphans | Duplicates | Unconverged | Other | Not reached |\n".to_owned();
    text += "|---|---|---|---|---|---|---|---|\n";
    let mut sums = [0; 6];
    let line = |name: &str, moment: &str, row: [usize; 6]| {
        let numbers = row.map(|number| number.to_string()).join(" | ");
        format!("| {name} | {moment} | {numbers} |\n")
    };
    for ((place, moment), row) in rows {
        text += &line(OPERATIONS[place].name, case::word(moment), row);
        sums.iter_mut().zip(row).for_each(|(sum, one)| *sum += one);
    }
    text + &line("all", "", sums)
}
