//! Step 1: the VPC, its subnets, the ways out, and the three security groups.

use super::facts::{Facts, letters};
use crate::aws::ec2::default_security_group::DefaultSecurityGroup;
use crate::aws::ec2::elastic_ip::ElasticIp;
use crate::aws::ec2::internet_gateway::InternetGateway;
use crate::aws::ec2::internet_gateway_attachment::InternetGatewayAttachment;
use crate::aws::ec2::nat_gateway::NatGateway;
use crate::aws::ec2::route::Route;
use crate::aws::ec2::route_table::RouteTable;
use crate::aws::ec2::route_table_association::RouteTableAssociation;
use crate::aws::ec2::security_group::SecurityGroup;
use crate::aws::ec2::security_group_rule::{Direction, SecurityGroupRule};
use crate::aws::ec2::subnet::{Subnet, SubnetId};
use crate::aws::ec2::vpc::Vpc;
use crate::aws::ec2::vpc_endpoint::VpcEndpoint;
use crate::config::{Config, Nat};
use crate::model::{Address, Edge, Graph, Handle, Input};
use std::collections::BTreeSet;

const ANYWHERE: &str = "0.0.0.0/0";

/// What the other parts use of the network.
pub(super) struct Network {
    pub vpc: Handle<Vpc>,
    pub public: Vec<Handle<Subnet>>,
    pub private: Vec<Handle<Subnet>>,
    pub alb: Handle<SecurityGroup>,
    pub ecs: Handle<SecurityGroup>,
    pub rds: Handle<SecurityGroup>,
    /// The public default route: an internet-facing load balancer comes after it.
    pub public_route: Address,
    /// Without these a task cannot start although it takes no value from them.
    pub needed_by_tasks: Vec<Address>,
}

impl Network {
    pub(super) fn private_subnets(&self) -> BTreeSet<Input<SubnetId>> {
        ids(&self.private)
    }

    pub(super) fn public_subnets(&self) -> BTreeSet<Input<SubnetId>> {
        ids(&self.public)
    }
}

fn ids(subnets: &[Handle<Subnet>]) -> BTreeSet<Input<SubnetId>> {
    subnets.iter().map(|subnet| subnet.subnet_id().into()).collect()
}

pub(super) fn declare(graph: &mut Graph, config: &Config, facts: &Facts) -> Network {
    graph.guide("step 1");
    let vpc = graph.add(
        "main",
        Vpc { cidr_block: config.network.cidr.to_string(), enable_dns_support: true, enable_dns_hostnames: true },
    );
    let (public, private) = subnets(graph, config, facts, &vpc);
    graph.guide("implied by step 1");
    graph.add("main", DefaultSecurityGroup { vpc_id: vpc.vpc_id().into(), unknown_rules: BTreeSet::new() });
    let gateway = graph.add("main", InternetGateway {});
    let attachment = graph.add(
        "main",
        InternetGatewayAttachment {
            internet_gateway_id: gateway.internet_gateway_id().into(),
            vpc_id: vpc.vpc_id().into(),
        },
    );
    let public_route = public_routes(graph, &vpc, &attachment, &public);
    let mut needed_by_tasks = private_routes(graph, config, &vpc, &attachment, &public, &private);
    let (alb, ecs, rds) = groups(graph, config, &vpc, &mut needed_by_tasks);
    Network { vpc, public, private, alb, ecs, rds, public_route, needed_by_tasks }
}

fn subnets(
    graph: &mut Graph,
    config: &Config,
    facts: &Facts,
    vpc: &Handle<Vpc>,
) -> (Vec<Handle<Subnet>>, Vec<Handle<Subnet>>) {
    let mut add = |name: String, zone: &str, range: Option<ipnet::Ipv4Net>| {
        let range = range.expect("because validation has checked that the zones fit into the network");
        let subnet = Subnet {
            vpc_id: vpc.vpc_id().into(),
            cidr_block: range.to_string(),
            availability_zone: zone.to_owned(),
            // Nothing here wants an address of its own: the load balancer and NAT get theirs explicitly.
            map_public_ip_on_launch: false,
        };
        graph.add(&name, subnet)
    };
    let zones = || facts.place.zones.iter().zip(letters()).enumerate();
    let public =
        zones().map(|(n, (zone, letter))| add(format!("public-{letter}"), zone, config.network.public_subnet(n)));
    let public = public.collect();
    let private =
        zones().map(|(n, (zone, letter))| add(format!("private-{letter}"), zone, config.network.private_subnet(n)));
    (public, private.collect())
}

fn public_routes(
    graph: &mut Graph,
    vpc: &Handle<Vpc>,
    attachment: &Handle<InternetGatewayAttachment>,
    public: &[Handle<Subnet>],
) -> Address {
    let table = graph.add("public", RouteTable { vpc_id: vpc.vpc_id().into() });
    let route = Route {
        route_table_id: table.route_table_id().into(),
        destination_cidr_block: ANYWHERE.into(),
        gateway_id: Some(attachment.internet_gateway_id().into()),
        nat_gateway_id: None,
    };
    let route = graph.add("public-default", route);
    for subnet in public {
        associate(graph, subnet, &table);
    }
    route.address
}

