//! How the pulls of an image ended, as far as ECS remembers: it forgets a stopped task after about an hour.

use crate::aws::Aws;
use crate::resource::Result;
use crate::resource::error::OrGone;
use aws_sdk_ecs::types::{DesiredStatus, Task};

/// Whose tasks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tasks {
    /// The ECS cluster.
    pub cluster: String,
    /// The family that service and migration run in.
    pub family: String,
}

/// How a task's pull ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pulled {
    /// The image with tag or digest.
    pub image: String,
    /// When the task was made, milliseconds since 1970.
    pub at: i64,
    /// ECS's words; `None`: it worked.
    pub failure: Option<String>,
}

/// Of tasks that run and of those that stopped; one that has not come to its pull yet tells nothing.
pub(super) async fn pulls(aws: &Aws, tasks: &Tasks) -> Result<Vec<Pulled>> {
    let (running, stopped) = futures_util::future::join(
        listed(aws, tasks, DesiredStatus::Running),
        listed(aws, tasks, DesiredStatus::Stopped),
    )
    .await;
    let mut pulls = vec![];
    for some in [running?, stopped?].concat().chunks(100) {
        let call = aws.ecs().describe_tasks().cluster(&tasks.cluster).set_tasks(Some(some.to_vec()));
        let found = aws.read("ecs:DescribeTasks", || call.clone().send()).await?;
        pulls.extend(found.tasks().iter().filter_map(pulled));
    }
    Ok(pulls)
}

async fn listed(aws: &Aws, tasks: &Tasks, status: DesiredStatus) -> Result<Vec<String>> {
    let call = aws.ecs().list_tasks().cluster(&tasks.cluster).family(&tasks.family).desired_status(status);
    let all = || call.clone().into_paginator().items().send().try_collect();
    Ok(aws.read("ecs:ListTasks", all).await.or_gone()?.unwrap_or_default())
}

fn pulled(task: &Task) -> Option<Pulled> {
    let container = task.containers().first()?;
    let words = [task.stopped_reason(), container.reason()];
    let failure = words.into_iter().flatten().find(|words| words.contains("CannotPullContainer")).map(str::to_owned);
    let began = task.started_at().is_some() || container.exit_code().is_some();
    let image = container.image()?.to_owned();
    let at = task.created_at()?.to_millis().ok()?;
    (failure.is_some() || began).then_some(Pulled { image, at, failure })
}
