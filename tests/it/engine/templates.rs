//! Every template through every crash: create, update, replace, destroy.

use crate::support::deployment::{Deployment, stride, survives_crashes};
use crate::support::templates::{config, facts, graph};
use hybridctl::config::templates;
use hybridctl::model::{Address, Graph};
use hybridctl::plan::Action;
use hybridctl::resource::Consents;
use hybridctl::stack::destroy::destroy_graph;
use hybridctl::stack::stack;
use hybridctl::state::State;
use std::collections::BTreeSet;

fn consents() -> Consents {
    let instance = Address::new("rds.instance", "main");
    Consents { data_loss: [instance].into(), disable_protection: true, ..Consents::default() }
}

#[tokio::test]
async fn every_template_is_made_whatever_kills_it() {
    for template in templates() {
        let graph = graph(template.name, |text| text);
        let points = survives_crashes(None, &graph, &Consents::default(), stride(template.name)).await;
        eprintln!("{}: {points} kill points in a create", template.name);
        assert!(points as usize > 300 / stride(template.name), "{}: only {points} kill points", template.name);
    }
}

#[tokio::test]
async fn every_template_is_updated_whatever_kills_it() {
    for template in templates() {
        let old = graph(template.name, |text| text);
        let new = graph(template.name, |text| {
            text.replace("memory = 1024", "memory = 2048").replace("memory = 2048\ndesired", "memory = 4096\ndesired")
                + "\n[secrets]\nnames = { jwt_key = \"other/jwt\" }\n"
        });
        let points = survives_crashes(Some(&old), &new, &Consents::default(), stride(template.name)).await;
        eprintln!("{}: {points} kill points in an update", template.name);
        assert!(points as usize > 20 / stride(template.name), "{}: only {points} kill points", template.name);
    }
}

/// Another port changes the target group, which cannot change it in place, and everything that refers to it.
#[tokio::test]
async fn every_template_is_replaced_whatever_kills_it() {
    for template in templates() {
        let old = graph(template.name, |text| text);
        let new = graph(template.name, |text| match text.contains("[service]\n") {
            true => text.replace("[service]\n", "[service]\nport = 8001\n"),
            false => text + "\n[service]\nport = 8001\n",
        });
        let points = survives_crashes(Some(&old), &new, &Consents::default(), stride(template.name)).await;
        eprintln!("{}: {points} kill points in a replacement", template.name);
        assert!(points as usize > 40 / stride(template.name), "{}: only {points} kill points", template.name);
    }
}

/// What is in use is made anew before the old one goes: at no kill point are there two, or none, afterwards.
#[tokio::test]
async fn what_others_use_is_replaced_whatever_kills_it() {
    let old = graph("quickstart", |text| text);
    for (kind, name, field, value) in [
        ("ec2.security_group", "ecs", "description", "another description"),
        ("rds.parameter_group", "main", "family", "mysql8.0"),
        ("elb.load_balancer", "main", "scheme", "internal"),
    ] {
        let address = Address::new(kind, name);
        let mut new = old.clone();
        new.nodes.get_mut(&address).unwrap().inputs[field] = value.into();
        let deployment = Deployment::new();
        deployment.complete(&old).await;
        let plan = deployment.plan(&new).await.unwrap();
        let step = &plan.steps[&address];
        assert!(step.action == Action::Replace && step.create_first, "{step:#?}");
        let points = survives_crashes(Some(&old), &new, &Consents::default(), 1).await;
        eprintln!("{address}: {points} kill points");
        assert!(points > 10, "{address}: only {points} kill points");
    }
}

#[tokio::test]
async fn every_template_is_destroyed_whatever_kills_it() {
    for template in templates() {
        let old = graph(template.name, |text| text);
        let points = destroy_survives(&old, stride(template.name)).await;
        eprintln!("{}: {points} kill points in a destroy", template.name);
        assert!(points as usize > 100 / stride(template.name), "{}: only {points} kill points", template.name);
    }
}

/// As [`survives_crashes`], but what a destroy wants is computed from the record anew each time, as the command does.
async fn destroy_survives(old: &Graph, stride: usize) -> u64 {
    use crate::support::fake::When;
    let mut points = 0;
    let start = Deployment::new();
    start.complete(old).await;
    for when in [When::Before, When::After] {
        for at in (1..).step_by(stride) {
            let mut deployment = start.copy();
            deployment.consents = consents();
            let wanted = destroy_graph(&deployment.state().await, true, "20261120-171500");
            deployment.world.arm(at, when);
            let finished = deployment.run(&wanted).await.is_some();
            deployment.world.revive();
            let story = format!("destroy killed {when:?} effect {at}");
            if !finished {
                points += 1;
                let wanted = destroy_graph(&deployment.state().await, true, "20261120-171600");
                let outcome = deployment.run(&wanted).await.unwrap();
                let log = deployment.world.log();
                assert!(outcome.complete(), "{story}: {:?} {:?}\n{log:#?}", outcome.failed, outcome.skipped);
            }
            let left = deployment.state().await;
            let kept: Vec<String> = left.resources.keys().map(|address| address.kind.clone()).collect();
            let mut snapshots = kept.clone();
            snapshots.retain(|kind| kind == "rds.snapshot");
            assert!((1..=2).contains(&snapshots.len()), "{story}: {kept:?}");
            let others: Vec<_> = kept.iter().filter(|kind| *kind != "rds.snapshot").collect();
            assert_eq!(others, ["iam.role", "secrets.generated"], "{story}");
            let owned = crate::support::fake::owned(&deployment.world);
            assert_eq!(owned.len(), kept.len(), "{story}: {owned:#?}");
            if finished {
                break;
            }
        }
    }
    points
}

