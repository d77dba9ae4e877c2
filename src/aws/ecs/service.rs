//! A Fargate service behind a target group. <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CreateService.html>
//!
//! Settles in about three minutes: interface, image, migrations, two healthy checks. The name stays taken while a deleted
//! service drains, so old and new never coexist; a create meanwhile is refused with "still Draining". CreateService takes a
//! client token, but the name is unique as well and another token is refused with "not idempotent". A describe can miss a new
//! service for seconds. Whether a rollout succeeded is judged in `rollout.rs`.
//!
//! `availability_zone_rebalancing` defaults to on in the create call and to "as it is" in the update call: always sent.
//! Plain moto never starts a task and leaves out the grace period.

use super::{cluster_and_name, network, rollout, signed, tagging, unsigned};
use crate::aws::ec2::security_group::SecurityGroupId;
use crate::aws::ec2::subnet::SubnetId;
use crate::aws::elb::target_group::TargetGroupArn;
use crate::aws::{Aws, tags};
use crate::model::{Handle, Input, Output};
use crate::resource::actions::{Actions, TAGS, update, update_of};
use crate::resource::error::OrGone;
use crate::resource::{Changed, Class, Error, Field, Found, Id, Live, Phase, Repeat, Resource, Result, Scope};
use aws_sdk_ecs::types::{
    self, DeploymentCircuitBreaker, DeploymentConfiguration, LaunchType, LoadBalancer, ServiceField,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeSet;
use std::time::Duration;

/// Keeps tasks of one definition running and registered with one target group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Service {
    /// Name, unique in the cluster.
    pub name: String,
    /// The cluster.
    pub cluster_arn: Input<String>,
    /// The revision that its tasks run.
    pub task_definition_arn: Input<String>,
    /// Number of tasks; `None` leaves it to autoscaling (a create starts one).
    pub desired_count: Option<u32>,
    /// Where the tasks' interfaces are.
    pub subnet_ids: BTreeSet<Input<SubnetId>>,
    /// What they may be reached by and reach.
    pub security_group_ids: BTreeSet<Input<SecurityGroupId>>,
    /// Whether tasks get a public address; false where there is a NAT gateway.
    pub assign_public_ip: bool,
    /// The target group; it must be on a listener already.
    pub target_group_arn: Input<TargetGroupArn>,
    /// The container that is registered there.
    pub container_name: String,
    /// Its port.
    pub container_port: u16,
    /// Seconds in which a new task may fail the target group's checks.
    pub health_check_grace_secs: u32,
    /// Least share of healthy tasks during a rollout, in percent.
    pub min_healthy_percent: u32,
    /// Largest share of tasks during a rollout, in percent.
    pub max_percent: u32,
    /// Whether ECS ends a rollout whose tasks keep failing.
    pub circuit_breaker: bool,
    /// Whether it then goes back to the last revision that worked.
    pub circuit_breaker_rollback: bool,
    /// Whether a shell can be opened in the tasks.
    pub enable_execute_command: bool,
    /// `ENABLED` or `DISABLED`: whether ECS spreads the tasks over the zones again after a zone failed.
    pub availability_zone_rebalancing: String,
    /// Fargate's platform version, `LATEST`.
    pub platform_version: String,
    /// Whose tags tasks and their interfaces get: `SERVICE`, `TASK_DEFINITION` or `NONE`.
    pub propagate_tags: String,
    /// Whether tasks carry `aws:ecs:` tags, for cost reports.
    pub enable_ecs_managed_tags: bool,
    /// Whether its last rollout failed and nothing took its place. Wanted: no; another try is a new rollout of the same revision.
    pub rollout_failed: bool,
}

/// What others may use.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Outputs {
    /// `arn:aws:ecs:eu-central-1:123456789012:service/zenml-hybrid/zenml-hybrid`.
    pub service_arn: String,
    /// Its name: dimension of metrics.
    pub service_name: String,
}

impl Handle<Service> {
    /// `arn:aws:ecs:…:service/<cluster>/<name>`.
    pub fn service_arn(&self) -> Output<String> {
        self.output("service_arn")
    }

