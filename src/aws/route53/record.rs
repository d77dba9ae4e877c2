//! A DNS record, with a marker that says whose it is.
//! <https://docs.aws.amazon.com/Route53/latest/APIReference/API_ChangeResourceRecordSets.html>
//!
//! Listed at once, served everywhere within 35 to 55 s; nothing here waits for that. Records have no tags: a TXT record
//! `_hybridctl.<name>` in the same batch (batches are atomic) names the owner. A create of a record that exists is refused,
//! so a stranger's is never overwritten. A delete must repeat every stored value, so it reads first. A listing that starts at
//! a missing record returns the *next* one. The whole account has 5 requests per second.

use super::names;
use crate::aws::Aws;
use crate::model::{Handle, Input, Output};
use crate::resource::actions::{Actions, update};
use crate::resource::error::OrGone;
use crate::resource::{Changed, Error, Field, Found, Id, Live, Repeat, Resource, Result, Scope};
use aws_sdk_route53::types::{
    AliasTarget, Change, ChangeAction, ChangeBatch, ResourceRecord, ResourceRecordSet, RrType,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::time::Duration;

/// A DNS record: an alias of a load balancer, or values.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// The hosted zone, `Z0123456789ABCDEFGHIJ`.
    pub zone_id: String,
    /// `zenml.mycompany.com`, without a dot at the end.
    pub name: Input<String>,
    /// `A`, `CNAME`, `TXT`.
    pub record_type: String,
    /// The load balancer that the name stands for; `None` for a record with values.
    pub alias: Option<Alias>,
    /// As Route 53 spells them (TXT in quotes); empty for an alias.
    pub values: BTreeSet<Input<String>>,
    /// How long resolvers may keep the values, seconds; `None` for an alias.
    pub ttl_secs: Option<u32>,
    /// Whether a TXT record `_hybridctl.<name>` says whose the record is. Not needed where the value alone proves it (the
    /// validation record of our certificate).
    pub marker: bool,
}

/// The load balancer that a name stands for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alias {
    /// Its DNS name.
    pub dns_name: Input<String>,
    /// *Its* zone, `Z215JYRZR1TBD5`, not the record's.
    pub zone_id: Input<String>,
}

/// What others may use.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Outputs {
    /// `zenml.mycompany.com`.
    pub fqdn: String,
}

impl Handle<Record> {
    /// `zenml.mycompany.com`.
    pub fn fqdn(&self) -> Output<String> {
        self.output("fqdn")
    }
}

