//! A task that runs once: the database migration. <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RunTask.html>
//!
//! Takes a minute or two. RunTask carries our client token, so a repeat is answered with the same task. ECS forgets stopped
//! tasks after about an hour: a run that ended well is read from its record, without a call, and stays what it was for ever.
//! Only an exit code 0 on record counts; a failed run is looked up, and once ECS has forgotten it, it is gone and runs again.
//! For whoever has lost the record, the cluster's tags remember the last run that ended well (`memory.rs`).
//!
//! What ran cannot be undone: a delete only forgets it ([`Life::Parent`]). That is also why it need not read as gone
//! afterwards, which it does as soon as the record is dropped and ECS has forgotten it.

use super::memory::Memory;
use super::service::not_yet;
use super::stopped::{self, Stopped};
use super::{cluster_and_name, network, tagging};
use crate::aws::advice;
use crate::aws::ec2::security_group::SecurityGroupId;
use crate::aws::ec2::subnet::SubnetId;
use crate::model::{Handle, Input, Output};
use crate::resource::actions::{Actions, TAGS, update_of};
use crate::resource::error::OrGone;
use crate::resource::{Changed, Class, Error, Field, Found, Id, Life, Live, Phase, Repeat, Resource, Result, Scope};
use aws_sdk_ecs::operation::run_task::RunTaskOutput;
use aws_sdk_ecs::types::{
    self, ContainerOverride, DesiredStatus, KeyValuePair, LaunchType, TaskField, TaskOverride, TaskStopCode,
};
use aws_smithy_types::date_time::Format;
use aws_types::request_id::RequestId;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// One run of one command on a task definition. Image, database instance and database name say which run it is: a change of
/// any of them is another run. All else only says how it was started.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaskRun {
    /// Image reference, as in the task definition.
    pub image: String,
    /// `db-ABC…`: a database restored under the same name is another one.
    pub dbi_resource_id: Input<String>,
    /// Name of the database in the instance.
    pub database: String,
    /// The version that it brings the database to.
    pub version: String,
    /// Where it runs.
    pub cluster_arn: Input<String>,
    /// The revision that it runs, the same as the service's.
    pub task_definition_arn: Input<String>,
    /// Where its interface is. It gets no public address.
    pub subnet_ids: BTreeSet<Input<SubnetId>>,
    /// What it may reach.
    pub security_group_ids: BTreeSet<Input<SecurityGroupId>>,
    /// The container whose command is replaced and whose exit code counts.
    pub container: String,
    /// The command.
    pub command: Vec<String>,
    /// Variables besides, or instead of, those of the task definition.
    pub environment: BTreeMap<String, String>,
    /// Memory of the task in MiB instead of the definition's; the pair with its CPU must exist on Fargate.
    pub memory_mib: Option<u32>,
    /// Whether the tags of the cluster tell of this run. Wanted: true.
    #[serde(default)]
    pub noted_on_cluster: bool,
}

/// What others may use.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Outputs {
    /// `arn:aws:ecs:eu-central-1:123456789012:task/zenml-hybrid/0123…`.
    pub task_arn: String,
    /// `0`.
    pub exit_code: String,
    /// RFC 3339, `2026-11-20T17:00:00Z`; empty while ECS has not said.
    pub finished_at: String,
}

impl Handle<TaskRun> {
    /// `arn:aws:ecs:…:task/<cluster>/<id>`.
    pub fn task_arn(&self) -> Output<String> {
        self.output("task_arn")
    }
}

