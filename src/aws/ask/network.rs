//! The networks of the region that a new VPC could overlap.

use crate::aws::Aws;
use crate::resource::Result;
use ipnet::Ipv4Net;

/// A VPC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vpc {
    /// `vpc-0abc…`.
    pub id: String,
    /// Its `Name` tag, if it has one.
    pub name: Option<String>,
    /// Its address ranges.
    pub ranges: Vec<Ipv4Net>,
}

/// A peering between two VPCs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peering {
    /// `pcx-0abc…`.
    pub id: String,
    /// The VPCs of both sides; one may be in another account or region.
    pub vpc_ids: Vec<String>,
    /// The ranges of both sides.
    pub ranges: Vec<Ipv4Net>,
}

pub(super) async fn vpcs(aws: &Aws) -> Result<Vec<Vpc>> {
    let all = || aws.ec2().describe_vpcs().max_results(1000).into_paginator().items().send().try_collect();
    let all: Vec<_> = aws.read("ec2:DescribeVpcs", all).await?;
    let plain = all.iter().map(|vpc| Vpc {
        id: vpc.vpc_id().unwrap_or_default().to_owned(),
        name: vpc.tags().iter().find(|tag| tag.key() == Some("Name")).and_then(|tag| tag.value.clone()),
        ranges: vpc
            .cidr_block_association_set()
            .iter()
            .filter_map(|part| part.cidr_block())
            .chain(vpc.cidr_block())
            .filter_map(|range| range.parse().ok())
            .collect(),
    });
    Ok(plain.collect())
}

pub(super) async fn peerings(aws: &Aws) -> Result<Vec<Peering>> {
    let all =
        || aws.ec2().describe_vpc_peering_connections().max_results(1000).into_paginator().items().send().try_collect();
    let all: Vec<_> = aws.read("ec2:DescribeVpcPeeringConnections", all).await?;
    let alive = all.iter().filter(|peering| {
        let code = peering.status().and_then(|status| status.code()).map(|code| code.as_str());
        matches!(code, Some("active" | "provisioning" | "pending-acceptance"))
    });
    let plain = alive.map(|peering| {
        let sides = || [peering.requester_vpc_info(), peering.accepter_vpc_info()].into_iter().flatten();
        Peering {
            id: peering.vpc_peering_connection_id().unwrap_or_default().to_owned(),
            vpc_ids: sides().filter_map(|side| side.vpc_id.clone()).collect(),
            ranges: sides().filter_map(|side| side.cidr_block()?.parse().ok()).collect(),
        }
    });
    Ok(plain.collect())
}
