//! ECS: cluster, task definition, one-off task, service.

pub mod cluster;
pub mod container;
pub mod redact;
pub mod service;
pub mod stopped;
pub mod task_definition;
pub mod task_run;

mod failing;
mod holders;
mod memory;
mod network;
mod rollout;
mod survey;
mod tagging;

pub(super) use survey::tagged;

use crate::resource::{Error, Kind, Of, Result};

pub(super) static KINDS: &[&(dyn Kind + Sync)] = &[
    &Of::<cluster::Cluster>::KIND,
    &Of::<service::Service>::KIND,
    &Of::<task_definition::TaskDefinition>::KIND,
    &Of::<task_run::TaskRun>::KIND,
];

/// Cluster and name out of the ARN of a service or task: `…:service/<cluster>/<name>`. DescribeServices and DescribeTasks
/// want the cluster besides the ARN and would look in the cluster `default` without it.
fn cluster_and_name(arn: &str) -> Result<(&str, &str)> {
    let mut parts = arn.split('/').skip(1);
    match (parts.next(), parts.next(), parts.next()) {
        (Some(cluster), Some(name), None) => Ok((cluster, name)),
        _ => Err(Error::terminal(format!("`{arn}` is not an ARN in ECS's long format, `…/<cluster>/<name>`")).hint(
            "turn the long format on with `aws ecs put-account-setting --name serviceLongArnFormat --value enabled`",
        )),
    }
}

/// Counts travel as signed numbers; ours are never negative.
fn signed(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

fn unsigned(number: i32) -> u32 {
    u32::try_from(number).unwrap_or_default()
}
