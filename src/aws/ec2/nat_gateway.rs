//! A public NAT gateway. <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateNatGateway.html>
//!
//! Takes about 110 s to `available` and 60 s to `deleted`. The call is accepted and the failure comes later, in state `failed`
//! with a code (`Gateway.NotAttached` without an internet gateway, `Resource.AlreadyAssociated` when the address is in use).
//! Deleted and failed gateways stay visible for about an hour. Deleting one neither releases its address nor removes routes
//! to it: those become black holes.
//!
//! Two gateways cannot share one address, and yet `COEXISTS` stays true. A gateway is made before its predecessor goes only
//! if a route stays and moves to it. With the subnet unchanged that happens when the old one is `failed` and holds no address,
//! and this must not be refused. A changed subnet would need a subnet made first, which `ec2.subnet` refuses already.

use super::elastic_ip::AllocationId;
use super::subnet::SubnetId;
use super::tagging;
use crate::aws::{Aws, tags};
use crate::model::{Handle, Input, Output};
use crate::resource::actions::{Actions, TAGS, update_of};
use crate::resource::{Changed, Field, Found, Id, Live, Phase, Repeat, Resource, Result, Scope};
use aws_sdk_ec2::types::{self, ConnectivityType, NatGatewayAddress, NatGatewayState, ResourceType};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// `nat-0abc…`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NatGatewayId(pub String);

/// The way of private subnets to the internet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NatGateway {
    /// A public subnet of the zone that it serves.
    pub subnet_id: Input<SubnetId>,
    /// Its public address.
    pub allocation_id: Input<AllocationId>,
}

/// What others may use.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Outputs {
    /// `nat-0abc…`.
    pub nat_gateway_id: NatGatewayId,
    /// `203.0.113.7`, what outside systems see of the private subnets.
    pub public_ip: String,
}

impl Handle<NatGateway> {
    /// `nat-0abc…`.
    pub fn nat_gateway_id(&self) -> Output<NatGatewayId> {
        self.output("nat_gateway_id")
    }

    /// `203.0.113.7`.
    pub fn public_ip(&self) -> Output<String> {
        self.output("public_ip")
    }
}

const OUTAGE: &str = "private subnets have no way to the internet for some minutes";

impl Resource for NatGateway {
    const KIND: &'static str = "ec2.nat_gateway";
    const FIELDS: &'static [Field] = &[
        Field::replace("subnet_id").impact(OUTAGE),
        Field::replace("allocation_id").impact("outside systems see another address (allow-lists)"),
    ];
    // Creating takes 2 minutes, deleting may take 30.
    const SETTLE_LIMIT: Duration = Duration::from_secs(1800);
    const POLL: Duration = Duration::from_secs(5);
    // An address or a subnet that was made a moment ago need not be known everywhere.
    const FAILS_BY_CHANCE: &'static [&'static str] =
        &["InternalError", "InvalidAllocationID.NotFound", "InvalidSubnetID.NotFound"];
    const EXPECTED: Duration = Duration::from_secs(110);
    const REPEAT: Repeat = Repeat::Token;
    const ACTIONS: Actions = Actions {
        reads: &["ec2:DescribeNatGateways"],
        creates: &["ec2:CreateNatGateway", "ec2:CreateTags"],
        updates: &[update_of("ec2:CreateTags", &[TAGS]), update_of("ec2:DeleteTags", &[TAGS])],
        deletes: &["ec2:DeleteNatGateway"],
        ..Actions::NONE
    };
    type Outputs = Outputs;

    async fn find(scope: &Scope<'_>, _want: &Self) -> Result<Found> {
        let aws = scope.aws;
        let call = aws.ec2().describe_nat_gateways().set_filter(Some(tagging::ours(scope)));
        let found = aws.call("ec2:DescribeNatGateways", call.send()).await?;
        let candidates = found.nat_gateways().iter().filter(|gateway| exists(gateway)).map(|gateway| {
            (gateway.nat_gateway_id().unwrap_or_default().into(), tagging::read(gateway.tags.as_deref()))
        });
        Ok(tags::pick(scope, candidates))
    }

    async fn read(scope: &Scope<'_>, id: &Id) -> Result<Option<Live<Self>>> {
        let found = describe(scope.aws, id).await?;
        Ok(found.filter(|gateway| gateway.state != Some(NatGatewayState::Deleted)).map(|gateway| {
            let address = primary(&gateway);
            let allocation = address.and_then(|address| address.allocation_id()).unwrap_or_default();
            let public_ip = address.and_then(|address| address.public_ip());
            Live {
                inputs: Self {
                    subnet_id: SubnetId(gateway.subnet_id().unwrap_or_default().to_owned()).into(),
                    allocation_id: AllocationId(allocation.to_owned()).into(),
                },
                outputs: public_ip.map(|public_ip| Outputs {
                    nat_gateway_id: NatGatewayId(id.0.clone()),
                    public_ip: public_ip.to_owned(),
                }),
                phase: phase(&gateway),
                tags: Some(tagging::read(gateway.tags.as_deref())),
                detail: None,
            }
        }))
    }

    async fn create(scope: &Scope<'_>, want: &Self) -> Result<Id> {
        let aws = scope.aws;
        let call = aws
            .ec2()
            .create_nat_gateway()
            .client_token(scope.token)
            .connectivity_type(ConnectivityType::Public)
            .subnet_id(&want.subnet_id.get()?.0)
            .allocation_id(&want.allocation_id.get()?.0)
            .tag_specifications(tagging::specification(scope, ResourceType::Natgateway));
        let made = aws.call("ec2:CreateNatGateway", call.send()).await?;
        Ok(made.nat_gateway.and_then(|gateway| gateway.nat_gateway_id).unwrap_or_default().into())
    }

    async fn update(scope: &Scope<'_>, id: &Id, _want: &Self, changed: &Changed) -> Result<()> {
        tagging::apply(scope.aws, &id.0, changed.tags.as_ref()).await
    }

    async fn delete(scope: &Scope<'_>, id: &Id) -> Result<()> {
        let aws = scope.aws;
        aws.call("ec2:DeleteNatGateway", aws.ec2().delete_nat_gateway().nat_gateway_id(&id.0).send()).await.map(drop)
    }
}

