//! The ECS side: service, revision and tasks.

use super::Names;
use crate::aws::Aws;
use crate::resource::Result;
use crate::resource::error::OrGone;
use aws_sdk_ecs::operation::list_tasks::builders::ListTasksFluentBuilder;
use aws_sdk_ecs::types::{self, AssignPublicIp, DesiredStatus};
use std::collections::BTreeMap;

/// What `startedBy` of a service's tasks begins with.
const BY_SERVICE: &str = "ecs-svc/";

/// An ECS service.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Service {
    /// `ACTIVE`, `DRAINING`, `INACTIVE`.
    pub status: String,
    /// Tasks wanted.
    pub desired: i32,
    /// Tasks running.
    pub running: i32,
    /// Tasks starting.
    pub pending: i32,
    /// The revision of the primary deployment.
    pub task_definition_arn: String,
    /// Rollouts under way or done, the primary one first.
    pub rollouts: Vec<Rollout>,
    /// Subnets of its tasks.
    pub subnet_ids: Vec<String>,
    /// Security groups of its tasks.
    pub group_ids: Vec<String>,
    /// Whether its tasks have public addresses.
    pub has_public_ip: bool,
    /// Where its tasks are registered.
    pub target_group_arn: Option<String>,
    /// The port that is registered.
    pub container_port: u16,
    /// Seconds during which failing health checks do not count.
    pub health_check_grace: i32,
    /// The newest messages of the service, newest first.
    pub events: Vec<String>,
}

/// One deployment of a service.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rollout {
    /// `PRIMARY`, `ACTIVE`.
    pub status: String,
    /// `COMPLETED`, `IN_PROGRESS`, `FAILED`.
    pub state: String,
    /// ECS's words for the state.
    pub reason: String,
    /// The revision.
    pub task_definition_arn: String,
    /// When it began, milliseconds since 1970.
    pub created_at: Option<i64>,
}

/// A revision, as far as the server's container goes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Definition {
    /// `arn:aws:ecs:…:task-definition/zenml-hybrid:42`.
    pub arn: String,
    /// The image with tag or digest.
    pub image: String,
    /// Instead of the image's own command; empty: the image's own.
    pub command: Vec<String>,
    /// Plain variables.
    pub environment: BTreeMap<String, String>,
    /// Variables filled from Secrets Manager: name to reference.
    pub secrets: BTreeMap<String, String>,
    /// Mapped ports.
    pub ports: Vec<u16>,
    /// Role that ECS starts tasks with.
    pub execution_role_arn: Option<String>,
    /// Role that the server has.
    pub task_role_arn: Option<String>,
    /// The container's name.
    pub container: String,
    /// CloudWatch log group.
    pub log_group: Option<String>,
    /// First part of the stream names.
    pub log_prefix: Option<String>,
}

/// A task.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Task {
    /// Last part of the ARN.
    pub id: String,
    /// `RUNNING`, `PENDING`, `STOPPED`, ….
    pub status: String,
    /// Its revision.
    pub task_definition_arn: String,
    /// When it began to run, milliseconds since 1970.
    pub started_at: Option<i64>,
    /// When it stopped, milliseconds since 1970.
    pub stopped_at: Option<i64>,
    /// ECS's words for why it stopped, with those for the container.
    pub reason: String,
    /// Exit code of the server's container.
    pub exit_code: Option<i32>,
    /// True if a user or a scaling activity ended it.
    pub was_unneeded: bool,
}

pub(super) async fn service(aws: &Aws, names: &Names) -> Result<Option<Service>> {
    let call = aws.ecs().describe_services().cluster(&names.cluster).services(&names.service);
    let found = aws.read("ecs:DescribeServices", || call.clone().send()).await.or_gone()?;
    let services = found.and_then(|found| found.services).unwrap_or_default();
    Ok(services.first().filter(|service| service.status() != Some("INACTIVE")).map(plain))
}

fn plain(service: &types::Service) -> Service {
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    let vpc = service.network_configuration().and_then(|network| network.awsvpc_configuration());
    let balanced = service.load_balancers().first();
    let rollouts = service.deployments().iter().map(|rollout| Rollout {
        status: text(rollout.status()),
        state: text(rollout.rollout_state().map(|state| state.as_str())),
        reason: text(rollout.rollout_state_reason()),
        task_definition_arn: text(rollout.task_definition()),
        created_at: rollout.created_at().and_then(|at| at.to_millis().ok()),
    });
    let mut rollouts: Vec<Rollout> = rollouts.collect();
    rollouts.sort_by_key(|rollout| rollout.status != "PRIMARY");
    Service {
        status: text(service.status()),
        desired: service.desired_count(),
        running: service.running_count(),
        pending: service.pending_count(),
        task_definition_arn: text(service.task_definition()),
        rollouts,
        subnet_ids: vpc.map(|vpc| vpc.subnets().to_vec()).unwrap_or_default(),
        group_ids: vpc.map(|vpc| vpc.security_groups().to_vec()).unwrap_or_default(),
        has_public_ip: vpc.is_some_and(|vpc| vpc.assign_public_ip() == Some(&AssignPublicIp::Enabled)),
        target_group_arn: balanced.and_then(|balanced| balanced.target_group_arn()).map(str::to_owned),
        container_port: balanced.and_then(|balanced| balanced.container_port()).map(port).unwrap_or_default(),
        health_check_grace: service.health_check_grace_period_seconds().unwrap_or_default(),
        events: service.events().iter().take(3).filter_map(|event| event.message()).map(str::to_owned).collect(),
    }
}

