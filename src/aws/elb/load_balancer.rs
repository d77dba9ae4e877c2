//! An application load balancer.
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateLoadBalancer.html>
//!
//! Takes 135 to 190 s until `active`, but ARN, DNS name and zone are known at once: listeners and the DNS record do not wait.
//! A repeated create with equal settings *succeeds* with the existing load balancer, whoever made it, so we look first. The
//! name has at most 32 characters, seven of them for the incarnation. Without security groups AWS takes the VPC's default one.
//! After the delete the object is gone at once, but its interfaces hold subnets and groups for minutes longer.

use super::attributes::{self, Attributes};
use super::{listing, tagging};
use crate::aws::Aws;
use crate::aws::ec2::security_group::SecurityGroupId;
use crate::aws::ec2::subnet::SubnetId;
use crate::model::{Handle, Input, Output};
use crate::resource::actions::{Actions, TAGS, update_of};
use crate::resource::error::OrGone;
use crate::resource::{Changed, Error, Field, Found, Id, Live, Phase, Repeat, Resource, Result, Scope};
use aws_sdk_elasticloadbalancingv2::types::{
    self, IpAddressType, LoadBalancerAttribute, LoadBalancerSchemeEnum, LoadBalancerStateEnum,
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// `arn:aws:elasticloadbalancing:eu-central-1:123456789012:loadbalancer/app/zenml-hybrid-1a2b3c/50dc6c495c0c9188`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LoadBalancerArn(pub String);

/// Keys that `attributes` may have.
/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_LoadBalancerAttribute.html>
pub const MANAGED_ATTRIBUTES: &[&str] = &[
    "access_logs.s3.bucket",
    "access_logs.s3.enabled",
    "access_logs.s3.prefix",
    PROTECTION,
    "idle_timeout.timeout_seconds",
    "routing.http.desync_mitigation_mode",
    "routing.http.drop_invalid_header_fields.enabled",
];

const PROTECTION: &str = "deletion_protection.enabled";

/// The entry for HTTP and HTTPS.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LoadBalancer {
    /// Physical name without the incarnation, at most 25 characters, letters, digits and `-`; not `internal-…`.
    pub name_prefix: String,
    /// `internet-facing` or `internal`.
    pub scheme: String,
    /// `ipv4` or `dualstack`.
    pub ip_address_type: String,
    /// One subnet in each of at least two zones.
    pub subnet_ids: BTreeSet<Input<SubnetId>>,
    /// At least one, or AWS takes the VPC's default group.
    pub security_group_ids: BTreeSet<Input<SecurityGroupId>>,
    /// Keys from [`MANAGED_ATTRIBUTES`]; one that is not given is not ours to manage.
    pub attributes: Attributes,
}

/// What others may use.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Outputs {
    /// `arn:aws:elasticloadbalancing:…:loadbalancer/app/…`.
    pub load_balancer_arn: LoadBalancerArn,
    /// `zenml-hybrid-1a2b3c-1234567890.eu-central-1.elb.amazonaws.com`.
    pub dns_name: String,
    /// The Route 53 zone that alias records to `dns_name` name, `Z215JYRZR1TBD5`; not the zone of the record.
    pub canonical_hosted_zone_id: String,
}

impl Handle<LoadBalancer> {
    /// `arn:aws:elasticloadbalancing:…:loadbalancer/app/…`.
    pub fn load_balancer_arn(&self) -> Output<LoadBalancerArn> {
        self.output("load_balancer_arn")
    }

    /// `zenml-hybrid-1a2b3c-1234567890.eu-central-1.elb.amazonaws.com`.
    pub fn dns_name(&self) -> Output<String> {
        self.output("dns_name")
    }

    /// The Route 53 zone that alias records to `dns_name` name.
    pub fn canonical_hosted_zone_id(&self) -> Output<String> {
        self.output("canonical_hosted_zone_id")
    }
}

