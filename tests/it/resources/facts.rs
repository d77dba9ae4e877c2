//! What is read of an account before a deployment is built.

use crate::support::lifecycle::Bench;
use hybridctl::aws::facts;

#[tokio::test]
async fn the_caller_is_known_by_account_and_partition() {
    let Some(bench) = Bench::connect().await else { return };
    let caller = facts::caller(&bench.aws).await.unwrap();
    assert_eq!((caller.account.len(), caller.partition.as_str()), (12, "aws"));
    assert!(caller.arn.contains(&caller.account));
}

#[tokio::test]
async fn zones_are_sorted_and_named_ones_are_checked() {
    let Some(bench) = Bench::connect().await else { return };
    let two = facts::first_zones(&bench.aws, 2).await.unwrap();
    assert_eq!(two, ["eu-central-1a", "eu-central-1b"]);
    let named = ["eu-central-1c".to_owned(), "eu-central-1a".to_owned()];
    assert_eq!(facts::named_zones(&bench.aws, &named).await.unwrap(), named);
    let error = facts::named_zones(&bench.aws, &["eu-central-1z".to_owned()]).await.unwrap_err();
    assert!(error.message.contains("`eu-central-1z`"), "{error}");
}

#[tokio::test]
async fn a_hosted_zone_is_found_by_name_and_its_absence_explained() {
    let Some(bench) = Bench::connect().await else { return };
    let name = format!("{}.example.com", bench.deployment);
    let error = facts::hosted_zone(&bench.aws, &name, false).await.unwrap_err();
    assert_eq!(error.message, format!("this account has no public hosted zone `{name}`"));
    let made = async |reference: &str| {
        let call = bench.aws.route53().create_hosted_zone().name(&name).caller_reference(format!("{name}-{reference}"));
        let zone = call.send().await.unwrap().hosted_zone.unwrap();
        zone.id.trim_start_matches("/hostedzone/").to_owned()
    };
    let id = made("1").await;
    assert_eq!(facts::hosted_zone(&bench.aws, &name, false).await.unwrap(), id);
    assert_eq!(facts::hosted_zone(&bench.aws, &format!("{name}."), false).await.unwrap(), id);
    assert!(facts::hosted_zone(&bench.aws, &name, true).await.unwrap_err().hints[0].contains("public"));
    let second = made("2").await;
    let error = facts::hosted_zone(&bench.aws, &name, false).await.unwrap_err();
    assert!(error.hints[0].contains(&id) && error.hints[0].contains(&second), "{error:?}");
    for id in [id, second] {
        bench.aws.route53().delete_hosted_zone().id(id).send().await.unwrap();
    }
}
