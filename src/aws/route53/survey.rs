//! DNS records that a marker of ours accompanies, in one hosted zone.

use super::names;
use super::record::Marker;
use crate::aws::survey::{Search, Sighting};
use crate::aws::{Aws, tags};
use crate::resource::error::OrGone;
use crate::resource::{Id, Result, Tags};
use aws_sdk_route53::types::ResourceRecordSet;

/// The markers of the zone, each with the record that it stands beside.
pub(in crate::aws) async fn tagged(aws: &Aws, search: &Search<'_>) -> Result<Vec<Sighting>> {
    let Some(zone) = search.zone_id else { return Ok(vec![]) };
    let records = all(aws, zone).await?;
    let marked = records.iter().filter(|record| record.r#type.as_str() == "TXT").filter_map(|record| {
        let name = names::canonical(&record.name);
        let of = Marker::stands_beside(&name)?.to_owned();
        Some((of, Marker::parse(record.resource_records().first()?.value())))
    });
    let sighting = |(name, marker): (String, Marker)| {
        let beside = |one: &&ResourceRecordSet| names::canonical(&one.name) == name && one.r#type.as_str() != "TXT";
        let record = records.iter().find(beside)?;
        let tags = Tags::from([(tags::LINEAGE.to_owned(), marker.lineage), (tags::ADDRESS.to_owned(), marker.address)]);
        Sighting::of(&["route53.record"], Id::of_parts(&[zone, &name, record.r#type.as_str()]), tags)
    };
    Ok(marked.filter_map(sighting).collect())
}

/// Every record of the zone; none, if the zone is gone.
async fn all(aws: &Aws, zone: &str) -> Result<Vec<ResourceRecordSet>> {
    let (mut records, mut name, mut record_type, mut identifier) = (vec![], None, None, None);
    loop {
        let call = aws
            .route53()
            .list_resource_record_sets()
            .hosted_zone_id(zone)
            .set_start_record_name(name)
            .set_start_record_type(record_type)
            .set_start_record_identifier(identifier);
        let page = aws.read("route53:ListResourceRecordSets", || call.clone().send()).await.or_gone()?;
        let Some(page) = page else { return Ok(records) };
        records.extend(page.resource_record_sets);
        if !page.is_truncated {
            return Ok(records);
        }
        (name, record_type, identifier) = (page.next_record_name, page.next_record_type, page.next_record_identifier);
    }
}
