//! Looks at everything that `verify` judges, once, in four waves of calls, as plain values.
//!
//! Nothing is judged here and nothing is changed. It starts from names (cluster, service, database) and follows what AWS says
//! from there: the service names its revision, subnets, groups and target group, the target group its load balancer. So it sees
//! what really runs, whatever the record says. The record is needed for one thing only: a load balancer that has lost its
//! listener is named by nothing else.

pub mod access;
pub mod front;
pub mod logs;
pub mod network;
pub mod service;

use super::Aws;
use crate::resource::error::OrGone;
use crate::resource::{Error, Result};
use access::{Access, Secret};
use aws_sdk_route53::types::{ResourceRecordSet, RrType};
use front::{Balancer, TargetGroup};
use logs::TaskLog;
use network::{Group, Network};
use service::{Definition, Service, Task};
use std::collections::{BTreeMap, BTreeSet};
use std::pin::Pin;
use std::time::Duration;

/// Longest time for one kind of reading, its calls and retries together.
const LIMIT: Duration = Duration::from_secs(15);

/// Where to start.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Names {
    /// The ECS cluster.
    pub cluster: String,
    /// The ECS service.
    pub service: String,
    /// The container that is the server.
    pub container: String,
    /// The RDS instance identifier.
    pub database: String,
    /// The load balancer on record.
    pub load_balancer_arn: Option<String>,
    /// The target group on record, for when the service is gone.
    pub target_group_arn: Option<String>,
    /// Family of the task definitions.
    pub family: String,
    /// The revision on record, for when there is no service.
    pub task_definition_arn: Option<String>,
    /// Where tasks were to run, for when there is no service.
    pub subnet_ids: Vec<String>,
    /// The groups that they were to have.
    pub group_ids: Vec<String>,
    /// The migration is known to have ended well: nobody has to look for it as long as there is a service.
    pub is_migrated: bool,
    /// Zone id and name of a record that this machine need not see in DNS; `None`: DNS tells.
    pub record: Option<(String, String)>,
}

/// What was seen. `Err`: it could not be read. `None` or empty: it is not there, or nothing names it.
#[derive(Debug, Clone)]
pub struct Look {
    /// The service.
    pub service: Result<Option<Service>>,
    /// The revision that its tasks run.
    pub definition: Result<Option<Definition>>,
    /// Tasks that run or are starting.
    pub running: Result<Vec<Task>>,
    /// Tasks that stopped within about the last hour, newest first.
    pub stopped: Result<Vec<Task>>,
    /// Logs of running tasks and of the newest stopped ones.
    pub logs: Result<Vec<TaskLog>>,
    /// The newest task that is of no service, with its log: the migration. `None`: ECS remembers none, or none was looked for.
    pub migration: Result<Option<TaskLog>>,
    /// The target group with its targets.
    pub targets: Result<Option<TargetGroup>>,
    /// The load balancer with its listeners.
    pub balancer: Result<Option<Balancer>>,
    /// The database.
    pub database: Result<Option<Database>>,
    /// The secrets that the revision names, by ARN; `None`: gone.
    pub secrets: Result<BTreeMap<String, Option<Secret>>>,
    /// The roles that the revision names, and what they may.
    pub access: Result<Access>,
    /// Where the record of the name leads, as Route 53 has it; empty: there is none, `None`: it was not looked at.
    pub record: Result<Option<Vec<String>>>,
    /// Whether the log group that the revision names is there.
    pub log_group: Result<bool>,
    /// Subnets, route tables and NAT gateways.
    pub network: Result<Network>,
    /// Security groups by id.
    pub groups: Result<BTreeMap<String, Group>>,
}

/// An RDS instance.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Database {
    /// `available`.
    pub status: String,
    /// `mysql`.
    pub engine: String,
    /// Host name; `None` while it is being made.
    pub host: Option<String>,
    /// Usually 3306.
    pub port: u16,
    /// Parameter group and `in-sync`, `pending-reboot`, ….
    pub parameters: Vec<(String, String)>,
    /// Its security groups.
    pub group_ids: Vec<String>,
    /// Subnets that it may be in.
    pub subnet_ids: Vec<String>,
}