impl Resource for Record {
    const KIND: &'static str = "route53.record";
    const FIELDS: &'static [Field] = &[
        Field::replace("zone_id"),
        Field::replace("name").same_when(names::same_name),
        Field::replace("record_type"),
        Field::update("alias").same_when(names::same_alias),
        Field::update("values").same_when(names::same_values),
        Field::update("ttl_secs"),
        Field::update("marker"),
    ];
    const POLL: Duration = Duration::from_secs(5);
    const COEXISTS: bool = false;
    const REPEAT: Repeat = Repeat::Collides;
    const TAGGED: bool = false;
    const ACTIONS: Actions = Actions {
        reads: &["route53:ListResourceRecordSets"],
        creates: &["route53:ChangeResourceRecordSets"],
        updates: &[update("route53:ChangeResourceRecordSets")],
        deletes: &["route53:ChangeResourceRecordSets"],
        ..Actions::NONE
    };
    type Outputs = Outputs;

    async fn find(scope: &Scope<'_>, want: &Self) -> Result<Found> {
        let aws = scope.aws;
        let name = names::canonical(want.name.get()?);
        let record = lookup(aws, &want.zone_id, &name, &want.record_type).await?;
        if !want.marker {
            let Some(record) = record else { return Ok(Found::None) };
            return Ok(if want.is(&record)? { Found::Ours(want.id()?) } else { foreign(&record, None) });
        }
        let marker = Marker::read(aws, &want.zone_id, &name).await?;
        Ok(match (record, marker) {
            (Some(_), Some(marker)) if marker.is_ours(scope) => Found::Ours(want.id()?),
            (Some(record), marker) => foreign(&record, marker.as_ref()),
            (None, Some(marker)) if !marker.is_ours(scope) => {
                Found::Foreign(format!("the name {name} is taken: {}", marker.owner()))
            }
            // No marker, or one of ours without its record: someone deleted that by hand.
            (None, _) => rival(aws, &want.zone_id, &name).await?.map_or(Found::None, |record| foreign(&record, None)),
        })
    }

    async fn read(scope: &Scope<'_>, id: &Id) -> Result<Option<Live<Self>>> {
        let [zone, name, record_type] = id.parts()?;
        let Some(record) = lookup(scope.aws, zone, name, record_type).await? else { return Ok(None) };
        // Without it the record is nobody's as soon as ours is lost.
        let marked = scope.recorded.is_none_or(|recorded| recorded.inputs["marker"] == true);
        let marker = if marked { Marker::read(scope.aws, zone, name).await? } else { None };
        let inputs = Self {
            zone_id: zone.to_owned(),
            name: name.to_owned().into(),
            record_type: record_type.to_owned(),
            alias: record.alias_target.as_ref().map(|alias| Alias {
                dns_name: names::alias_target(&alias.dns_name).into(),
                zone_id: alias.hosted_zone_id.clone().into(),
            }),
            values: record.resource_records().iter().map(|one| names::value(&one.value).into()).collect(),
            ttl_secs: record.ttl.and_then(|ttl| ttl.try_into().ok()),
            marker: marker.is_some_and(|marker| marker.is_ours(scope)),
        };
        Ok(Some(Live::untagged(inputs, Outputs { fqdn: name.to_owned() })))
    }

    async fn create(scope: &Scope<'_>, want: &Self) -> Result<Id> {
        let name = names::canonical(want.name.get()?);
        let mut changes = vec![change(ChangeAction::Create, want.shaped()?)?];
        if want.marker {
            let left = Marker::read(scope.aws, &want.zone_id, &name).await?;
            let action = if left.is_some_and(|marker| marker.is_ours(scope)) {
                ChangeAction::Upsert
            } else {
                ChangeAction::Create
            };
            changes.push(change(action, Marker::of(scope).shaped(&name)?)?);
        }
        send(scope.aws, &want.zone_id, changes).await?;
        want.id()
    }

    async fn update(scope: &Scope<'_>, _id: &Id, want: &Self, changed: &Changed) -> Result<()> {
        if changed.fields.is_empty() {
            return Ok(());
        }
        let mut changes = vec![change(ChangeAction::Upsert, want.shaped()?)?];
        if want.marker {
            let name = names::canonical(want.name.get()?);
            if let Some(theirs) =
                Marker::read(scope.aws, &want.zone_id, &name).await?.filter(|marker| !marker.is_ours(scope))
            {
                return Err(theirs.refusal(&want.record_type, &name));
            }
            changes.push(change(ChangeAction::Upsert, Marker::of(scope).shaped(&name)?)?);
        }
        send(scope.aws, &want.zone_id, changes).await
    }

    async fn delete(scope: &Scope<'_>, id: &Id) -> Result<()> {
        let [zone, name, record_type] = id.parts()?;
        let record = lookup(scope.aws, zone, name, record_type).await?;
        let marker = Marker::read(scope.aws, zone, name).await?;
        let (ours, others): (Option<Marker>, Option<Marker>) = match marker {
            Some(marker) if marker.is_ours(scope) => (Some(marker), None),
            other => (None, other),
        };
        if let (Some(_), Some(marker)) = (&record, others) {
            return Err(marker.refusal(record_type, name));
        }
        let mut changes = vec![];
        for stored in record.into_iter().chain(ours.and_then(|marker| marker.stored)) {
            changes.push(change(ChangeAction::Delete, stored)?);
        }
        if changes.is_empty() { Ok(()) } else { send(scope.aws, zone, changes).await }
    }
}

/// What a record without a time to live gets; Route 53 demands one.
const DEFAULT_TTL_SECS: u32 = 300;

impl Record {
    fn id(&self) -> Result<Id> {
        Ok(Id::of_parts(&[&self.zone_id, &names::canonical(self.name.get()?), &self.record_type]))
    }

