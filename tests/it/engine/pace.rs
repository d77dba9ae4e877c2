//! Time and company: one slow call, two runs at once, a clock that jumps.

use crate::support::deployment::Deployment;
use crate::support::fake;
use crate::support::faults::Fault;
use hybridctl::apply::{Engine, Limits, Stop};
use hybridctl::aws::ec2::subnet::Subnet;
use hybridctl::aws::ec2::vpc::Vpc;
use hybridctl::model::{Address, Graph};
use hybridctl::report::event::Silent;
use hybridctl::state::{State, StateStore, StoreError, Verb};
use std::time::Duration;

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
    let process = || Engine { stop: Stop::default(), ..deployment.engine(&kinds) };
    let (first, second) = (process(), process());
    let (plan, state) = (deployment.plan(&graph).await.unwrap(), deployment.state().await);
    let (mut here, mut there) = (Silent, Silent);
    let both = futures_util::future::join(
        first.apply(&plan, state.clone(), &mut here),
        second.apply(&plan, state, &mut there),
    );
    let (one, other) = both.await;
    let (proceeded, ended) = if one.complete() { (one, other) } else { (other, one) };
    assert!(proceeded.complete(), "{proceeded:#?}");
    assert!(matches!(ended.lost, Some(StoreError::Moved { .. })), "{ended:#?}");
    assert!(ended.done.is_empty());
    deployment.check(&graph, "after both").await;
}

/// What the others do while they wait could not be recorded either.
#[tokio::test]
async fn a_record_that_cannot_be_saved_ends_every_wait_at_once() {
    let mut ended = 0;
    // Intents, creates and ids of both networks: all of it before the first pause between two readings.
    for at in 1..=6 {
        let (mut deployment, graph) = (Deployment::new(), two_networks());
        // A minute between two readings: who waits for the next one does not come to an end here.
        deployment.limits = Limits { pace: 20.0, ..Limits::FAKE };
        deployment.world.go_wrong(&[(at, Fault::Refuse)], &[], &Stop::default());
        let run = tokio::time::timeout(Duration::from_secs(5), deployment.run(&graph));
        let Some(outcome) = run.await.ok().flatten().filter(|outcome| outcome.lost.is_some()) else { continue };
        ended += 1;
        assert!(!outcome.stopped, "nobody asked to stop");
        deployment.world.go_wrong(&[], &[], &Stop::default());
        (deployment.stop, deployment.limits) = (Stop::default(), Limits::FAKE);
        deployment.complete(&graph).await;
        deployment.check(&graph, &format!("after effect {at}")).await;
    }
    assert_eq!(ended, 4, "two intents and two ids are saved");
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

/// Not all of AWS knows yet what an earlier run made a moment ago.
#[tokio::test]
async fn what_a_run_before_has_just_made_may_be_unknown_for_a_while() {
    let graph = two_networks();
    let mut networks = Graph::new("t");
    networks.nodes = graph.nodes.clone().into_iter().filter(|(address, _)| address.kind == "ec2.vpc").collect();
    for (young, complete) in [(Duration::from_mins(5), 2), (Duration::ZERO, 0)] {
        let mut ends = vec![];
        // Effects are saves and creates; a save that fails is another story.
        for at in 1..=6 {
            let mut deployment = Deployment::new();
            deployment.limits = Limits { young, ..Limits::FAKE };
            deployment.complete(&networks).await;
            deployment.world.go_wrong(&[(at, Fault::Unknown)], &[], &Stop::default());
            let outcome = deployment.run(&graph).await.unwrap();
            ends.extend(outcome.lost.is_none().then(|| outcome.complete()));
        }
        assert_eq!((ends.len(), ends.iter().filter(|end| **end).count()), (2, complete), "two subnets are made");
    }
}

/// What has no id was not made: it is not looked for until it comes.
#[tokio::test]
async fn what_a_create_refers_to_and_nobody_has_is_no_matter_of_time() {
    let mut deployment = Deployment::new();
    deployment.limits = Limits { young: Duration::from_mins(5), ..Limits::FAKE };
    let mut failed = 0;
    for at in 1..=6 {
        let mut deployment = deployment.copy();
        deployment.world.go_wrong(&[(at, Fault::Unknown)], &[], &Stop::default());
        let outcome = deployment.run(&two_networks()).await.unwrap();
        failed += usize::from(outcome.lost.is_none() && !outcome.failed.is_empty());
        deployment.stop = Stop::default();
    }
    assert_eq!(failed, 2, "a create of each network");
}

/// A plan has no board that would tell.
#[tokio::test]
async fn a_look_that_takes_long_says_what_it_looks_for() {
    let (mut deployment, graph) = (Deployment::new(), two_networks());
    // The first network is made, its answer is lost with the process, and describes show it late.
    deployment.world.lag(3);
    deployment.world.arm(2, fake::When::After);
    assert!(deployment.run(&graph).await.is_none());
    deployment.world.revive();
    deployment.limits = Limits { find_patience: Duration::from_mins(1), ..Limits::FAKE };
    let fakes = fake::kinds(&deployment.world);
    let kinds = fake::registry(&fakes);
    let said = std::cell::RefCell::new(vec![]);
    let tell = |line: &str| said.borrow_mut().push(line.to_owned());
    let engine = Engine { tell: &tell, ..deployment.engine(&kinds) };
    engine.probe(&graph, &deployment.state().await).await.unwrap();
    let said = said.take();
    assert!(said.len() == 1 && said[0].contains("ec2.vpc/") && said[0].contains("up to 60 s"), "{said:#?}");
}