/// What is served just now: the part of a [`Look`] that moves by itself.
#[derive(Debug, Clone)]
pub struct Serving {
    /// The service.
    pub service: Result<Option<Service>>,
    /// The revision that its tasks run.
    pub definition: Result<Option<Definition>>,
    /// Tasks that run or are starting.
    pub running: Result<Vec<Task>>,
    /// Tasks that stopped within about the last hour, newest first.
    pub stopped: Result<Vec<Task>>,
    /// The target group with its targets.
    pub targets: Result<Option<TargetGroup>>,
}

/// Looks at what is served.
pub async fn serving(aws: &Aws, names: &Names) -> Serving {
    let service = within(boxed(|| service::service(aws, names))).await;
    let serving = service.as_ref().ok().and_then(Option::as_ref);
    let target_group = serving.and_then(|s| s.target_group_arn.clone()).or(names.target_group_arn.clone());
    let (definition, running, stopped, targets) = tokio::join!(
        within(boxed(|| service::definition(aws, serving.map(|s| s.task_definition_arn.as_str()), &names.container))),
        within(boxed(|| service::running(aws, names, serving.is_some()))),
        within(boxed(|| service::stopped(aws, names, serving.is_some()))),
        within(boxed(|| front::target_group(aws, target_group.as_deref()))),
    );
    Serving { service, definition, running, stopped, targets }
}

/// Looks at the deployment.
pub async fn look(aws: &Aws, names: &Names) -> Look {
    let (serving, database, record) = tokio::join!(
        boxed(|| serving(aws, names)),
        within(boxed(|| database(aws, &names.database))),
        within(boxed(|| record(aws, names)))
    );
    let Serving { service, mut definition, running, stopped, targets } = serving;
    let has_service = !matches!(service, Ok(None));
    let migration = match names.is_migrated && has_service {
        true => Ok(None),
        false => within(boxed(|| service::last_alone(aws, names))).await,
    };
    let ran = migration.as_ref().ok().and_then(Option::as_ref);
    if !has_service {
        // What the first service would run is what its migration ran.
        let arn = ran.map(|task| &task.task_definition_arn).or(names.task_definition_arn.as_ref());
        definition = within(boxed(|| service::definition(aws, arn.map(String::as_str), &names.container))).await;
    }
    let named = targets.as_ref().ok().and_then(Option::as_ref).and_then(|group| group.load_balancer_arns.first());
    let balancer_arn = named.or(names.load_balancer_arn.as_ref());
    let revision = definition.as_ref().ok().and_then(Option::as_ref);
    let told = logs::tasks_to_tell_of(running.as_deref().unwrap_or_default(), stopped.as_deref().unwrap_or_default());
    let (balancer, secrets, access, log_group, logs, migration) = tokio::join!(
        within(boxed(|| front::balancer(aws, balancer_arn.map(String::as_str)))),
        within(boxed(|| access::secrets(aws, revision))),
        within(boxed(|| access::access(aws, revision))),
        within(boxed(|| logs::group_exists(aws, revision))),
        within(boxed(|| logs::read(aws, revision, &told))),
        within(boxed(|| with_its_log(aws, migration.clone(), &names.container))),
    );
    let front = balancer.as_ref().ok().and_then(Option::as_ref);
    let store = database.as_ref().ok().and_then(Option::as_ref);
    let serving = service.as_ref().ok().and_then(Option::as_ref);
    let planned = if has_service { None } else { Some(names) };
    let subnets = union([
        serving.map(|s| &s.subnet_ids),
        planned.map(|names| &names.subnet_ids),
        front.map(|b| &b.subnet_ids),
        store.map(|d| &d.subnet_ids),
    ]);
    let groups = union([
        serving.map(|s| &s.group_ids),
        planned.map(|names| &names.group_ids),
        front.map(|b| &b.group_ids),
        store.map(|d| &d.group_ids),
    ]);
    let (network, groups) = tokio::join!(
        within(boxed(|| network::network(aws, subnets.clone()))),
        within(boxed(|| network::security_groups(aws, groups.clone())))
    );
    Look {
        service,
        definition,
        running,
        stopped,
        logs,
        migration,
        targets,
        balancer,
        database,
        secrets,
        access,
        record,
        log_group,
        network,
        groups,
    }
}