    /// Its name.
    pub fn service_name(&self) -> Output<String> {
        self.output("service_name")
    }
}

const DEPLOYMENT: &[&str] = &["min_healthy_percent", "max_percent", "circuit_breaker", "circuit_breaker_rollback"];
const NETWORK: &[&str] = &["subnet_ids", "security_group_ids", "assign_public_ip"];
const TARGETS: &[&str] = &["target_group_arn", "container_name", "container_port"];

impl Resource for Service {
    const KIND: &'static str = "ecs.service";
    const FIELDS: &'static [Field] = &[
        Field::replace("name").impact("outage of some minutes"),
        Field::replace("cluster_arn").impact("outage of some minutes"),
        Field::update("task_definition_arn"),
        Field::update("desired_count"),
        Field::update("subnet_ids"),
        Field::update("security_group_ids"),
        Field::update("assign_public_ip"),
        Field::update("target_group_arn"),
        Field::update("container_name"),
        Field::update("container_port"),
        Field::update("health_check_grace_secs"),
        Field::update("min_healthy_percent"),
        Field::update("max_percent"),
        Field::update("circuit_breaker"),
        Field::update("circuit_breaker_rollback"),
        Field::update("enable_execute_command"),
        Field::update("availability_zone_rebalancing"),
        Field::update("platform_version").same_when(same_platform),
        Field::update("propagate_tags"),
        Field::update("enable_ecs_managed_tags"),
        Field::update("rollout_failed"),
    ];
    const SETTLE_LIMIT: Duration = Duration::from_secs(20 * 60);
    const POLL: Duration = Duration::from_secs(5);
    const EXPECTED: Duration = Duration::from_secs(180);
    const COEXISTS: bool = false;
    const REPEAT: Repeat = Repeat::Collides;
    const ID_FROM_NAME: bool = true;
    const ACTIONS: Actions = Actions {
        reads: &["ecs:DescribeServiceRevisions", "ecs:DescribeServices", "ecs:ListServiceDeployments"],
        creates: &["ecs:CreateService", "ecs:TagResource"],
        updates: &[
            update_of("ecs:TagResource", &[TAGS]),
            update_of("ecs:UntagResource", &[TAGS]),
            update("ecs:UpdateService"),
        ],
        deletes: &["ecs:DeleteService", "ecs:UpdateService"],
        seldom: &["ecs:DescribeTaskDefinition", "ecs:DescribeTasks", "ecs:ListTasks", "logs:GetLogEvents"],
        ..Actions::NONE
    };
    type Outputs = Outputs;

    async fn find(scope: &Scope<'_>, want: &Self) -> Result<Found> {
        Ok(match describe(scope.aws, want.cluster_arn.get()?, &want.name).await? {
            Some(service) if service.status() == Some("ACTIVE") => {
                let what = format!("the ECS service `{}` in this cluster", want.name);
                let id = Id::from(service.service_arn().unwrap_or_default());
                tags::ours_or_foreign(scope, &what, id, &tagging::read(service.tags.as_deref()))
            }
            _ => Found::None,
        })
    }

    async fn read(scope: &Scope<'_>, id: &Id) -> Result<Option<Live<Self>>> {
        let (cluster, _) = cluster_and_name(&id.0)?;
        let Some(service) = describe(scope.aws, cluster, &id.0).await? else { return Ok(None) };
        let mut rollout_failed = false;
        let phase = match service.status() {
            Some("INACTIVE") => return Ok(None),
            Some("DRAINING") => Phase::Deleting("draining".to_owned()),
            _ => {
                rollout_failed = rollout::failed_before(scope, &service).await?;
                // Not what this operation asked for: it is a difference, and another try is an update.
                if rollout_failed { Phase::Ready } else { rollout::phase(scope, &service).await? }
            }
        };
        let name = service.service_name().unwrap_or_default().to_owned();
        let outputs = Outputs { service_arn: id.0.clone(), service_name: name };
        let tags = tagging::read(service.tags.as_deref());
        let inputs = Self { rollout_failed, ..normalised(&service) };
        Ok(Some(Live::ready(inputs, outputs, tags).in_phase(phase)))
    }

    async fn create(scope: &Scope<'_>, want: &Self) -> Result<Id> {
        let aws = scope.aws;
        let call = aws
            .ecs()
            .create_service()
            .service_name(&want.name)
            .cluster(want.cluster_arn.get()?)
            .client_token(scope.token)
            .launch_type(LaunchType::Fargate)
            .task_definition(want.task_definition_arn.get()?)
            .desired_count(signed(want.desired_count.unwrap_or(1)))
            .network_configuration(network::configuration(
                &want.subnet_ids,
                &want.security_group_ids,
                want.assign_public_ip,
            )?)
            .load_balancers(load_balancer(want)?)
            .health_check_grace_period_seconds(signed(want.health_check_grace_secs))
            .deployment_configuration(deployment_configuration(want))
            .enable_execute_command(want.enable_execute_command)
            .availability_zone_rebalancing(want.availability_zone_rebalancing.as_str().into())
            .platform_version(&want.platform_version)
            .propagate_tags(want.propagate_tags.as_str().into())
            .enable_ecs_managed_tags(want.enable_ecs_managed_tags)
            .set_tags(tagging::wanted(scope));
        let made = aws.call("ecs:CreateService", call.send()).await.map_err(not_yet)?;
        rollout::remember(scope, made.service());
        Ok(made.service.and_then(|service| service.service_arn).unwrap_or_default().into())
    }

    async fn update(scope: &Scope<'_>, id: &Id, want: &Self, changed: &Changed) -> Result<()> {
        let aws = scope.aws;
        let (cluster, _) = cluster_and_name(&id.0)?;
        let mut call = aws.ecs().update_service().cluster(cluster).service(&id.0);
        call = call.availability_zone_rebalancing(want.availability_zone_rebalancing.as_str().into());
        if changed.has("task_definition_arn") {
            call = call.task_definition(want.task_definition_arn.get()?);
        }
        if changed.has("desired_count") {
            call = call.set_desired_count(want.desired_count.map(signed));
        }
        if changed.any(NETWORK) {
            let (subnets, groups) = (&want.subnet_ids, &want.security_group_ids);
            call = call.network_configuration(network::configuration(subnets, groups, want.assign_public_ip)?);
        }
        if changed.any(TARGETS) {
            call = call.load_balancers(load_balancer(want)?);
        }
        if changed.has("health_check_grace_secs") {
            call = call.health_check_grace_period_seconds(signed(want.health_check_grace_secs));
        }
        if changed.any(DEPLOYMENT) {
            call = call.deployment_configuration(deployment_configuration(want));
        }
        if changed.has("enable_execute_command") {
            call = call.enable_execute_command(want.enable_execute_command);
        }
        if changed.has("platform_version") {
            call = call.platform_version(&want.platform_version);
        }
        if changed.has("propagate_tags") {
            call = call.propagate_tags(want.propagate_tags.as_str().into());
        }
        if changed.has("enable_ecs_managed_tags") {
            call = call.enable_ecs_managed_tags(want.enable_ecs_managed_tags);
        }
        if changed.has("rollout_failed") {
            // Nowhere else: where something changes, a repeated call would be a second rollout. Here it takes a failed one's place.
            call = call.force_new_deployment(true);
        }
        if !changed.fields.is_empty() {
            let updated = aws.call("ecs:UpdateService", call.send()).await?;
            rollout::remember(scope, updated.service());
        }
        tagging::apply(aws, &id.0, changed.tags.as_ref()).await
    }

    async fn delete(scope: &Scope<'_>, id: &Id) -> Result<()> {
        let aws = scope.aws;
        let (cluster, _) = cluster_and_name(&id.0)?;
        let call = aws.ecs().update_service().cluster(cluster).service(&id.0).desired_count(0);
        // One that drains already is refused as not active.
        aws.call("ecs:UpdateService", call.send()).await.or_gone()?;
        let call = aws.ecs().delete_service().cluster(cluster).service(&id.0).force(true);
        aws.call("ecs:DeleteService", call.send()).await.map(drop)
    }
}

