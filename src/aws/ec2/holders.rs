//! Who keeps a network object from being deleted.
//!
//! AWS says only "has dependencies and cannot be deleted". The dependencies are network interfaces, often of managed services
//! that give them back minutes after their owner is gone, gateways, endpoints, and rules of other security groups. Interfaces
//! of NAT gateways and endpoints are told as what they serve.

use super::{guardduty, tagging};
use crate::aws::{Aws, tags};
use crate::resource::{Holder, Result, Scope, Tags};
use aws_sdk_ec2::types::{Filter, NatGateway, NatGatewayState, NetworkInterface, NetworkInterfaceType, VpcEndpoint};

/// Who asks: what is its own is told apart from what is somebody else's.
struct Us<'a> {
    /// Beginning of the names of our load balancers and groups: `zenml-hybrid-`.
    prefix: String,
    scope: &'a Scope<'a>,
}

impl<'a> Us<'a> {
    fn of(scope: &'a Scope<'a>) -> Self {
        Self { prefix: format!("{}-", scope.deployment), scope }
    }
}

/// Everything in this subnet.
pub(super) async fn of_subnet(scope: &Scope<'_>, subnet: &str) -> Result<Vec<Holder>> {
    let found = list_interfaces(scope.aws, tagging::filter("subnet-id", [subnet])).await?;
    let gateways = list_gateways(scope.aws, tagging::filter("subnet-id", [subnet])).await?;
    let endpoints = endpoints_behind(scope.aws, &found).await?;
    Ok(told(scope, &found, &gateways, &endpoints))
}

/// Everything in this VPC that a delete does not take along.
pub(super) async fn of_vpc(scope: &Scope<'_>, vpc: &str) -> Result<Vec<Holder>> {
    let aws = scope.aws;
    let inside = || tagging::filter("vpc-id", [vpc]);
    let mut holders = parts(scope, vpc).await?;
    let found = list_interfaces(aws, inside()).await?;
    let gateways = list_gateways(aws, inside()).await?;
    let call = aws.ec2().describe_vpc_endpoints().filters(inside());
    let endpoints = aws.call("ec2:DescribeVpcEndpoints", call.send()).await?.vpc_endpoints.unwrap_or_default();
    holders.extend(told(scope, &found, &gateways, &endpoints));
    Ok(holders)
}

/// Members of this security group, and other groups whose rules name it.
pub(super) async fn of_group(scope: &Scope<'_>, group: &str) -> Result<Vec<Holder>> {
    let aws = scope.aws;
    let found = list_interfaces(aws, tagging::filter("group-id", [group])).await?;
    let endpoints = endpoints_behind(aws, &found).await?;
    let mut holders = told(scope, &found, &[], &endpoints);
    for filter in ["ip-permission.group-id", "egress.ip-permission.group-id"] {
        let call = aws.ec2().describe_security_groups().filters(tagging::filter(filter, [group]));
        let naming = aws.call("ec2:DescribeSecurityGroups", call.send()).await?.security_groups.unwrap_or_default();
        for other in naming.iter().filter(|other| other.group_id() != Some(group)) {
            let id = other.group_id().unwrap_or_default();
            let what = format!("a rule of {id} ({})", other.group_name().unwrap_or_default());
            let holder = Holder::tagged(scope, what, &tagging::read(other.tags.as_deref()));
            let remove = format!(
                "take the rules that name {group} out of {id}, which is not of this deployment; list them with `aws ec2 \
                 describe-security-group-rules --filters Name=group-id,Values={id}`"
            );
            holders.push(holder.removed_by(remove));
        }
    }
    holders.dedup();
    Ok(holders)
}

/// What has a public address in this VPC: it holds the internet gateway.
pub(super) async fn of_gateway_to(scope: &Scope<'_>, vpc: &str) -> Result<Vec<Holder>> {
    let inside = || tagging::filter("vpc-id", [vpc]);
    let mut found = list_interfaces(scope.aws, inside()).await?;
    found.retain(|one| one.association().is_some());
    let gateways = list_gateways(scope.aws, inside()).await?;
    Ok(told(scope, &found, &gateways, &[]))
}

/// What this interface, which has an Elastic IP, serves.
pub(super) async fn of_address_on(scope: &Scope<'_>, interface: &str) -> Result<Vec<Holder>> {
    let found = list_interfaces(scope.aws, tagging::filter("network-interface-id", [interface])).await?;
    let subnets = found.iter().filter_map(|one| one.subnet_id());
    let gateways = list_gateways(scope.aws, tagging::filter("subnet-id", subnets)).await?;
    let serves = |gateway: &NatGateway| {
        gateway.nat_gateway_addresses().iter().any(|one| one.network_interface_id() == Some(interface))
    };
    let gateways: Vec<_> = gateways.into_iter().filter(serves).collect();
    Ok(told(scope, &found, &gateways, &[]))
}

