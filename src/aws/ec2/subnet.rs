//! A subnet. <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateSubnet.html>
//!
//! Settles within 2 s. The pair (VPC, CIDR) is unique, so a repeated create is refused with `InvalidSubnet.Conflict` and two
//! subnets of one CIDR never coexist; a subnet whose range merely overlaps is refused with the same code, so `find` looks for
//! those too. `map_public_ip_on_launch` cannot be set by the create call. Both spellings `InvalidSubnetID.NotFound` and
//! `InvalidSubnetId.NotFound` occur. Deleting is refused with `DependencyViolation` while any network interface is left, and
//! managed services give theirs back minutes after their owner is gone.

use super::vpc::VpcId;
use super::{guardduty, holders, tagging};
use crate::aws::{Aws, tags};
use crate::model::{Handle, Input, Output};
use crate::resource::actions::{Actions, TAGS, update, update_of};
use crate::resource::{Changed, Field, Found, Holder, Id, Live, Phase, Repeat, Resource, Result, Scope};
use aws_sdk_ec2::types::{self, AttributeBooleanValue, ResourceType, SubnetState};
use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::BTreeMap;

/// `subnet-0abc…`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SubnetId(pub String);

/// A range of addresses of a VPC in one availability zone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Subnet {
    /// The VPC it belongs to.
    pub vpc_id: Input<VpcId>,
    /// IPv4 range, `10.0.0.0/20`, host bits zero.
    pub cidr_block: String,
    /// Zone name, `eu-central-1a`.
    pub availability_zone: String,
    /// Whether interfaces get a public address when they are made.
    pub map_public_ip_on_launch: bool,
}

/// What others may use.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Outputs {
    /// `subnet-0abc…`.
    pub subnet_id: SubnetId,
}

impl Handle<Subnet> {
    /// `subnet-0abc…`.
    pub fn subnet_id(&self) -> Output<SubnetId> {
        self.output("subnet_id")
    }
}

impl Resource for Subnet {
    const KIND: &'static str = "ec2.subnet";
    const FIELDS: &'static [Field] = &[
        Field::replace("vpc_id"),
        Field::replace("cidr_block"),
        Field::replace("availability_zone"),
        Field::update("map_public_ip_on_launch").after_create(),
    ];
    const COEXISTS: bool = false;
    const REPEAT: Repeat = Repeat::Collides;
    const ACTIONS: Actions = Actions {
        reads: &["ec2:DescribeSubnets"],
        // A new subnet gives out no public addresses, and ours never do.
        creates: &["ec2:CreateSubnet", "ec2:CreateTags"],
        updates: &[
            update_of("ec2:CreateTags", &[TAGS]),
            update_of("ec2:DeleteTags", &[TAGS]),
            update("ec2:ModifySubnetAttribute"),
        ],
        deletes: &["ec2:DeleteSubnet"],
        seldom: &[
            "ec2:DeleteSecurityGroup",
            "ec2:DeleteVpcEndpoints",
            "ec2:DescribeNatGateways",
            "ec2:DescribeNetworkInterfaces",
            "ec2:DescribeSecurityGroups",
            "ec2:DescribeVpcEndpoints",
        ],
        ..Actions::NONE
    };
    type Outputs = Outputs;

    async fn find(scope: &Scope<'_>, want: &Self) -> Result<Found> {
        let aws = scope.aws;
        let of_vpc = tagging::filter("vpc-id", [&want.vpc_id.get()?.0]);
        let found = aws.call("ec2:DescribeSubnets", aws.ec2().describe_subnets().filters(of_vpc).send()).await?;
        Ok(taken(scope, &want.cidr_block, found.subnets()))
    }

    async fn read(scope: &Scope<'_>, id: &Id) -> Result<Option<Live<Self>>> {
        Ok(describe(scope.aws, id).await?.map(|subnet| {
            // Zone names mean different zones in different accounts; the id says which one it is.
            let detail = subnet.availability_zone_id.map(|id| json!({ "availability_zone_id": id }));
            let live = Live::ready(
                Self {
                    vpc_id: VpcId(subnet.vpc_id.unwrap_or_default()).into(),
                    cidr_block: subnet.cidr_block.unwrap_or_default(),
                    availability_zone: subnet.availability_zone.unwrap_or_default(),
                    map_public_ip_on_launch: subnet.map_public_ip_on_launch.unwrap_or_default(),
                },
                Outputs { subnet_id: SubnetId(id.0.clone()) },
                tagging::read(subnet.tags.as_deref()),
            );
            let live = Live { detail, ..live };
            match subnet.state {
                Some(SubnetState::Available) | None => live,
                Some(state) => live.in_phase(Phase::Settling(state.as_str().to_owned())),
            }
        }))
    }

    async fn create(scope: &Scope<'_>, want: &Self) -> Result<Id> {
        let aws = scope.aws;
        let call = aws
            .ec2()
            .create_subnet()
            .vpc_id(&want.vpc_id.get()?.0)
            .cidr_block(&want.cidr_block)
            .availability_zone(&want.availability_zone)
            .tag_specifications(tagging::specification(scope, ResourceType::Subnet));
        let made = aws.call("ec2:CreateSubnet", call.send()).await?;
        Ok(made.subnet.and_then(|subnet| subnet.subnet_id).unwrap_or_default().into())
    }

    async fn update(scope: &Scope<'_>, id: &Id, want: &Self, changed: &Changed) -> Result<()> {
        let aws = scope.aws;
        if changed.has("map_public_ip_on_launch") {
            let value = AttributeBooleanValue::builder().value(want.map_public_ip_on_launch).build();
            let call = aws.ec2().modify_subnet_attribute().subnet_id(&id.0).map_public_ip_on_launch(value);
            aws.call("ec2:ModifySubnetAttribute", call.send()).await?;
        }
        tagging::apply(aws, &id.0, changed.tags.as_ref()).await
    }

    async fn delete(scope: &Scope<'_>, id: &Id) -> Result<()> {
        let aws = scope.aws;
        let call = aws.ec2().delete_subnet().subnet_id(&id.0);
        let deleted = aws.call("ec2:DeleteSubnet", call.send()).await.map(drop);
        let vpc = scope.recorded.and_then(|recorded| recorded.inputs["vpc_id"].as_str()).unwrap_or_default();
        guardduty::make_way(scope, vpc, deleted).await
    }

    async fn holders(scope: &Scope<'_>, id: &Id) -> Result<Vec<Holder>> {
        holders::of_subnet(scope, &id.0).await
    }
}

