//! Tagged objects of Elastic Load Balancing.

use super::tagging;
use crate::aws::Aws;
use crate::aws::survey::{Search, Sighting};
use crate::resource::error::OrGone;
use crate::resource::{Id, Result};
use std::collections::BTreeMap;

const KINDS: &[&str] = &["elb.listener", "elb.load_balancer", "elb.target_group"];

/// What carries our tags, among what bears a name that begins with the deployment's.
pub(in crate::aws) async fn tagged(aws: &Aws, search: &Search<'_>) -> Result<Vec<Sighting>> {
    let prefix = format!("{}-", search.deployment);
    let list = || aws.elb().describe_load_balancers().into_paginator().items().send().try_collect();
    let balancers = aws.read("elasticloadbalancing:DescribeLoadBalancers", list).await?;
    let list = || aws.elb().describe_target_groups().into_paginator().items().send().try_collect();
    let groups = aws.read("elasticloadbalancing:DescribeTargetGroups", list).await?;
    let ours = |name: Option<&str>| name.is_some_and(|name| name.starts_with(&prefix));
    // ARN, and when it was made.
    let mut made: BTreeMap<String, Option<i64>> = BTreeMap::new();
    let balancers: Vec<aws_sdk_elasticloadbalancingv2::types::LoadBalancer> = balancers;
    for balancer in balancers.into_iter().filter(|one| ours(one.load_balancer_name())) {
        let Some(arn) = balancer.load_balancer_arn else { continue };
        let call = aws.elb().describe_listeners().load_balancer_arn(&arn);
        let listeners = aws.read("elasticloadbalancing:DescribeListeners", || call.clone().send()).await.or_gone()?;
        let listeners = listeners.and_then(|found| found.listeners).unwrap_or_default();
        made.extend(listeners.into_iter().filter_map(|one| Some((one.listener_arn?, None))));
        made.insert(arn, balancer.created_time.map(|time| time.secs()));
    }
    let groups: Vec<aws_sdk_elasticloadbalancingv2::types::TargetGroup> = groups;
    let groups = groups.into_iter().filter(|one| ours(one.target_group_name()));
    made.extend(groups.filter_map(|one| Some((one.target_group_arn?, None))));
    let tags = aws.patiently(async || tagging::of_all(aws, made.keys().cloned().collect()).await).await?;
    let sighting = |(arn, tags): (String, _)| {
        let made = made.get(&arn).copied().flatten();
        Some(Sighting::of(KINDS, Id(arn), tags)?.made(made))
    };
    Ok(tags.into_iter().filter_map(sighting).collect())
}
