//! A record that was lost: objects of this deployment exist, and nothing says which.

use super::Session;
use crate::aws::survey::{Search, Sighting};
use crate::cli::exit::{ERROR, Failure};
use crate::cli::typed;
use crate::rebuild::{Lineage, lineages};
use crate::report::codes;
use crate::stack::facts::PlaceFacts;
use crate::state::StateStore;
use std::fmt::Write;

/// How many objects are named before the rest is counted.
const NAMED: usize = 12;

impl Session {
    /// Everything that carries this deployment's tags. `zone` is read for DNS records too: a call for every 300 of its names.
    ///
    /// # Errors
    /// If AWS cannot be read.
    pub(crate) async fn survey(&self, zone: Option<&PlaceFacts>) -> Result<Vec<Sighting>, Failure> {
        let zone = zone.and_then(|place| place.hosted_zone.as_ref());
        let search = Search {
            deployment: &self.config.name,
            host: self.config.host(),
            zone_id: zone.map(|(_, id)| id.as_str()),
        };
        let found = self.engine().survey(&search).await;
        found.map_err(|error| Failure::aws("look for objects of this deployment", &error))
    }

    /// With nothing on record, nothing of this deployment may exist: a second one beside it would collide with every name, or
    /// worse, with none.
    ///
    /// # Errors
    /// If something exists: what, of which state document, and how to get the record back.
    pub(crate) async fn refuse_if_lost(&self) -> Result<(), Failure> {
        if !self.state.is_empty() {
            return Ok(());
        }
        let own = self.state.lineage.to_string();
        let mut sightings = self.survey(None).await?;
        sightings.retain(|sighting| sighting.lineage() != own);
        if sightings.is_empty() {
            return Ok(());
        }
        if self.store.load().await?.is_some_and(|now| !now.is_empty()) {
            let failure = Failure::new(ERROR, "another run has begun this deployment meanwhile: nothing was changed");
            return Err(failure.hint("run the command again"));
        }
        let lineages = lineages(&sightings);
        let mut text = format!(
            "nothing is on record, but {} in account {}, {}\n",
            tagged(&self.config.name, sightings.len()),
            self.facts.place.account,
            self.config.region
        );
        for lineage in &lineages {
            let _ = writeln!(text, "  {}", described(lineage));
        }
        for sighting in sightings.iter().take(NAMED) {
            let _ = writeln!(text, "    {} ({})", sighting.address, sighting.id);
        }
        if let Some(more @ 1..) = sightings.len().checked_sub(NAMED) {
            let _ = writeln!(text, "    and {more} more");
        }
        text.push_str("nothing was changed");
        let rebuild = typed::command(&self.global, "state rebuild");
        Err(Failure::new(ERROR, text)
            .known_as(codes::LOST)
            .hint(format!("if they are yours, the state was lost; make it again from what exists with `{rebuild}`"))
            .hint("if they are somebody else's, choose another `name` in the configuration"))
    }
}

/// AWS lists the tags of what was deleted for a while.
fn tagged(deployment: &str, number: usize) -> String {
    let carry = if number == 1 { "object carries" } else { "objects carry" };
    format!("{number} {carry} the tags of a deployment `{deployment}` (some may be gone already)")
}

/// `lineage 6f9c…: 61 objects, the oldest made 2026-11-20T17:00:00Z`.
pub(crate) fn described(lineage: &Lineage) -> String {
    let mut text = format!("lineage {}: {} objects", lineage.id, lineage.objects);
    if lineage.deleted > 0 {
        let _ = write!(text, ", {} deleted secrets that can be restored", lineage.deleted);
    }
    if let Some(since) = lineage.since {
        let _ = write!(text, ", the oldest made {since}");
    }
    text
}