/// True if any interface is a member of this group.
pub(super) async fn has_members(aws: &Aws, group: &str) -> Result<bool> {
    Ok(!list_interfaces(aws, tagging::filter("group-id", [group])).await?.is_empty())
}

fn told(
    scope: &Scope<'_>,
    interfaces: &[NetworkInterface],
    gateways: &[NatGateway],
    endpoints: &[VpcEndpoint],
) -> Vec<Holder> {
    let us = Us::of(scope);
    let mut holders: Vec<Holder> = gateways.iter().map(|one| gateway(&us, one)).collect();
    holders.extend(endpoints.iter().filter_map(|one| endpoint(&us, one)));
    holders.extend(interfaces.iter().filter(|one| !is_told_otherwise(one)).map(|one| interface(&us, one)));
    // What does not go by itself is named first.
    holders.sort_by_key(|holder| !holder.is_stranger());
    holders
}

async fn list_interfaces(aws: &Aws, filter: Filter) -> Result<Vec<NetworkInterface>> {
    let call = aws.ec2().describe_network_interfaces().filters(filter);
    Ok(aws.call("ec2:DescribeNetworkInterfaces", call.send()).await?.network_interfaces.unwrap_or_default())
}

async fn list_gateways(aws: &Aws, filter: Filter) -> Result<Vec<NatGateway>> {
    let call = aws.ec2().describe_nat_gateways().filter(filter);
    let mut found = aws.call("ec2:DescribeNatGateways", call.send()).await?.nat_gateways.unwrap_or_default();
    found.retain(|one| one.state() != Some(&NatGatewayState::Deleted));
    Ok(found)
}

/// The endpoints that these interfaces are of.
async fn endpoints_behind(aws: &Aws, interfaces: &[NetworkInterface]) -> Result<Vec<VpcEndpoint>> {
    let ids: Vec<&str> = interfaces.iter().filter_map(endpoint_of).collect();
    if ids.is_empty() {
        return Ok(vec![]);
    }
    let call = aws.ec2().describe_vpc_endpoints().filters(tagging::filter("vpc-endpoint-id", ids));
    Ok(aws.call("ec2:DescribeVpcEndpoints", call.send()).await?.vpc_endpoints.unwrap_or_default())
}

/// `vpce-0abc…` of `VPC Endpoint Interface vpce-0abc…`.
fn endpoint_of(interface: &NetworkInterface) -> Option<&str> {
    interface.description()?.strip_prefix("VPC Endpoint Interface ")
}

fn is_told_otherwise(interface: &NetworkInterface) -> bool {
    interface.interface_type() == Some(&NetworkInterfaceType::NatGateway)
        || interface.description().is_some_and(|text| text.starts_with("Interface for NAT Gateway "))
        || endpoint_of(interface).is_some()
}

/// Subnets, groups, tables and internet gateways of a VPC. The main table and the default group go with it.
async fn parts(scope: &Scope<'_>, vpc: &str) -> Result<Vec<Holder>> {
    let aws = scope.aws;
    let inside = || tagging::filter("vpc-id", [vpc]);
    let mut holders = vec![];
    let mut hold = |noun: &str, id: Option<&str>, found: Tags, delete: &str| {
        let id = id.unwrap_or_default();
        let holder = Holder::tagged(scope, format!("{noun} {id}"), &found);
        holders.push(holder.removed_by(removal(&format!("{delete} {id}"))));
    };
    let found = aws.call("ec2:DescribeSubnets", aws.ec2().describe_subnets().filters(inside()).send()).await?;
    for one in found.subnets() {
        hold("subnet", one.subnet_id(), tagging::read(one.tags.as_deref()), "delete-subnet --subnet-id");
    }
    let call = aws.ec2().describe_route_tables().filters(inside());
    let found = aws.call("ec2:DescribeRouteTables", call.send()).await?;
    let tables = found.route_tables().iter().filter(|one| !one.associations().iter().any(|a| a.main() == Some(true)));
    for one in tables {
        let found = tagging::read(one.tags.as_deref());
        hold("route table", one.route_table_id(), found, "delete-route-table --route-table-id");
    }
    let call = aws.ec2().describe_internet_gateways().filters(tagging::filter("attachment.vpc-id", [vpc]));
    let found = aws.call("ec2:DescribeInternetGateways", call.send()).await?;
    for one in found.internet_gateways() {
        let detach = format!("detach-internet-gateway --vpc-id {vpc} --internet-gateway-id");
        hold("internet gateway", one.internet_gateway_id(), tagging::read(one.tags.as_deref()), &detach);
    }
    let call = aws.ec2().describe_security_groups().filters(inside());
    let found = aws.call("ec2:DescribeSecurityGroups", call.send()).await?;
    for group in found.security_groups().iter().filter(|group| group.group_name() != Some("default")) {
        let (id, found) = (group.group_id().unwrap_or_default(), tagging::read(group.tags.as_deref()));
        let what = format!("security group {id} ({})", group.group_name().unwrap_or_default());
        let holder = Holder::tagged(scope, what, &found);
        let delete = format!("delete-security-group --group-id {id}");
        holders.push(match guardduty::made(&found) {
            true => holder.removed_by(guardduty::removal(&format!("aws ec2 {delete}"))),
            false => holder.removed_by(removal(&delete)),
        });
    }
    Ok(holders)
}

