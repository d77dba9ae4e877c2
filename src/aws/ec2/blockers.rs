//! Who keeps a network object from being deleted.
//!
//! AWS says only "has dependencies and cannot be deleted". The dependencies are network interfaces, often of managed services
//! that give them back minutes after their owner is gone, and endpoints that GuardDuty puts into a VPC by itself.

use super::tagging;
use crate::aws::Aws;
use crate::resource::{Class, Result};
use aws_sdk_ec2::types::{NetworkInterface, VpcEndpoint};

/// What could not be deleted.
pub(super) enum Held<'a> {
    /// A subnet: every interface in it holds it.
    Subnet(&'a str),
    /// A VPC: interfaces and endpoints hold it.
    Vpc(&'a str),
    /// The internet gateway of this VPC: interfaces with a public address hold it.
    GatewayOf(&'a str),
}

/// The result of a delete; a refusal gets the names of the holders as a hint.
pub(super) async fn explain(aws: &Aws, deleted: Result<()>, held: Held<'_>) -> Result<()> {
    match deleted {
        Err(error) if error.class == Class::Drain => {
            let holders = holders(aws, &held).await;
            Err(if holders.is_empty() { error } else { error.hint(format!("still held by {}", holders.join(", "))) })
        }
        other => other,
    }
}

/// Listing is only for show: the refusal is what happened, whether the holders can be listed or not.
async fn holders(aws: &Aws, held: &Held<'_>) -> Vec<String> {
    let filter = match held {
        Held::Subnet(id) => tagging::filter("subnet-id", [*id]),
        Held::Vpc(id) | Held::GatewayOf(id) => tagging::filter("vpc-id", [*id]),
    };
    let call = aws.ec2().describe_network_interfaces().filters(filter.clone());
    let found = aws.call("ec2:DescribeNetworkInterfaces", call.send()).await;
    let holds = |one: &&NetworkInterface| !matches!(held, Held::GatewayOf(_)) || one.association().is_some();
    let mut holders: Vec<String> =
        found.iter().flat_map(|found| found.network_interfaces()).filter(holds).map(interface).collect();
    if matches!(held, Held::Vpc(_)) {
        let call = aws.ec2().describe_vpc_endpoints().filters(filter);
        let found = aws.call("ec2:DescribeVpcEndpoints", call.send()).await;
        holders.extend(found.iter().flat_map(|found| found.vpc_endpoints()).filter_map(endpoint));
    }
    holders
}

/// `eni-0abc… (ELB app/zenml/…, 203.0.113.7)`.
fn interface(interface: &NetworkInterface) -> String {
    let id = interface.network_interface_id().unwrap_or("an interface");
    let what = interface.description().filter(|text| !text.is_empty()).or(interface.requester_id());
    let public = interface.association().and_then(|association| association.public_ip());
    let words: Vec<&str> = what.into_iter().chain(public).collect();
    if words.is_empty() { id.to_owned() } else { format!("{id} ({})", words.join(", ")) }
}

/// `vpce-0abc… (com.amazonaws.eu-central-1.guardduty-data; …)`; `None` when it is gone.
fn endpoint(endpoint: &VpcEndpoint) -> Option<String> {
    let id = endpoint.vpc_endpoint_id().unwrap_or("an endpoint");
    let service = endpoint.service_name().unwrap_or("unknown service");
    // hybridctl deletes nothing that it did not make, so the reader has to.
    Some(match endpoint.state().map_or("available", |state| state.as_str()).to_lowercase().as_str() {
        "deleted" => return None,
        "deleting" => format!("{id} ({service}, deleting)"),
        _ if service.ends_with(".guardduty-data") => format!(
            "{id} ({service}, put there by GuardDuty's runtime monitoring; `aws ec2 delete-vpc-endpoints \
             --vpc-endpoint-ids {id}` removes it)"
        ),
        _ => format!("{id} ({service})"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_ec2::types::NetworkInterfaceAssociation;

    #[test]
    fn an_interface_is_named_with_its_owner_and_public_address() {
        let association = NetworkInterfaceAssociation::builder().public_ip("203.0.113.7").build();
        let built = NetworkInterface::builder().network_interface_id("eni-1").description("ELB app/zenml/1");
        assert_eq!(interface(&built.clone().build()), "eni-1 (ELB app/zenml/1)");
        assert_eq!(interface(&built.association(association).build()), "eni-1 (ELB app/zenml/1, 203.0.113.7)");
        assert_eq!(interface(&NetworkInterface::builder().network_interface_id("eni-2").build()), "eni-2");
    }

    #[test]
    fn an_endpoint_of_guardduty_is_named_with_the_command_that_removes_it() {
        let built = VpcEndpoint::builder().vpc_endpoint_id("vpce-1").service_name("com.amazonaws.x.guardduty-data");
        let text = endpoint(&built.clone().build()).unwrap();
        assert!(text.contains("GuardDuty") && text.contains("--vpc-endpoint-ids vpce-1"), "{text}");
        let state = |state: &str| endpoint(&built.clone().state(state.into()).build());
        assert_eq!(state("deleting").unwrap(), "vpce-1 (com.amazonaws.x.guardduty-data, deleting)");
        assert_eq!(state("deleted"), None);
    }
}
