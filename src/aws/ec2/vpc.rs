//! A VPC with its DNS attributes. <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateVpc.html>
//!
//! Settles within 2 s. CreateVpc has neither client token nor unique name: two identical calls make two VPCs, so transport
//! retries are off and an interrupted create looks by tag first. A duplicate would show as a second VPC with our address tag.
//! The DNS flags are read and written one call each, host names only after support is on. Deleting is refused with
//! `DependencyViolation` while anything is left in it, things that hybridctl never made included: GuardDuty puts an endpoint
//! and a security group into VPCs with Fargate tasks by itself.

use super::{guardduty, holders, tagging};
use crate::aws::{Aws, tags};
use crate::model::{Handle, Output};
use crate::resource::actions::{Actions, TAGS, update, update_of};
use crate::resource::{Changed, Field, Found, Holder, Id, Live, Phase, Repeat, Resource, Result, Scope};
use aws_sdk_ec2::types::{self, AttributeBooleanValue, ResourceType, VpcAttributeName, VpcState};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// `vpc-0abc…`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct VpcId(pub String);

/// A virtual network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Vpc {
    /// IPv4 range, `10.0.0.0/16`, host bits zero (AWS stores it canonical).
    pub cidr_block: String,
    /// Whether the resolver at the base of the range plus two answers.
    pub enable_dns_support: bool,
    /// Whether instances with a public address get a public DNS name. Needs `enable_dns_support`.
    pub enable_dns_hostnames: bool,
}

/// What others may use.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Outputs {
    /// `vpc-0abc…`.
    pub vpc_id: VpcId,
}

impl Handle<Vpc> {
    /// `vpc-0abc…`.
    pub fn vpc_id(&self) -> Output<VpcId> {
        self.output("vpc_id")
    }
}