/// `nat-0abc… (NAT gateway, available)`.
fn gateway(us: &Us<'_>, gateway: &NatGateway) -> Holder {
    let state = gateway.state().map_or("available", NatGatewayState::as_str);
    let id = gateway.nat_gateway_id().unwrap_or("a NAT gateway");
    let holder =
        Holder::tagged(us.scope, format!("{id} (NAT gateway, {state})"), &tagging::read(gateway.tags.as_deref()));
    match holder.is_stranger() && gateway.state() == Some(&NatGatewayState::Deleting) {
        true => Holder::service(holder.what),
        false => holder.removed_by(removal(&format!("delete-nat-gateway --nat-gateway-id {id}"))),
    }
}

/// What is not of this deployment is somebody's: whose comes before the command.
fn removal(command: &str) -> String {
    format!("find out who needs it, and remove it with `aws ec2 {command}`")
}

/// `vpce-0abc… (com.amazonaws.eu-central-1.guardduty-data)`; `None` when it is gone.
fn endpoint(us: &Us<'_>, endpoint: &VpcEndpoint) -> Option<Holder> {
    let id = endpoint.vpc_endpoint_id().unwrap_or("an endpoint");
    let service = endpoint.service_name().unwrap_or("unknown service");
    let delete = format!("aws ec2 delete-vpc-endpoints --vpc-endpoint-ids {id}");
    Some(match endpoint.state().map_or("available", |state| state.as_str()).to_lowercase().as_str() {
        "deleted" => return None,
        "deleting" => Holder::service(format!("{id} ({service}, deleting)")),
        _ if guardduty::serves(service) => {
            Holder::stranger(format!("{id} ({service}, put there by GuardDuty's runtime monitoring)"))
                .removed_by(guardduty::removal(&delete))
        }
        _ => Holder::tagged(us.scope, format!("{id} ({service})"), &tagging::read(endpoint.tags.as_deref()))
            .removed_by(format!("remove the endpoint with `{delete}`")),
    })
}

/// `eni-0abc… (ELB app/zenml/…, 203.0.113.7)`.
fn interface(us: &Us<'_>, interface: &NetworkInterface) -> Holder {
    let id = interface.network_interface_id().unwrap_or("an interface");
    let description = interface.description().filter(|text| !text.is_empty());
    let attached = interface.attachment().and_then(|attachment| attachment.instance_id());
    let words = [
        description.or(interface.requester_id()).map(str::to_owned),
        interface.association().and_then(|association| association.public_ip()).map(str::to_owned),
        attached.map(|instance| format!("attached to {instance}")),
    ];
    let words: Vec<String> = words.into_iter().flatten().collect();
    let what = if words.is_empty() { id.to_owned() } else { format!("{id} ({})", words.join(", ")) };
    match owner(us, interface, description.unwrap_or_default()) {
        Owner::Ours => Holder::ours(what),
        Owner::Service => Holder::service(what),
        Owner::Stranger => Holder::stranger(what).removed_by(format!(
            "find out who uses it, and remove it with `aws ec2 delete-network-interface --network-interface-id {id}`"
        )),
    }
}

enum Owner {
    Ours,
    Service,
    Stranger,
}

/// The description is the only thing that says which service made an interface.
fn owner(us: &Us<'_>, interface: &NetworkInterface, description: &str) -> Owner {
    if tags::are_of(us.scope.lineage, &tagging::read(interface.tag_set.as_deref())) {
        return Owner::Ours;
    }
    if let Some(balancer) = description.strip_prefix("ELB ") {
        let name = balancer.split('/').nth(1).unwrap_or(balancer);
        return if name.starts_with(&us.prefix) { Owner::Service } else { Owner::Stranger };
    }
    let of_tasks =
        description.starts_with("arn:") && description.contains(":ecs:") && description.contains(":attachment/");
    let groups = interface.groups();
    let in_ours = groups.iter().any(|group| group.group_name().is_some_and(|name| name.starts_with(&us.prefix)));
    match description == "RDSNetworkInterface" || of_tasks {
        true if in_ours || groups.is_empty() => Owner::Service,
        _ => Owner::Stranger,
    }
}

#[cfg(test)]
mod tests;
