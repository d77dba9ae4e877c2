//! What keeps a cluster from being deleted: services and tasks.

use super::tagging;
use crate::resource::{Holder, Result, Scope};
use aws_sdk_ecs::types::{ServiceField, TaskField};

/// Most services that one describe takes.
const PER_CALL: usize = 10;

/// Services and running tasks of the cluster.
pub(super) async fn of_cluster(scope: &Scope<'_>, cluster: &str) -> Result<Vec<Holder>> {
    let mut holders = services(scope, cluster).await?;
    holders.extend(tasks(scope, cluster).await?);
    Ok(holders)
}

async fn services(scope: &Scope<'_>, cluster: &str) -> Result<Vec<Holder>> {
    let aws = scope.aws;
    let call = aws.ecs().list_services().cluster(cluster).into_paginator().items().send();
    let arns: Vec<String> = aws.call("ecs:ListServices", call.try_collect()).await?;
    let mut holders = vec![];
    for some in arns.chunks(PER_CALL) {
        let call = aws.ecs().describe_services().cluster(cluster).set_services(Some(some.to_vec()));
        let found = aws.call("ecs:DescribeServices", call.include(ServiceField::Tags).send()).await?;
        holders.extend(found.services().iter().map(|one| {
            let (name, status) = (one.service_name().unwrap_or_default(), one.status().unwrap_or_default());
            let what = format!("the service {name} ({})", status.to_lowercase());
            let remove =
                format!("delete it with `aws ecs delete-service --force --cluster {cluster} --service {name}`");
            theirs(Holder::tagged(scope, what, &tagging::read(one.tags.as_deref())), remove)
        }));
    }
    Ok(holders)
}

async fn tasks(scope: &Scope<'_>, cluster: &str) -> Result<Vec<Holder>> {
    let aws = scope.aws;
    let call = aws.ecs().list_tasks().cluster(cluster);
    let arns = aws.call("ecs:ListTasks", call.send()).await?.task_arns.unwrap_or_default();
    if arns.is_empty() {
        return Ok(vec![]);
    }
    let call = aws.ecs().describe_tasks().cluster(cluster).set_tasks(Some(arns)).include(TaskField::Tags);
    let found = aws.call("ecs:DescribeTasks", call.send()).await?;
    let holder = |one: &aws_sdk_ecs::types::Task| {
        let arn = one.task_arn().unwrap_or_default();
        let id = arn.rsplit('/').next().unwrap_or_default();
        let what = format!("the task {id} ({})", one.last_status().unwrap_or_default().to_lowercase());
        let remove = format!("stop it with `aws ecs stop-task --cluster {cluster} --task {id}`");
        match one.group().is_some_and(|group| group.starts_with("service:")) {
            // Of which service it is, and whose, the list of services says.
            true => Holder::service(what),
            false => theirs(Holder::tagged(scope, what, &tagging::read(one.tags.as_deref())), remove),
        }
    };
    Ok(found.tasks().iter().map(holder).collect())
}

fn theirs(holder: Holder, remove: String) -> Holder {
    if holder.is_stranger() { holder.removed_by(remove) } else { holder }
}