impl Resource for TaskRun {
    const KIND: &'static str = "ecs.task_run";
    const FIELDS: &'static [Field] = &[
        Field::replace("image").unread(),
        Field::replace("dbi_resource_id").unread(),
        Field::replace("database").unread(),
        Field::create_only("version").unread(),
        Field::create_only("cluster_arn").unread(),
        Field::create_only("task_definition_arn").unread(),
        Field::create_only("subnet_ids").unread(),
        Field::create_only("security_group_ids").unread(),
        Field::create_only("container").unread(),
        Field::create_only("command").unread(),
        Field::create_only("environment").unread(),
        Field::create_only("memory_mib").unread(),
        Field::update("noted_on_cluster").after_create(),
    ];
    const SETTLE_LIMIT: Duration = Duration::from_secs(30 * 60);
    const EXPECTED: Duration = Duration::from_secs(90);
    const REPEAT: Repeat = Repeat::Token;
    const LIFE: Life = Life::Parent;
    const ACTIONS: Actions = Actions {
        reads: &["ecs:DescribeClusters", "ecs:DescribeTasks", "ecs:ListTasks"],
        creates: &["ecs:RunTask", "ecs:TagResource", "iam:PassRole"],
        updates: &[update_of("ecs:TagResource", &["noted_on_cluster", TAGS]), update_of("ecs:UntagResource", &[TAGS])],
        deletes: &["ecs:StopTask"],
        seldom: &["ecs:DescribeTaskDefinition", "logs:GetLogEvents"],
        ..Actions::NONE
    };
    type Outputs = Outputs;

    async fn find(scope: &Scope<'_>, want: &Self) -> Result<Found> {
        let aws = scope.aws;
        let cluster = want.cluster_arn.get()?;
        // `startedBy` must be the only filter, and shows running tasks only; finished ones are listed by family.
        let running = aws.ecs().list_tasks().cluster(cluster).started_by(scope.token);
        let family = family_of(want.task_definition_arn.get()?);
        let ended = aws.ecs().list_tasks().cluster(cluster).family(family).desired_status(DesiredStatus::Stopped);
        let (running, ended) =
            futures_util::join!(aws.call("ecs:ListTasks", running.send()), aws.call("ecs:ListTasks", ended.send()),);
        let listed = [running.or_gone()?, ended.or_gone()?];
        let arns: BTreeSet<_> = listed.into_iter().flatten().filter_map(|list| list.task_arns).flatten().collect();
        let arns: Vec<_> = arns.into_iter().take(100).collect();
        if arns.is_empty() {
            return Ok(Found::None);
        }
        let call = aws.ecs().describe_tasks().cluster(cluster).set_tasks(Some(arns));
        let described = aws.call("ecs:DescribeTasks", call.send()).await?;
        let ours = described.tasks().iter().find(|task| task.started_by() == Some(scope.token));
        Ok(ours.and_then(|task| task.task_arn()).map_or(Found::None, |arn| Found::Ours(arn.into())))
    }

    async fn read(scope: &Scope<'_>, id: &Id) -> Result<Option<Live<Self>>> {
        if let Some(done) = on_record(scope, id) {
            return Ok(Some(done));
        }
        let (cluster, task_id) = cluster_and_name(&id.0)?;
        let remembered = async || {
            let memory = Memory::read(scope.aws, cluster, &scope.address.name).await;
            memory.map(|memory| memory.filter(|memory| memory.task == task_id))
        };
        let Some(task) = describe(scope, id).await? else {
            return Ok(remembered().await?.map(|memory| recalled(id, memory)));
        };
        let mut inputs = scope.want.and_then(|want| Self::deserialize(want).ok()).unwrap_or_else(|| started(&task));
        let end = Stopped::of(&task, Some(&inputs.container));
        let stopped = task.last_status() == Some("STOPPED");
        // A run that somebody stopped may end with 0 as well.
        let ended_itself = task.stop_code() == Some(&TaskStopCode::EssentialContainerExited);
        let phase = match end.exit_code {
            // The interface takes half a minute more to go; nobody needs to wait for that.
            Some(0) if ended_itself => Phase::Ready,
            _ if stopped => Phase::Failed(stopped::story(scope.aws, &[end]).await),
            _ => Phase::Settling(task.last_status().unwrap_or("PROVISIONING").to_owned()),
        };
        let done = phase == Phase::Ready;
        let memory = if done { remembered().await? } else { None };
        inputs.noted_on_cluster = memory.is_some();
        if let Some(memory) = memory.filter(|_| scope.want.is_none()) {
            inputs = Self { noted_on_cluster: true, ..recalled(id, memory).inputs };
        }
        let tags = Some(tagging::read(task.tags.as_deref()));
        Ok(Some(Live { inputs, outputs: done.then(|| outputs(&task)), phase, tags, detail: None }))
    }

    async fn create(scope: &Scope<'_>, want: &Self) -> Result<Id> {
        let aws = scope.aws;
        let call = aws
            .ecs()
            .run_task()
            .cluster(want.cluster_arn.get()?)
            .task_definition(want.task_definition_arn.get()?)
            .launch_type(LaunchType::Fargate)
            .count(1)
            .client_token(scope.token)
            .started_by(scope.token)
            .enable_ecs_managed_tags(true)
            .network_configuration(network::configuration(&want.subnet_ids, &want.security_group_ids, false)?)
            .overrides(overrides(want))
            .set_tags(tagging::wanted(scope));
        let ran = aws.call("ecs:RunTask", call.send()).await.map_err(not_yet)?;
        task_of(&ran)
    }

    /// Tags of a stopped task cannot be changed, and [`on_record`] reports them as wanted; those of a running one can.
    async fn update(scope: &Scope<'_>, id: &Id, want: &Self, changed: &Changed) -> Result<()> {
        let done = on_record(scope, id);
        if changed.has("noted_on_cluster") {
            let outputs = match done.as_ref().and_then(|done| done.outputs.clone()) {
                Some(outputs) => Some(outputs),
                None => describe(scope, id).await?.map(|task| outputs(&task)),
            };
            if let Some(outputs) = outputs {
                let memory = want.memory(scope, id, outputs)?;
                memory.write(scope.aws, want.cluster_arn.get()?, &scope.address.name).await?;
            }
        }
        match done {
            Some(_) => Ok(()),
            None => tagging::apply(scope.aws, &id.0, changed.tags.as_ref()).await.or_gone().map(drop),
        }
    }

    async fn delete(scope: &Scope<'_>, id: &Id) -> Result<()> {
        if on_record(scope, id).is_some() {
            return Ok(());
        }
        let (cluster, _) = cluster_and_name(&id.0)?;
        let call = scope.aws.ecs().stop_task().cluster(cluster).task(&id.0).reason("hybridctl: not needed any more");
        scope.aws.call("ecs:StopTask", call.send()).await.map(drop)
    }

    /// A task that is still running tells its image only: which database it works on is taken from the config.
    fn unread_is(want: &Self, live: &Self, _outputs: Option<&Outputs>) -> bool {
        let known = |wanted: &str, live: &str| live.is_empty() || wanted == live;
        let database = |run: &Self| run.dbi_resource_id.get().cloned().unwrap_or_default();
        known(&want.image, &live.image)
            && known(&want.database, &live.database)
            && known(&want.version, &live.version)
            && known(&database(want), &database(live))
    }
}

