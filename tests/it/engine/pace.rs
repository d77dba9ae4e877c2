//! Time and company: one slow call, two runs at once, a clock that jumps.

use crate::support::deployment::Deployment;
use crate::support::fake;
use hybridctl::aws::ec2::subnet::Subnet;
use hybridctl::aws::ec2::vpc::Vpc;
use hybridctl::model::{Address, Graph};
use hybridctl::report::event::Silent;
use hybridctl::state::{State, StateStore, StoreError, Verb};

/// a ── subnet in a      b ── subnet in b
pub fn two_networks() -> Graph {
    let mut graph = Graph::new("t");
    for (name, cidr) in [("a", "10.0"), ("b", "10.1")] {
        let cidr_block = format!("{cidr}.0.0/16");
        let vpc = graph.add(name, Vpc { cidr_block, enable_dns_support: true, enable_dns_hostnames: true });
        let subnet = Subnet {
            vpc_id: vpc.vpc_id().into(),
            cidr_block: format!("{cidr}.1.0/24"),
            availability_zone: "z".into(),
            map_public_ip_on_launch: true,
        };
        graph.add(name, subnet);
    }
    graph
}

fn addresses(state: &State) -> Vec<String> {
    state.resources.keys().map(Address::to_string).collect()
}

#[tokio::test]
async fn a_call_without_an_answer_holds_up_only_what_depends_on_it() {
    let (deployment, graph) = (Deployment::new(), two_networks());
    deployment.world.hang("create ec2.vpc/a");
    let meanwhile = async {
        let other_branch = ["ec2.subnet/b", "ec2.vpc/b"];
        while addresses(&deployment.state().await) != other_branch {
            tokio::task::yield_now().await;
        }
        assert!(!deployment.world.log().contains(&"create ec2.vpc/a".to_owned()));
        deployment.world.let_go();
    };
    let (outcome, ()) = futures_util::future::join(deployment.run(&graph), meanwhile).await;
    assert!(outcome.is_some_and(|outcome| outcome.complete()));
    deployment.check(&graph, "after the answer").await;
}

#[tokio::test]
async fn of_two_runs_at_once_one_proceeds_and_the_other_calls_nothing() {
    let (deployment, graph) = (Deployment::new(), two_networks());
    let fakes = fake::kinds(&deployment.world);
    let kinds = fake::registry(&fakes);
    let engine = deployment.engine(&kinds);
    let (plan, state) = (deployment.plan(&graph).await.unwrap(), deployment.state().await);
    let (mut here, mut there) = (Silent, Silent);
    let both = futures_util::future::join(
        engine.apply(&plan, state.clone(), &mut here),
        engine.apply(&plan, state, &mut there),
    );
    let (one, other) = both.await;
    let (proceeded, ended) = if one.complete() { (one, other) } else { (other, one) };
    assert!(proceeded.complete(), "{proceeded:#?}");
    assert!(matches!(ended.lost, Some(StoreError::Moved { .. })), "{ended:#?}");
    assert!(ended.done.is_empty());
    deployment.check(&graph, "after both").await;
}

#[tokio::test]
async fn a_clock_that_jumps_changes_nothing() {
    for since in ["1970-01-01T00:00:00Z", "2200-01-01T00:00:00Z"] {
        let (deployment, graph) = (Deployment::new(), two_networks());
        deployment.world.arm(4, fake::When::After);
        assert!(deployment.run(&graph).await.is_none());
        deployment.world.revive();
        let mut state = deployment.state().await;
        assert!(state.intents.values().any(|intent| intent.verb == Verb::Create));
        for intent in state.intents.values_mut() {
            intent.since = since.parse().unwrap();
        }
        state.serial += 1;
        deployment.store.save(&state).await.unwrap();
        deployment.complete(&graph).await;
        deployment.check(&graph, since).await;
    }
}
