//! Random records and observations, consistent or not: the planner always gives an answer, always the same, that can be
//! carried out.

use super::config::Config;
use super::generate::{kind, linking, set};
use super::runner;
use super::scenario::Act;
use crate::support::deployment::LINEAGE;
use crate::support::toys::TOYS;
use hybridctl::aws::tags;
use hybridctl::config::Style;
use hybridctl::model::input::substitute;
use hybridctl::model::{Address, Graph, Node};
use hybridctl::plan::{Given, Observations, Operations, Plan, Problem, Seen, lower, plan};
use hybridctl::report::{Meta, Place, plan_json, plan_text};
use hybridctl::resource::{Consents, Kind, Kinds, Observed, Phase, Tags};
use hybridctl::state::{Intent, Recorded, State, Verb};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::json;
use std::collections::BTreeSet;

/// What is known of one node.
#[derive(Debug, Clone)]
struct Known {
    desired: bool,
    recorded: bool,
    deposed: bool,
    intent: Option<(Verb, bool)>,
    seen: Look,
    pending: Look,
    changed: bool,
}

#[derive(Debug, Clone, Copy)]
enum Look {
    Nobody,
    Gone,
    Restorable,
    Foreign,
    Unknown,
    Live(u8, bool),
}

fn look() -> impl Strategy<Value = Look> {
    prop_oneof![
        1 => select(vec![Look::Nobody, Look::Gone, Look::Restorable, Look::Foreign, Look::Unknown]),
        1 => (0u8..6, any::<bool>()).prop_map(|(phase, outputs)| Look::Live(phase, outputs)),
    ]
}

fn known() -> impl Strategy<Value = Known> {
    let intent = prop::option::of((select(vec![Verb::Create, Verb::Update, Verb::Delete]), any::<bool>()));
    (any::<bool>(), any::<bool>(), any::<bool>(), intent, look(), look(), any::<bool>()).prop_map(
        |(desired, recorded, deposed, intent, seen, pending, changed)| Known {
            desired,
            recorded,
            deposed,
            intent,
            seen,
            pending,
            changed,
        },
    )
}

/// Everything that a planner is given.
#[derive(Debug)]
struct World {
    desired: Graph,
    state: State,
    seen: Observations,
}

impl World {
    fn new(all: &Graph, known: &[Known]) -> Self {
        let mut world =
            Self { desired: Graph::new("t"), state: State::new("t", LINEAGE), seen: Observations::default() };
        for ((address, node), known) in all.nodes.iter().zip(known) {
            world.add(address, node, known);
        }
        let nodes = &mut world.desired.nodes;
        let wanted: BTreeSet<Address> = nodes.keys().cloned().collect();
        // A graph refers to what is in it.
        nodes.retain(|_, node| node.after.keys().all(|used| wanted.contains(used)));
        world
    }

    fn add(&mut self, address: &Address, node: &Node, known: &Known) {
        if known.desired {
            self.desired.nodes.insert(address.clone(), node.clone());
        }
        let mut inputs = substitute(&node.inputs, &|reference| Some(json!(reference.to_string())));
        if known.changed {
            inputs["shape"] = json!(99);
        }
        let token = format!("token-of-{}", address.name);
        let tags = tags::wanted("t", LINEAGE, address, &token, &node.label, &Tags::new());
        if known.recorded {
            let recorded = Recorded {
                id: format!("old-{address}").into(),
                token: token.clone(),
                made: None,
                inputs: inputs.clone(),
                outputs: json!({ "id": "x", "version": "1" }),
                tags: tags.clone(),
                after: node.after.clone(),
                keep: node.keep.clone(),
                holds_data: node.holds_data,
                deposed: known.deposed.then(|| format!("older-{address}").into()).into_iter().collect(),
            };
            self.state.resources.insert(address.clone(), recorded);
        }
        if let Some((verb, with_id)) = known.intent.filter(|(verb, _)| known.recorded || *verb == Verb::Create) {
            let intent = Intent {
                verb,
                token,
                inputs: inputs.clone(),
                after: node.after.clone(),
                keep: node.keep.clone(),
                holds_data: node.holds_data,
                id: with_id.then(|| format!("new-{address}").into()),
                deposed: known.recorded.then(|| format!("old-{address}").into()).into_iter().collect(),
                since: jiff::Timestamp::UNIX_EPOCH,
            };
            self.state.intents.insert(address.clone(), intent);
        }
        let see = |look: Look, id: String| match look {
            Look::Nobody => None,
            Look::Gone => Some(Seen::Gone),
            Look::Restorable => Some(Seen::Restorable(id.into())),
            Look::Foreign => Some(Seen::Foreign("it is a stranger's".into())),
            Look::Unknown => Some(Seen::Unknown),
            Look::Live(phase, outputs) => {
                let word = || "word".to_owned();
                let phase = match phase {
                    0 => Phase::Ready,
                    1 => Phase::Usable(word()),
                    2 => Phase::Settling(word()),
                    3 => Phase::Deleting(word()),
                    4 => Phase::Refused(word()),
                    _ => Phase::Failed(word()),
                };
                let outputs = outputs.then(|| json!({ "id": "x", "version": "2" }));
                Some(Seen::Live(
                    id.into(),
                    Observed { inputs: inputs.clone(), outputs, phase, tags: Some(tags.clone()), detail: None },
                ))
            }
        };
        self.seen.seen.extend(see(known.seen, format!("old-{address}")).map(|seen| (address.clone(), seen)));
        self.seen.pending.extend(see(known.pending, format!("new-{address}")).map(|seen| (address.clone(), seen)));
    }