/// The final snapshot of an earlier life stays on record. What a later life has written is in none but a new one.
#[tokio::test]
async fn a_destroy_after_an_up_that_died_takes_a_snapshot_of_its_own() {
    let config = config("quickstart", |text| text);
    let mut start = Deployment::new();
    start.consents = consents();
    start.complete(&graph("quickstart", |text| text)).await;
    start.complete(&destroy_graph(&start.state().await, true, "20261120-171500")).await;
    let finals = |state: &State| {
        state.resources.keys().filter(|address| address.kind == "rds.snapshot").cloned().collect::<BTreeSet<_>>()
    };
    let first = finals(&start.state().await);
    assert_eq!(first.len(), 1);
    let (mut empty, mut served) = (0, 0);
    for at in (1..).step_by(5) {
        let mut deployment = start.copy();
        deployment.consents = consents();
        let again = stack(&config, &facts(&config, Some(&deployment.state().await)));
        deployment.world.arm(at, crate::support::fake::When::After);
        let finished = deployment.run(&again).await.is_some();
        deployment.world.revive();
        let state = deployment.state().await;
        let stood = state.resources.keys().any(|address| address.kind == "rds.instance");
        deployment.complete(&destroy_graph(&state, true, "20261121-080000")).await;
        let own = finals(&deployment.state().await).difference(&first).count();
        assert_eq!(own, usize::from(stood), "up killed at effect {at}\n{:#?}", deployment.world.log());
        *(if stood { &mut served } else { &mut empty }) += 1;
        if finished {
            break;
        }
    }
    assert!(empty > 5 && served > 5, "{empty} without a database, {served} with one");
}

/// A snapshot that a destroy only began is the last copy as soon as somebody deletes the database by hand.
#[tokio::test]
async fn a_final_snapshot_that_was_only_begun_is_kept_and_so_is_the_key() {
    let start = Deployment::new();
    start.complete(&graph("quickstart", |text| text)).await;
    let goal = |state: &State, snapshot| destroy_graph(state, snapshot, "20261120-171500");
    let mut begun = 0;
    for at in 1.. {
        let mut deployment = start.copy();
        deployment.consents = consents();
        deployment.world.arm(at, crate::support::fake::When::After);
        let finished = deployment.run(&goal(&deployment.state().await, true)).await.is_some();
        deployment.world.revive();
        if finished {
            break;
        }
        let state = deployment.state().await;
        let mut objects = deployment.world.objects().into_iter();
        let made = objects.any(|(_, object)| object.kind == "rds.snapshot");
        if !made || !state.intents.keys().any(|address| address.kind == "rds.snapshot") {
            continue;
        }
        begun += 1;
        deployment.world.remove(&state.resources[&Address::new("rds.instance", "main")].id);
        // The command sees that the database is gone, and plans without a snapshot of it.
        deployment.complete(&goal(&state, false)).await;
        let left = deployment.state().await.resources;
        let kinds: Vec<&str> = left.keys().map(|address| address.kind.as_str()).collect();
        assert_eq!(kinds, ["iam.role", "rds.snapshot", "secrets.generated"], "killed at effect {at}");
        assert_eq!(crate::support::fake::owned(&deployment.world).len(), 3, "killed at effect {at}");
        // Nor does an `up` throw it away.
        deployment.run(&graph("quickstart", |text| text)).await.unwrap();
        assert!(deployment.world.objects().values().any(|object| object.kind == "rds.snapshot"));
    }
    assert!(begun >= 2, "{begun} kills between its begin and its record");
}

/// Whoever stops a destroy without a snapshot half-way may still want the data: it can be read as long as the key is there.
#[tokio::test]
async fn the_encryption_key_goes_after_the_database() {
    let mut deployment = Deployment::new();
    deployment.consents = consents();
    let key = Address::new("secrets.generated", "encryption-key");
    deployment.consents.data_loss.insert(key.clone());
    deployment.complete(&graph("quickstart", |text| text)).await;
    let goal = destroy_graph(&deployment.state().await, false, "20261120-171500");
    deployment.complete(&goal).await;
    let log = deployment.world.log();
    let place =
        |what: &str| log.iter().position(|line| line.starts_with(what)).unwrap_or_else(|| panic!("{what}: {log:#?}"));
    assert!(place("delete rds.instance") < place("delete secrets.generated/encryption-key"), "{log:#?}");
}

#[tokio::test]
async fn an_upgrade_is_snapshot_then_migration_then_service_and_the_old_revision_last() {
    let deployment = Deployment::new();
    deployment.complete(&graph("quickstart", |text| text)).await;
    let state = deployment.state().await;
    let config = config("quickstart", |text| text.replace("0.98.0", "0.99.0"));
    let wanted = stack(&config, &facts(&config, Some(&state)));
    let before = deployment.world.log().len();
    deployment.complete(&wanted).await;
    let log: Vec<String> = deployment.world.log()[before..].iter().filter(|line| *line != "save").cloned().collect();
    let at =
        |what: &str| log.iter().position(|line| line.starts_with(what)).unwrap_or_else(|| panic!("{what}: {log:#?}"));
    let order = [
        at("create rds.snapshot/before-0.99.0"),
        at("create ecs.task_run/migrate"),
        at("update ecs.service/server task_definition_arn"),
        at("delete ecs.task_definition/server"),
    ];
    assert!(order.is_sorted(), "{log:#?}");
    assert!(at("create ecs.task_definition/server") < order[1]);
    let again = stack(&config, &facts(&config, Some(&deployment.state().await)));
    let plan = deployment.plan(&again).await.unwrap();
    assert!(plan.is_empty(), "{:#?}", plan.steps.values().filter(|step| step.acts()).collect::<Vec<_>>());
    assert_eq!(plan.count(Action::Retain), 1, "the snapshot is kept");
}
