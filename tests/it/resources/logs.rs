//! Log groups.

use super::security_groups::{drifted, read};
use crate::support::lifecycle::Bench;
use hybridctl::aws::logs::log_group::LogGroup;
use hybridctl::resource::{Changed, Found, Resource, TagChange};

fn group(name: impl Into<String>) -> LogGroup {
    LogGroup { name: name.into(), retention_days: 90 }
}

async fn find(bench: &Bench, want: &LogGroup) -> Found {
    let token = bench.token();
    bench.scoped::<LogGroup, _>("error", &token, None, async |scope| LogGroup::find(scope, want).await.unwrap()).await
}

#[tokio::test]
async fn a_log_group_lives_its_life() {
    let Some(bench) = Bench::connect().await else { return };
    let want = group(format!("/ecs/{}", bench.deployment));
    // The same prefix, and first in the answer to nothing: only the exact name counts.
    let longer = bench.create("longer", &group(format!("{}-2", want.name))).await;
    let made = bench.create("service", &want).await;
    let arn = made.seen.outputs.as_ref().unwrap()["log_group_arn"].as_str().unwrap().to_owned();
    assert!(arn.ends_with(&want.name), "{arn}");

    bench.update("service", &made, &LogGroup { retention_days: 30, ..group(&want.name) }).await;
    bench.update("service", &made, &LogGroup { retention_days: 0, ..group(&want.name) }).await;
    bench.update("service", &made, &want).await;

    bench.aws.logs().delete_retention_policy().log_group_name(&want.name).send().await.unwrap();
    assert_eq!(drifted(&bench, "service", &made, &want).await, ["retention_days"]);

    bench.delete::<LogGroup>("service", &made).await;
    assert!(read::<LogGroup>(&bench, "longer", &longer.id).await.is_some());
    bench.delete::<LogGroup>("longer", &longer).await;
}

#[tokio::test]
async fn the_groups_that_rds_made_for_our_instance_are_ours() {
    let Some(bench) = Bench::connect().await else { return };
    let logs = bench.aws.logs();
    let ours = group(format!("/aws/rds/instance/{}-db/error", bench.deployment));
    let strange = group(format!("/ecs/{}", bench.deployment));
    for group in [&ours, &strange] {
        logs.create_log_group().log_group_name(&group.name).send().await.unwrap();
    }
    assert_eq!(find(&bench, &ours).await, Found::Ours(ours.name.as_str().into()));
    assert!(matches!(find(&bench, &strange).await, Found::Foreign(_)));

    // With the tags of another deployment it is not ours any more.
    let other = Bench::connect().await.unwrap();
    other
        .scoped::<LogGroup, _>("error", &other.token(), None, async |scope| {
            let tags = TagChange { set: scope.tags(), remove: vec![] };
            let changed = Changed { tags: Some(tags), ..Changed::default() };
            LogGroup::update(scope, &ours.name.as_str().into(), &ours, &changed).await.unwrap();
        })
        .await;
    let found = find(&bench, &ours).await;
    assert!(matches!(&found, Found::Foreign(whose) if whose.contains(&other.deployment)), "{found:?}");
    for group in [&ours, &strange] {
        logs.delete_log_group().log_group_name(&group.name).send().await.unwrap();
    }
}

#[tokio::test]
async fn five_groups_are_read_with_two_calls() {
    let Some(bench) = Bench::connect().await else { return };
    let mut names = vec![format!("/ecs/{}", bench.deployment)];
    names.extend(
        ["audit", "error", "general", "slowquery"]
            .map(|log| format!("/aws/rds/instance/{}-db/{log}", bench.deployment)),
    );
    let mut made = vec![];
    for name in &names {
        made.push(bench.create(name.rsplit('/').next().unwrap(), &group(name)).await);
    }
    let before = bench.aws.calls().len();
    let ids: Vec<_> = names.iter().map(|name| name.as_str().into()).collect();
    let seen = futures_util::future::join_all(ids.iter().map(|id| read::<LogGroup>(&bench, "any", id))).await;
    assert!(seen.iter().all(Option::is_some));
    assert_eq!(bench.aws.calls().split_off(before), ["logs:DescribeLogGroups"; 2]);
    for made in &made {
        bench.delete::<LogGroup>("any", made).await;
    }
}
