//! Random stories in the fake world. docs/recovery.md says how to run many.

mod config;
mod generate;
mod play;
mod regressions;
mod scenario;
mod states;

use crate::support::faults::Fault;
use proptest::test_runner::{Config, RngSeed, TestCaseError, TestRunner};
use scenario::{Act, Knob, Link, Run, Scenario};

/// How many stories a plain `cargo test` plays.
const STORIES: u32 = 400;

/// The number of cases and the seed: fixed in a plain run, `HYBRIDCTL_CASES` and `HYBRIDCTL_SEED` ask for others.
pub fn runner(cases: u32) -> TestRunner {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse().expect("because it is a number"));
    let rng_seed = RngSeed::Fixed(number("HYBRIDCTL_SEED").unwrap_or(7));
    let cases = number("HYBRIDCTL_CASES").map_or(cases, |cases| cases as u32);
    // What was found goes into `regressions.rs`, as a test that can be read.
    let failure_persistence = None;
    TestRunner::new(Config { cases, rng_seed, failure_persistence, max_shrink_iters: 20_000, ..Config::default() })
}

#[test]
fn whatever_happened_before_a_clean_run_heals_it_and_a_destroy_leaves_what_is_kept() {
    let played =
        runner(STORIES).run(&generate::scenario(), |scenario| play::play(&scenario).map_err(TestCaseError::fail));
    played.unwrap_or_else(|found| panic!("{found}"));
}

/// What proptest prints of a story that fails is pasted into `regressions.rs`: this one is in there as it is printed.
#[test]
fn a_story_prints_itself_as_the_test_that_plays_it() {
    let story = Scenario::default()
        .want('a', "toy.armed")
        .want('b', "toy.token")
        .link('b', 'a', Link::Parent)
        .set('a', Knob::Armed, 1)
        .run(Run::plain())
        .tamper('a', Knob::Shape, 1);
    let name = "what_is_protected_is_replaced_after_its_protection_is_lifted";
    let printed = format!("{story:?}").replace("a_story_that_failed", name);
    let pasted = include_str!("regressions.rs");
    assert!(pasted.contains(printed.trim_end()), "{printed}");
}

#[test]
fn every_act_prints_as_the_call_that_adds_it() {
    let run = Run::plain()
        .consenting()
        .one_by_one()
        .nothing()
        .only('a')
        .fault(1, Fault::Twice)
        .misreading(2, Fault::Throttle);
    let story = Scenario::default()
        .want('b', "toy.token")
        .drop('b')
        .data('a')
        .keep('a')
        .link('b', 'a', Link::Seed)
        .unlink('b', 'a')
        .set('a', Knob::Late, 2)
        .tag(1)
        .tamper('a', Knob::Size, 1)
        .vanish('a')
        .break_for_good('a')
        .plant('a')
        .run(run);
    let acts: Vec<String> = story.acts.iter().map(|act: &Act| format!("{act:?}")).collect();
    let printed = format!("{story:?}");
    for call in acts.iter().map(|act| format!("        .{act}\n")) {
        assert!(printed.contains(&call), "{printed}");
    }
    let source = include_str!("mod.rs");
    for act in acts.iter().filter(|act| !act.starts_with("run")) {
        assert!(source.contains(&format!("        .{act}\n")), "`{act}` is not what was written");
    }
    assert!(
        printed.contains("Run::plain().consenting().one_by_one().nothing().only('a').fault(1, Fault::Twice)"),
        "{printed}"
    );
}
