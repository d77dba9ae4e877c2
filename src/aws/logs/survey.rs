//! Tagged log groups.

use super::log_group;
use crate::aws::Aws;
use crate::aws::survey::{Search, Sighting};
use crate::aws::tags;
use crate::resource::{Id, Result};

/// What carries our tags, among the groups that are named after the deployment: a list shows no tags.
pub(in crate::aws) async fn tagged(aws: &Aws, search: &Search<'_>) -> Result<Vec<Sighting>> {
    let name = search.deployment;
    let mut found = vec![];
    for prefix in [format!("/ecs/{name}"), format!("/aws/rds/instance/{name}-db/")] {
        let call = aws.logs().describe_log_groups().log_group_name_prefix(prefix);
        let list = || call.clone().into_paginator().items().send().collect::<std::result::Result<Vec<_>, _>>();
        let groups = aws.read("logs:DescribeLogGroups", list).await?;
        for group in groups {
            let call = aws.logs().list_tags_for_resource().resource_arn(log_group::arn(&group));
            let tags = aws.read("logs:ListTagsForResource", || call.clone().send()).await?.tags.unwrap_or_default();
            let (Some(name), made) = (group.log_group_name, group.creation_time) else { continue };
            let sighting = Sighting::of(&["logs.log_group"], Id(name), tags::from_pairs(tags));
            found.extend(sighting.map(|one| one.made(made.map(|millis| millis / 1000))));
        }
    }
    Ok(found)
}
