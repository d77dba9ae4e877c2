//! Tagged objects of EC2: one call for all of them.

use crate::aws::survey::Sighting;
use crate::aws::{Aws, tags};
use crate::resource::{Id, Result, Tags};
use std::collections::BTreeMap;

const KINDS: &[&str] = &[
    "ec2.default_security_group",
    "ec2.elastic_ip",
    "ec2.internet_gateway",
    "ec2.nat_gateway",
    "ec2.route_table",
    "ec2.security_group",
    "ec2.security_group_rule",
    "ec2.subnet",
    "ec2.vpc",
    "ec2.vpc_endpoint",
];

/// What carries our tags. Tags outlive their object for a while: a reader finds out whether it is still there.
pub(in crate::aws) async fn tagged(aws: &Aws) -> Result<Vec<Sighting>> {
    let prefix = tags::DEPLOYMENT.split(':').next().unwrap_or_default();
    let call = aws.ec2().describe_tags().filters(super::tagging::filter("key", [format!("{prefix}:*")]));
    let list = || call.clone().into_paginator().items().send().collect::<std::result::Result<Vec<_>, _>>();
    let found = aws.read("ec2:DescribeTags", list).await?;
    let mut objects: BTreeMap<String, Tags> = BTreeMap::new();
    for tag in found {
        let (Some(id), Some(key)) = (tag.resource_id, tag.key) else { continue };
        objects.entry(id).or_default().insert(key, tag.value.unwrap_or_default());
    }
    Ok(objects.into_iter().filter_map(|(id, tags)| Sighting::of(KINDS, Id(id), tags)).collect())
}
