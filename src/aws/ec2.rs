//! EC2: the network.

pub mod default_security_group;
pub mod elastic_ip;
pub mod internet_gateway;
pub mod internet_gateway_attachment;
pub mod nat_gateway;
pub mod route;
pub mod route_table;
pub mod route_table_association;
pub mod security_group;
pub mod security_group_rule;
pub mod subnet;
pub mod vpc;
pub mod vpc_endpoint;

mod guardduty;
mod holders;
mod rules;
mod survey;
mod tagging;

pub(super) use survey::tagged;

use crate::resource::{Kind, Of};

pub(super) static KINDS: &[&(dyn Kind + Sync)] = &[
    &Of::<default_security_group::DefaultSecurityGroup>::KIND,
    &Of::<elastic_ip::ElasticIp>::KIND,
    &Of::<internet_gateway::InternetGateway>::KIND,
    &Of::<internet_gateway_attachment::InternetGatewayAttachment>::KIND,
    &Of::<nat_gateway::NatGateway>::KIND,
    &Of::<route::Route>::KIND,
    &Of::<route_table::RouteTable>::KIND,
    &Of::<route_table_association::RouteTableAssociation>::KIND,
    &Of::<security_group::SecurityGroup>::KIND,
    &Of::<security_group_rule::SecurityGroupRule>::KIND,
    &Of::<subnet::Subnet>::KIND,
    &Of::<vpc::Vpc>::KIND,
    &Of::<vpc_endpoint::VpcEndpoint>::KIND,
];
