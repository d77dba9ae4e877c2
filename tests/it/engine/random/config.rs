//! What a story wants: letters to addresses, settings and links to a graph.

use super::scenario::{Knob, Link};
use hybridctl::model::{Address, Edge, Graph, Keep, Need, Node, OnDelete, OutputRef};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// The kind whose objects can be brought back.
pub const RECOVERABLE: &str = "toy.recoverable";

/// One node of the config.
#[derive(Clone)]
pub struct Wanted {
    pub kind: &'static str,
    knobs: BTreeMap<&'static str, u8>,
    links: BTreeMap<char, Link>,
}

/// The config of a story.
#[derive(Clone, Default)]
pub struct Config {
    pub nodes: BTreeMap<char, Wanted>,
    pub data: BTreeSet<char>,
    pub keep: BTreeSet<char>,
}

/// The value of a setting.
pub fn value(knob: Knob, value: u8) -> Value {
    match knob {
        Knob::Armed => json!(value % 2 == 1),
        _ => json!(value),
    }
}

/// A child is the only one in its parent and a name that can be brought back is its own: neither is made anew beside itself.
pub fn has(kind: &str, knob: Knob) -> bool {
    match kind {
        "toy.child" => !matches!(knob, Knob::Shape | Knob::Origin),
        RECOVERABLE => knob != Knob::Origin,
        _ => true,
    }
}

impl Config {
    pub fn want(&mut self, letter: char, kind: &'static str) {
        self.nodes.insert(letter, Wanted { kind, knobs: BTreeMap::new(), links: BTreeMap::new() });
    }

    /// Links that a graph can have: to an earlier letter, and the other way round on delete from `g` to `f` only.
    pub fn link(&mut self, letter: char, used: char, link: Link) {
        let only_pair = (letter, used) == ('g', 'f');
        let Some(node) = self.nodes.get_mut(&letter).filter(|_| used < letter) else { return };
        // The name of what can be brought back is its own: it lives in nothing.
        let homeless = link == Link::Parent && node.kind == RECOVERABLE;
        // What is kept holds nothing that may have to go.
        let holds = self.keep.contains(&letter) && !matches!(link, Link::Seed | Link::After);
        if (link == Link::Same) == only_pair && !homeless && !holds {
            node.links.insert(used, link);
        }
    }

    pub fn unlink(&mut self, letter: char, used: char) {
        if let Some(node) = self.nodes.get_mut(&letter) {
            node.links.remove(&used);
        }
    }

    pub fn set(&mut self, letter: char, knob: Knob, value: u8) {
        if let Some(node) = self.nodes.get_mut(&letter).filter(|node| has(node.kind, knob)) {
            node.knobs.insert(knob.field(), value);
        }
    }

    pub fn address(&self, letter: char) -> Option<Address> {
        self.nodes.get(&letter).map(|node| Address::new(node.kind, letter.to_string()))
    }

    pub fn graph(&self) -> Graph {
        let mut graph = Graph::new("t");
        for (letter, node) in &self.nodes {
            let address = Address::new(node.kind, letter.to_string());
            let keep = if self.keep.contains(letter) { Keep::Always("the story says so".into()) } else { Keep::Never };
            let (inputs, after) = self.inputs(node);
            let holds_data = self.data.contains(letter);
            let label = format!("t-{letter}");
            graph.nodes.insert(address, Node { inputs, after, holds_data, keep, guide: "step 1", label });
        }
        graph
    }

    fn inputs(&self, node: &Wanted) -> (Value, BTreeMap<Address, Edge>) {
        let knob = |knob: Knob| value(knob, node.knobs.get(knob.field()).copied().unwrap_or_default());
        // A null would mean: not ours to manage.
        let (mut uses, mut parent, mut seed) = (vec![], json!("nothing"), Value::Null);
        let mut after = BTreeMap::new();
        for (used, link) in &node.links {
            let Some(address) = self.address(*used) else { continue };
            let output = |name: &str| OutputRef { address: address.clone(), output: name.to_owned() }.to_value();
            match link {
                Link::Uses | Link::UsesEarly => uses.push(output("id")),
                Link::Version => uses.push(output("version")),
                Link::Parent => parent = output("id"),
                Link::Seed => seed = output("id"),
                Link::After | Link::Same => {}
            }
            let edge = match link {
                Link::Uses | Link::Version | Link::Parent | Link::Seed => Edge::USES,
                Link::UsesEarly => Edge { need: Need::Usable, ..Edge::USES },
                Link::After => Edge::SETTLED,
                Link::Same => Edge { on_delete: OnDelete::Same, ..Edge::SETTLED },
            };
            after.insert(address, edge);
        }
        let inputs = json!({
            "size": knob(Knob::Size),
            "shape": knob(Knob::Shape),
            "secret": knob(Knob::Secret),
            "origin": knob(Knob::Origin),
            "late": knob(Knob::Late),
            "content": knob(Knob::Content),
            "armed": knob(Knob::Armed),
            "uses": uses,
            "parent": parent,
            "seed": seed,
        });
        (inputs, after)
    }
}
