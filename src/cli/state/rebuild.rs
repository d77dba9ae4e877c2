//! `state rebuild`: the record made again from tags, names and the config. Reads AWS and changes nothing there.

use crate::cli::exit::{DONE, ERROR, Failure, USAGE};
use crate::cli::session::store::OpenStore;
use crate::cli::session::{Access, Session, described};
use crate::cli::{Format, Global, confirm, telling, typed};
use crate::config::Zones;
use crate::model::Address;
use crate::rebuild::{FoundObject, How, Lineage, Rebuilt, Role, lineages, zones};
use crate::stack::facts::{PlaceFacts, SameSecret};
use crate::stack::{Facts, OAUTH2, stack};
use crate::state::{State, StateStore, StoreError};
use clap::Args;
use serde_json::json;
use std::collections::BTreeMap;
use uuid::Uuid;

/// Make a lost record again from what exists
#[derive(Debug, Args)]
pub(super) struct Rebuild {
    /// Of several state documents with this deployment's name, the one with this lineage
    #[arg(long, value_name = "UUID")]
    lineage: Option<Uuid>,
    /// Set a record that exists aside
    #[arg(long)]
    replace: bool,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
}

impl Rebuild {
    pub(super) async fn run(self, global: &Global) -> Result<u8, Failure> {
        if self.replace {
            set_unreadable_aside(global).await?;
        }
        let session = Session::open(global, Access::Write("state rebuild")).await?;
        if !session.state.is_empty() && !self.replace {
            let number = session.state.resources.len();
            return Err(Failure::new(USAGE, format!("there is a record already, of {number} resources"))
                .hint("`hybridctl plan` compares it with what exists")
                .hint("to set it aside and make it anew, add `--replace`"));
        }
        let sightings = session.survey(Some(&session.facts.place)).await?;
        let lineage = self.lineage_among(&session, &lineages(&sightings))?;
        let rebuilt = rebuild(&session, lineage.id, &sightings).await?;
        show(global, &rebuilt);
        let state = recognise_secret(global, &session, rebuilt.state).await?;
        confirm::yes("Save this record?", self.yes)?;
        save(global, &session, state).await?;
        let plan = typed::command(global, "plan");
        telling::say(global, &format!("saved: see what the record says now with\n    {plan}"));
        Ok(DONE)
    }

    fn lineage_among(&self, session: &Session, found: &[Lineage]) -> Result<Lineage, Failure> {
        let name = &session.config.name;
        let place = format!("account {}, {}", session.facts.place.account, session.config.region);
        let listed = || found.iter().map(|lineage| format!("\n  {}", described(lineage))).collect::<String>();
        match (self.lineage, found) {
            (_, []) => Err(Failure::new(ERROR, format!("nothing in {place} carries the tags of `{name}`"))
                .hint("check account and region; or begin with `hybridctl up`")),
            (Some(wanted), found) => found.iter().find(|lineage| lineage.id == wanted).cloned().ok_or_else(|| {
                Failure::new(
                    USAGE,
                    format!("no object of `{name}` in {place} carries the lineage {wanted}{}", listed()),
                )
            }),
            (None, [one]) => Ok(one.clone()),
            (None, found) => Err(Failure::new(
                USAGE,
                format!("{} state documents in {place} have the name `{name}`{}", found.len(), listed()),
            )
            .hint("say which one is yours with `--lineage UUID`")),
        }
    }
}

async fn rebuild(
    session: &Session,
    lineage: Uuid,
    sightings: &[crate::aws::survey::Sighting],
) -> Result<Rebuilt, Failure> {
    let reading = |error: crate::resource::Error| Failure::aws("read what exists", &error);
    let mut blank = State::new(&session.config.name, lineage);
    blank.place = session.state.place.clone();
    // Above every number that the lost record can have counted to.
    blank.incarnations = u64::try_from(jiff::Timestamp::now().as_second()).unwrap_or_default();
    let engine = session.engine();
    let evidence = engine.read_sighted(&blank, sightings).await.map_err(reading)?;
    let place = PlaceFacts {
        zones: in_place(&session.config.network.zones, zones(&evidence), &session.facts.place.zones),
        ..session.facts.place.clone()
    };
    blank.facts = serde_json::to_value(&place).expect("because facts are plain data");
    let fingerprint = session.provided.fingerprint(OAUTH2);
    let graph = |state: &State| stack(&session.config, &Facts::new(place.clone(), Some(state), fingerprint.clone()));
    engine.rebuild(&blank, &evidence, graph).await.map_err(reading)
}

/// Zones that the config does not name are those of the subnets, then others.
fn in_place(wanted: &Zones, live: Vec<String>, looked_up: &[String]) -> Vec<String> {
    let Zones::Count(count) = wanted else { return looked_up.to_vec() };
    let others: Vec<_> = looked_up.iter().filter(|zone| !live.contains(zone)).cloned().collect();
    live.into_iter().chain(others).take(usize::from(*count)).collect()
}

