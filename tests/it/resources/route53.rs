//! DNS records, and whose they are.

use super::elb::drift;
use crate::support::lifecycle::Bench;
use aws_sdk_route53::types::{Change, ChangeAction, ChangeBatch, ResourceRecord, ResourceRecordSet, RrType};
use hybridctl::aws::route53::record::{Alias, Record};
use hybridctl::resource::{Found, Resource, Scope};

/// A hosted zone of its own: id and name.
pub async fn zone(bench: &Bench, name: &str) -> (String, String) {
    let domain = format!("{name}.{}.example.com", bench.deployment);
    let call = bench.aws.route53().create_hosted_zone().name(&domain).caller_reference(bench.token());
    let zone = call.send().await.unwrap().hosted_zone.unwrap();
    (zone.id.trim_start_matches("/hostedzone/").to_owned(), domain)
}

fn text(zone: &(String, String), values: &[&str]) -> Record {
    Record {
        zone_id: zone.0.clone(),
        name: format!("zenml.{}", zone.1).into(),
        record_type: "TXT".into(),
        alias: None,
        values: values.iter().map(|value| format!("\"{value}\"").into()).collect(),
        ttl_secs: Some(60),
        marker: true,
    }
}

/// Writes a TXT record behind our back.
async fn meddle(bench: &Bench, action: ChangeAction, zone: &str, name: &str, value: &str, ttl: i64) {
    let value = ResourceRecord::builder().value(format!("\"{value}\"")).build().unwrap();
    let record = ResourceRecordSet::builder().name(name).r#type(RrType::Txt).ttl(ttl).resource_records(value);
    let change = Change::builder().action(action).resource_record_set(record.build().unwrap()).build().unwrap();
    let batch = ChangeBatch::builder().changes(change).build().unwrap();
    let call = bench.aws.route53().change_resource_record_sets().hosted_zone_id(zone).change_batch(batch);
    call.send().await.unwrap();
}

