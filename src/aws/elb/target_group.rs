//! A target group: where the load balancer sends requests, and how it tells healthy tasks.
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateTargetGroup.html>
//!
//! Settles within 2 s. A repeated create with equal settings *succeeds* with the existing group, whoever made it, so we look
//! first. The name has at most 32 characters, seven of them for the incarnation. `target_type` must be `ip` for tasks with
//! their own interface; AWS's default is `instance`. A delete is refused with `ResourceInUse` until the listener's delete has
//! arrived everywhere. A group cannot serve two load balancers. AWS drains a target for 300 s unless the attributes say less.

use super::attributes::{self, Attributes};
use super::{holders, listing, tagging};
use crate::aws::Aws;
use crate::aws::ec2::vpc::VpcId;
use crate::model::{Handle, Input, Output};
use crate::resource::actions::{Actions, TAGS, update_of};
use crate::resource::error::OrGone;
use crate::resource::{Changed, Field, Found, Holder, Id, Live, Phase, Repeat, Resource, Result, Scope};
use aws_sdk_elasticloadbalancingv2::types::{self, Matcher, ProtocolEnum, TargetGroupAttribute, TargetTypeEnum};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The listener moves to the new group before the service has tasks in it.
const MOVES: &str = "requests fail until the service has healthy tasks in the new group, some minutes";

/// `arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/zenml-hybrid-1a2b3c/73e2d6bc24d8a067`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TargetGroupArn(pub String);

/// Keys that `attributes` may have.
/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_TargetGroupAttribute.html>
pub const MANAGED_ATTRIBUTES: &[&str] = &[
    "deregistration_delay.timeout_seconds",
    "load_balancing.algorithm.type",
    "slow_start.duration_seconds",
    "stickiness.enabled",
];

/// Where requests go.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TargetGroup {
    /// Physical name without the incarnation, at most 25 characters, letters, digits and `-`.
    pub name_prefix: String,
    /// The VPC of the targets.
    pub vpc_id: Input<VpcId>,
    /// Port for targets that are registered without one.
    pub port: u16,
    /// `HTTP` or `HTTPS`, between load balancer and target.
    pub protocol: String,
    /// `ip` or `instance`.
    pub target_type: String,
    /// When a target counts as healthy.
    pub health_check: HealthCheck,
    /// Keys from [`MANAGED_ATTRIBUTES`]; one that is not given is not ours to manage.
    pub attributes: Attributes,
}

/// When a target counts as healthy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthCheck {
    /// `/health`.
    pub path: String,
    /// `HTTP` or `HTTPS`.
    pub protocol: String,
    /// `8000`, or `traffic-port` for the target's own.
    pub port: String,
    /// Time between two checks, 5 to 300.
    pub interval_secs: u16,
    /// How long an answer may take, 2 to 120, less than the interval.
    pub timeout_secs: u16,
    /// Good answers in a row until healthy, 2 to 10.
    pub healthy_threshold: u16,
    /// Bad answers in a row until unhealthy, 2 to 10.
    pub unhealthy_threshold: u16,
    /// Good status codes, `200`, `200-299` or `200,202`.
    pub matcher: String,
}

/// What others may use.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Outputs {
    /// `arn:aws:elasticloadbalancing:…:targetgroup/…`.
    pub target_group_arn: TargetGroupArn,
}

impl Handle<TargetGroup> {
    /// `arn:aws:elasticloadbalancing:…:targetgroup/…`.
    pub fn target_group_arn(&self) -> Output<TargetGroupArn> {
        self.output("target_group_arn")
    }
}

