//! WHAT is deployed. Start reading here.
//!
//! [`stack`] turns a config and a few facts into the desired graph; nothing in here calls AWS or knows what exists. One file per
//! part of the guide: network (step 1), database (2), secrets (3), identity (4), compute (5 and 6), ingress (7 and 8).

mod compute;
mod database;
mod environment;
mod identity;
mod ingress;
mod network;
mod secrets;
mod snapshots;

pub mod destroy;
pub mod facts;

pub use facts::Facts;
pub use secrets::OAUTH2;
pub use snapshots::add_earlier_snapshot;

use crate::config::Config;
use crate::model::Graph;

/// The desired deployment.
pub fn stack(config: &Config, facts: &Facts) -> Graph {
    let graph = &mut Graph::new(&config.name);
    let roles = identity::declare(graph, config, facts);
    let network = network::declare(graph, config, facts);
    let secrets = secrets::declare(graph, config, facts);
    let database = database::declare(graph, config, facts, &network, &secrets);
    secrets::declare_guide_url(graph, config, &secrets, &database);
    identity::declare_policies(graph, config, &roles);
    let ingress = ingress::declare(graph, config, facts, &network);
    compute::declare(graph, config, facts, &compute::Parts { roles, network, secrets, database, ingress });
    std::mem::take(graph)
}

#[cfg(test)]
mod tests;