pub(super) async fn definition(aws: &Aws, arn: Option<&str>, container: &str) -> Result<Option<Definition>> {
    let Some(arn) = arn else { return Ok(None) };
    let call = aws.ecs().describe_task_definition().task_definition(arn);
    let found = aws.read("ecs:DescribeTaskDefinition", || call.clone().send()).await.or_gone()?;
    let Some(definition) = found.and_then(|found| found.task_definition) else { return Ok(None) };
    let containers = definition.container_definitions();
    let Some(server) = containers.iter().find(|c| c.name() == Some(container)).or(containers.first()) else {
        return Ok(None);
    };
    let pairs = server.environment().iter();
    let options = server.log_configuration().and_then(|logs| logs.options());
    let option = |name: &str| options.and_then(|options| options.get(name)).cloned();
    Ok(Some(Definition {
        arn: arn.to_owned(),
        image: server.image().unwrap_or_default().to_owned(),
        command: server.command().to_vec(),
        environment: pairs
            .map(|pair| (pair.name().unwrap_or_default().to_owned(), pair.value().unwrap_or_default().to_owned()))
            .collect(),
        secrets: server.secrets().iter().map(|one| (one.name().to_owned(), one.value_from().to_owned())).collect(),
        ports: server.port_mappings().iter().filter_map(|mapping| mapping.container_port()).map(port).collect(),
        execution_role_arn: definition.execution_role_arn().map(str::to_owned),
        task_role_arn: definition.task_role_arn().map(str::to_owned),
        container: server.name().unwrap_or_default().to_owned(),
        log_group: option("awslogs-group"),
        log_prefix: option("awslogs-stream-prefix"),
    }))
}

/// Tasks that are to run; those that are starting are among them.
pub(super) async fn running(aws: &Aws, names: &Names, has_service: bool) -> Result<Vec<Task>> {
    if has_service { tasks(aws, names, DesiredStatus::Running).await } else { Ok(vec![]) }
}

/// Tasks that ECS still remembers.
pub(super) async fn stopped(aws: &Aws, names: &Names, has_service: bool) -> Result<Vec<Task>> {
    if !has_service {
        return Ok(vec![]);
    }
    let mut tasks = tasks(aws, names, DesiredStatus::Stopped).await?;
    tasks.sort_by_key(|task| std::cmp::Reverse(task.stopped_at));
    Ok(tasks)
}

async fn tasks(aws: &Aws, names: &Names, status: DesiredStatus) -> Result<Vec<Task>> {
    let call = aws.ecs().list_tasks().cluster(&names.cluster).service_name(&names.service).desired_status(status);
    let described = described(aws, names, &[call]).await?;
    Ok(described.iter().map(|task| plain_task(task, &names.container)).collect())
}

/// The newest task of the family that was started by nobody's service: the last try of the migration. One that runs comes before
/// those that ended.
pub(super) async fn last_alone(aws: &Aws, names: &Names) -> Result<Option<Task>> {
    let list = |status| aws.ecs().list_tasks().cluster(&names.cluster).family(&names.family).desired_status(status);
    let found = described(aws, names, &[list(DesiredStatus::Running), list(DesiredStatus::Stopped)]).await?;
    let alone = found.iter().filter(|task| !task.started_by().is_some_and(|by| by.starts_with(BY_SERVICE)));
    let newest = alone.max_by_key(|task| task.created_at().map(|at| at.secs()));
    Ok(newest.map(|task| plain_task(task, &names.container)))
}

/// What these lists name; a cluster that is gone has no tasks.
async fn described(aws: &Aws, names: &Names, lists: &[ListTasksFluentBuilder]) -> Result<Vec<types::Task>> {
    let listed = lists.iter().map(async |call| aws.read("ecs:ListTasks", || call.clone().send()).await.or_gone());
    let listed: Vec<_> = futures_util::future::join_all(listed).await.into_iter().collect::<Result<_>>()?;
    let mut arns: Vec<String> = listed.into_iter().flatten().filter_map(|list| list.task_arns).flatten().collect();
    // DescribeTasks takes no more.
    arns.truncate(100);
    if arns.is_empty() {
        return Ok(vec![]);
    }
    let call = aws.ecs().describe_tasks().cluster(&names.cluster).set_tasks(Some(arns));
    let described = aws.read("ecs:DescribeTasks", || call.clone().send()).await?;
    Ok(described.tasks.unwrap_or_default())
}

fn plain_task(task: &types::Task, container: &str) -> Task {
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    let server = task.containers().iter().find(|c| c.name() == Some(container)).or(task.containers().first());
    let mut reason = text(task.stopped_reason());
    if let Some(why) = server.and_then(|server| server.reason()).filter(|why| !reason.contains(*why)) {
        // `OutOfMemoryError` and `OutOfMemoryError: Container killed …` say the same.
        reason = if why.starts_with(&reason) { why.to_owned() } else { format!("{reason}: {why}") };
    }
    let millis = |at: &aws_smithy_types::DateTime| at.to_millis().ok();
    Task {
        id: text(task.task_arn().and_then(|arn| arn.rsplit('/').next())),
        status: text(task.last_status()),
        task_definition_arn: text(task.task_definition_arn()),
        started_at: task.started_at().and_then(millis),
        stopped_at: task.stopped_at().and_then(millis),
        was_unneeded: reason.starts_with("Scaling activity") || reason.starts_with("Task stopped by user"),
        exit_code: server.and_then(|server| server.exit_code()),
        reason,
    }
}

fn port(number: i32) -> u16 {
    u16::try_from(number).unwrap_or_default()
}
