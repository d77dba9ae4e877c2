//! The two sorts of snapshots and why they are kept: before a migration, and at the end.

use crate::aws::rds::snapshot::Snapshot;
use crate::model::{Address, Edge, Graph, Keep};
use serde_json::Value;

const BEFORE: &str = "before-";
const FINAL: &str = "final-";

fn database() -> Address {
    Address::new("rds.instance", "main")
}

/// The way back from a migration. `suffix` tells of which version and which database.
pub(super) fn add_before(graph: &mut Graph, suffix: &str, snapshot: Snapshot) -> Address {
    let address = graph.add(&format!("{BEFORE}{suffix}"), snapshot).address;
    graph.holds_data(&address);
    graph.keep(&address, Keep::Always("it is the way back from the migration".into()));
    graph.add_after(&address, &database(), Edge::USES);
    address
}

/// The last copy of the data. Nothing may write any more when it is taken.
pub(super) fn add_final(graph: &mut Graph, name: &str, snapshot: Snapshot) {
    let address = graph.add(name, snapshot).address;
    graph.holds_data(&address);
    graph.keep(&address, Keep::Always("it is the last copy of the data".into()));
    graph.add_after(&address, &database(), Edge::SETTLED);
    for user in [Address::new("ecs.service", "server"), Address::new("ecs.task_run", "migrate")] {
        graph.add_after(&address, &user, Edge::GONE);
    }
}

/// Adds a snapshot that an earlier run made, as that run wanted it. Nothing, if `address` is none.
pub fn add_earlier_snapshot(graph: &mut Graph, address: &Address, inputs: &Value) {
    let Ok(snapshot) = serde_json::from_value::<Snapshot>(inputs.clone()) else { return };
    if address.kind != "rds.snapshot" {
        return;
    }
    if let Some(suffix) = address.name.strip_prefix(BEFORE) {
        add_before(graph, suffix, snapshot);
    } else if address.name.starts_with(FINAL) {
        add_final(graph, &address.name, snapshot);
    }
}