/// A missing service is an entry in `failures`, a missing cluster an error.
async fn describe(aws: &Aws, cluster: &str, name_or_arn: &str) -> Result<Option<types::Service>> {
    let call = aws.ecs().describe_services().cluster(cluster).services(name_or_arn).include(ServiceField::Tags);
    let found = aws.call("ecs:DescribeServices", call.send()).await.or_gone()?;
    Ok(found.and_then(|found| found.services).and_then(|services| services.into_iter().next()))
}

/// The cluster was made a moment ago: "not found" means "not visible everywhere yet".
pub(super) fn not_yet(error: Error) -> Error {
    if error.class == Class::NotFound { error.in_class(Class::Propagation) } else { error }
}

fn load_balancer(want: &Service) -> Result<LoadBalancer> {
    Ok(LoadBalancer::builder()
        .target_group_arn(&want.target_group_arn.get()?.0)
        .container_name(&want.container_name)
        .container_port(want.container_port.into())
        .build())
}

fn deployment_configuration(want: &Service) -> DeploymentConfiguration {
    let breaker =
        DeploymentCircuitBreaker::builder().enable(want.circuit_breaker).rollback(want.circuit_breaker_rollback);
    DeploymentConfiguration::builder()
        .minimum_healthy_percent(signed(want.min_healthy_percent))
        .maximum_percent(signed(want.max_percent))
        .deployment_circuit_breaker(breaker.build())
        .build()
}