impl Resource for TargetGroup {
    const KIND: &'static str = "elb.target_group";
    const FIELDS: &'static [Field] = &[
        Field::replace("name_prefix"),
        Field::replace("vpc_id").impact(MOVES),
        Field::replace("port").impact(MOVES),
        Field::replace("protocol").impact(MOVES),
        Field::replace("target_type"),
        Field::update("health_check"),
        Field::update("attributes").after_create().same_when(attributes::are_set),
    ];
    const REPEAT: Repeat = Repeat::ReturnsExisting;
    const ACTIONS: Actions = Actions {
        reads: &[
            "elasticloadbalancing:DescribeTags",
            "elasticloadbalancing:DescribeTargetGroupAttributes",
            "elasticloadbalancing:DescribeTargetGroups",
        ],
        creates: &[
            "elasticloadbalancing:AddTags",
            "elasticloadbalancing:CreateTargetGroup",
            "elasticloadbalancing:ModifyTargetGroupAttributes",
        ],
        updates: &[
            update_of("elasticloadbalancing:AddTags", &[TAGS]),
            update_of("elasticloadbalancing:ModifyTargetGroup", &["health_check"]),
            update_of("elasticloadbalancing:ModifyTargetGroupAttributes", &["attributes"]),
            update_of("elasticloadbalancing:RemoveTags", &[TAGS]),
        ],
        deletes: &["elasticloadbalancing:DeleteTargetGroup"],
        seldom: &["elasticloadbalancing:DescribeListeners", "elasticloadbalancing:DescribeRules"],
        ..Actions::NONE
    };
    type Outputs = Outputs;

    async fn find(scope: &Scope<'_>, want: &Self) -> Result<Found> {
        let aws = scope.aws;
        let call = aws.elb().describe_target_groups().into_paginator().items().send();
        let all: Vec<types::TargetGroup> =
            aws.call("elasticloadbalancing:DescribeTargetGroups", call.try_collect()).await?;
        let named = all.into_iter().filter_map(|one| Some((one.target_group_name?, one.target_group_arn?)));
        listing::find(scope, "target group", &want.name_prefix, named).await
    }

    async fn read(scope: &Scope<'_>, id: &Id) -> Result<Option<Live<Self>>> {
        let aws = scope.aws;
        let (group, attributes, tags) =
            futures_util::join!(describe(aws, id), read_attributes(aws, id), tagging::read(aws, &id.0));
        let Some(group) = group? else { return Ok(None) };
        Ok(Some(Live {
            inputs: Self {
                name_prefix: listing::prefix_of(group.target_group_name.as_deref().unwrap_or_default()).to_owned(),
                vpc_id: VpcId(group.vpc_id.clone().unwrap_or_default()).into(),
                port: number(group.port),
                protocol: protocol(group.protocol.as_ref()),
                target_type: group.target_type.as_ref().map_or(String::new(), |kind| kind.as_str().to_owned()),
                health_check: HealthCheck::of(&group),
                attributes: attributes?,
            },
            outputs: Some(Outputs { target_group_arn: TargetGroupArn(id.0.clone()) }),
            phase: Phase::Ready,
            tags: tags?,
            detail: None,
        }))
    }

    async fn create(scope: &Scope<'_>, want: &Self) -> Result<Id> {
        let (aws, name) = (scope.aws, scope.suffixed(&want.name_prefix));
        let check = &want.health_check;
        let call = aws
            .elb()
            .create_target_group()
            .name(&name)
            .vpc_id(&want.vpc_id.get()?.0)
            .port(want.port.into())
            .protocol(ProtocolEnum::from(want.protocol.as_str()))
            .target_type(TargetTypeEnum::from(want.target_type.as_str()))
            .health_check_path(&check.path)
            .health_check_protocol(ProtocolEnum::from(check.protocol.as_str()))
            .health_check_port(&check.port)
            .health_check_interval_seconds(check.interval_secs.into())
            .health_check_timeout_seconds(check.timeout_secs.into())
            .healthy_threshold_count(check.healthy_threshold.into())
            .unhealthy_threshold_count(check.unhealthy_threshold.into())
            .matcher(check.matcher())
            .set_tags(tagging::wanted(scope));
        let made = aws.call("elasticloadbalancing:CreateTargetGroup", call.send()).await;
        let made = made.map_err(|error| error.naming(&name))?;
        let arn = made.target_groups.and_then(|all| all.into_iter().next()).and_then(|one| one.target_group_arn);
        Ok(arn.unwrap_or_default().into())
    }

    async fn update(scope: &Scope<'_>, id: &Id, want: &Self, changed: &Changed) -> Result<()> {
        let aws = scope.aws;
        if changed.has("health_check") {
            let check = &want.health_check;
            let call = aws
                .elb()
                .modify_target_group()
                .target_group_arn(&id.0)
                .health_check_path(&check.path)
                .health_check_protocol(ProtocolEnum::from(check.protocol.as_str()))
                .health_check_port(&check.port)
                .health_check_interval_seconds(check.interval_secs.into())
                .health_check_timeout_seconds(check.timeout_secs.into())
                .healthy_threshold_count(check.healthy_threshold.into())
                .unhealthy_threshold_count(check.unhealthy_threshold.into())
                .matcher(check.matcher());
            aws.call("elasticloadbalancing:ModifyTargetGroup", call.send()).await?;
        }
        if changed.has("attributes") {
            attributes::check(MANAGED_ATTRIBUTES, &want.attributes)?;
            let shaped = |(key, value)| TargetGroupAttribute::builder().key(key).value(value).build();
            let wanted = want.attributes.iter().map(shaped).collect();
            let call = aws.elb().modify_target_group_attributes().target_group_arn(&id.0).set_attributes(Some(wanted));
            aws.call("elasticloadbalancing:ModifyTargetGroupAttributes", call.send()).await?;
        }
        tagging::apply(aws, &id.0, changed.tags.as_ref()).await
    }

    async fn delete(scope: &Scope<'_>, id: &Id) -> Result<()> {
        let aws = scope.aws;
        let call = aws.elb().delete_target_group().target_group_arn(&id.0);
        aws.call("elasticloadbalancing:DeleteTargetGroup", call.send()).await.map(drop)
    }

    async fn holders(scope: &Scope<'_>, id: &Id) -> Result<Vec<Holder>> {
        let found = describe(scope.aws, id).await?;
        let balancers = found.and_then(|group| group.load_balancer_arns).unwrap_or_default();
        holders::listeners(scope, &balancers, &id.0).await
    }
}

