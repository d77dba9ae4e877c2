//! The record is lost, at the end of a run or in the middle of one: what exists makes it again, and the next run goes on.

use crate::support::deployment::Deployment;
use crate::support::fake::{self, When};
use crate::support::templates::{config, facts};
use hybridctl::aws::tags;
use hybridctl::config::{Config, templates};
use hybridctl::model::{Address, Graph};
use hybridctl::rebuild::Role;
use hybridctl::resource::{Consents, Tags};
use hybridctl::stack::destroy::destroy_graph;
use hybridctl::stack::stack;
use hybridctl::state::{Recorded, State};
use std::collections::{BTreeMap, BTreeSet};

fn wanted(config: &Config, state: &State) -> Graph {
    stack(config, &facts(config, Some(state)))
}

/// What the record says of AWS: not when an object was made, nor which incarnation number one without tags was made with.
fn said(state: &State) -> BTreeMap<Address, Recorded> {
    let kinds = hybridctl::aws::kinds();
    let said = |(address, recorded): (&Address, &Recorded)| {
        let mut recorded = Recorded { made: None, ..recorded.clone() };
        if !kinds.get(&address.kind).unwrap().spec().tagged {
            recorded.token.clear();
            recorded.tags.remove(tags::INCARNATION);
        }
        (address.clone(), recorded)
    };
    state.resources.iter().map(said).collect()
}

#[track_caller]
fn assert_equal(lost: &State, rebuilt: &State, story: &str) {
    let (lost, rebuilt) = (said(lost), said(rebuilt));
    for address in lost.keys().chain(rebuilt.keys()) {
        assert_eq!(lost.get(address), rebuilt.get(address), "{story}: {address}");
    }
}

async fn made(config: &Config) -> Deployment {
    let mut deployment = Deployment::new();
    deployment.user_tags = Tags::from([("team".into(), "ml".into())]);
    deployment.complete(&wanted(config, &deployment.state().await)).await;
    deployment
}

fn consents() -> Consents {
    Consents {
        data_loss: [Address::new("rds.instance", "main")].into(),
        disable_protection: true,
        ..Consents::default()
    }
}

#[tokio::test]
async fn a_lost_record_comes_back_equal_and_the_next_plan_is_empty() {
    for template in templates() {
        let first = config(template.name, |text| text);
        let mut deployment = made(&first).await;
        let second = config(template.name, |text| text.replace("0.98.0", "0.99.0"));
        let change = wanted(&second, &deployment.state().await);
        for (config, story) in [(&first, "made"), (&second, "brought to another version")] {
            let story = format!("{}, {story}", template.name);
            if story.ends_with("version") {
                deployment.complete(&change).await;
                // The next run writes down that the snapshot of the upgrade stands before nothing any more.
                deployment.complete(&wanted(config, &deployment.state().await)).await;
            }
            let lost = deployment.state().await;
            let before = deployment.world.log();
            let rebuilt = deployment.rebuild(|state| wanted(config, state)).await;
            assert_eq!(deployment.world.log(), before, "{story}: a rebuild changes nothing");
            assert_equal(&lost, &rebuilt.state, &story);
            assert!(rebuilt.state.intents.is_empty() && rebuilt.foreign.is_empty(), "{story}");
            deployment.check(&wanted(config, &rebuilt.state), &story).await;
        }
    }
}

#[tokio::test]
async fn what_a_destroy_kept_comes_back_to_be_kept_again() {
    let config = config("production", |text| text);
    let mut deployment = made(&config).await;
    deployment.consents = consents();
    let state = deployment.state().await;
    deployment.complete(&destroy_graph(&state, true, "20261120-171500")).await;
    let lost = deployment.state().await;
    assert!(lost.resources.keys().any(|address| address.kind == "rds.snapshot"), "{:#?}", lost.resources);
    let rebuilt = deployment.rebuild(|state| wanted(&config, state)).await;
    // Roles that AWS services need in every account are found although no record has them.
    let life = |address: &Address| hybridctl::aws::kinds().get(&address.kind).unwrap().spec().life;
    let mut state = rebuilt.state.clone();
    state.resources.retain(|address, _| life(address) == hybridctl::resource::Life::Own);
    assert_equal(&lost, &state, "after a destroy");
    let again = deployment.plan(&destroy_graph(&rebuilt.state, false, "20261120-180000")).await.unwrap();
    assert!(!again.steps.values().any(|step| step.action == hybridctl::plan::Action::Delete), "{again:#?}");
}

/// Every `stride`-th kill point; all of them if `HYBRIDCTL_EVERY_CRASH` is set.
fn every(stride: usize) -> usize {
    if std::env::var_os("HYBRIDCTL_EVERY_CRASH").is_some() { 1 } else { stride }
}

