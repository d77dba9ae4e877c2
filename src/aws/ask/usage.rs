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
            let all = || aws.ec2().describe_vpcs().max_results(1000).into_paginator().items().send().try_collect();
            let all: Vec<_> = aws.read("ec2:DescribeVpcs", all).await?;
            Ok(count(all.len()))
        }
        "GATEWAYS" => {
            let all = || {
                aws.ec2().describe_internet_gateways().max_results(1000).into_paginator().items().send().try_collect()
            };
            let all: Vec<_> = aws.read("ec2:DescribeInternetGateways", all).await?;
            Ok(count(all.len()))
        }
        "NAT" => nat_gateways(aws, &need.place).await,
        // The groups are made together with their rules.
        "RULES" => Ok(0.0),
        "BALANCERS" => {
            let all =
                || aws.elb().describe_load_balancers().page_size(400).into_paginator().items().send().try_collect();
            let all: Vec<_> = aws.read("elasticloadbalancing:DescribeLoadBalancers", all).await?;
            Ok(count(all.iter().filter(|one| one.r#type() == Some(&LoadBalancerTypeEnum::Application)).count()))
        }
        "TARGETS" => {
            let all =
                || aws.elb().describe_target_groups().page_size(400).into_paginator().items().send().try_collect();
            let all: Vec<_> = aws.read("elasticloadbalancing:DescribeTargetGroups", all).await?;
            Ok(count(all.len()))
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
    let call = aws.ec2().describe_addresses().filters(in_vpc);
    let found = aws.read("ec2:DescribeAddresses", || call.clone().send()).await?;
    Ok(count(found.addresses().len()))
}

/// NAT gateways that count in this zone: those that failed or are gone do not.
async fn nat_gateways(aws: &Aws, zone: &str) -> Result<f64> {
    let here = Filter::builder().name("availability-zone").values(zone).build();
    let subnets = aws.ec2().describe_subnets().filters(here).max_results(1000);
    let subnets = || subnets.clone().into_paginator().items().send().try_collect();
    let gateways = || aws.ec2().describe_nat_gateways().max_results(1000).into_paginator().items().send().try_collect();
    let (subnets, gateways) = futures_util::future::join(
        aws.read("ec2:DescribeSubnets", subnets),
        aws.read("ec2:DescribeNatGateways", gateways),
    )
    .await;
    let (subnets, gateways): (Vec<_>, Vec<_>) = (subnets?, gateways?);
    let subnets: BTreeSet<String> = subnets.into_iter().filter_map(|subnet| subnet.subnet_id).collect();
    let counts = |gateway: &&NatGateway| {
        let alive = !matches!(gateway.state(), Some(NatGatewayState::Deleted | NatGatewayState::Failed));
        alive && gateway.subnet_id().is_some_and(|subnet| subnets.contains(subnet))
    };
    Ok(count(gateways.iter().filter(counts).count()))
}

/// The storage of each instance, GiB.
async fn databases(aws: &Aws) -> Result<Vec<i32>> {
    let all = || aws.rds().describe_db_instances().max_records(100).into_paginator().items().send().try_collect();
    let all: Vec<_> = aws.read("rds:DescribeDBInstances", all).await?;
    Ok(all.iter().map(|instance| instance.allocated_storage().unwrap_or_default()).collect())
}

/// vCPUs of every Fargate task in the region.
async fn vcpus(aws: &Aws) -> Result<f64> {
    let clusters = || aws.ecs().list_clusters().into_paginator().items().send().try_collect();
    let clusters: Vec<_> = aws.read("ecs:ListClusters", clusters).await?;
    if clusters.len() > CLUSTERS {
        return Err(Error::terminal(format!("{} clusters are too many to count their tasks", clusters.len())));
    }
    let each = clusters.iter().map(|cluster| vcpus_of(aws, cluster));
    let all: Vec<f64> = futures_util::future::join_all(each).await.into_iter().collect::<Result<_>>()?;
    Ok(all.iter().sum())
}

async fn vcpus_of(aws: &Aws, cluster: &str) -> Result<f64> {
    let tasks = || {
        aws.ecs()
            .list_tasks()
            .cluster(cluster)
            .launch_type(LaunchType::Fargate)
            .into_paginator()
            .items()
            .send()
            .try_collect()
    };
    let tasks: Vec<_> = aws.read("ecs:ListTasks", tasks).await?;
    let mut units = 0.0;
    for some in tasks.chunks(100) {
        let call = aws.ecs().describe_tasks().cluster(cluster).set_tasks(Some(some.to_vec()));
        let found = aws.read("ecs:DescribeTasks", || call.clone().send()).await?;
        units += found.tasks().iter().filter_map(|task| task.cpu()?.parse::<f64>().ok()).sum::<f64>();
    }
    Ok(units / 1024.0)
}

pub(super) async fn account_summary(aws: &Aws, key: SummaryKeyType) -> Result<f64> {
    let found = aws.read("iam:GetAccountSummary", || aws.iam().get_account_summary().send()).await?;
    let value = found.summary_map().and_then(|summary| summary.get(&key)).copied();
    value.map(f64::from).ok_or_else(|| Error::terminal(format!("IAM does not count {key}")))
}
