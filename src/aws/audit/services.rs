//! Everything but the network: databases, tasks, load balancers, roles, secrets, logs, certificate, DNS record.

use super::{Found, Part, Subject};
use crate::aws::{Aws, tags};
use crate::resource::error::OrGone;
use crate::resource::{Result, Tags};
use aws_sdk_acm::types::CertificateSummary;
use aws_sdk_ecs::types::{ClusterField, ServiceField, TaskDefinitionField, TaskDefinitionStatus};
use aws_sdk_route53::types::RrType;
use aws_sdk_secretsmanager::types::{Filter, FilterNameStringType};
use futures_util::FutureExt;

pub(super) fn parts<'a>(aws: &'a Aws, subject: &'a Subject) -> Vec<Part<'a>> {
    vec![
        ("databases", instances(aws, subject).boxed_local()),
        ("database snapshots", snapshots(aws, subject).boxed_local()),
        ("database groups", database_groups(aws, subject).boxed_local()),
        ("ECS", containers(aws, subject).boxed_local()),
        ("task definitions", task_definitions(aws, subject).boxed_local()),
        ("load balancers", balancers(aws, subject).boxed_local()),
        ("roles", roles(aws, subject).boxed_local()),
        ("secrets", secrets(aws, subject).boxed_local()),
        ("log groups", log_groups(aws, subject).boxed_local()),
        ("certificates", certificates(aws, subject).boxed_local()),
        ("DNS", record(aws, subject).boxed_local()),
    ]
}

fn rds_tags(found: Option<&[aws_sdk_rds::types::Tag]>) -> Tags {
    let pairs = found.unwrap_or_default().iter();
    tags::from_pairs(pairs.map(|tag| (tag.key().unwrap_or_default(), tag.value().unwrap_or_default())))
}

fn ecs_tags(found: Option<&[aws_sdk_ecs::types::Tag]>) -> Tags {
    let pairs = found.unwrap_or_default().iter();
    tags::from_pairs(pairs.map(|tag| (tag.key().unwrap_or_default(), tag.value().unwrap_or_default())))
}

async fn instances(aws: &Aws, subject: &Subject) -> Result<Vec<Found>> {
    let call = || aws.rds().describe_db_instances().into_paginator().items().send().try_collect();
    let all: Vec<_> = aws.read("rds:DescribeDBInstances", call).await?;
    let ours = all.iter().filter_map(|one| {
        let tags = rds_tags(one.tag_list.as_deref());
        let found = Found::new("rds.instance", one.db_instance_identifier()?, &tags).of_size(one.allocated_storage());
        subject.owns(&tags).then(|| found.in_state(one.db_instance_status().unwrap_or_default()))
    });
    Ok(ours.collect())
}

async fn snapshots(aws: &Aws, subject: &Subject) -> Result<Vec<Found>> {
    let call =
        || aws.rds().describe_db_snapshots().snapshot_type("manual").into_paginator().items().send().try_collect();
    let all: Vec<_> = aws.read("rds:DescribeDBSnapshots", call).await?;
    let ours = all.iter().filter_map(|one| {
        let tags = rds_tags(one.tag_list.as_deref());
        let found = Found::new("rds.snapshot", one.db_snapshot_identifier()?, &tags).of_size(one.allocated_storage());
        // A copy that somebody took by hand has the tags of the database, and is nobody's to clear away.
        let made_by_us = tags.get(tags::ADDRESS).is_some_and(|address| address.starts_with("rds.snapshot/"));
        (made_by_us && subject.owns(&tags)).then_some(found)
    });
    Ok(ours.collect())
}

/// Their describes have no tags: those with our prefix are asked for theirs.
async fn database_groups(aws: &Aws, subject: &Subject) -> Result<Vec<Found>> {
    let call = || aws.rds().describe_db_subnet_groups().into_paginator().items().send().try_collect();
    let subnets: Vec<_> = aws.read("rds:DescribeDBSubnetGroups", call).await?;
    let call = || aws.rds().describe_db_parameter_groups().into_paginator().items().send().try_collect();
    let parameters: Vec<_> = aws.read("rds:DescribeDBParameterGroups", call).await?;
    let subnets = subnets
        .into_iter()
        .filter_map(|one| Some(("rds.subnet_group", one.db_subnet_group_name?, one.db_subnet_group_arn?)));
    let parameters = parameters
        .into_iter()
        .filter_map(|one| Some(("rds.parameter_group", one.db_parameter_group_name?, one.db_parameter_group_arn?)));
    let prefix = format!("{}-", subject.deployment);
    let mut ours = vec![];
    for (kind, name, arn) in subnets.chain(parameters).filter(|(_, name, _)| name.starts_with(&prefix)) {
        let call = aws.rds().list_tags_for_resource().resource_name(arn);
        let Some(found) = aws.read("rds:ListTagsForResource", || call.clone().send()).await.or_gone()? else {
            continue;
        };
        let tags = rds_tags(found.tag_list.as_deref());
        if subject.owns(&tags) {
            ours.push(Found::new(kind, name, &tags));
        }
    }
    Ok(ours)
}

