//! Whose an interface, gateway or endpoint is.

use super::*;
use crate::model::Address;
use crate::resource::holder::Whose;
use crate::resource::{Consents, Memo, Provided};
use aws_sdk_ec2::types::{GroupIdentifier, NetworkInterfaceAssociation, Tag};
use uuid::Uuid;

fn us<T>(look: impl FnOnce(&Us<'_>) -> T) -> T {
    let (aws, address) = (Aws::disconnected(), Address::new("ec2.subnet", "private-a"));
    let (tags, provided, consents, memo) = (Tags::new(), Provided::default(), Consents::default(), Memo::default());
    let scope = Scope {
        aws: &aws,
        deployment: "zenml",
        lineage: Uuid::nil(),
        address: &address,
        token: "",
        label: "",
        user_tags: &tags,
        since: Some(jiff::Timestamp::UNIX_EPOCH),
        recorded: None,
        want: None,
        known_ids: &[],
        provided: &provided,
        consents: &consents,
        memo: &memo,
        notes: &|_| {},
    };
    look(&Us::of(&scope))
}

fn lineage() -> Tag {
    Tag::builder().key(tags::LINEAGE).value(Uuid::nil().to_string()).build()
}

#[test]
fn an_interface_is_named_with_its_owner_and_public_address() {
    let association = NetworkInterfaceAssociation::builder().public_ip("203.0.113.7").build();
    let built = NetworkInterface::builder().network_interface_id("eni-1").description("ELB app/zenml-1a2b3c/1");
    let what = |one: NetworkInterface| us(|us| interface(us, &one)).what;
    assert_eq!(what(built.clone().build()), "eni-1 (ELB app/zenml-1a2b3c/1)");
    assert_eq!(what(built.association(association).build()), "eni-1 (ELB app/zenml-1a2b3c/1, 203.0.113.7)");
    assert_eq!(what(NetworkInterface::builder().network_interface_id("eni-2").build()), "eni-2");
}

#[test]
fn whose_an_interface_is_follows_from_tags_description_and_groups() {
    let group = |name: &str| GroupIdentifier::builder().group_name(name).build();
    let task = "arn:aws:ecs:eu-central-1:123456789012:attachment/0a1b";
    let cases = [
        ("ELB app/zenml-1a2b3c/0f", None, Whose::Service),
        ("ELB app/other-1a2b3c/0f", None, Whose::Stranger),
        ("RDSNetworkInterface", Some("zenml-rds-1a2b3c"), Whose::Service),
        ("RDSNetworkInterface", Some("default"), Whose::Stranger),
        (task, Some("zenml-ecs-1a2b3c"), Whose::Service),
        ("AWS Lambda VPC ENI-report-0a1b", Some("zenml-ecs-1a2b3c"), Whose::Stranger),
        ("", Some("zenml-ecs-1a2b3c"), Whose::Stranger),
    ];
    for (description, in_group, whose) in cases {
        let built = NetworkInterface::builder().network_interface_id("eni-1").description(description);
        let built = built.set_groups(in_group.map(|name| vec![group(name)]));
        assert_eq!(us(|us| interface(us, &built.clone().build())).whose, whose, "{description}");
        assert_eq!(us(|us| interface(us, &built.tag_set(lineage()).build())).whose, Whose::Ours, "{description}");
    }
}

#[test]
fn a_strangers_gateway_comes_with_the_command_that_removes_it() {
    let built = NatGateway::builder().nat_gateway_id("nat-1").state(NatGatewayState::Available);
    let found = us(|us| gateway(us, &built.clone().build()));
    assert!(found.is_stranger() && found.what == "nat-1 (NAT gateway, available)", "{found:?}");
    assert!(found.remove.unwrap().ends_with("`aws ec2 delete-nat-gateway --nat-gateway-id nat-1`"));
    assert_eq!(us(|us| gateway(us, &built.clone().tags(lineage()).build())).whose, Whose::Ours);
    assert_eq!(us(|us| gateway(us, &built.state(NatGatewayState::Deleting).build())).whose, Whose::Service);
}

#[test]
fn an_endpoint_of_guardduty_is_named_with_the_ways_to_remove_it() {
    let built = VpcEndpoint::builder().vpc_endpoint_id("vpce-1").service_name("com.amazonaws.x.guardduty-data");
    let found = us(|us| endpoint(us, &built.clone().build())).unwrap();
    let remove = found.remove.clone().unwrap();
    assert!(found.is_stranger() && found.what.contains("GuardDuty"), "{found:?}");
    assert!(remove.contains("--vpc-endpoint-ids vpce-1") && remove.contains("--delete-guardduty-endpoint"), "{remove}");
    let state = |state: &str| us(|us| endpoint(us, &built.clone().state(state.into()).build()));
    assert_eq!(state("deleting").unwrap().whose, Whose::Service);
    assert_eq!(state("deleted"), None);
}

#[test]
fn interfaces_of_gateways_and_endpoints_are_told_as_what_they_serve() {
    for description in ["Interface for NAT Gateway nat-1", "VPC Endpoint Interface vpce-1"] {
        assert!(is_told_otherwise(&NetworkInterface::builder().description(description).build()), "{description}");
    }
    assert!(!is_told_otherwise(&NetworkInterface::builder().description("ELB app/zenml/1").build()));
    let gateway = NatGateway::builder().nat_gateway_id("nat-1").state(NatGatewayState::Deleting);
    let whose = |one: NatGateway| us(|us| super::gateway(us, &one)).whose;
    assert_eq!(whose(gateway.clone().build()), Whose::Service);
    assert_eq!(whose(gateway.clone().state(NatGatewayState::Available).build()), Whose::Stranger);
    assert_eq!(whose(gateway.tags(lineage()).build()), Whose::Ours);
}