/// From `first` to `then`; killed at many points, and the record is lost each time.
async fn heals(first: Option<&Config>, then: &Config, stride: usize, story: &str) -> usize {
    let start = match first {
        Some(first) => made(first).await,
        None => Deployment::new(),
    };
    let mut points = 0;
    for when in [When::Before, When::After] {
        for at in (1..).step_by(stride) {
            let mut deployment = start.copy();
            deployment.world.arm(at, when);
            let finished = deployment.run(&wanted(then, &deployment.state().await)).await;
            deployment.world.revive();
            if finished.is_some() {
                break;
            }
            points += 1;
            let story = format!("{story}, killed {when:?} effect {at}");
            deployment.rebuild(|state| wanted(then, state)).await;
            let goal = wanted(then, &deployment.state().await);
            let outcome = deployment.run(&goal).await.unwrap();
            let log = deployment.world.log();
            assert!(outcome.complete(), "{story}: {:?} {:?}\n{log:#?}", outcome.failed, outcome.skipped);
            deployment.check(&wanted(then, &deployment.state().await), &story).await;
        }
    }
    points
}

#[tokio::test]
async fn a_record_lost_in_the_middle_of_a_create_is_made_again_and_the_next_run_finishes() {
    for template in ["quickstart", "production"] {
        let stride = every(29);
        let points = heals(None, &config(template, |text| text), stride, template).await;
        eprintln!("{template}: {points} points");
        assert!(points > 300 / stride, "{template}: only {points} points");
    }
}

#[tokio::test]
async fn a_record_lost_in_the_middle_of_a_replacement_is_made_again_and_the_next_run_finishes() {
    for template in ["quickstart", "production"] {
        let old = config(template, |text| text);
        let new = config(template, |text| text.replace("[service]\n", "[service]\nport = 8001\n"));
        let stride = every(5);
        let points = heals(Some(&old), &new, stride, template).await;
        eprintln!("{template}: {points} points");
        assert!(points > 40 / stride, "{template}: only {points} points");
    }
}

#[tokio::test]
async fn a_record_lost_in_the_middle_of_an_upgrade_forgets_neither_snapshot_nor_migration() {
    let old = config("quickstart", |text| text);
    let new = config("quickstart", |text| text.replace("0.98.0", "0.99.0"));
    let points = heals(Some(&old), &new, every(2), "upgrade").await;
    assert!(points > 10, "only {points} points");
}

#[tokio::test]
async fn a_record_lost_in_the_middle_of_a_destroy_is_made_again_and_the_destroy_goes_on() {
    let config = config("quickstart", |text| text);
    let start = made(&config).await;
    let mut points = 0;
    for when in [When::Before, When::After] {
        for at in (1..).step_by(every(13)) {
            let mut deployment = start.copy();
            deployment.consents = consents();
            deployment.world.arm(at, when);
            let goal = destroy_graph(&deployment.state().await, true, "20261120-171500");
            let finished = deployment.run(&goal).await;
            deployment.world.revive();
            if finished.is_some() {
                break;
            }
            points += 1;
            let story = format!("destroy killed {when:?} effect {at}");
            deployment.rebuild(|state| wanted(&config, state)).await;
            // As the command does it: of a database that is on its way out no snapshot can be taken.
            let mut objects = deployment.world.objects().into_values();
            let stands = objects.any(|object| object.kind == "rds.instance" && object.is_live());
            let goal = destroy_graph(&deployment.state().await, stands, "20261120-171600");
            let outcome = deployment.run(&goal).await.unwrap();
            let log = deployment.world.log();
            assert!(outcome.complete(), "{story}: {:?} {:?}\n{log:#?}", outcome.failed, outcome.skipped);
            // What cannot carry tags and is on its way out is on no record, and goes by itself.
            let owned = fake::owned(&deployment.world);
            let left: BTreeSet<_> =
                owned.values().filter(|object| object.is_live()).map(|object| object.kind.as_str()).collect();
            assert_eq!(left, ["iam.role", "rds.snapshot", "secrets.generated"].into(), "{story}\n{log:#?}");
        }
    }
    assert!(points > 10, "only {points} points");
}

#[tokio::test]
async fn a_second_object_with_the_tags_of_the_database_is_left_alone() {
    let config = config("quickstart", |text| text);
    let mut deployment = made(&config).await;
    let copy = deployment.world.duplicate("rds.instance/main");
    let rebuilt = deployment.rebuild(|state| wanted(&config, state)).await;
    let left_out: Vec<_> = rebuilt.found.iter().filter(|one| one.role == Role::LeftOut).collect();
    assert!(matches!(&left_out[..], [one] if one.id == copy), "{left_out:?}");
    let plan = deployment.plan(&wanted(&config, &rebuilt.state)).await.unwrap();
    assert!(plan.is_empty(), "{:#?}", plan.steps.values().filter(|step| step.acts()).collect::<Vec<_>>());
}
