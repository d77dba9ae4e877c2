//! The network side: subnets, routes, NAT gateways, security groups.

use super::ids;
use crate::aws::Aws;
use crate::resource::Result;
use aws_sdk_ec2::types::{self, Filter, RouteState};
use ipnet::Ipv4Net;
use std::collections::BTreeMap;

/// The network around the tasks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Network {
    /// Subnets of tasks, load balancer and database that exist, by id.
    pub subnets: BTreeMap<String, Subnet>,
    /// Route tables of their VPC.
    pub tables: Vec<RouteTable>,
    /// NAT gateways of their VPC, by id.
    pub nats: BTreeMap<String, Nat>,
}

/// A subnet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subnet {
    /// Address range.
    pub cidr: Ipv4Net,
    /// Zone.
    pub zone: String,
    /// Addresses that nobody uses.
    pub free_addresses: i32,
}

/// A route table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RouteTable {
    /// `rtb-…`.
    pub id: String,
    /// Whether subnets without a table of their own use it.
    pub is_main: bool,
    /// Subnets that use it by name.
    pub subnet_ids: Vec<String>,
    /// Where `0.0.0.0/0` leads: the target's id, and whether it is there.
    pub default: Option<(String, bool)>,
}

/// A NAT gateway.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Nat {
    /// `available`, `failed`, `deleted`, ….
    pub state: String,
    /// Its own subnet.
    pub subnet_id: String,
}

/// A security group.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Group {
    /// Name.
    pub name: String,
    /// What may come in.
    pub inbound: Vec<Rule>,
    /// What may go out.
    pub outbound: Vec<Rule>,
}

/// What a security group allows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rule {
    /// `tcp`, `-1` for everything.
    pub protocol: String,
    /// First port; `None`: all.
    pub from: Option<i32>,
    /// Last port; `None`: all.
    pub to: Option<i32>,
    /// Address ranges on the other side.
    pub cidrs: Vec<Ipv4Net>,
    /// Security groups on the other side.
    pub group_ids: Vec<String>,
}

impl Rule {
    /// True if TCP to this port is allowed.
    pub fn covers(&self, port: u16) -> bool {
        let port = i32::from(port);
        let ports = self.from.is_none_or(|from| from <= port) && self.to.is_none_or(|to| port <= to);
        self.protocol == "-1" || (matches!(self.protocol.as_str(), "tcp" | "6") && ports)
    }
}

fn filter(name: &str, values: &[String]) -> Filter {
    Filter::builder().name(name).set_values(Some(values.to_vec())).build()
}

pub(super) async fn network(aws: &Aws, subnet_ids: Vec<String>) -> Result<Network> {
    if subnet_ids.is_empty() {
        return Ok(Network::default());
    }
    // A filter, not ids: one subnet that is gone would fail the whole call.
    let call = aws.ec2().describe_subnets().filters(filter("subnet-id", &subnet_ids));
    let found = aws.read("ec2:DescribeSubnets", || call.clone().send()).await?.subnets.unwrap_or_default();
    let mut vpcs = ids(found.iter().map(|subnet| subnet.vpc_id()));
    vpcs.sort();
    vpcs.dedup();
    if vpcs.is_empty() {
        return Ok(Network::default());
    }
    let tables = aws.ec2().describe_route_tables().filters(filter("vpc-id", &vpcs));
    let nats = aws.ec2().describe_nat_gateways().filter(filter("vpc-id", &vpcs));
    let (tables, nats) = tokio::join!(
        aws.read("ec2:DescribeRouteTables", || tables.clone().send()),
        aws.read("ec2:DescribeNatGateways", || nats.clone().send())
    );
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    let subnet = |subnet: &types::Subnet| {
        let plain = Subnet {
            cidr: subnet.cidr_block()?.parse().ok()?,
            zone: text(subnet.availability_zone()),
            free_addresses: subnet.available_ip_address_count().unwrap_or_default(),
        };
        Some((subnet.subnet_id()?.to_owned(), plain))
    };
    let nat = |nat: &types::NatGateway| {
        let state = nat.state().map(|state| state.as_str().to_owned()).unwrap_or_default();
        Some((nat.nat_gateway_id()?.to_owned(), Nat { state, subnet_id: text(nat.subnet_id()) }))
    };
    Ok(Network {
        subnets: found.iter().filter_map(subnet).collect(),
        tables: tables?.route_tables().iter().map(table).collect(),
        nats: nats?.nat_gateways().iter().filter_map(nat).collect(),
    })
}

fn table(found: &types::RouteTable) -> RouteTable {
    let everything = found.routes().iter().find(|route| route.destination_cidr_block() == Some("0.0.0.0/0"));
    let default = everything.map(|route| {
        let targets = [
            route.nat_gateway_id(),
            route.gateway_id(),
            route.transit_gateway_id(),
            route.vpc_peering_connection_id(),
            route.network_interface_id(),
            route.instance_id(),
        ];
        let target = targets.into_iter().flatten().next().unwrap_or("nowhere").to_owned();
        (target, route.state() != Some(&RouteState::Blackhole))
    });
    RouteTable {
        id: found.route_table_id().unwrap_or_default().to_owned(),
        is_main: found.associations().iter().any(|association| association.main() == Some(true)),
        subnet_ids: ids(found.associations().iter().map(|association| association.subnet_id())),
        default,
    }
}

pub(super) async fn security_groups(aws: &Aws, group_ids: Vec<String>) -> Result<BTreeMap<String, Group>> {
    if group_ids.is_empty() {
        return Ok(BTreeMap::new());
    }
    let call = aws.ec2().describe_security_groups().filters(filter("group-id", &group_ids));
    let found = aws.read("ec2:DescribeSecurityGroups", || call.clone().send()).await?;
    let plain = |group: &types::SecurityGroup| {
        let rules = |permissions: &[types::IpPermission]| permissions.iter().map(rule).collect();
        let plain = Group {
            name: group.group_name().unwrap_or_default().to_owned(),
            inbound: rules(group.ip_permissions()),
            outbound: rules(group.ip_permissions_egress()),
        };
        Some((group.group_id()?.to_owned(), plain))
    };
    Ok(found.security_groups().iter().filter_map(plain).collect())
}

fn rule(permission: &types::IpPermission) -> Rule {
    let ranges = permission.ip_ranges().iter().filter_map(|range| range.cidr_ip());
    Rule {
        protocol: permission.ip_protocol().unwrap_or_default().to_owned(),
        from: permission.from_port(),
        to: permission.to_port(),
        cidrs: ranges.filter_map(|range| range.parse().ok()).collect(),
        group_ids: ids(permission.user_id_group_pairs().iter().map(|pair| pair.group_id())),
    }
}