async fn containers(aws: &Aws, subject: &Subject) -> Result<Vec<Found>> {
    let call = aws.ecs().describe_clusters().clusters(&subject.cluster).include(ClusterField::Tags);
    let found = aws.read("ecs:DescribeClusters", || call.clone().send()).await.or_gone()?;
    let active = found.iter().flat_map(|found| found.clusters()).find(|one| one.status() != Some("INACTIVE"));
    let Some(cluster) = active else { return Ok(vec![]) };
    let (arn, tags) = (cluster.cluster_arn().unwrap_or_default(), ecs_tags(cluster.tags.as_deref()));
    let mut ours: Vec<_> = subject.owns(&tags).then(|| Found::new("ecs.cluster", arn, &tags)).into_iter().collect();
    let call = aws.ecs().list_services().cluster(arn);
    let listed = aws.read("ecs:ListServices", || call.clone().send()).await?.service_arns.unwrap_or_default();
    if !listed.is_empty() {
        let call = aws.ecs().describe_services().cluster(arn).set_services(Some(listed)).include(ServiceField::Tags);
        let found = aws.read("ecs:DescribeServices", || call.clone().send()).await?;
        ours.extend(found.services().iter().filter_map(|one| {
            let tags = ecs_tags(one.tags.as_deref());
            let found = Found::new("ecs.service", one.service_arn()?, &tags);
            subject.owns(&tags).then(|| found.in_state(one.status().unwrap_or_default()))
        }));
    }
    Ok(ours)
}

async fn task_definitions(aws: &Aws, subject: &Subject) -> Result<Vec<Found>> {
    let call = aws.ecs().list_task_definitions().family_prefix(&subject.task_family);
    let call = call.status(TaskDefinitionStatus::Active);
    let arns =
        aws.read("ecs:ListTaskDefinitions", || call.clone().send()).await?.task_definition_arns.unwrap_or_default();
    let mut ours = vec![];
    for arn in arns {
        let call = aws.ecs().describe_task_definition().task_definition(&arn).include(TaskDefinitionField::Tags);
        let Some(found) = aws.read("ecs:DescribeTaskDefinition", || call.clone().send()).await.or_gone()? else {
            continue;
        };
        let tags = ecs_tags(found.tags.as_deref());
        if subject.owns(&tags) {
            ours.push(Found::new("ecs.task_definition", arn, &tags));
        }
    }
    Ok(ours)
}

async fn balancers(aws: &Aws, subject: &Subject) -> Result<Vec<Found>> {
    let call = || aws.elb().describe_load_balancers().into_paginator().items().send().try_collect();
    let balancers: Vec<_> = aws.read("elasticloadbalancing:DescribeLoadBalancers", call).await?;
    let call = || aws.elb().describe_target_groups().into_paginator().items().send().try_collect();
    let groups: Vec<_> = aws.read("elasticloadbalancing:DescribeTargetGroups", call).await?;
    let balancers = balancers
        .into_iter()
        .filter_map(|one| Some(("elb.load_balancer", one.load_balancer_name?, one.load_balancer_arn?)));
    let groups =
        groups.into_iter().filter_map(|one| Some(("elb.target_group", one.target_group_name?, one.target_group_arn?)));
    let prefix = format!("{}-", subject.deployment);
    let mut ours = vec![];
    for (kind, _, arn) in balancers.chain(groups).filter(|(_, name, _)| name.starts_with(&prefix)) {
        let call = aws.elb().describe_tags().resource_arns(&arn);
        let Some(found) = aws.read("elasticloadbalancing:DescribeTags", || call.clone().send()).await.or_gone()? else {
            continue;
        };
        let pairs = found.tag_descriptions().iter().flat_map(|one| one.tags());
        let tags = tags::from_pairs(pairs.map(|tag| (tag.key().unwrap_or_default(), tag.value().unwrap_or_default())));
        if subject.owns(&tags) {
            ours.push(Found::new(kind, arn, &tags));
        }
    }
    Ok(ours)
}