/// The task that was started. ECS refuses for want of room, or of a quota, with HTTP 200 and a reason.
pub(in crate::aws) fn task_of(ran: &RunTaskOutput) -> Result<Id> {
    if let Some(arn) = ran.tasks().first().and_then(|task| task.task_arn()) {
        return Ok(arn.into());
    }
    let failure = ran.failures().first();
    let why = failure.and_then(|f| f.reason()).unwrap_or("ECS gave no reason");
    let detail = failure.and_then(|f| f.detail()).map(|detail| format!(" ({detail})")).unwrap_or_default();
    let full = why.starts_with("RESOURCE") || why.to_lowercase().contains("capacity");
    let (operation, class) = ("ecs:RunTask", if full { Class::Busy } else { Class::Terminal });
    Err(Error {
        class,
        operation: operation.into(),
        request_id: ran.request_id().map(str::to_owned),
        hints: advice::on_reason(operation, class, why),
        ..Error::terminal(format!("ECS did not start the task: {why}{detail}"))
    })
}

impl TaskRun {
    fn memory(&self, scope: &Scope<'_>, id: &Id, outputs: Outputs) -> Result<Memory> {
        Ok(Memory {
            task: cluster_and_name(&id.0)?.1.to_owned(),
            token: scope.token.to_owned(),
            finished_at: outputs.finished_at,
            image: self.image.clone(),
            dbi_resource_id: self.dbi_resource_id.get()?.clone(),
            database: self.database.clone(),
            version: self.version.clone(),
        })
    }
}