impl HealthCheck {
    fn of(group: &types::TargetGroup) -> Self {
        let matcher = group.matcher.as_ref().and_then(|matcher| matcher.http_code.clone());
        Self {
            path: group.health_check_path.clone().unwrap_or_default(),
            protocol: protocol(group.health_check_protocol.as_ref()),
            port: group.health_check_port.clone().unwrap_or_default(),
            interval_secs: number(group.health_check_interval_seconds),
            timeout_secs: number(group.health_check_timeout_seconds),
            healthy_threshold: number(group.healthy_threshold_count),
            unhealthy_threshold: number(group.unhealthy_threshold_count),
            matcher: matcher.unwrap_or_default(),
        }
    }

    fn matcher(&self) -> Matcher {
        Matcher::builder().http_code(&self.matcher).build()
    }
}

fn protocol(protocol: Option<&ProtocolEnum>) -> String {
    protocol.map_or(String::new(), |protocol| protocol.as_str().to_owned())
}

/// Zero, which is none of the ranges, if AWS gives no number.
fn number(number: Option<i32>) -> u16 {
    number.and_then(|number| number.try_into().ok()).unwrap_or_default()
}

struct TargetGroups;

async fn describe(aws: &Aws, id: &Id) -> Result<Option<types::TargetGroup>> {
    let (client, log) = (aws.elb().clone(), aws.log());
    let batch = aws.batches.of::<TargetGroups, String, types::TargetGroup>();
    batch
        .get(id.0.clone(), move |arns| async move {
            let found = listing::existing(arns, async |arns| {
                let call = client.describe_target_groups().set_target_group_arns(Some(arns));
                let found = log.call("elasticloadbalancing:DescribeTargetGroups", call.send()).await?;
                Ok(found.target_groups.unwrap_or_default())
            });
            let named = |one: types::TargetGroup| one.target_group_arn.clone().map(|arn| (arn, one));
            Ok(found.await?.into_iter().filter_map(named).collect::<BTreeMap<_, _>>())
        })
        .await
}

/// None when the group is gone (its describe says so).
async fn read_attributes(aws: &Aws, id: &Id) -> Result<Attributes> {
    let call = aws.elb().describe_target_group_attributes().target_group_arn(&id.0);
    let found = aws.call("elasticloadbalancing:DescribeTargetGroupAttributes", call.send()).await.or_gone()?;
    let pairs = found.and_then(|found| found.attributes).unwrap_or_default().into_iter();
    Ok(attributes::managed(MANAGED_ATTRIBUTES, pairs.map(|one| (one.key, one.value))))
}