/// A service in the shape of the desired one. Further target groups show in `target_group_arn`.
fn normalised(service: &types::Service) -> Service {
    let (subnet_ids, security_group_ids, assign_public_ip) = network::read(service.network_configuration());
    let balancers = service.load_balancers();
    let groups: BTreeSet<&str> = balancers.iter().filter_map(|balancer| balancer.target_group_arn()).collect();
    let target_group_arn = groups.into_iter().collect::<Vec<_>>().join(" and ");
    let balancer = balancers.first();
    let configuration = service.deployment_configuration();
    let breaker = configuration.and_then(|c| c.deployment_circuit_breaker());
    let percent = |value: Option<i32>| value.map(unsigned).unwrap_or_default();
    Service {
        name: service.service_name().unwrap_or_default().to_owned(),
        cluster_arn: service.cluster_arn().unwrap_or_default().to_owned().into(),
        task_definition_arn: service.task_definition().unwrap_or_default().to_owned().into(),
        desired_count: Some(unsigned(service.desired_count())),
        subnet_ids,
        security_group_ids,
        assign_public_ip,
        target_group_arn: TargetGroupArn(target_group_arn).into(),
        container_name: balancer.and_then(|b| b.container_name()).unwrap_or_default().to_owned(),
        container_port: balancer.and_then(|b| b.container_port()?.try_into().ok()).unwrap_or_default(),
        health_check_grace_secs: service.health_check_grace_period_seconds().map(unsigned).unwrap_or_default(),
        min_healthy_percent: percent(configuration.and_then(|c| c.minimum_healthy_percent())),
        max_percent: percent(configuration.and_then(|c| c.maximum_percent())),
        circuit_breaker: breaker.is_some_and(|breaker| breaker.enable()),
        circuit_breaker_rollback: breaker.is_some_and(|breaker| breaker.rollback()),
        enable_execute_command: service.enable_execute_command(),
        availability_zone_rebalancing: word(service.availability_zone_rebalancing().map(|z| z.as_str()), "DISABLED"),
        platform_version: word(service.platform_version(), "LATEST"),
        propagate_tags: word(service.propagate_tags().map(|tags| tags.as_str()), "NONE"),
        enable_ecs_managed_tags: service.enable_ecs_managed_tags(),
        rollout_failed: false,
    }
}

fn word(seen: Option<&str>, default: &str) -> String {
    seen.unwrap_or(default).to_owned()
}

/// `LATEST` is shown as the version it stands for.
fn same_platform(want: &Value, live: &Value) -> bool {
    want == "LATEST" && live == "1.4.0"
}