async fn stored(bench: &Bench, zone: &str) -> Vec<String> {
    let listed = bench.aws.route53().list_resource_record_sets().hosted_zone_id(zone).send().await.unwrap();
    let own = listed.resource_record_sets.into_iter().filter(|one| !matches!(one.r#type, RrType::Ns | RrType::Soa));
    own.map(|one| format!("{} {}", one.r#type, one.name)).collect()
}

#[tokio::test]
async fn record_and_marker_live_and_go_together() {
    let Some(bench) = Bench::connect().await else { return };
    let zone = zone(&bench, "life").await;
    let name = format!("zenml.{}", zone.1);
    let record = bench.create("main", &text(&zone, &["one"])).await;
    assert_eq!(stored(&bench, &zone.0).await, [format!("TXT {name}."), format!("TXT _hybridctl.{name}.")]);
    assert_eq!(record.seen.outputs.as_ref().unwrap()["fqdn"], name.as_str());

    let want = text(&zone, &["two", "three"]);
    bench.update("main", &record, &want).await;
    meddle(&bench, ChangeAction::Upsert, &zone.0, &name, "else", 60).await;
    assert_eq!(drift(&bench, "main", &record, &want).await, ["values"]);
    meddle(&bench, ChangeAction::Upsert, &zone.0, &name, "else", 7).await;
    assert_eq!(drift(&bench, "main", &record, &want).await, ["values", "ttl_secs"]);
    bench.update("main", &record, &want).await;
    take_the_marker_away(&bench, &zone.0).await;
    assert_eq!(drift(&bench, "main", &record, &want).await, ["marker"]);
    bench.update("main", &record, &want).await;
    assert_eq!(stored(&bench, &zone.0).await.len(), 2, "the marker is there again");
    bench.delete::<Record>("main", &record).await;
    assert!(stored(&bench, &zone.0).await.is_empty());
}

async fn take_the_marker_away(bench: &Bench, zone: &str) {
    let listed = bench.aws.route53().list_resource_record_sets().hosted_zone_id(zone).send().await.unwrap();
    let marker = listed.resource_record_sets.into_iter().find(|one| one.name.starts_with("_hybridctl")).unwrap();
    let change = Change::builder().action(ChangeAction::Delete).resource_record_set(marker).build().unwrap();
    let batch = ChangeBatch::builder().changes(change).build().unwrap();
    bench.aws.route53().change_resource_record_sets().hosted_zone_id(zone).change_batch(batch).send().await.unwrap();
}

#[tokio::test]
async fn a_record_deleted_by_hand_is_made_again_under_its_old_marker() {
    let Some(bench) = Bench::connect().await else { return };
    let zone = zone(&bench, "again").await;
    bench.create("main", &text(&zone, &["one"])).await;
    meddle(&bench, ChangeAction::Delete, &zone.0, &format!("zenml.{}", zone.1), "one", 60).await;
    let record = bench.create("main", &text(&zone, &["one"])).await;
    bench.delete::<Record>("main", &record).await;
    assert!(stored(&bench, &zone.0).await.is_empty());
}

#[tokio::test]
async fn a_strangers_record_is_found_and_left_alone() {
    let Some(bench) = Bench::connect().await else { return };
    let zone = zone(&bench, "foreign").await;
    let name = format!("zenml.{}", zone.1);
    let found = async |want: &Record| {
        let token = bench.token();
        bench.scoped::<Record, _>("main", &token, None, async |scope| Record::find(scope, want).await.unwrap()).await
    };
    let foreign =
        |found: Found, text: &str| assert!(matches!(&found, Found::Foreign(why) if why.contains(text)), "{found:?}");

    meddle(&bench, ChangeAction::Create, &zone.0, &name, "theirs", 60).await;
    foreign(found(&text(&zone, &["ours"])).await, "points to \"theirs\": it was not made by hybridctl");
    let plain = Record { marker: false, ..text(&zone, &["ours"]) };
    foreign(found(&plain).await, "points to \"theirs\"");
    let equal = Record { marker: false, ..text(&zone, &["theirs"]) };
    assert!(matches!(found(&equal).await, Found::Ours(_)), "an equal value is proof enough without a marker");

    let marker = format!("_hybridctl.{name}");
    meddle(&bench, ChangeAction::Create, &zone.0, &marker, "lineage=l-2 address=route53.record/main", 300).await;
    foreign(found(&text(&zone, &["ours"])).await, "it belongs to route53.record/main of a deployment with lineage l-2");
    meddle(&bench, ChangeAction::Delete, &zone.0, &name, "theirs", 60).await;
    foreign(found(&text(&zone, &["ours"])).await, "is taken: it belongs to");
}

/// Route 53 refuses a record beside a CNAME, and an AAAA leads half of the clients elsewhere.
#[tokio::test]
async fn a_record_of_another_type_under_the_name_is_in_the_way() {
    let Some(bench) = Bench::connect().await else { return };
    let zone = zone(&bench, "rival").await;
    let name = format!("zenml.{}", zone.1);
    let token = bench.token();
    for (record_type, value) in [("CNAME", "elsewhere.example.net"), ("AAAA", "2001:db8::1")] {
        let theirs = Record {
            name: name.clone().into(),
            record_type: record_type.into(),
            values: [value.to_owned().into()].into(),
            marker: false,
            ..text(&zone, &[])
        };
        let made = bench.create("theirs", &theirs).await;
        let find = async |scope: &Scope<'_>| Record::find(scope, &text(&zone, &["ours"])).await.unwrap();
        let found = bench.scoped::<Record, _>("main", &token, None, find).await;
        let told = format!("the {record_type} record of {name} exists already and points to {value}");
        assert!(matches!(&found, Found::Foreign(why) if why.starts_with(&told)), "{found:?}");
        bench.delete::<Record>("theirs", &made).await;
    }
}

/// Names a load balancer, then nothing of AWS, then the load balancer again.
pub async fn alias_lives_its_life(bench: &Bench, dns_name: &str, zone_id: &str) {
    let zone = zone(bench, "alias").await;
    let alias = |name: &str| Record {
        record_type: "A".into(),
        alias: Some(Alias { dns_name: name.to_owned().into(), zone_id: zone_id.to_owned().into() }),
        values: [].into(),
        ttl_secs: None,
        ..text(&zone, &[])
    };
    let want = alias(&dns_name.to_uppercase());
    let record = bench.create("alias", &want).await;
    bench.update("alias", &record, &alias("other.example.net")).await;
    assert_eq!(drift(bench, "alias", &record, &want).await, ["alias"]);
    bench.update("alias", &record, &alias(&format!("dualstack.{dns_name}."))).await;
    bench.delete::<Record>("alias", &record).await;
    assert!(stored(bench, &zone.0).await.is_empty());
}
