//! A subnet. <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateSubnet.html>
//!
//! Settles within 2 s. The pair (VPC, CIDR) is unique, so a repeated create is refused with `InvalidSubnet.Conflict` and two
//! subnets of one CIDR never coexist. `map_public_ip_on_launch` cannot be set by the create call. Both spellings
//! `InvalidSubnetID.NotFound` and `InvalidSubnetId.NotFound` occur.

use super::tagging;
use super::vpc::VpcId;
use crate::aws::{Aws, tags};
use crate::model::{Handle, Input, Output};
use crate::resource::{Changed, Field, Found, Id, Live, Phase, Repeat, Resource, Result, Scope};
use aws_sdk_ec2::types::{self, AttributeBooleanValue, ResourceType, SubnetState};
use serde::{Deserialize, Serialize};
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
    const ACTIONS: &'static [&'static str] = &[
        "ec2:CreateSubnet",
        "ec2:CreateTags",
        "ec2:DeleteSubnet",
        "ec2:DeleteTags",
        "ec2:DescribeSubnets",
        "ec2:ModifySubnetAttribute",
    ];
    type Outputs = Outputs;

    async fn find(scope: &Scope<'_>, want: &Self) -> Result<Found> {
        let aws = scope.aws;
        let filters =
            vec![tagging::filter("vpc-id", [&want.vpc_id.get()?.0]), tagging::filter("cidr-block", [&want.cidr_block])];
        let found =
            aws.call("ec2:DescribeSubnets", aws.ec2().describe_subnets().set_filters(Some(filters)).send()).await?;
        Ok(found.subnets().first().map_or(Found::None, |subnet| {
            let what = format!("the subnet {} in this VPC", want.cidr_block);
            let id = Id::from(subnet.subnet_id().unwrap_or_default());
            tags::ours_or_foreign(scope, &what, id, &tagging::read(subnet.tags.as_deref()))
        }))
    }

    async fn read(scope: &Scope<'_>, id: &Id) -> Result<Option<Live<Self>>> {
        Ok(describe(scope.aws, id).await?.map(|subnet| {
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
        aws.call("ec2:DeleteSubnet", aws.ec2().delete_subnet().subnet_id(&id.0).send()).await.map(drop)
    }
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