    fn plan(&self, consents: &Consents) -> Result<Plan, Vec<Problem>> {
        let kinds = Kinds::new(TOYS.iter().map(|toy| toy as &dyn Kind));
        let Self { desired, state, seen } = self;
        let user_tags = Tags::new();
        plan(&Given { desired, recorded: state, seen, kinds: &kinds, user_tags: &user_tags, consents })
    }
}

/// Operations that wait for each other, after all that can end has ended.
fn stuck(mut operations: Operations) -> Operations {
    loop {
        let before = operations.len();
        let names: BTreeSet<_> = operations.keys().cloned().collect();
        operations.retain(|_, waits| waits.keys().any(|on| names.contains(on)));
        if operations.len() == before {
            return operations;
        }
    }
}

fn graph(kinds: &[&'static str], acts: &[Act], fates: &[(bool, bool)]) -> Graph {
    let mut config = Config::default();
    for ((letter, kind), (data, keep)) in ('a'..).zip(kinds).zip(fates) {
        config.want(letter, kind);
        config.data.extend(data.then_some(letter));
        config.keep.extend(keep.then_some(letter));
    }
    for act in acts {
        match *act {
            Act::Link(letter, used, link) => config.link(letter, used, link),
            Act::Set(letter, knob, value) => config.set(letter, knob, value),
            _ => {}
        }
    }
    config.graph()
}

#[test]
fn the_planner_always_answers_and_its_plans_can_be_carried_out() {
    let kinds = prop::collection::vec(kind(), 1..7);
    let acts = prop::collection::vec(prop_oneof![2 => linking(), 1 => set()], 0..12);
    let fates = prop::collection::vec((prop::bool::weighted(0.2), prop::bool::weighted(0.2)), 7);
    let inputs = (kinds, acts, fates, prop::collection::vec(known(), 7), any::<bool>());
    let result = runner(4000).run(&inputs, |(kinds, acts, fates, known, consenting)| {
        let all = graph(&kinds, &acts, &fates);
        let world = World::new(&all, &known);
        let data_loss = if consenting { all.nodes.keys().cloned().collect() } else { BTreeSet::new() };
        let consents = Consents { data_loss, disable_protection: consenting, ..Consents::default() };
        let made = world.plan(&consents);
        prop_assert_eq!(&made, &world.plan(&consents), "two plans from the same are not the same");
        let plan = match made {
            Ok(plan) => plan,
            Err(problems) => {
                let broken = problems.iter().any(|problem| matches!(problem, Problem::Broken(_)));
                prop_assert!(!broken, "{:?}\n{:#?}", problems, world);
                return Ok(());
            }
        };
        let text = serde_json::to_string(&plan).unwrap();
        prop_assert_eq!(&serde_json::from_str::<Plan>(&text).unwrap(), &plan);
        let meta = Meta { deployment: "t".into(), region: "eu-central-1".into(), place: Place::Offline };
        prop_assert_eq!(plan_text(&plan, &meta, Style::Plain), plan_text(&plan, &meta, Style::Plain));
        prop_assert_eq!(plan_json(&plan, &meta).to_string(), plan_json(&plan, &meta).to_string());
        let stuck = stuck(lower(&plan, &world.state));
        prop_assert!(stuck.is_empty(), "these wait for each other: {:#?}\n{:#?}", stuck, plan);
        if !consenting {
            let lost = plan.steps.values().find(|step| {
                let deletes = matches!(step.action, hybridctl::plan::Action::Delete | hybridctl::plan::Action::Replace);
                let on_record = world.state.resources.contains_key(&step.address);
                step.holds_data && deletes && on_record && !world.state.intents.contains_key(&step.address)
            });
            prop_assert!(lost.is_none(), "data would be lost without consent: {:#?}", lost);
        }
        Ok(())
    });
    result.unwrap_or_else(|found| panic!("{found}"));
}
