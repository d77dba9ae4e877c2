//! The templates as graphs.

use hybridctl::config::{self, Config};
use hybridctl::model::Graph;
use hybridctl::stack::facts::PlaceFacts;
use hybridctl::stack::{Facts, stack};
use hybridctl::state::State;

/// The config of a template, changed by `edit` on its text.
pub fn config(name: &str, edit: impl FnOnce(String) -> String) -> Config {
    let template = config::templates().iter().find(|template| template.name == name).unwrap();
    let text = edit(template.text.to_owned());
    match config::load(name, &text) {
        Ok((config, _)) => config,
        Err(problems) => panic!("{}", config::render(name, &text, &problems, config::Style::Plain)),
    }
}

/// Facts of no account in particular, with what is on record.
pub fn facts(config: &Config, state: Option<&State>) -> Facts {
    let zone = match &config.ingress.dns {
        config::Dns::Route53 { zone } => Some(zone.as_str()),
        config::Dns::External => None,
    };
    let place = PlaceFacts::offline(&config.region, &config.network.zones, zone);
    Facts::new(place, state, Some("fingerprint".into()))
}

/// The graph of a template.
pub fn graph(name: &str, edit: impl FnOnce(String) -> String) -> Graph {
    let config = config(name, edit);
    stack(&config, &facts(&config, None))
}