impl Resource for Vpc {
    const KIND: &'static str = "ec2.vpc";
    const FIELDS: &'static [Field] = &[
        Field::replace("cidr_block"),
        Field::update("enable_dns_support").after_create(),
        Field::update("enable_dns_hostnames").after_create(),
    ];
    const REPEAT: Repeat = Repeat::Duplicates;
    const ACTIONS: Actions = Actions {
        reads: &["ec2:DescribeVpcAttribute", "ec2:DescribeVpcs"],
        creates: &["ec2:CreateTags", "ec2:CreateVpc", "ec2:ModifyVpcAttribute"],
        updates: &[
            update_of("ec2:CreateTags", &[TAGS]),
            update_of("ec2:DeleteTags", &[TAGS]),
            update("ec2:ModifyVpcAttribute"),
        ],
        deletes: &["ec2:DeleteVpc"],
        seldom: &[
            "ec2:DeleteSecurityGroup",
            "ec2:DeleteVpcEndpoints",
            "ec2:DescribeInternetGateways",
            "ec2:DescribeNatGateways",
            "ec2:DescribeNetworkInterfaces",
            "ec2:DescribeRouteTables",
            "ec2:DescribeSecurityGroups",
            "ec2:DescribeSubnets",
            "ec2:DescribeVpcEndpoints",
        ],
        ..Actions::NONE
    };
    type Outputs = Outputs;

    async fn find(scope: &Scope<'_>, _want: &Self) -> Result<Found> {
        let aws = scope.aws;
        let call = aws.ec2().describe_vpcs().set_filters(Some(tagging::ours(scope)));
        let found = aws.call("ec2:DescribeVpcs", call.send()).await?;
        let candidates = found
            .vpcs()
            .iter()
            .map(|vpc| (vpc.vpc_id().unwrap_or_default().into(), tagging::read(vpc.tags.as_deref())));
        Ok(tags::pick(scope, candidates))
    }

    async fn read(scope: &Scope<'_>, id: &Id) -> Result<Option<Live<Self>>> {
        let aws = scope.aws;
        let (vpc, support, hostnames) = futures_util::join!(
            describe(aws, id),
            attribute(aws, id, VpcAttributeName::EnableDnsSupport),
            attribute(aws, id, VpcAttributeName::EnableDnsHostnames),
        );
        let Some(vpc) = vpc? else { return Ok(None) };
        let live = Live::ready(
            Self {
                cidr_block: vpc.cidr_block.unwrap_or_default(),
                enable_dns_support: support?,
                enable_dns_hostnames: hostnames?,
            },
            Outputs { vpc_id: VpcId(id.0.clone()) },
            tagging::read(vpc.tags.as_deref()),
        );
        Ok(Some(match vpc.state {
            Some(VpcState::Available) | None => live,
            Some(state) => live.in_phase(Phase::Settling(state.as_str().to_owned())),
        }))
    }

    async fn create(scope: &Scope<'_>, want: &Self) -> Result<Id> {
        let aws = scope.aws;
        let call = aws
            .ec2()
            .create_vpc()
            .cidr_block(&want.cidr_block)
            .tag_specifications(tagging::specification(scope, ResourceType::Vpc));
        let made = aws.call("ec2:CreateVpc", call.send()).await?;
        Ok(made.vpc.and_then(|vpc| vpc.vpc_id).unwrap_or_default().into())
    }

    async fn update(scope: &Scope<'_>, id: &Id, want: &Self, changed: &Changed) -> Result<()> {
        let aws = scope.aws;
        let value = |on| AttributeBooleanValue::builder().value(on).build();
        // Support goes on before host names, and off after them.
        if changed.has("enable_dns_support") && want.enable_dns_support {
            let call = aws.ec2().modify_vpc_attribute().vpc_id(&id.0).enable_dns_support(value(true));
            aws.call("ec2:ModifyVpcAttribute", call.send()).await?;
        }
        if changed.has("enable_dns_hostnames") {
            let call = aws.ec2().modify_vpc_attribute().vpc_id(&id.0);
            let call = call.enable_dns_hostnames(value(want.enable_dns_hostnames));
            aws.call("ec2:ModifyVpcAttribute", call.send()).await?;
        }
        if changed.has("enable_dns_support") && !want.enable_dns_support {
            let call = aws.ec2().modify_vpc_attribute().vpc_id(&id.0).enable_dns_support(value(false));
            aws.call("ec2:ModifyVpcAttribute", call.send()).await?;
        }
        tagging::apply(aws, &id.0, changed.tags.as_ref()).await
    }

    async fn delete(scope: &Scope<'_>, id: &Id) -> Result<()> {
        let aws = scope.aws;
        let deleted = aws.call("ec2:DeleteVpc", aws.ec2().delete_vpc().vpc_id(&id.0).send()).await.map(drop);
        guardduty::make_way(scope, &id.0, deleted).await
    }

    async fn holders(scope: &Scope<'_>, id: &Id) -> Result<Vec<Holder>> {
        holders::of_vpc(scope, &id.0).await
    }
}

struct Vpcs;

async fn describe(aws: &Aws, id: &Id) -> Result<Option<types::Vpc>> {
    let (client, log) = (aws.ec2().clone(), aws.log());
    let batch = aws.batches.of::<Vpcs, String, types::Vpc>();
    batch
        .get(id.0.clone(), move |ids| async move {
            let call = client.describe_vpcs().filters(tagging::filter("vpc-id", ids));
            let found = log.call("ec2:DescribeVpcs", call.send()).await?;
            let named = |vpc: types::Vpc| vpc.vpc_id.clone().map(|id| (id, vpc));
            Ok(found.vpcs.unwrap_or_default().into_iter().filter_map(named).collect::<BTreeMap<_, _>>())
        })
        .await
}

/// One DNS flag; false when the VPC is gone (its describe says so).
async fn attribute(aws: &Aws, id: &Id, name: VpcAttributeName) -> Result<bool> {
    use crate::resource::error::OrGone;
    let support = name == VpcAttributeName::EnableDnsSupport;
    let call = aws.ec2().describe_vpc_attribute().vpc_id(&id.0).attribute(name);
    let Some(found) = aws.call("ec2:DescribeVpcAttribute", call.send()).await.or_gone()? else { return Ok(false) };
    let value = if support { found.enable_dns_support } else { found.enable_dns_hostnames };
    Ok(value.and_then(|value| value.value).unwrap_or_default())
}