/// What the VPC's subnets mean for a new one with this range: the same range is the subnet itself, ours or not. A strange
/// subnet that overlaps stands in the way; an overlapping one of this deployment is about to move.
fn taken(scope: &Scope<'_>, cidr: &str, subnets: &[types::Subnet]) -> Found {
    let of = |subnet: &types::Subnet| {
        (Id::from(subnet.subnet_id().unwrap_or_default()), tagging::read(subnet.tags.as_deref()))
    };
    if let Some(subnet) = subnets.iter().find(|subnet| subnet.cidr_block() == Some(cidr)) {
        let (id, tags) = of(subnet);
        let what = format!("the subnet `{id}` with the range {cidr} in this VPC");
        return tags::ours_or_foreign(scope, &what, id, &tags);
    }
    let overlapping = |subnet: &&types::Subnet| subnet.cidr_block().is_some_and(|other| overlap(cidr, other));
    for subnet in subnets.iter().filter(overlapping) {
        let (id, tags) = of(subnet);
        if !tags::are_of(scope.lineage, &tags) {
            let range = subnet.cidr_block().unwrap_or_default();
            return Found::Foreign(format!(
                "{id} in this VPC has the overlapping range {range}: {}",
                tags::owner(&tags)
            ));
        }
    }
    Found::None
}

fn overlap(one: &str, other: &str) -> bool {
    let (Ok(one), Ok(other)) = (one.parse::<Ipv4Net>(), other.parse::<Ipv4Net>()) else { return false };
    one.contains(&other) || other.contains(&one)
}

struct Subnets;

/// All subnets asked for in one turn are one call. A filter, unlike a list of ids, does not fail as a whole when one is gone.
async fn describe(aws: &Aws, id: &Id) -> Result<Option<types::Subnet>> {
    let (client, log) = (aws.ec2().clone(), aws.log());
    let batch = aws.batches.of::<Subnets, String, types::Subnet>();
    batch
        .get(id.0.clone(), move |ids| async move {
            let call = client.describe_subnets().filters(tagging::filter("subnet-id", ids));
            let found = log.call("ec2:DescribeSubnets", call.send()).await?;
            let named = |subnet: types::Subnet| subnet.subnet_id.clone().map(|id| (id, subnet));
            Ok(found.subnets.unwrap_or_default().into_iter().filter_map(named).collect::<BTreeMap<_, _>>())
        })
        .await
}

#[cfg(test)]
mod tests {
    use super::overlap;

    #[test]
    fn ranges_overlap_when_one_holds_the_other() {
        assert!(overlap("10.0.0.0/20", "10.0.0.0/16") && overlap("10.0.0.0/16", "10.0.16.0/20"));
        assert!(!overlap("10.0.0.0/20", "10.0.16.0/20"));
    }
}