async fn roles(aws: &Aws, subject: &Subject) -> Result<Vec<Found>> {
    let mut ours = vec![];
    for name in &subject.roles {
        let Some(found) = aws.read("iam:GetRole", || aws.iam().get_role().role_name(name).send()).await.or_gone()?
        else {
            continue;
        };
        let pairs = found.role().map(|role| role.tags()).unwrap_or_default().iter();
        let tags = tags::from_pairs(pairs.map(|tag| (tag.key(), tag.value())));
        if subject.owns(&tags) {
            ours.push(Found::new("iam.role", name, &tags));
        }
    }
    Ok(ours)
}

async fn secrets(aws: &Aws, subject: &Subject) -> Result<Vec<Found>> {
    let filter = |name, value: String| Filter::builder().key(name).values(value).build();
    let call = aws
        .secrets()
        .list_secrets()
        .include_planned_deletion(true)
        .filters(filter(FilterNameStringType::TagKey, tags::LINEAGE.to_owned()))
        .filters(filter(FilterNameStringType::TagValue, subject.lineage.to_string()))
        .max_results(100);
    let all = aws.read("secretsmanager:ListSecrets", || call.clone().send()).await?.secret_list;
    let ours = all.unwrap_or_default().into_iter().filter_map(|one| {
        let pairs = one.tags.unwrap_or_default().into_iter();
        let tags = tags::from_pairs(pairs.map(|tag| (tag.key.unwrap_or_default(), tag.value.unwrap_or_default())));
        let found = Found::new("secrets.secret", one.arn?, &tags);
        let found = if one.deleted_date.is_some() { found.in_state(SCHEDULED) } else { found };
        subject.owns(&tags).then_some(found)
    });
    Ok(ours.collect())
}

/// The state of a secret in its recovery window.
pub const SCHEDULED: &str = "scheduled for deletion";

async fn log_groups(aws: &Aws, subject: &Subject) -> Result<Vec<Found>> {
    let mut ours = vec![];
    for prefix in &subject.log_groups {
        let call = aws.logs().describe_log_groups().log_group_name_prefix(prefix);
        let found = aws.read("logs:DescribeLogGroups", || call.clone().send()).await?;
        for group in found.log_groups.unwrap_or_default() {
            let (Some(name), Some(arn)) = (group.log_group_name, group.arn) else { continue };
            let call = aws.logs().list_tags_for_resource().resource_arn(arn.trim_end_matches(":*"));
            let Some(found) = aws.read("logs:ListTagsForResource", || call.clone().send()).await.or_gone()? else {
                continue;
            };
            let tags: Tags = found.tags.unwrap_or_default().into_iter().collect();
            if subject.owns(&tags) {
                ours.push(Found::new("logs.log_group", name, &tags));
            }
        }
    }
    Ok(ours)
}

async fn certificates(aws: &Aws, subject: &Subject) -> Result<Vec<Found>> {
    let call = || aws.acm().list_certificates().into_paginator().items().send().try_collect();
    let all: Vec<CertificateSummary> = aws.read("acm:ListCertificates", call).await?;
    let mut ours = vec![];
    for one in all.into_iter().filter(|one| one.domain_name() == Some(&subject.host)) {
        let arn = one.certificate_arn.unwrap_or_default();
        let call = aws.acm().list_tags_for_certificate().certificate_arn(&arn);
        let Some(found) = aws.read("acm:ListTagsForCertificate", || call.clone().send()).await.or_gone()? else {
            continue;
        };
        let pairs = found.tags.unwrap_or_default().into_iter();
        let tags = tags::from_pairs(pairs.map(|tag| (tag.key, tag.value.unwrap_or_default())));
        if subject.owns(&tags) {
            ours.push(Found::new("acm.certificate", arn, &tags));
        }
    }
    Ok(ours)
}

/// The marker beside a record says whose it is, and goes with it.
async fn record(aws: &Aws, subject: &Subject) -> Result<Vec<Found>> {
    let Some(zone) = &subject.zone_id else { return Ok(vec![]) };
    let marker = format!("_hybridctl.{}.", subject.host);
    let call = aws.route53().list_resource_record_sets().hosted_zone_id(zone).start_record_name(&marker);
    let call = call.start_record_type(RrType::Txt).max_items(1);
    let found = aws.read("route53:ListResourceRecordSets", || call.clone().send()).await.or_gone()?;
    let ours = found.iter().flat_map(|found| &found.resource_record_sets).filter(|one| {
        let lineage = subject.lineage.to_string();
        one.name == marker && one.resource_records().iter().any(|text| text.value.contains(&lineage))
    });
    Ok(ours
        .map(|_| Found::new("route53.record", format!("{} in the zone {zone}", subject.host), &Tags::new()))
        .collect())
}
