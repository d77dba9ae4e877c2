//! `graph`: the dependency graph of the config, with what the record says of each resource.
//!
//! It asks AWS nothing: zones and account are made up as in an offline plan, and the status is the state file's, which may
//! be behind what exists. Arrows go the way things are made: from what is needed to what needs it.

mod layout;
mod svg;
mod text;

use super::super::exit::Failure;
use super::super::session::store::OpenStore;
use super::super::{Format, Global};
use crate::config::{Config, Dns};
use crate::model::{Address, Graph};
use crate::report::words::count;
use crate::stack::facts::PlaceFacts;
use crate::stack::{Facts, stack};
use crate::state::{State, StateStore};
use clap::{Args, ValueEnum};
use std::collections::BTreeMap;

/// Draw what depends on what, with the status on record; asks AWS nothing
#[derive(Debug, Args)]
pub(crate) struct GraphVerb {
    /// The form: text for Graphviz or Mermaid, or a picture
    #[arg(long = "as", value_enum, value_name = "FORM", default_value = "dot")]
    form: Form,
}

/// How the graph is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Form {
    /// For Graphviz
    Dot,
    /// For Markdown
    Mermaid,
    /// A picture
    Svg,
}

impl GraphVerb {
    /// Prints the graph to stdout.
    ///
    /// # Errors
    /// If the config is invalid or the state file cannot be read.
    pub(crate) async fn run(self, global: &Global) -> Result<u8, Failure> {
        let kept = OpenStore::open(global).await?;
        let state = kept.store.load().await?;
        let drawing = Drawing::new(&desired(&kept.config, state.as_ref()), state.as_ref());
        super::print(match self.form {
            // `--format json` is what programs ask every verb for.
            _ if global.format == Format::Json => text::json(&drawing),
            Form::Dot => text::dot(&drawing),
            Form::Mermaid => text::mermaid(&drawing),
            Form::Svg => svg::svg(&drawing),
        })
    }
}

fn desired(config: &Config, state: Option<&State>) -> Graph {
    let zone = match &config.ingress.dns {
        Dns::Route53 { zone } => Some(zone.as_str()),
        Dns::External => None,
    };
    let place = PlaceFacts::offline(&config.region, &config.network.zones, zone);
    stack(config, &Facts::new(place, state, None))
}

/// What the record says of a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Status {
    /// It is recorded.
    Exists,
    /// Something was being done to it when the last run ended.
    Interrupted,
    /// It is neither.
    Missing,
}

impl Status {
    /// As a word, which is also its class in the pictures.
    fn word(self) -> &'static str {
        match self {
            Status::Exists => "exists",
            Status::Interrupted => "interrupted",
            Status::Missing => "missing",
        }
    }
}

/// One resource of the drawing.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Shape {
    /// Kind and name.
    address: Address,
    /// `None` if there is no state file.
    status: Option<Status>,
}

/// One dependency of the drawing, by places in [`Drawing::shapes`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Arrow {
    /// What is needed.
    from: usize,
    /// What needs it.
    to: usize,
    /// False if it is about order only.
    uses: bool,
}

/// The graph as it is drawn.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Drawing {
    /// The deployment's name.
    deployment: String,
    /// In address order.
    shapes: Vec<Shape>,
    /// Sorted.
    arrows: Vec<Arrow>,
}

impl Drawing {
    fn new(graph: &Graph, state: Option<&State>) -> Self {
        let place: BTreeMap<&Address, usize> = graph.nodes.keys().enumerate().map(|(at, node)| (node, at)).collect();
        let shape = |address: &Address| Shape {
            address: address.clone(),
            status: state.map(|state| {
                if state.intents.contains_key(address) {
                    Status::Interrupted
                } else if state.resources.contains_key(address) {
                    Status::Exists
                } else {
                    Status::Missing
                }
            }),
        };
        let mut arrows: Vec<Arrow> = Vec::new();
        for (user, node) in &graph.nodes {
            for (used, edge) in &node.after {
                // What is needed may be on its way out of the graph; there is nothing to draw it from then.
                if let (Some(from), Some(to)) = (place.get(used), place.get(user)) {
                    arrows.push(Arrow { from: *from, to: *to, uses: edge.uses });
                }
            }
        }
        arrows.sort();
        Self { deployment: graph.deployment.clone(), shapes: graph.nodes.keys().map(shape).collect(), arrows }
    }

