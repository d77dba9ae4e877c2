//! EC2: one describe for each sort of object, by the lineage's tag. Rules go with their groups and routes with their tables.

use super::{Found, Part, Subject};
use crate::aws::{Aws, tags};
use crate::resource::{Result, Tags};
use aws_sdk_ec2::types::{Filter, NatGatewayState, Tag};
use futures_util::FutureExt;

pub(super) fn parts<'a>(aws: &'a Aws, subject: &'a Subject) -> Vec<Part<'a>> {
    vec![
        ("VPCs", vpcs(aws, subject).boxed_local()),
        ("subnets", subnets(aws, subject).boxed_local()),
        ("internet gateways", internet_gateways(aws, subject).boxed_local()),
        ("Elastic IPs", addresses(aws, subject).boxed_local()),
        ("NAT gateways", nat_gateways(aws, subject).boxed_local()),
        ("route tables", route_tables(aws, subject).boxed_local()),
        ("security groups", security_groups(aws, subject).boxed_local()),
        ("VPC endpoints", endpoints(aws, subject).boxed_local()),
        ("network interfaces", interfaces(aws, subject).boxed_local()),
    ]
}

fn ours(subject: &Subject) -> Filter {
    Filter::builder().name(format!("tag:{}", tags::LINEAGE)).values(subject.lineage.to_string()).build()
}

fn read(found: Option<&[Tag]>) -> Tags {
    let pairs = found.unwrap_or_default().iter();
    tags::from_pairs(pairs.map(|tag| (tag.key().unwrap_or_default(), tag.value().unwrap_or_default())))
}

fn listed(kind: &'static str, id: Option<&str>, found: Option<&[Tag]>) -> Found {
    Found::new(kind, id.unwrap_or_default(), &read(found))
}

async fn vpcs(aws: &Aws, subject: &Subject) -> Result<Vec<Found>> {
    let found = aws.read("ec2:DescribeVpcs", || aws.ec2().describe_vpcs().filters(ours(subject)).send()).await?;
    Ok(found.vpcs().iter().map(|one| listed("ec2.vpc", one.vpc_id(), one.tags.as_deref())).collect())
}

async fn subnets(aws: &Aws, subject: &Subject) -> Result<Vec<Found>> {
    let found = aws.read("ec2:DescribeSubnets", || aws.ec2().describe_subnets().filters(ours(subject)).send()).await?;
    Ok(found.subnets().iter().map(|one| listed("ec2.subnet", one.subnet_id(), one.tags.as_deref())).collect())
}

async fn internet_gateways(aws: &Aws, subject: &Subject) -> Result<Vec<Found>> {
    let call = aws.ec2().describe_internet_gateways().filters(ours(subject));
    let found = aws.read("ec2:DescribeInternetGateways", || call.clone().send()).await?;
    let all = found.internet_gateways().iter();
    Ok(all.map(|one| listed("ec2.internet_gateway", one.internet_gateway_id(), one.tags.as_deref())).collect())
}

async fn addresses(aws: &Aws, subject: &Subject) -> Result<Vec<Found>> {
    let found =
        aws.read("ec2:DescribeAddresses", || aws.ec2().describe_addresses().filters(ours(subject)).send()).await?;
    let all = found.addresses().iter();
    Ok(all.map(|one| listed("ec2.elastic_ip", one.allocation_id(), one.tags.as_deref())).collect())
}

/// A deleted one stays visible for about an hour.
async fn nat_gateways(aws: &Aws, subject: &Subject) -> Result<Vec<Found>> {
    let call = aws.ec2().describe_nat_gateways().filter(ours(subject));
    let found = aws.read("ec2:DescribeNatGateways", || call.clone().send()).await?;
    let there = found.nat_gateways().iter().filter(|one| one.state() != Some(&NatGatewayState::Deleted));
    let told = there.map(|one| {
        let state = one.state().map_or("available", NatGatewayState::as_str);
        listed("ec2.nat_gateway", one.nat_gateway_id(), one.tags.as_deref()).in_state(state)
    });
    Ok(told.collect())
}

async fn route_tables(aws: &Aws, subject: &Subject) -> Result<Vec<Found>> {
    let call = aws.ec2().describe_route_tables().filters(ours(subject));
    let found = aws.read("ec2:DescribeRouteTables", || call.clone().send()).await?;
    let all = found.route_tables().iter();
    Ok(all.map(|one| listed("ec2.route_table", one.route_table_id(), one.tags.as_deref())).collect())
}

async fn security_groups(aws: &Aws, subject: &Subject) -> Result<Vec<Found>> {
    let call = aws.ec2().describe_security_groups().filters(ours(subject));
    let found = aws.read("ec2:DescribeSecurityGroups", || call.clone().send()).await?;
    let all = found.security_groups().iter();
    Ok(all.map(|one| listed("ec2.security_group", one.group_id(), one.tags.as_deref())).collect())
}

async fn endpoints(aws: &Aws, subject: &Subject) -> Result<Vec<Found>> {
    let call = aws.ec2().describe_vpc_endpoints().filters(ours(subject));
    let found = aws.read("ec2:DescribeVpcEndpoints", || call.clone().send()).await?;
    let state =
        |state: Option<&aws_sdk_ec2::types::State>| state.map_or("available", |one| one.as_str()).to_lowercase();
    let there = found.vpc_endpoints().iter().filter(|one| state(one.state()) != "deleted");
    let told = there
        .map(|one| listed("ec2.vpc_endpoint", one.vpc_endpoint_id(), one.tags.as_deref()).in_state(state(one.state())));
    Ok(told.collect())
}

/// Of tasks, which take the tags of their service.
async fn interfaces(aws: &Aws, subject: &Subject) -> Result<Vec<Found>> {
    let call = aws.ec2().describe_network_interfaces().filters(ours(subject));
    let found = aws.read("ec2:DescribeNetworkInterfaces", || call.clone().send()).await?;
    let all = found.network_interfaces().iter();
    Ok(all.map(|one| listed("ec2.network_interface", one.network_interface_id(), one.tag_set.as_deref())).collect())
}