async fn record(aws: &Aws, names: &Names) -> Result<Option<Vec<String>>> {
    let Some((zone, name)) = &names.record else { return Ok(None) };
    let call = aws
        .route53()
        .list_resource_record_sets()
        .hosted_zone_id(zone)
        .start_record_name(name)
        .start_record_type(RrType::A)
        .max_items(1);
    let found = aws.read("route53:ListResourceRecordSets", || call.clone().send()).await.or_gone()?;
    let sets = found.map(|found| found.resource_record_sets).unwrap_or_default();
    let is_it = |set: &&ResourceRecordSet| set.name.trim_end_matches('.') == name && set.r#type == RrType::A;
    let plain = |name: &str| name.trim_end_matches('.').trim_start_matches("dualstack.").to_lowercase();
    let leads = |set: &ResourceRecordSet| {
        let alias = set.alias_target().map(|target| plain(target.dns_name()));
        let values = set.resource_records().iter().map(|record| plain(record.value()));
        alias.into_iter().chain(values).collect::<Vec<_>>()
    };
    Ok(Some(sets.iter().filter(is_it).flat_map(leads).collect()))
}

async fn with_its_log(aws: &Aws, migration: Result<Option<Task>>, container: &str) -> Result<Option<TaskLog>> {
    let Some(task) = migration? else { return Ok(None) };
    let revision = service::definition(aws, Some(&task.task_definition_arn), container).await?;
    let logs = logs::read(aws, revision.as_ref(), std::slice::from_ref(&task)).await?;
    Ok(Some(logs.into_iter().next().unwrap_or(TaskLog { task, ..TaskLog::default() })))
}

fn union<const N: usize>(lists: [Option<&Vec<String>>; N]) -> Vec<String> {
    let all: BTreeSet<&String> = lists.into_iter().flatten().flatten().collect();
    all.into_iter().cloned().collect()
}

/// Each call of a reading is patient by itself ([`Aws::read`]); this bounds them all together.
pub(super) async fn within<T>(reading: impl Future<Output = Result<T>>) -> Result<T> {
    let late = || Error::terminal(format!("AWS did not answer within {} seconds", LIMIT.as_secs()));
    // Boxed: the SDK's futures are large, and a dozen of them side by side overflow the stack of a small thread.
    tokio::time::timeout(LIMIT, Box::pin(reading)).await.unwrap_or_else(|_| Err(late()))
}

/// Makes a future where it leaves no trace on the stack of whoever waits for a dozen of them.
fn boxed<F: Future>(make: impl FnOnce() -> F) -> Pin<Box<F>> {
    Box::pin(make())
}

async fn database(aws: &Aws, identifier: &str) -> Result<Option<Database>> {
    let call = aws.rds().describe_db_instances().db_instance_identifier(identifier);
    let Some(found) = aws.read("rds:DescribeDBInstances", || call.clone().send()).await.or_gone()? else {
        return Ok(None);
    };
    let Some(instance) = found.db_instances().first() else { return Ok(None) };
    let endpoint = instance.endpoint();
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    let parameters = instance.db_parameter_groups().iter();
    let subnets = instance.db_subnet_group().map(|group| group.subnets()).unwrap_or_default();
    Ok(Some(Database {
        status: text(instance.db_instance_status()),
        engine: text(instance.engine()),
        host: endpoint.and_then(|endpoint| endpoint.address()).map(str::to_owned),
        port: endpoint.and_then(|endpoint| endpoint.port()).and_then(|port| u16::try_from(port).ok()).unwrap_or(3306),
        parameters: parameters
            .map(|group| (text(group.db_parameter_group_name()), text(group.parameter_apply_status())))
            .collect(),
        group_ids: ids(instance.vpc_security_groups().iter().map(|group| group.vpc_security_group_id())),
        subnet_ids: ids(subnets.iter().map(|subnet| subnet.subnet_identifier())),
    }))
}

fn ids<'a>(found: impl Iterator<Item = Option<&'a str>>) -> Vec<String> {
    found.flatten().map(str::to_owned).collect()
}