impl Resource for LoadBalancer {
    const KIND: &'static str = "elb.load_balancer";
    const FIELDS: &'static [Field] = &[
        Field::replace("name_prefix").impact(MOVES),
        Field::replace("scheme").impact(MOVES),
        Field::update("ip_address_type"),
        Field::update("subnet_ids"),
        Field::update("security_group_ids"),
        Field::update("attributes").after_create().same_when(attributes::are_set),
    ];
    const SETTLE_LIMIT: Duration = Duration::from_secs(10 * 60);
    const POLL: Duration = Duration::from_secs(5);
    const EXPECTED: Duration = Duration::from_secs(155);
    const REPEAT: Repeat = Repeat::ReturnsExisting;
    const ACTIONS: Actions = Actions {
        reads: &[
            "elasticloadbalancing:DescribeLoadBalancerAttributes",
            "elasticloadbalancing:DescribeLoadBalancers",
            "elasticloadbalancing:DescribeTags",
        ],
        creates: &[
            "elasticloadbalancing:AddTags",
            "elasticloadbalancing:CreateLoadBalancer",
            "elasticloadbalancing:ModifyLoadBalancerAttributes",
        ],
        updates: &[
            update_of("elasticloadbalancing:AddTags", &[TAGS]),
            update_of("elasticloadbalancing:ModifyLoadBalancerAttributes", &["attributes"]),
            update_of("elasticloadbalancing:RemoveTags", &[TAGS]),
            update_of("elasticloadbalancing:SetIpAddressType", &["ip_address_type"]),
            update_of("elasticloadbalancing:SetSecurityGroups", &["security_group_ids"]),
            update_of("elasticloadbalancing:SetSubnets", &["subnet_ids"]),
        ],
        deletes: &["elasticloadbalancing:DeleteLoadBalancer"],
        ..Actions::NONE
    };
    type Outputs = Outputs;

    async fn find(scope: &Scope<'_>, want: &Self) -> Result<Found> {
        let aws = scope.aws;
        let call = aws.elb().describe_load_balancers().into_paginator().items().send();
        let all: Vec<types::LoadBalancer> =
            aws.call("elasticloadbalancing:DescribeLoadBalancers", call.try_collect()).await?;
        let named = all.into_iter().filter_map(|one| Some((one.load_balancer_name?, one.load_balancer_arn?)));
        listing::find(scope, "load balancer", &want.name_prefix, named).await
    }

    async fn read(scope: &Scope<'_>, id: &Id) -> Result<Option<Live<Self>>> {
        let aws = scope.aws;
        let (balancer, attributes, tags) =
            futures_util::join!(describe(aws, id), read_attributes(aws, id), tagging::read(aws, &id.0));
        let Some(balancer) = balancer? else { return Ok(None) };
        let subnets = balancer.availability_zones.unwrap_or_default().into_iter().filter_map(|zone| zone.subnet_id);
        Ok(Some(Live {
            inputs: Self {
                name_prefix: listing::prefix_of(&balancer.load_balancer_name.unwrap_or_default()).to_owned(),
                scheme: balancer.scheme.map_or(String::new(), |scheme| scheme.as_str().to_owned()),
                ip_address_type: balancer.ip_address_type.map_or(String::new(), |kind| kind.as_str().to_owned()),
                subnet_ids: subnets.map(|id| SubnetId(id).into()).collect(),
                security_group_ids: balancer
                    .security_groups
                    .unwrap_or_default()
                    .into_iter()
                    .map(|id| SecurityGroupId(id).into())
                    .collect(),
                attributes: attributes?,
            },
            outputs: balancer.dns_name.zip(balancer.canonical_hosted_zone_id).map(|(dns_name, zone)| Outputs {
                load_balancer_arn: LoadBalancerArn(id.0.clone()),
                dns_name,
                canonical_hosted_zone_id: zone,
            }),
            phase: balancer.state.map_or(Phase::Ready, |state| phase(&state)),
            tags: tags?,
            detail: None,
        }))
    }

    async fn create(scope: &Scope<'_>, want: &Self) -> Result<Id> {
        let (aws, name) = (scope.aws, scope.suffixed(&want.name_prefix));
        let call = aws
            .elb()
            .create_load_balancer()
            .name(&name)
            .scheme(LoadBalancerSchemeEnum::from(want.scheme.as_str()))
            .ip_address_type(IpAddressType::from(want.ip_address_type.as_str()))
            .set_subnets(Some(want.subnets()?))
            .set_security_groups(Some(want.security_groups()?))
            .set_tags(tagging::wanted(scope));
        let made = aws.call("elasticloadbalancing:CreateLoadBalancer", call.send()).await;
        let made = made.map_err(|error| error.naming(&name))?;
        let arn = made.load_balancers.and_then(|all| all.into_iter().next()).and_then(|one| one.load_balancer_arn);
        Ok(arn.unwrap_or_default().into())
    }

    async fn update(scope: &Scope<'_>, id: &Id, want: &Self, changed: &Changed) -> Result<()> {
        let aws = scope.aws;
        if changed.has("subnet_ids") {
            let call = aws.elb().set_subnets().load_balancer_arn(&id.0).set_subnets(Some(want.subnets()?));
            aws.call("elasticloadbalancing:SetSubnets", call.send()).await?;
        }
        if changed.has("security_group_ids") {
            let groups = want.security_groups()?;
            let call = aws.elb().set_security_groups().load_balancer_arn(&id.0).set_security_groups(Some(groups));
            aws.call("elasticloadbalancing:SetSecurityGroups", call.send()).await?;
        }
        if changed.has("ip_address_type") {
            let kind = IpAddressType::from(want.ip_address_type.as_str());
            let call = aws.elb().set_ip_address_type().load_balancer_arn(&id.0).ip_address_type(kind);
            aws.call("elasticloadbalancing:SetIpAddressType", call.send()).await?;
        }
        if changed.has("attributes") {
            write_attributes(aws, id, &want.attributes).await?;
        }
        tagging::apply(aws, &id.0, changed.tags.as_ref()).await
    }

    async fn delete(scope: &Scope<'_>, id: &Id) -> Result<()> {
        let aws = scope.aws;
        let call = aws.elb().delete_load_balancer().load_balancer_arn(&id.0);
        let deleted = aws.call("elasticloadbalancing:DeleteLoadBalancer", call.clone().send()).await;
        match deleted {
            Err(error) if is_protected(&error) && scope.consents.disable_protection => {
                write_attributes(aws, id, &[(PROTECTION.to_owned(), "false".to_owned())].into()).await?;
                aws.call("elasticloadbalancing:DeleteLoadBalancer", call.send()).await.map(drop)
            }
            deleted => deleted.map(drop),
        }
    }
}