/// One table per zone even with a single NAT gateway: going over to one gateway per zone then only changes routes.
fn private_routes(
    graph: &mut Graph,
    config: &Config,
    vpc: &Handle<Vpc>,
    attachment: &Handle<InternetGatewayAttachment>,
    public: &[Handle<Subnet>],
    private: &[Handle<Subnet>],
) -> Vec<Address> {
    let public_default = Handle::<Route>::to("public-default").address;
    graph.guide("step 1");
    let gateways: Vec<Handle<NatGateway>> = public
        .iter()
        .zip(letters())
        .take(if config.network.nat == Nat::Single { 1 } else { public.len() })
        .map(|(subnet, letter)| {
            let name = format!("nat-{letter}");
            let address = graph.add(&name, ElasticIp {});
            let nat =
                NatGateway { subnet_id: subnet.subnet_id().into(), allocation_id: address.allocation_id().into() };
            let nat = graph.add(&name, nat);
            // A gateway in a network without a way out goes to `failed`; and the way out must outlive it. The address cannot
            // be told apart from a mapped one until the gateway is gone.
            for used in [&attachment.address, &public_default, &association_of(subnet)] {
                graph.add_after(&nat.address, used, Edge::SETTLED);
            }
            graph.add_after(&address.address, &attachment.address, Edge::SETTLED);
            nat
        })
        .collect();
    let mut needed = vec![];
    let mut tables = BTreeSet::new();
    for ((subnet, letter), n) in private.iter().zip(letters()).zip(0..) {
        let table = graph.add(&format!("private-{letter}"), RouteTable { vpc_id: vpc.vpc_id().into() });
        let gateway = gateways.get(n).unwrap_or(&gateways[0]);
        let route = Route {
            route_table_id: table.route_table_id().into(),
            destination_cidr_block: ANYWHERE.into(),
            gateway_id: None,
            nat_gateway_id: Some(gateway.nat_gateway_id().into()),
        };
        needed.push(graph.add(&format!("private-{letter}-default"), route).address);
        needed.push(associate(graph, subnet, &table));
        tables.insert(table.route_table_id().into());
    }
    graph.guide("implied by step 1");
    let service_name = format!("com.amazonaws.{}.s3", config.region);
    graph.add("s3", VpcEndpoint { vpc_id: vpc.vpc_id().into(), service_name, route_table_ids: tables });
    needed
}

fn association_of(subnet: &Handle<Subnet>) -> Address {
    Handle::<RouteTableAssociation>::to(&subnet.address.name).address
}

fn associate(graph: &mut Graph, subnet: &Handle<Subnet>, table: &Handle<RouteTable>) -> Address {
    let association =
        RouteTableAssociation { subnet_id: subnet.subnet_id().into(), route_table_id: table.route_table_id().into() };
    graph.add(&subnet.address.name, association).address
}

type Groups = (Handle<SecurityGroup>, Handle<SecurityGroup>, Handle<SecurityGroup>);

fn groups(graph: &mut Graph, config: &Config, vpc: &Handle<Vpc>, needed: &mut Vec<Address>) -> Groups {
    graph.guide("step 1");
    let mut group = |role: &str, description: &str| {
        let group = SecurityGroup {
            vpc_id: vpc.vpc_id().into(),
            name_prefix: format!("{}-{role}", config.name),
            description: description.to_owned(),
            unknown_rules: BTreeSet::new(),
        };
        graph.add(role, group)
    };
    let alb = group("alb", "Load balancer of the ZenML workspace server");
    let ecs = group("ecs", "Tasks of the ZenML workspace server");
    let rds = group("rds", "Database of the ZenML workspace server");
    let mut rule = |name: &str, of: &Handle<SecurityGroup>, direction, port: u16, peer: Peer<'_>| {
        let (cidr, group) = match peer {
            Peer::Range(range) => (Some(range.to_owned()), None),
            Peer::Group(group) => (None, Some(group.security_group_id().into())),
        };
        let rule = SecurityGroupRule {
            security_group_id: of.security_group_id().into(),
            direction,
            protocol: "tcp".into(),
            from_port: i32::from(port),
            to_port: i32::from(port),
            peer_cidr_ipv4: cidr,
            peer_security_group_id: group,
            description: name.to_owned(),
        };
        graph.add(name, rule).address
    };
    for range in &config.ingress.allow_cidrs {
        let range = range.to_string();
        for (what, port) in [("https", 443), ("http", 80)] {
            let name = format!("alb-{what}-from-{}", range.replace('/', "-"));
            rule(&name, &alb, Direction::Ingress, port, Peer::Range(&range));
        }
    }
    let port = config.service.port;
    needed.push(rule("alb-to-ecs", &alb, Direction::Egress, port, Peer::Group(&ecs)));
    needed.push(rule("ecs-from-alb", &ecs, Direction::Ingress, port, Peer::Group(&alb)));
    needed.push(rule("ecs-https-out", &ecs, Direction::Egress, 443, Peer::Range(ANYWHERE)));
    needed.push(rule("ecs-to-rds", &ecs, Direction::Egress, 3306, Peer::Group(&rds)));
    needed.push(rule("rds-from-ecs", &rds, Direction::Ingress, 3306, Peer::Group(&ecs)));
    (alb, ecs, rds)
}

enum Peer<'a> {
    Range(&'a str),
    Group(&'a Handle<SecurityGroup>),
}
