//! Tagged objects of ECS: clusters, and in ours services, tasks that ran once, and revisions.

use super::memory::Memory;
use super::tagging;
use crate::aws::survey::{Search, Sighting};
use crate::aws::{Aws, tags};
use crate::resource::error::OrGone;
use crate::resource::{Id, Result, Tags};
use aws_sdk_ecs::types::{
    Cluster, ClusterField, DesiredStatus, ServiceField, SortOrder, TaskDefinitionField, TaskDefinitionStatus, TaskField,
};

/// Most that one describe call takes of clusters and tasks.
const PER_CALL: usize = 100;
/// Most services that one describe call takes.
const SERVICES_PER_CALL: usize = 10;
/// How many revisions of the family are looked through, newest first.
const LOOK_BACK: i32 = 20;

/// What carries our tags.
pub(in crate::aws) async fn tagged(aws: &Aws, search: &Search<'_>) -> Result<Vec<Sighting>> {
    let mut found = vec![];
    for cluster in clusters(aws, search).await? {
        let arn = cluster.cluster_arn().unwrap_or_default().to_owned();
        let tags = tagging::read(cluster.tags.as_deref());
        found.extend(remembered(&arn, &tags));
        found.extend(Sighting::of(&["ecs.cluster"], Id(arn.clone()), tags));
        found.extend(services(aws, &arn).await?);
        found.extend(runs(aws, &arn, search.deployment).await?);
    }
    found.extend(revisions(aws, search.deployment).await?);
    // A run may be remembered twice, by ECS and by the cluster's tags.
    let mut seen = std::collections::BTreeSet::new();
    found.retain(|one| seen.insert(one.id.clone()));
    Ok(found)
}

async fn clusters(aws: &Aws, search: &Search<'_>) -> Result<Vec<Cluster>> {
    let list = || aws.ecs().list_clusters().into_paginator().items().send().collect::<std::result::Result<Vec<_>, _>>();
    let arns = aws.read("ecs:ListClusters", list).await?;
    let mut ours = vec![];
    for some in arns.chunks(PER_CALL) {
        let call = aws.ecs().describe_clusters().set_clusters(Some(some.to_vec())).include(ClusterField::Tags);
        let described = aws.read("ecs:DescribeClusters", || call.clone().send()).await?.clusters.unwrap_or_default();
        ours.extend(described.into_iter().filter(|cluster| {
            let tags = tagging::read(cluster.tags.as_deref());
            cluster.status() != Some("INACTIVE")
                && tags.get(tags::DEPLOYMENT).map(String::as_str) == Some(search.deployment)
        }));
    }
    Ok(ours)
}

/// Runs that ECS may have forgotten.
fn remembered(cluster_arn: &str, of_cluster: &Tags) -> Vec<Sighting> {
    let sighting = |name: &str| {
        let memory = Memory::of(of_cluster, name)?;
        let mut tags = of_cluster.clone();
        tags.insert(tags::ADDRESS.to_owned(), format!("ecs.task_run/{name}"));
        tags.insert(tags::INCARNATION.to_owned(), memory.token);
        let arn = format!("{}/{}", cluster_arn.replacen(":cluster/", ":task/", 1), memory.task);
        let made = memory.finished_at.parse::<jiff::Timestamp>().ok();
        Some(Sighting { made, ..Sighting::of(&["ecs.task_run"], Id(arn), tags)? })
    };
    Memory::names(of_cluster).filter_map(sighting).collect()
}

async fn services(aws: &Aws, cluster: &str) -> Result<Vec<Sighting>> {
    let call = aws.ecs().list_services().cluster(cluster);
    let list = || call.clone().into_paginator().items().send().collect::<std::result::Result<Vec<_>, _>>();
    let arns = aws.read("ecs:ListServices", list).await?;
    let mut found = vec![];
    for some in arns.chunks(SERVICES_PER_CALL) {
        let call = aws.ecs().describe_services().cluster(cluster).set_services(Some(some.to_vec()));
        let call = call.include(ServiceField::Tags);
        let described = aws.read("ecs:DescribeServices", || call.clone().send()).await?.services.unwrap_or_default();
        found.extend(described.into_iter().filter_map(|one| {
            let sighting = Sighting::of(&["ecs.service"], Id(one.service_arn?), tagging::read(one.tags.as_deref()))?;
            Some(sighting.made(one.created_at.map(|time| time.secs())))
        }));
    }
    Ok(found)
}

/// Tasks of the service carry the service's tags and are none of these.
async fn runs(aws: &Aws, cluster: &str, family: &str) -> Result<Vec<Sighting>> {
    let mut found = vec![];
    for status in [DesiredStatus::Running, DesiredStatus::Stopped] {
        let call = aws.ecs().list_tasks().cluster(cluster).family(family).desired_status(status).max_results(100);
        let arns = aws.read("ecs:ListTasks", || call.clone().send()).await.or_gone()?.and_then(|list| list.task_arns);
        let arns = arns.filter(|arns| !arns.is_empty());
        let Some(arns) = arns else { continue };
        let call = aws.ecs().describe_tasks().cluster(cluster).set_tasks(Some(arns)).include(TaskField::Tags);
        let described = aws.read("ecs:DescribeTasks", || call.clone().send()).await?.tasks.unwrap_or_default();
        found.extend(described.into_iter().filter_map(|one| {
            let sighting = Sighting::of(&["ecs.task_run"], Id(one.task_arn?), tagging::read(one.tags.as_deref()))?;
            Some(sighting.made(one.created_at.map(|time| time.secs())))
        }));
    }
    Ok(found)
}

/// Deregistered ones too: their delete may have been interrupted.
async fn revisions(aws: &Aws, family: &str) -> Result<Vec<Sighting>> {
    let mut found = vec![];
    for status in [TaskDefinitionStatus::Active, TaskDefinitionStatus::Inactive] {
        let call = aws.ecs().list_task_definitions().family_prefix(family).status(status);
        let call = call.sort(SortOrder::Desc).max_results(LOOK_BACK);
        let listed = aws.read("ecs:ListTaskDefinitions", || call.clone().send()).await?.task_definition_arns;
        for arn in listed.unwrap_or_default() {
            let call = aws.ecs().describe_task_definition().task_definition(&arn).include(TaskDefinitionField::Tags);
            let described = aws.read("ecs:DescribeTaskDefinition", || call.clone().send()).await.or_gone()?;
            let Some(described) = described else { continue };
            let made = described.task_definition.and_then(|one| one.registered_at).map(|time| time.secs());
            let tags = tagging::read(described.tags.as_deref());
            found.extend(Sighting::of(&["ecs.task_definition"], Id(arn), tags).map(|one| one.made(made)));
        }
    }
    Ok(found)
}
