//! How much of each quota the account uses now, counted in the objects themselves.

use super::quotas::Need;
use crate::aws::Aws;
use crate::resource::{Error, Result};
use aws_sdk_ec2::types::{Filter, NatGateway, NatGatewayState};
use aws_sdk_ecs::types::LaunchType;
use aws_sdk_elasticloadbalancingv2::types::LoadBalancerTypeEnum;
use aws_sdk_iam::types::SummaryKeyType;
use std::collections::BTreeSet;

/// More clusters than this are not counted: each takes two calls.
const CLUSTERS: usize = 25;

pub(super) async fn used(aws: &Aws, need: &Need) -> Result<f64> {
    match need.quota {
        "ADDRESSES" => addresses(aws).await,
        "VPCS" => {
            let all = aws.ec2().describe_vpcs().max_results(1000).into_paginator().items().send();
            Ok(count(aws.call("ec2:DescribeVpcs", all.collect::<std::result::Result<Vec<_>, _>>()).await?.len()))
        }
        "GATEWAYS" => {
            let all = aws.ec2().describe_internet_gateways().max_results(1000).into_paginator().items().send();
            let all = aws.call("ec2:DescribeInternetGateways", all.collect::<std::result::Result<Vec<_>, _>>()).await?;
            Ok(count(all.len()))
        }
        "NAT" => nat_gateways(aws, &need.place).await,
        // The groups are made together with their rules.
        "RULES" => Ok(0.0),
        "BALANCERS" => {
            let all = aws.elb().describe_load_balancers().page_size(400).into_paginator().items().send();
            let all = all.collect::<std::result::Result<Vec<_>, _>>();
            let all = aws.call("elasticloadbalancing:DescribeLoadBalancers", all).await?;
            Ok(count(all.iter().filter(|one| one.r#type() == Some(&LoadBalancerTypeEnum::Application)).count()))
        }
        "TARGETS" => {
            let all = aws.elb().describe_target_groups().page_size(400).into_paginator().items().send();
            let all = all.collect::<std::result::Result<Vec<_>, _>>();
            Ok(count(aws.call("elasticloadbalancing:DescribeTargetGroups", all).await?.len()))
        }
        "DATABASES" => Ok(count(databases(aws).await?.len())),
        "STORAGE" => Ok(databases(aws).await?.iter().map(|gib| f64::from(*gib)).sum()),
        "VCPU" => vcpus(aws).await,
        "ROLES" => account_summary(aws, SummaryKeyType::Roles).await,
        other => Err(Error::bug(format!("nobody counts {other}"))),
    }
}

#[expect(clippy::cast_precision_loss, reason = "no account has 2^52 of anything")]
fn count(number: usize) -> f64 {
    number as f64
}

async fn addresses(aws: &Aws) -> Result<f64> {
    let in_vpc = Filter::builder().name("domain").values("vpc").build();
    let found = aws.call("ec2:DescribeAddresses", aws.ec2().describe_addresses().filters(in_vpc).send()).await?;
    Ok(count(found.addresses().len()))
}

/// NAT gateways that count in this zone: those that failed or are gone do not.
async fn nat_gateways(aws: &Aws, zone: &str) -> Result<f64> {
    let subnets = aws
        .ec2()
        .describe_subnets()
        .filters(Filter::builder().name("availability-zone").values(zone).build())
        .max_results(1000)
        .into_paginator()
        .items()
        .send();
    let gateways = aws.ec2().describe_nat_gateways().max_results(1000).into_paginator().items().send();
    let (subnets, gateways) = futures_util::future::join(
        aws.call("ec2:DescribeSubnets", subnets.collect::<std::result::Result<Vec<_>, _>>()),
        aws.call("ec2:DescribeNatGateways", gateways.collect::<std::result::Result<Vec<_>, _>>()),
    )
    .await;
    let subnets: BTreeSet<String> = subnets?.into_iter().filter_map(|subnet| subnet.subnet_id).collect();
    let counts = |gateway: &&NatGateway| {
        let alive = !matches!(gateway.state(), Some(NatGatewayState::Deleted | NatGatewayState::Failed));
        alive && gateway.subnet_id().is_some_and(|subnet| subnets.contains(subnet))
    };
    Ok(count(gateways?.iter().filter(counts).count()))
}

/// The storage of each instance, GiB.
async fn databases(aws: &Aws) -> Result<Vec<i32>> {
    let all = aws.rds().describe_db_instances().max_records(100).into_paginator().items().send();
    let all = aws.call("rds:DescribeDBInstances", all.collect::<std::result::Result<Vec<_>, _>>()).await?;
    Ok(all.iter().map(|instance| instance.allocated_storage().unwrap_or_default()).collect())
}

/// vCPUs of every Fargate task in the region.
async fn vcpus(aws: &Aws) -> Result<f64> {
    let clusters = aws.ecs().list_clusters().into_paginator().items().send();
    let clusters = aws.call("ecs:ListClusters", clusters.collect::<std::result::Result<Vec<_>, _>>()).await?;
    if clusters.len() > CLUSTERS {
        return Err(Error::terminal(format!("{} clusters are too many to count their tasks", clusters.len())));
    }
    let each = clusters.iter().map(|cluster| vcpus_of(aws, cluster));
    let all: Vec<f64> = futures_util::future::join_all(each).await.into_iter().collect::<Result<_>>()?;
    Ok(all.iter().sum())
}

async fn vcpus_of(aws: &Aws, cluster: &str) -> Result<f64> {
    let tasks =
        aws.ecs().list_tasks().cluster(cluster).launch_type(LaunchType::Fargate).into_paginator().items().send();
    let tasks = aws.call("ecs:ListTasks", tasks.collect::<std::result::Result<Vec<_>, _>>()).await?;
    let mut units = 0.0;
    for some in tasks.chunks(100) {
        let call = aws.ecs().describe_tasks().cluster(cluster).set_tasks(Some(some.to_vec()));
        let found = aws.call("ecs:DescribeTasks", call.send()).await?;
        units += found.tasks().iter().filter_map(|task| task.cpu()?.parse::<f64>().ok()).sum::<f64>();
    }
    Ok(units / 1024.0)
}

pub(super) async fn account_summary(aws: &Aws, key: SummaryKeyType) -> Result<f64> {
    let found = aws.call("iam:GetAccountSummary", aws.iam().get_account_summary().send()).await?;
    let value = found.summary_map().and_then(|summary| summary.get(&key)).copied();
    value.map(f64::from).ok_or_else(|| Error::terminal(format!("IAM does not count {key}")))
}