const MOVES: &str = "the load balancer gets a new address: clients reach it when their cached DNS answers have expired";

impl LoadBalancer {
    fn subnets(&self) -> Result<Vec<String>> {
        self.subnet_ids.iter().map(|id| Ok(id.get()?.0.clone())).collect()
    }

    fn security_groups(&self) -> Result<Vec<String>> {
        self.security_group_ids.iter().map(|id| Ok(id.get()?.0.clone())).collect()
    }
}

fn phase(state: &types::LoadBalancerState) -> Phase {
    let reason = state.reason.as_deref().filter(|reason| !reason.is_empty());
    let word = |code: &LoadBalancerStateEnum| match reason {
        Some(reason) => format!("{}: {reason}", code.as_str()),
        None => code.as_str().to_owned(),
    };
    match &state.code {
        // Impaired: it routes, and could not scale out. Waiting frees no addresses; `verify` tells of it.
        Some(LoadBalancerStateEnum::Active | LoadBalancerStateEnum::ActiveImpaired) | None => Phase::Ready,
        Some(code @ LoadBalancerStateEnum::Failed) => Phase::Failed(word(code)),
        Some(code) => Phase::Usable(word(code)),
    }
}

fn is_protected(error: &Error) -> bool {
    error.is("OperationNotPermitted") && error.message.to_lowercase().contains("protection")
}

struct LoadBalancers;

async fn describe(aws: &Aws, id: &Id) -> Result<Option<types::LoadBalancer>> {
    let (client, log) = (aws.elb().clone(), aws.log());
    let batch = aws.batches.of::<LoadBalancers, String, types::LoadBalancer>();
    batch
        .get(id.0.clone(), move |arns| async move {
            let found = listing::existing(arns, async |arns| {
                let call = client.describe_load_balancers().set_load_balancer_arns(Some(arns));
                let found = log.call("elasticloadbalancing:DescribeLoadBalancers", call.send()).await?;
                Ok(found.load_balancers.unwrap_or_default())
            });
            let named = |one: types::LoadBalancer| one.load_balancer_arn.clone().map(|arn| (arn, one));
            Ok(found.await?.into_iter().filter_map(named).collect::<BTreeMap<_, _>>())
        })
        .await
}

/// None when the load balancer is gone (its describe says so).
async fn read_attributes(aws: &Aws, id: &Id) -> Result<Attributes> {
    let call = aws.elb().describe_load_balancer_attributes().load_balancer_arn(&id.0);
    let found = aws.call("elasticloadbalancing:DescribeLoadBalancerAttributes", call.send()).await.or_gone()?;
    let pairs = found.and_then(|found| found.attributes).unwrap_or_default().into_iter();
    Ok(attributes::managed(MANAGED_ATTRIBUTES, pairs.map(|one| (one.key, one.value))))
}

async fn write_attributes(aws: &Aws, id: &Id, wanted: &Attributes) -> Result<()> {
    attributes::check(MANAGED_ATTRIBUTES, wanted)?;
    let shaped = |(key, value)| LoadBalancerAttribute::builder().key(key).value(value).build();
    let call = aws.elb().modify_load_balancer_attributes().load_balancer_arn(&id.0);
    let call = call.set_attributes(Some(wanted.iter().map(shaped).collect()));
    aws.call("elasticloadbalancing:ModifyLoadBalancerAttributes", call.send()).await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listeners_need_not_wait_until_it_is_active() {
        let state = |code, reason: Option<&str>| {
            phase(&types::LoadBalancerState::builder().code(code).set_reason(reason.map(str::to_owned)).build())
        };
        assert_eq!(state(LoadBalancerStateEnum::Provisioning, None), Phase::Usable("provisioning".into()));
        assert_eq!(state(LoadBalancerStateEnum::Active, Some("")), Phase::Ready);
        assert_eq!(state(LoadBalancerStateEnum::ActiveImpaired, Some("no free addresses")), Phase::Ready);
        assert_eq!(state(LoadBalancerStateEnum::Failed, Some("boom")), Phase::Failed("failed: boom".into()));
    }
}