    fn shaped(&self) -> Result<ResourceRecordSet> {
        let record = ResourceRecordSet::builder()
            .name(names::canonical(self.name.get()?))
            .r#type(RrType::from(self.record_type.as_str()));
        let record = match &self.alias {
            Some(alias) => record.alias_target(
                AliasTarget::builder()
                    .dns_name(names::canonical(alias.dns_name.get()?))
                    .hosted_zone_id(alias.zone_id.get()?)
                    // With a single target there is nothing to fall back to.
                    .evaluate_target_health(false)
                    .build()
                    .map_err(Error::bug)?,
            ),
            None => {
                let values = self.values.iter().map(|one| stored_value(one.get()?));
                record
                    .ttl(self.ttl_secs.unwrap_or(DEFAULT_TTL_SECS).into())
                    .set_resource_records(Some(values.collect::<Result<_>>()?))
            }
        };
        record.build().map_err(Error::bug)
    }

    /// True if the stored record says what we want.
    fn is(&self, stored: &ResourceRecordSet) -> Result<bool> {
        if let (Some(alias), Some(stored)) = (&self.alias, &stored.alias_target) {
            let same_name = names::alias_target(alias.dns_name.get()?) == names::alias_target(&stored.dns_name);
            return Ok(same_name && *alias.zone_id.get()? == stored.hosted_zone_id);
        }
        let wanted = self.values.iter().map(|one| Ok(names::value(one.get()?))).collect::<Result<BTreeSet<_>>>()?;
        let found: BTreeSet<_> = stored.resource_records().iter().map(|one| names::value(&one.value)).collect();
        Ok(self.alias.is_none() && wanted == found)
    }
}

/// The TXT record that says whose a name is.
pub(super) struct Marker {
    pub(super) lineage: String,
    pub(super) address: String,
    stored: Option<ResourceRecordSet>,
}

impl Marker {
    fn of(scope: &Scope<'_>) -> Self {
        Self { lineage: scope.lineage.to_string(), address: scope.address.to_string(), stored: None }
    }

    async fn read(aws: &Aws, zone: &str, name: &str) -> Result<Option<Self>> {
        let Some(stored) = lookup(aws, zone, &Self::name(name), "TXT").await? else { return Ok(None) };
        let text = stored.resource_records().first().map_or(String::new(), |one| one.value.clone());
        Ok(Some(Self { stored: Some(stored), ..Self::parse(&text) }))
    }

    fn name(of: &str) -> String {
        format!("_hybridctl.{of}")
    }

    /// The name that a marker of this name speaks of.
    pub(super) fn stands_beside(marker: &str) -> Option<&str> {
        marker.strip_prefix("_hybridctl.")
    }

    /// From `"lineage=<uuid> address=<kind/name>"`, quotes included. Anything else is a marker that is not ours.
    pub(super) fn parse(text: &str) -> Self {
        let part = |key: &str| {
            let found = text.trim_matches('"').split(' ').find_map(|part| part.strip_prefix(key)?.strip_prefix('='));
            found.unwrap_or_default().to_owned()
        };
        Self { lineage: part("lineage"), address: part("address"), stored: None }
    }

    fn text(&self) -> String {
        format!("\"lineage={} address={}\"", self.lineage, self.address)
    }

    fn shaped(&self, of: &str) -> Result<ResourceRecordSet> {
        let record = ResourceRecordSet::builder().name(Self::name(of)).r#type(RrType::Txt);
        let record = record.ttl(DEFAULT_TTL_SECS.into()).resource_records(stored_value(&self.text())?);
        record.build().map_err(Error::bug)
    }

    /// The lineage decides: records of several types under one name share the marker.
    fn is_ours(&self, scope: &Scope<'_>) -> bool {
        self.lineage == scope.lineage.to_string()
    }

    /// Why a record with this marker is left alone.
    fn refusal(&self, record_type: &str, name: &str) -> Error {
        let message = format!("the {record_type} record of {name} is not ours any more: {}", self.owner());
        Error::terminal(message).hint("whoever put that `_hybridctl` record there has to take it away")
    }

    fn owner(&self) -> String {
        match (self.lineage.as_str(), self.address.as_str()) {
            ("", _) | (_, "") => "its `_hybridctl` record names no owner".to_owned(),
            (lineage, address) => format!("it belongs to {address} of a deployment with lineage {lineage}"),
        }
    }
}

