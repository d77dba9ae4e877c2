//! The certificate, with the record that proves the name.

use crate::support::lifecycle::{Bench, Made};
use hybridctl::aws::acm::certificate::Certificate;
use hybridctl::aws::route53::record::Record;
use hybridctl::resource::{Found, Kind, Of, Phase, Resource};

/// ARN of an issued certificate for a name of its own.
pub async fn issued(bench: &Bench, name: &str) -> String {
    request(bench, name).await.0.id.0
}

/// Requests a certificate, proves the name, and waits until it is issued.
async fn request(bench: &Bench, name: &str) -> (Made, Made) {
    let (zone, domain) = super::route53::zone(bench, name).await;
    let want = Certificate { domain_name: format!("zenml.{domain}"), validation: "DNS".into() };
    let token = bench.token();
    let (id, seen) = bench
        .scoped::<Certificate, _>(name, &token, None, async |scope| {
            assert_eq!(Certificate::find(scope, &want).await.unwrap(), Found::None);
            let id = Certificate::create(scope, &want).await.unwrap();
            assert_eq!(Certificate::create(scope, &want).await.unwrap(), id, "the same token is the same certificate");
            assert_eq!(Certificate::find(scope, &want).await.unwrap(), Found::Ours(id.clone()));
            (id.clone(), Of::<Certificate>::KIND.read(scope, &id).await.unwrap().unwrap())
        })
        .await;
    assert!(matches!(&seen.phase, Phase::Usable(word) if word.starts_with("pending validation: CNAME ")), "{seen:?}");
    let outputs = seen.outputs.clone().unwrap();
    let output = |name: &str| outputs[name].as_str().unwrap().to_owned();
    let record = Record {
        zone_id: zone,
        name: output("validation_name").into(),
        record_type: "CNAME".into(),
        alias: None,
        values: [output("validation_value").into()].into(),
        ttl_secs: Some(300),
        marker: false,
    };
    let record = bench.create(&format!("{name}-proof"), &record).await;
    let made = Made { id, token, seen };
    bench.update(name, &made, &want).await;
    (made, record)
}

#[tokio::test]
async fn certificate_lives_its_life() {
    let Some(bench) = Bench::connect().await else { return };
    let (certificate, record) = request(&bench, "main").await;
    bench.delete::<Certificate>("main", &certificate).await;
    bench.delete::<Record>("main-proof", &record).await;
}