    /// One line on top: the name, how many resources, and how far they are.
    fn title(&self) -> String {
        let mut title = format!("{}: {}", self.deployment, count(self.shapes.len(), "resource"));
        for status in [Status::Exists, Status::Interrupted, Status::Missing] {
            let number = self.shapes.iter().filter(|shape| shape.status == Some(status)).count();
            if number > 0 {
                title += &format!(", {number} {}", status.word());
            }
        }
        title
    }

    /// The arrows that do not follow from others: those that a picture needs.
    fn essential(&self) -> Vec<Arrow> {
        let mut users = vec![Vec::new(); self.shapes.len()];
        for arrow in &self.arrows {
            users[arrow.from].push(arrow.to);
        }
        let mut arrows = self.arrows.clone();
        arrows.retain(|arrow| {
            let mut seen = vec![false; users.len()];
            let mut next: Vec<usize> = users[arrow.from].iter().copied().filter(|user| *user != arrow.to).collect();
            while let Some(at) = next.pop() {
                if at == arrow.to {
                    return false;
                }
                if !std::mem::replace(&mut seen[at], true) {
                    next.extend(&users[at]);
                }
            }
            true
        });
        arrows
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{load, templates};
    use crate::state::{Intent, Verb};

    /// The drawing of a template, half done: one resource is recorded, one was being made.
    pub(super) fn drawing(template: usize) -> Drawing {
        let (config, _) = load("f", templates()[template].text).unwrap();
        let mut state = State::new(&config.name, uuid::Uuid::nil());
        let intent = Intent {
            verb: Verb::Create,
            token: "t".into(),
            inputs: serde_json::Value::Null,
            after: BTreeMap::new(),
            keep: Default::default(),
            holds_data: false,
            id: None,
            deposed: vec![],
            since: jiff::Timestamp::UNIX_EPOCH,
        };
        state.intents.insert(Address::new("ec2.vpc", "main"), intent);
        Drawing::new(&desired(&config, Some(&state)), Some(&state))
    }

    #[test]
    fn the_record_gives_the_status_and_without_one_there_is_none() {
        let drawing = drawing(0);
        let vpc = drawing.shapes.iter().find(|shape| shape.address.to_string() == "ec2.vpc/main").unwrap();
        assert_eq!(vpc.status, Some(Status::Interrupted));
        assert!(drawing.title().contains(", 1 interrupted, "), "{}", drawing.title());
        let (config, _) = load("f", templates()[0].text).unwrap();
        let fresh = Drawing::new(&desired(&config, None), None);
        assert!(fresh.shapes.iter().all(|shape| shape.status.is_none()));
        assert_eq!(fresh.title(), format!("zenml-hybrid: {} resources", fresh.shapes.len()));
    }

    /// a ──▶ b ──▶ c, and a ──▶ c, which follows
    #[test]
    fn what_follows_from_other_arrows_is_left_out_of_a_picture() {
        let shape = |name| Shape { address: Address::new("x.y", name), status: None };
        let arrow = |from, to| Arrow { from, to, uses: true };
        let drawing = Drawing {
            deployment: "d".into(),
            shapes: ["a", "b", "c"].map(shape).to_vec(),
            arrows: vec![arrow(0, 1), arrow(0, 2), arrow(1, 2)],
        };
        assert_eq!(drawing.essential(), [arrow(0, 1), arrow(1, 2)]);
    }
}