/// A fingerprint tells whether the given secret is the stored one, unless its key was lost with the record: then the values are
/// compared, once.
async fn recognise_secret(global: &Global, session: &Session, mut state: State) -> Result<State, Failure> {
    let recorded = state.resources.get(&Address::new("secrets.given", "oauth2"));
    let (Some(recorded), Some(today)) = (recorded, session.provided.fingerprint(OAUTH2)) else { return Ok(state) };
    let stored = recorded.inputs["fingerprint"].as_str().unwrap_or_default().to_owned();
    let Some(given) = session.provided.get(OAUTH2).filter(|_| stored != today) else { return Ok(state) };
    let version = recorded.outputs["version_id"].as_str().unwrap_or_default();
    let same = crate::aws::secrets::holds(&session.aws, recorded.id.as_str(), version, given).await;
    if !same.map_err(|error| Failure::aws("compare the OAuth2 client secret with the stored one", &error))? {
        telling::say(global, "the OAuth2 client secret that is set is not the stored one: the next plan stores it");
        return Ok(state);
    }
    let mut place: PlaceFacts = serde_json::from_value(state.facts).expect("because it was made from them");
    place.same_secret = Some(SameSecret { stored, today });
    state.facts = serde_json::to_value(&place).expect("because facts are plain data");
    Ok(state)
}

async fn save(global: &Global, session: &Session, mut state: State) -> Result<(), Failure> {
    if session.store.load().await?.is_some() {
        let aside = session.store.set_aside("replaced").await?;
        telling::say(global, &format!("the old record is {aside}"));
    }
    state.serial = 1;
    Ok(session.store.save(&state).await?)
}

/// A document that cannot be read is no reason not to make it again.
async fn set_unreadable_aside(global: &Global) -> Result<(), Failure> {
    let place = OpenStore::open(global).await?;
    let _lock = place.lock(global, "state rebuild").await?;
    if let Err(StoreError::Damaged(_)) = place.store.load().await {
        let aside = place.store.set_aside("damaged").await?;
        telling::say(global, &format!("the damaged record is {aside}"));
    }
    Ok(())
}

fn show(global: &Global, rebuilt: &Rebuilt) {
    if global.format == Format::Json {
        let found = rebuilt
            .found
            .iter()
            .map(|one| json!({ "address": one.address, "id": one.id, "found_by": how(one), "role": role(one).0 }));
        let foreign = rebuilt.foreign.iter().map(|(address, whose)| json!({ "address": address, "whose": whose }));
        let lineage = rebuilt.state.lineage;
        out!(
            "{:#}\n",
            json!({ "schema": "hybridctl.rebuilt/1", "lineage": lineage, "found": found.collect::<Vec<_>>(),
                    "from_config": rebuilt.believed, "foreign": foreign.collect::<Vec<_>>() })
        );
        return;
    }
    let width = rebuilt.found.iter().map(|one| one.address.to_string().len()).max().unwrap_or_default();
    out!("found of lineage {}:\n", rebuilt.state.lineage);
    for one in &rebuilt.found {
        out!("  {:<width$}  {}  by {}{}\n", one.address, one.id, how(one), role(one).1);
    }
    for (address, whose) in &rebuilt.foreign {
        out!("  {address:<width$}  not ours: {whose}\n");
    }
    let mut fields: BTreeMap<&Address, Vec<&str>> = BTreeMap::new();
    rebuilt.believed.iter().for_each(|(address, field)| fields.entry(address).or_default().push(field));
    if !fields.is_empty() {
        out!("taken from the file, because AWS does not tell:\n");
    }
    for (address, fields) in fields {
        out!("  {address:<width$}  {}\n", fields.join(", "));
    }
    let (records, intents) = (rebuilt.state.resources.len(), rebuilt.state.intents.len());
    out!("{records} on record, {intents} to be taken up by the next `up`\n");
}

fn how(found: &FoundObject) -> &'static str {
    match found.how {
        How::Tags => "tags",
        How::Key => "name",
    }
}

/// For programs and for people.
fn role(found: &FoundObject) -> (&'static str, &'static str) {
    match found.role {
        Role::Current => ("current", ""),
        Role::Unfinished => ("unfinished", ", unfinished: the next `up` takes it up"),
        Role::Replaced => ("replaced", ", replaced: the next `up` deletes it"),
        Role::LeftOut => ("left_out", ", left out: another one stands for this address; look at it yourself"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn zones_stay_where_the_subnets_are_and_new_ones_come_after_them() {
        let (live, looked_up) = (names(&["x-1b", "x-1c"]), names(&["x-1a", "x-1b", "x-1c"]));
        assert_eq!(in_place(&Zones::Count(3), live.clone(), &looked_up), ["x-1b", "x-1c", "x-1a"]);
        assert_eq!(in_place(&Zones::Count(1), live.clone(), &looked_up), ["x-1b"]);
        let named = names(&["x-1a", "x-1c"]);
        assert_eq!(in_place(&Zones::Names(named.clone()), live, &named), named);
    }
}
