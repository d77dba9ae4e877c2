//! Names that are taken, and requests to stop: nothing of a stranger's is touched, and the next run finishes.

use crate::support::deployment::Deployment;
use crate::support::templates::graph;
use hybridctl::model::{Address, Graph};
use hybridctl::plan::Problem;
use hybridctl::resource::{Consents, Life};

/// Every resource whose name cannot be another one.
fn with_a_key(graph: &Graph) -> Vec<Address> {
    let kinds = hybridctl::aws::kinds();
    let with_a_key = |address: &&Address| {
        let spec = kinds.get(&address.kind).unwrap().spec();
        !spec.coexists && spec.life == Life::Own && spec.repeat != hybridctl::resource::Repeat::Duplicates
    };
    graph.nodes.keys().filter(with_a_key).cloned().collect()
}

#[tokio::test]
async fn a_name_that_a_stranger_has_is_refused_by_name_and_the_stranger_is_left_alone() {
    let wanted = graph("quickstart", |text| text);
    let (mut before, mut during) = (0, 0);
    for address in with_a_key(&wanted) {
        let deployment = Deployment::new();
        let stranger = deployment.world.plant(&address.to_string());
        let planted = deployment.world.objects()[&stranger].clone();
        match deployment.plan(&wanted).await {
            Err(problems) => {
                let [Problem::Foreign { address: named, whose }] = &*problems else {
                    panic!("{address}: {problems:?}")
                };
                assert!(*named == address && whose.contains(stranger.as_str()), "{address}: {problems:?}");
                assert_eq!(deployment.world.objects().len(), 1, "{address}: the plan was refused");
                assert_eq!(deployment.world.log(), [""; 0], "{address}: the plan was refused");
                before += 1;
            }
            // Part of the name is known at apply only: that is when it is looked up.
            Ok(_) => {
                let outcome = deployment.run(&wanted).await.unwrap();
                let failed: Vec<_> = outcome.failed.keys().collect();
                assert_eq!(failed, [&address], "{:?}", outcome.failed);
                assert!(outcome.failed[&address].to_string().contains("exists already"), "{:?}", outcome.failed);
                during += 1;
            }
        }
        let left = deployment.world.objects()[&stranger].clone();
        assert_eq!(
            (left.inputs, left.tags),
            (planted.inputs, planted.tags),
            "{address}: a stranger's object was changed"
        );
        deployment.world.remove(&stranger);
        deployment.complete(&wanted).await;
        deployment.check(&wanted, &format!("{address}: the name is free again")).await;
    }
    assert!(before > 5 && during > 0, "{before} refused by the plan, {during} at apply");
}

/// Runs until so many things have happened, then asks to stop. `None`: it was done before.
async fn stopped_after(deployment: &Deployment, wanted: &Graph, effects: usize) -> Option<()> {
    let goal = deployment.world.log().len() + effects;
    let stopper = async {
        while deployment.world.log().len() < goal {
            tokio::task::yield_now().await;
        }
        deployment.stop.request();
        std::future::pending::<()>().await;
    };
    let outcome = tokio::select! {
        biased;
        outcome = deployment.run(wanted) => outcome.unwrap(),
        () = stopper => unreachable!("because it never ends"),
    };
    assert!(outcome.failed.is_empty() && outcome.lost.is_none(), "{outcome:#?}");
    let unfinished = outcome.stopped;
    assert_eq!(outcome.complete(), !unfinished, "{outcome:#?}");
    unfinished.then_some(())
}

/// From `first` to `then`, stopped at many points.
async fn goes_on_after_a_stop(first: Option<&Graph>, then: &Graph, consents: &Consents, stride: usize) -> usize {
    let start = Deployment::new();
    if let Some(first) = first {
        start.complete(first).await;
    }
    for (points, effects) in (1..).step_by(stride).enumerate() {
        let mut deployment = start.copy();
        deployment.consents = consents.clone();
        let Some(()) = stopped_after(&deployment, then, effects).await else { return points };
        deployment.state().await.verify_integrity().unwrap();
        let mut next = deployment.copy();
        next.consents = consents.clone();
        next.complete(then).await;
        next.check(then, &format!("stopped after {effects} effects")).await;
    }
    unreachable!("because a run ends")
}

#[tokio::test]
async fn a_stopped_create_goes_on_in_the_next_run() {
    let wanted = graph("quickstart", |text| text);
    let points = goes_on_after_a_stop(None, &wanted, &Consents::default(), 5).await;
    assert!(points > 20, "only {points} points");
}

#[tokio::test]
async fn a_stopped_replacement_goes_on_in_the_next_run() {
    let old = graph("quickstart", |text| text);
    let new = graph("quickstart", |text| text.replace("[service]\n", "[service]\nport = 8001\n"));
    let points = goes_on_after_a_stop(Some(&old), &new, &Consents::default(), 1).await;
    assert!(points > 10, "only {points} points");
}