/// False once it is on its way out. A failed one exists: it has to be deleted and made anew.
fn exists(gateway: &types::NatGateway) -> bool {
    !matches!(gateway.state, Some(NatGatewayState::Deleting | NatGatewayState::Deleted))
}

/// The address it was made with; more can be added by hand.
fn primary(gateway: &types::NatGateway) -> Option<&NatGatewayAddress> {
    let addresses = gateway.nat_gateway_addresses();
    addresses.iter().find(|address| address.is_primary() == Some(true)).or(addresses.first())
}

fn phase(gateway: &types::NatGateway) -> Phase {
    match &gateway.state {
        Some(NatGatewayState::Available) | None => Phase::Ready,
        Some(NatGatewayState::Failed) => {
            let code = gateway.failure_code().unwrap_or("failed");
            let message = gateway.failure_message().unwrap_or("AWS gives no reason");
            let advice = advice(code).map(|advice| format!("; {advice}")).unwrap_or_default();
            Phase::Failed(format!("{code}: {message}{advice}"))
        }
        Some(state @ (NatGatewayState::Deleting | NatGatewayState::Deleted)) => {
            Phase::Deleting(state.as_str().to_owned())
        }
        Some(state) => Phase::Settling(state.as_str().to_owned()),
    }
}

/// What stands behind a failure code.
fn advice(code: &str) -> Option<&'static str> {
    Some(match code {
        "Gateway.NotAttached" => {
            "ec2.internet_gateway_attachment must be there first: somebody detached the internet gateway meanwhile"
        }
        "InsufficientFreeAddressesInSubnet" => "its public subnet has no free address left",
        "Resource.AlreadyAssociated" => "something else uses its Elastic IP",
        _ => return None,
    })
}

struct NatGateways;

/// All gateways asked for in one turn are one call: the polls of several zones share it.
async fn describe(aws: &Aws, id: &Id) -> Result<Option<types::NatGateway>> {
    let (client, log) = (aws.ec2().clone(), aws.log());
    let batch = aws.batches.of::<NatGateways, String, types::NatGateway>();
    batch
        .get(id.0.clone(), move |ids| async move {
            let call = client.describe_nat_gateways().filter(tagging::filter("nat-gateway-id", ids));
            let found = log.call("ec2:DescribeNatGateways", call.send()).await?;
            let named = |gateway: types::NatGateway| gateway.nat_gateway_id.clone().map(|id| (id, gateway));
            Ok(found.nat_gateways.unwrap_or_default().into_iter().filter_map(named).collect::<BTreeMap<_, _>>())
        })
        .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_of_a_failed_gateway_is_awss_own() {
        let gateway = types::NatGateway::builder().state(NatGatewayState::Failed).failure_code("Gateway.NotAttached");
        let gateway = gateway.failure_message("Network vpc-1 has no Internet gateway attached").build();
        let Phase::Failed(why) = phase(&gateway) else { panic!("not failed") };
        assert!(why.starts_with("Gateway.NotAttached: Network vpc-1 has no Internet gateway attached; "), "{why}");
        assert!(why.contains("ec2.internet_gateway_attachment"), "{why}");
        assert!(exists(&gateway), "a failed one has to be deleted");
    }

    #[test]
    fn a_gateway_that_is_being_deleted_is_not_found_again() {
        for (state, phase_expected, there) in [
            (NatGatewayState::Pending, Phase::Settling("pending".into()), true),
            (NatGatewayState::Available, Phase::Ready, true),
            (NatGatewayState::Deleting, Phase::Deleting("deleting".into()), false),
        ] {
            let gateway = types::NatGateway::builder().state(state).build();
            assert_eq!((phase(&gateway), exists(&gateway)), (phase_expected, there));
        }
    }

    #[test]
    fn an_address_added_by_hand_does_not_hide_the_primary_one() {
        let address = |id: &str, primary| NatGatewayAddress::builder().allocation_id(id).is_primary(primary).build();
        let gateway = types::NatGateway::builder()
            .nat_gateway_addresses(address("eipalloc-2", false))
            .nat_gateway_addresses(address("eipalloc-1", true))
            .build();
        assert_eq!(primary(&gateway).and_then(|address| address.allocation_id()), Some("eipalloc-1"));
    }
}
