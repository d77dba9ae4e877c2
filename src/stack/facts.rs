//! What the graph needs to know besides the config.

use crate::model::Address;
use crate::state::State;
use semver::Version;
use serde::{Deserialize, Serialize};

/// Facts of the account and of the deployment so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// What was looked up on AWS.
    pub place: PlaceFacts,
    /// The highest server version whose database migration was started, ever.
    pub migrated: Option<Version>,
    /// The immutable id of the database on record, `db-ABC…`.
    pub database: Option<String>,
    /// Keyed fingerprint of the OAuth2 client secret that was given; `None` keeps what is stored.
    pub oauth2_fingerprint: Option<String>,
}

/// Looked up once and kept in the state: they must not move under a deployment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlaceFacts {
    /// Twelve digits.
    pub account: String,
    /// `aws`.
    pub partition: String,
    /// One availability zone per pair of subnets, `eu-central-1a`.
    pub zones: Vec<String>,
    /// Name and id of the Route 53 zone that the record goes into.
    pub hosted_zone: Option<(String, String)>,
}

impl PlaceFacts {
    /// Fixed facts for a plan without credentials.
    pub fn offline(region: &str, zones: &crate::config::Zones, zone: Option<&str>) -> Self {
        let zones = match zones {
            crate::config::Zones::Count(count) => {
                letters().take(usize::from(*count)).map(|l| format!("{region}{l}")).collect()
            }
            crate::config::Zones::Names(names) => names.clone(),
        };
        Self {
            account: "123456789012".into(),
            partition: "aws".into(),
            zones,
            hosted_zone: zone.map(|name| (name.to_owned(), "Z0000000000000000000".into())),
        }
    }
}

impl Facts {
    /// With what the record tells.
    pub fn new(place: PlaceFacts, state: Option<&State>, oauth2_fingerprint: Option<String>) -> Self {
        let (migrated, database) = match state {
            Some(state) => (highest_migration(state), database_id(state)),
            None => (None, None),
        };
        Self { place, migrated, database, oauth2_fingerprint }
    }
}

/// `a`, `b`, … for the pairs of subnets.
pub(super) fn letters() -> impl Iterator<Item = char> {
    'a'..='z'
}

fn highest_migration(state: &State) -> Option<Version> {
    let address = Address::new("ecs.task_run", "migrate");
    let recorded = state.resources.get(&address).map(|recorded| &recorded.inputs);
    let begun = state.intents.get(&address).map(|intent| &intent.inputs);
    // A migration of another database says nothing of this one.
    let database = database_id(state);
    let of_ours =
        |inputs: &&serde_json::Value| database.is_none() || inputs["dbi_resource_id"].as_str() == database.as_deref();
    let versions = recorded.into_iter().chain(begun).filter(of_ours);
    versions.filter_map(|inputs| Version::parse(inputs["version"].as_str()?).ok()).max()
}

fn database_id(state: &State) -> Option<String> {
    let recorded = state.resources.get(&Address::new("rds.instance", "main"))?;
    recorded.outputs["dbi_resource_id"].as_str().map(str::to_owned)
}
