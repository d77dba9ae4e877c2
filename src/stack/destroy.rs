//! What is left when everything goes: the graph that `destroy` plans against.
//!
//! There is no second path: `destroy` is a plan against this graph, with at most a final snapshot in it.

use super::snapshots::add_final;
use crate::aws::rds::snapshot::Snapshot;
use crate::model::{Address, Graph};
use crate::state::{State, Verb};
use serde_json::Value;

/// The graph of what should be left. `at` names the final snapshot (`20261120-171500`).
pub fn destroy_graph(state: &State, final_snapshot: bool, at: &str) -> Graph {
    let database = state.resources.get(&Address::new("rds.instance", "main")).filter(|_| final_snapshot);
    graph_with_snapshot_of(database.and_then(|database| database.outputs["identifier"].as_str()), state, at)
}

/// As [`destroy_graph`], with a final snapshot of this database, whatever is on record; `None`: of none.
pub fn graph_with_snapshot_of(identifier: Option<&str>, state: &State, at: &str) -> Graph {
    let mut graph = Graph::new(&state.deployment);
    let Some(identifier) = identifier else { return graph };
    graph.guide("cleanup 4");
    let (name, snapshot_identifier) = unfinished_snapshot(state).unwrap_or_else(|| {
        // The name must be new every time: a second destroy of a deployment of this name must not meet the first one's.
        let number = state.incarnations % NUMBERS;
        (format!("final-{at}-{number:04x}"), format!("{}-final-{at}-{number:04x}", state.deployment))
    });
    let snapshot = Snapshot { snapshot_identifier, instance_identifier: identifier.to_owned().into() };
    add_final(&mut graph, &name, snapshot);
    graph
}

/// The number at the end of a final snapshot's name counts what had been made before it, up to this.
const NUMBERS: u64 = 0xffff;

/// The snapshot of an interrupted destroy, if nothing can have been written since: the service is gone, and nothing but the
/// snapshot was begun after the destroy was planned. An `up` in between, whether it came to its end or not, has at least begun
/// to make the service; then the snapshot is of an earlier life, and the data of this one needs its own.
fn unfinished_snapshot(state: &State) -> Option<(String, String)> {
    let service = Address::new("ecs.service", "server");
    let (name, inputs) = newest_final(state)?;
    let begun = state.intents.get(&service).is_some_and(|intent| intent.verb == Verb::Create);
    let serves = begun || state.resources.contains_key(&service);
    let since = (state.incarnations + NUMBERS - number_of(name)?) % NUMBERS;
    if serves || since > 1 {
        return None;
    }
    Some((name.to_owned(), inputs["snapshot_identifier"].as_str()?.to_owned()))
}

fn newest_final(state: &State) -> Option<(&str, &Value)> {
    let recorded = state.resources.iter().map(|(address, recorded)| (address, &recorded.inputs));
    let begun = state.intents.iter().map(|(address, intent)| (address, &intent.inputs));
    let finals = recorded
        .chain(begun)
        .filter(|(address, _)| address.kind == "rds.snapshot" && address.name.starts_with("final-"));
    let newest = finals.max_by_key(|(address, _)| address.name.clone())?;
    Some((newest.0.name.as_str(), newest.1))
}

fn number_of(name: &str) -> Option<u64> {
    u64::from_str_radix(name.rsplit('-').next()?, 16).ok().filter(|number| *number < NUMBERS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Keep;
    use crate::resource::Id;
    use crate::state::{Intent, Recorded};
    use serde_json::json;

    const AT: &str = "20261120-171500";

    fn record(inputs: Value, outputs: Value, made: Option<&str>) -> Recorded {
        Recorded {
            id: Id::from("id"),
            token: "t".into(),
            made: made.map(|made| made.parse().unwrap()),
            inputs,
            outputs,
            tags: std::collections::BTreeMap::new(),
            after: std::collections::BTreeMap::new(),
            keep: Keep::Never,
            holds_data: true,
            deposed: vec![],
        }
    }

    /// A database, and a final snapshot of the plan that was made when 18 things had been made.
    fn interrupted(incarnations: u64) -> State {
        let mut state = State { incarnations, ..State::new("t", uuid::Uuid::nil()) };
        let database = record(json!({}), json!({ "identifier": "t-db" }), Some("2026-11-20T10:00:00Z"));
        state.resources.insert(Address::new("rds.instance", "main"), database);
        let name = format!("final-{AT}-0012");
        let inputs = json!({ "snapshot_identifier": format!("t-{name}") });
        let snapshot = record(inputs, json!({}), Some("2026-11-20T17:20:00Z"));
        state.resources.insert(Address::new("rds.snapshot", &name), snapshot);
        state
    }

    fn intent(verb: Verb) -> Intent {
        Intent {
            verb,
            token: "t".into(),
            inputs: json!({}),
            after: std::collections::BTreeMap::new(),
            keep: Default::default(),
            holds_data: false,
            id: None,
            deposed: vec![],
            since: jiff::Timestamp::UNIX_EPOCH,
        }
    }

    fn chosen(state: &State) -> String {
        let graph = destroy_graph(state, true, "20261121-080000");
        graph.nodes.keys().find(|address| address.kind == "rds.snapshot").unwrap().name.clone()
    }

    #[test]
    fn a_destroy_goes_on_with_its_own_snapshot_only_if_nothing_was_begun_since() {
        let (old, new) = ("final-20261120-171500-0012", |number: &str| format!("final-20261121-080000-{number}"));
        assert_eq!(chosen(&interrupted(0x12)), old, "the snapshot was not begun yet");
        assert_eq!(chosen(&interrupted(0x13)), old);
        // An `up` began to make the service, and died before that was on record.
        assert_eq!(chosen(&interrupted(0x14)), new("0014"));
        let service = Address::new("ecs.service", "server");
        let mut state = interrupted(0x13);
        state.intents.insert(service.clone(), intent(Verb::Create));
        assert_eq!(chosen(&state), new("0013"));
        // A name that somebody wrote by hand says nothing.
        let mut edited = interrupted(0x13);
        let snapshot = edited.resources.pop_last().unwrap().1;
        edited.resources.insert(Address::new("rds.snapshot", format!("final-{AT}")), snapshot);
        assert_eq!(chosen(&edited), new("0013"));
        state.intents.insert(service.clone(), intent(Verb::Delete));
        assert_eq!(chosen(&state), old);
        state.resources.insert(service, record(json!({}), json!({}), None));
        assert_eq!(chosen(&state), new("0013"));
    }
}
