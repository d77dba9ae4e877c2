//! Somebody deletes an object by hand: it is made again, with what really depends on it and nothing else.

use crate::support::deployment::Deployment;
use crate::support::templates::graph;
use hybridctl::model::{Address, Graph};
use hybridctl::plan::{Action, Problem};
use std::collections::BTreeSet;

/// What takes a value of `address`, directly or through others.
fn users(graph: &Graph, address: &Address) -> BTreeSet<Address> {
    let (mut found, mut open) = (BTreeSet::new(), vec![address.clone()]);
    while let Some(used) = open.pop() {
        let users = graph.nodes.iter().filter(|(_, node)| node.after.get(&used).is_some_and(|edge| edge.uses));
        for (user, _) in users {
            if found.insert(user.clone()) {
                open.push(user.clone());
            }
        }
    }
    found
}

fn about_data(problem: &Problem) -> bool {
    use Problem::{DataGone, DataReplaced, Held, Protected};
    matches!(problem, DataGone { .. } | DataReplaced { .. } | Held { .. } | Protected { .. })
}

#[tokio::test]
async fn what_somebody_deletes_is_made_again_with_its_true_dependents_only() {
    let wanted = graph("quickstart", |text| text);
    let start = Deployment::new();
    start.complete(&wanted).await;
    let (mut healed, mut refused) = (0, vec![]);
    for address in wanted.nodes.keys() {
        let deployment = start.copy();
        let before = deployment.state().await.resources;
        deployment.world.remove(&before[address].id);
        let plan = match deployment.plan(&wanted).await {
            Ok(plan) => plan,
            // Nothing is made again that would lose data, or that the database stands in.
            Err(problems) => {
                assert!(problems.iter().all(about_data), "{address}: {problems:?}");
                refused.push(address.to_string());
                continue;
            }
        };
        let may = users(&wanted, address);
        assert_eq!(plan.steps[address].action, Action::Create, "{address}");
        for step in plan.steps.values().filter(|step| step.acts() && step.address != *address) {
            assert!(may.contains(&step.address), "{address} was deleted, and {} would {:?}", step.address, step.action);
        }
        deployment.complete(&wanted).await;
        deployment.check(&wanted, &format!("{address} was deleted")).await;
        let after = deployment.state().await.resources;
        for (other, recorded) in before.iter().filter(|(other, _)| *other != address && !may.contains(*other)) {
            assert_eq!(after[other].id, recorded.id, "{address} was deleted, and {other} was made again");
        }
        healed += 1;
    }
    eprintln!("{healed} made again, refused: {refused:?}");
    assert!(healed > 40 && refused.contains(&"rds.instance/main".to_owned()), "{healed} {refused:?}");
}