fn foreign(record: &ResourceRecordSet, marker: Option<&Marker>) -> Found {
    let target = match &record.alias_target {
        Some(alias) => names::alias_target(&alias.dns_name),
        None => record.resource_records().iter().map(|one| one.value.as_str()).collect::<Vec<_>>().join(", "),
    };
    let (kind, name) = (record.r#type.as_str(), names::canonical(&record.name));
    let owner = marker.map_or("it was not made by hybridctl".to_owned(), Marker::owner);
    Found::Foreign(format!("the {kind} record of {name} exists already and points to {target}: {owner}"))
}

fn stored_value(value: &str) -> Result<ResourceRecord> {
    ResourceRecord::builder().value(value).build().map_err(Error::bug)
}

fn change(action: ChangeAction, record: ResourceRecordSet) -> Result<Change> {
    Change::builder().action(action).resource_record_set(record).build().map_err(Error::bug)
}

/// All changes or none.
async fn send(aws: &Aws, zone: &str, changes: Vec<Change>) -> Result<()> {
    let batch = ChangeBatch::builder().set_changes(Some(changes)).build().map_err(Error::bug)?;
    let call = aws.route53().change_resource_record_sets().hosted_zone_id(zone).change_batch(batch);
    aws.call("route53:ChangeResourceRecordSets", call.send()).await.map(drop)
}

/// What would stand beside an A record of this name: a CNAME, which Route 53 refuses, or an AAAA that leads elsewhere.
async fn rival(aws: &Aws, zone: &str, name: &str) -> Result<Option<ResourceRecordSet>> {
    let call = aws.route53().list_resource_record_sets().hosted_zone_id(zone).start_record_name(name).max_items(20);
    let Some(found) = aws.call("route53:ListResourceRecordSets", call.send()).await.or_gone()? else { return Ok(None) };
    let rivals = |one: &ResourceRecordSet| {
        names::canonical(&one.name) == name && matches!(one.r#type, RrType::Cname | RrType::Aaaa)
    };
    Ok(found.resource_record_sets.into_iter().find(rivals))
}

/// The record of this name and type; `None` also when the zone is gone.
async fn lookup(aws: &Aws, zone: &str, name: &str, record_type: &str) -> Result<Option<ResourceRecordSet>> {
    let call = aws
        .route53()
        .list_resource_record_sets()
        .hosted_zone_id(zone)
        .start_record_name(name)
        .start_record_type(RrType::from(record_type))
        .max_items(1);
    let Some(found) = aws.call("route53:ListResourceRecordSets", call.send()).await.or_gone()? else { return Ok(None) };
    let asked = |one: &ResourceRecordSet| names::canonical(&one.name) == name && one.r#type.as_str() == record_type;
    Ok(found.resource_record_sets.into_iter().find(asked))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cname(values: &[&str]) -> Record {
        Record {
            zone_id: "Z1".into(),
            name: "_A.zenml.example.com.".to_owned().into(),
            record_type: "CNAME".into(),
            alias: None,
            values: values.iter().map(|one| (*one).to_owned().into()).collect(),
            ttl_secs: Some(60),
            marker: false,
        }
    }

    #[test]
    fn the_marker_says_whose_the_record_is() {
        let marker = Marker { lineage: "l-1".into(), address: "route53.record/main".into(), stored: None };
        assert_eq!(marker.text(), "\"lineage=l-1 address=route53.record/main\"");
        let read = Marker::parse(&marker.text());
        assert_eq!(read.owner(), "it belongs to route53.record/main of a deployment with lineage l-1");
        assert!(Marker::parse("\"v=spf1 -all\"").owner().contains("names no owner"));
    }

    #[test]
    fn a_record_of_the_same_value_is_the_same_record() {
        let stored = cname(&["_B.acm-validations.aws."]).shaped().unwrap();
        assert!(cname(&["_b.acm-validations.aws"]).is(&stored).unwrap());
        assert!(!cname(&["_c.acm-validations.aws"]).is(&stored).unwrap());
        assert_eq!(cname(&[]).id().unwrap(), Id::from("Z1|_a.zenml.example.com|CNAME"));
    }

    #[test]
    fn a_strangers_record_is_named_with_its_target() {
        let stored = cname(&["else.example.com"]).shaped().unwrap();
        let Found::Foreign(text) = foreign(&stored, None) else { panic!("not foreign") };
        assert_eq!(
            text,
            "the CNAME record of _a.zenml.example.com exists already and points to else.example.com: \
             it was not made by hybridctl"
        );
    }
}