/// The task, as long as ECS remembers it.
async fn describe(scope: &Scope<'_>, id: &Id) -> Result<Option<types::Task>> {
    let (cluster, _) = cluster_and_name(&id.0)?;
    let call = scope.aws.ecs().describe_tasks().cluster(cluster).tasks(&id.0).include(TaskField::Tags);
    let found = scope.aws.call("ecs:DescribeTasks", call.send()).await.or_gone()?;
    Ok(found.and_then(|found| found.tasks).and_then(|tasks| tasks.into_iter().next()))
}

/// A run that ECS has forgotten and the cluster's tags have not.
fn recalled(id: &Id, memory: Memory) -> Live<TaskRun> {
    let outputs = Outputs { task_arn: id.0.clone(), exit_code: "0".to_owned(), finished_at: memory.finished_at };
    let inputs = TaskRun {
        image: memory.image,
        dbi_resource_id: memory.dbi_resource_id.into(),
        database: memory.database,
        version: memory.version,
        noted_on_cluster: true,
        ..unknown()
    };
    Live::untagged(inputs, outputs)
}

/// A run that ended well, from its record.
fn on_record(scope: &Scope<'_>, id: &Id) -> Option<Live<TaskRun>> {
    let recorded = scope.recorded.filter(|recorded| recorded.id == *id)?;
    let outputs = Outputs::deserialize(&recorded.outputs).ok().filter(|outputs| outputs.exit_code == "0")?;
    let inputs = TaskRun::deserialize(&recorded.inputs).ok()?;
    Some(Live::ready(inputs, outputs, scope.tags()))
}

fn overrides(want: &TaskRun) -> TaskOverride {
    let pairs = want.environment.iter().map(|(name, value)| KeyValuePair::builder().name(name).value(value).build());
    let container = ContainerOverride::builder()
        .name(&want.container)
        .set_command(Some(want.command.clone()))
        .set_environment(Some(pairs.collect()))
        .build();
    TaskOverride::builder()
        .container_overrides(container)
        .set_memory(want.memory_mib.map(|mib| mib.to_string()))
        .build()
}

/// `zenml-hybrid` out of `…:task-definition/zenml-hybrid:42`.
fn family_of(task_definition_arn: &str) -> &str {
    let name = task_definition_arn.rsplit('/').next().unwrap_or_default();
    name.split(':').next().unwrap_or_default()
}

fn outputs(task: &types::Task) -> Outputs {
    let finished = task.execution_stopped_at().or(task.stopped_at()).or(task.stopping_at());
    Outputs {
        task_arn: task.task_arn().unwrap_or_default().to_owned(),
        exit_code: "0".to_owned(),
        finished_at: finished.and_then(|at| at.fmt(Format::DateTime).ok()).unwrap_or_default(),
    }
}

/// As much as a task tells of how it was started, for one that is on no record and not being applied.
fn started(task: &types::Task) -> TaskRun {
    let overridden = task.overrides().and_then(|overrides| overrides.container_overrides().first());
    let container = overridden.and_then(|container| container.name()).unwrap_or_default();
    let image = task.containers().iter().find(|c| c.name() == Some(container)).and_then(|c| c.image());
    let pairs = overridden.map(|container| container.environment()).unwrap_or_default();
    TaskRun {
        image: image.unwrap_or_default().to_owned(),
        cluster_arn: task.cluster_arn().unwrap_or_default().to_owned().into(),
        task_definition_arn: task.task_definition_arn().unwrap_or_default().to_owned().into(),
        container: container.to_owned(),
        command: overridden.map(|container| container.command().to_vec()).unwrap_or_default(),
        environment: pairs
            .iter()
            .map(|pair| (pair.name().unwrap_or_default().to_owned(), pair.value().unwrap_or_default().to_owned()))
            .collect(),
        memory_mib: task.overrides().and_then(|overrides| overrides.memory()?.parse().ok()),
        ..unknown()
    }
}

/// A run of which nothing is known.
fn unknown() -> TaskRun {
    TaskRun {
        image: String::new(),
        dbi_resource_id: String::new().into(),
        database: String::new(),
        version: String::new(),
        cluster_arn: String::new().into(),
        task_definition_arn: String::new().into(),
        subnet_ids: BTreeSet::new(),
        security_group_ids: BTreeSet::new(),
        container: String::new(),
        command: vec![],
        environment: BTreeMap::new(),
        memory_mib: None,
        noted_on_cluster: false,
    }
}
