//! What is left when everything goes: the graph that `destroy` plans against.
//!
//! There is no second path: `destroy` is a plan against this graph, with at most a final snapshot in it.

use super::snapshots::add_final;
use crate::aws::rds::snapshot::Snapshot;
use crate::model::{Address, Graph};
use crate::state::State;

/// The graph of what should be left. `at` names the final snapshot (`20261120-171500`).
pub fn destroy_graph(state: &State, final_snapshot: bool, at: &str) -> Graph {
    let mut graph = Graph::new(&state.deployment);
    let instance = Address::new("rds.instance", "main");
    let Some(database) = state.resources.get(&instance).filter(|_| final_snapshot) else { return graph };
    let Some(identifier) = database.outputs["identifier"].as_str() else { return graph };
    graph.guide("cleanup 4");
    let service = Address::new("ecs.service", "server");
    let unfinished = unfinished_snapshot(state, &service);
    let (name, snapshot_identifier) = unfinished.unwrap_or_else(|| {
        // The name must be new every time: a second destroy of a deployment of this name must not meet the first one's.
        let number = state.incarnations % 0xffff;
        (format!("final-{at}-{number:04x}"), format!("{}-final-{at}-{number:04x}", state.deployment))
    });
    let snapshot = Snapshot { snapshot_identifier, instance_identifier: identifier.to_owned().into() };
    add_final(&mut graph, &name, snapshot);
    graph
}

/// The snapshot of an interrupted destroy, if nothing can have been written since: the service is gone already.
fn unfinished_snapshot(state: &State, service: &Address) -> Option<(String, String)> {
    if state.resources.contains_key(service) {
        return None;
    }
    let recorded = state.resources.iter().map(|(address, recorded)| (address, &recorded.inputs));
    let begun = state.intents.iter().map(|(address, intent)| (address, &intent.inputs));
    let finals = recorded
        .chain(begun)
        .filter(|(address, _)| address.kind == "rds.snapshot" && address.name.starts_with("final-"));
    let newest = finals.max_by_key(|(address, _)| address.name.clone())?;
    Some((newest.0.name.clone(), newest.1["snapshot_identifier"].as_str()?.to_owned()))
}
