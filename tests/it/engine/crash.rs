//! A kill at every effect of a run, and the run after it.

use crate::support::deployment::{Deployment, survives_every_crash};
use crate::support::fake::When;
use hybridctl::aws::ec2::subnet::Subnet;
use hybridctl::aws::ec2::vpc::Vpc;
use hybridctl::aws::logs::log_group::LogGroup;
use hybridctl::model::{Address, Graph, Handle};
use hybridctl::plan::Action;
use hybridctl::resource::Consents;
use serde_json::json;

// vpc ─┬─ subnet a
//      └─ subnet b
fn network(cidr: &str, zones: &[&str], hostnames: bool) -> Graph {
    let mut graph = Graph::new("t");
    let vpc = graph.add(
        "main",
        Vpc { cidr_block: format!("{cidr}.0.0/16"), enable_dns_support: true, enable_dns_hostnames: hostnames },
    );
    for (n, zone) in zones.iter().enumerate() {
        add_subnet(&mut graph, &vpc, cidr, n, zone);
    }
    graph
}

fn add_subnet(graph: &mut Graph, vpc: &Handle<Vpc>, cidr: &str, n: usize, zone: &str) {
    let subnet = Subnet {
        vpc_id: vpc.vpc_id().into(),
        cidr_block: format!("{cidr}.{n}.0/24"),
        availability_zone: (*zone).to_owned(),
        map_public_ip_on_launch: true,
    };
    graph.add(&format!("private-{zone}"), subnet);
}

#[tokio::test]
async fn create_survives_every_crash() {
    let graph = network("10.0", &["a", "b"], true);
    let points = survives_every_crash(None, &graph, &Consents::default()).await;
    assert!(points > 30, "only {points} kill points");
}

#[tokio::test]
async fn update_survives_every_crash() {
    let (old, new) = (network("10.0", &["a", "b"], true), network("10.0", &["a", "c"], false));
    survives_every_crash(Some(&old), &new, &Consents::default()).await;
}

#[tokio::test]
async fn replace_survives_every_crash() {
    let (old, new) = (network("10.0", &["a", "b"], true), network("10.1", &["a", "b"], true));
    survives_every_crash(Some(&old), &new, &Consents::default()).await;
}

#[tokio::test]
async fn destroy_survives_every_crash() {
    let old = network("10.0", &["a", "b"], true);
    survives_every_crash(Some(&old), &Graph::new("t"), &Consents::default()).await;
}

#[tokio::test]
async fn what_was_deleted_outside_is_made_again_and_nothing_else_is_touched() {
    let graph = network("10.0", &["a", "b"], true);
    let deployment = Deployment::new();
    deployment.complete(&graph).await;
    let address = "ec2.subnet/private-a".parse().unwrap();
    let state = deployment.state().await;
    deployment.world.remove(&state.resources[&address].id);
    let plan = deployment.plan(&graph).await.unwrap();
    let acts: Vec<_> =
        plan.steps.values().filter(|step| step.acts()).map(|step| (&step.address, step.action)).collect();
    assert_eq!(acts, [(&address, Action::Create)]);
    deployment.complete(&graph).await;
    deployment.check(&graph, "after the repair").await;
}

#[tokio::test]
async fn a_change_by_hand_is_drift_and_is_undone() {
    let graph = network("10.0", &["a"], true);
    let deployment = Deployment::new();
    deployment.complete(&graph).await;
    let address = "ec2.vpc/main".parse().unwrap();
    let id = deployment.state().await.resources[&address].id.clone();
    deployment.world.tamper(&id, "enable_dns_hostnames", json!(false));
    let plan = deployment.plan(&graph).await.unwrap();
    let step = &plan.steps[&address];
    assert_eq!((step.action, step.changes.len()), (Action::Update, 1));
    assert!(step.changes[0].drift);
    deployment.complete(&graph).await;
    deployment.check(&graph, "after the repair").await;
}

/// Something that holds data and whose id is its name, as a database.
fn data() -> (Graph, Address) {
    let mut graph = Graph::new("t");
    graph.add("main", LogGroup { name: "/t".into(), retention_days: 90 });
    let address = Address::new("logs.log_group", "main");
    graph.holds_data(&address);
    (graph, address)
}

/// Nobody is asked to give up data that our own destroy deleted with consent, and what is made anew stays.
#[tokio::test]
async fn a_destroy_and_the_up_after_it_may_both_be_cut_off_anywhere() {
    let (graph, address) = data();
    let mut stories = 0;
    for (destroy, then) in (1..20).flat_map(|at| [(at, When::Before), (at, When::After)]) {
        let mut made = Deployment::new();
        made.complete(&graph).await;
        made.consents.data_loss.insert(address.clone());
        made.world.arm(destroy, then);
        if made.run(&Graph::new("t")).await.is_some() {
            continue;
        }
        made.world.revive();
        made.consents = Consents::default();
        for (up, when) in (1..20).flat_map(|at| [(at, When::Before), (at, When::After)]) {
            let deployment = made.copy();
            let story = format!("destroy killed {then:?} effect {destroy}, up killed {when:?} effect {up}");
            deployment.world.arm(up, when);
            let ended = deployment.run(&graph).await;
            deployment.world.revive();
            if ended.is_none() {
                let again = deployment.run(&graph).await.unwrap();
                assert!(again.complete(), "{story}: {:?}\n{:#?}", again.failed, deployment.world.log());
                stories += 1;
            }
            deployment.check(&graph, &story).await;
        }
    }
    assert!(stories > 30, "only {stories} stories");
}
