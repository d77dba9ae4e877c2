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
    /// The OAuth2 client secret that is stored, when the key of its fingerprint was lost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub same_secret: Option<SameSecret>,
}

/// Two fingerprints of one value, by a key that was lost and by today's. Compared when the record was made again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SameSecret {
    /// As stored.
    pub stored: String,
    /// Of the same value, today.
    pub today: String,
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
            same_secret: None,
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
        let stored = state.and_then(stored_fingerprint);
        let is_stored = |today: &String| {
            place.same_secret.as_ref().is_some_and(|same| same.today == *today && Some(&*same.stored) == stored)
        };
        let oauth2_fingerprint = oauth2_fingerprint.filter(|today| !is_stored(today));
        Self { migrated, database, oauth2_fingerprint, place }
    }
}

fn stored_fingerprint(state: &State) -> Option<&str> {
    state.resources.get(&Address::new("secrets.given", "oauth2"))?.inputs["fingerprint"].as_str()
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
