//! Tagged objects of RDS.

use super::tagging;
use crate::aws::Aws;
use crate::aws::survey::{Search, Sighting};
use crate::resource::{Id, Result, Tags};

/// What carries our tags. Groups do not show theirs in a list: those whose name begins with the deployment's are asked.
pub(in crate::aws) async fn tagged(aws: &Aws, search: &Search<'_>) -> Result<Vec<Sighting>> {
    let (data, groups) = futures_util::future::join(data(aws), groups(aws, search)).await;
    let mut found = data?;
    found.extend(groups?);
    Ok(found)
}

async fn data(aws: &Aws) -> Result<Vec<Sighting>> {
    let list = || {
        aws.rds().describe_db_instances().into_paginator().items().send().collect::<std::result::Result<Vec<_>, _>>()
    };
    let instances = aws.read("rds:DescribeDBInstances", list).await?;
    let list = || {
        aws.rds()
            .describe_db_snapshots()
            .snapshot_type("manual")
            .into_paginator()
            .items()
            .send()
            .collect::<std::result::Result<Vec<_>, _>>()
    };
    let snapshots = aws.read("rds:DescribeDBSnapshots", list).await?;
    let instances = instances.into_iter().filter_map(|one| {
        let tags = tagging::read(one.tag_list.as_deref());
        let sighting = Sighting::of(&["rds.instance"], Id(one.db_instance_identifier?), tags)?;
        Some(sighting.made(one.instance_create_time.map(|time| time.secs())))
    });
    let snapshots = snapshots.into_iter().filter_map(|one| {
        let tags = tagging::read(one.tag_list.as_deref());
        let sighting = Sighting::of(&["rds.snapshot"], Id(one.db_snapshot_identifier?), tags)?;
        Some(sighting.made(one.snapshot_create_time.map(|time| time.secs())))
    });
    Ok(instances.chain(snapshots).collect())
}

async fn groups(aws: &Aws, search: &Search<'_>) -> Result<Vec<Sighting>> {
    let list = || {
        aws.rds()
            .describe_db_subnet_groups()
            .into_paginator()
            .items()
            .send()
            .collect::<std::result::Result<Vec<_>, _>>()
    };
    let subnets = aws.read("rds:DescribeDBSubnetGroups", list).await?;
    let list = || {
        aws.rds()
            .describe_db_parameter_groups()
            .into_paginator()
            .items()
            .send()
            .collect::<std::result::Result<Vec<_>, _>>()
    };
    let parameters = aws.read("rds:DescribeDBParameterGroups", list).await?;
    let subnets = subnets
        .into_iter()
        .filter_map(|one| Some(("rds.subnet_group", one.db_subnet_group_name?, one.db_subnet_group_arn?)));
    let parameters = parameters
        .into_iter()
        .filter_map(|one| Some(("rds.parameter_group", one.db_parameter_group_name?, one.db_parameter_group_arn?)));
    let prefix = format!("{}-", search.deployment);
    let mut found = vec![];
    for (kind, name, arn) in subnets.chain(parameters).filter(|(_, name, _)| name.starts_with(&prefix)) {
        let tags: Tags = aws.patiently(async || tagging::of(aws, &arn).await).await?;
        found.extend(Sighting::of(&[kind], Id(name), tags));
    }
    Ok(found)
}
