//! One revision of a task definition. <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RegisterTaskDefinition.html>
//!
//! Settles at once. Every RegisterTaskDefinition that arrives makes a revision: transport retries are off and an interrupted
//! create looks by tag among the newest revisions of the family first. A duplicate would be a second revision with the same
//! incarnation tag, which costs nothing. A revision never changes, only its tags do, so every field replaces.
//!
//! Deleting takes two calls: deregistering leaves an `INACTIVE` revision that services may go on using; DeleteTaskDefinitions
//! turns it into `DELETE_IN_PROGRESS`, which ECS ends by itself when no task uses it any more and which counts as gone.
//!
//! Moto neither fills in `hostPort` and `protocol` nor checks the pair of CPU and memory.

pub use super::container::{Container, SecretRef};

use super::{container, tagging};
use crate::aws::tags;
use crate::model::{Handle, Input, Output};
use crate::resource::actions::{Actions, TAGS, update_of};
use crate::resource::error::OrGone;
use crate::resource::{Changed, Class, Error, Field, Found, Id, Live, Phase, Repeat, Resource, Result, Scope};
use aws_sdk_ecs::operation::describe_task_definition::DescribeTaskDefinitionOutput;
use aws_sdk_ecs::types::{self, Compatibility, NetworkMode, SortOrder, TaskDefinitionField, TaskDefinitionStatus};
use serde::{Deserialize, Serialize};

/// How many revisions of the family an interrupted create looks through, newest first.
const LOOK_BACK: i32 = 10;

/// A Fargate task of one container.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaskDefinition {
    /// Name that the revisions share: `zenml-hybrid`.
    pub family: String,
    /// CPU units, 1024 to the vCPU.
    pub cpu_units: u32,
    /// Memory in MiB; only certain pairs with `cpu_units` exist on Fargate.
    pub memory_mib: u32,
    /// The role that ECS pulls the image, reads the secrets and writes the logs with.
    pub execution_role_arn: Input<String>,
    /// The role that the server itself has.
    pub task_role_arn: Input<String>,
    /// What runs.
    pub container: Container,
}

/// What others may use.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Outputs {
    /// `arn:aws:ecs:eu-central-1:123456789012:task-definition/zenml-hybrid:42`.
    pub task_definition_arn: String,
    /// `zenml-hybrid`.
    pub family: String,
}

impl Handle<TaskDefinition> {
    /// `arn:aws:ecs:…:task-definition/zenml-hybrid:42`.
    pub fn task_definition_arn(&self) -> Output<String> {
        self.output("task_definition_arn")
    }

    /// `zenml-hybrid`.
    pub fn family(&self) -> Output<String> {
        self.output("family")
    }
}

impl Resource for TaskDefinition {
    const KIND: &'static str = "ecs.task_definition";
    const FIELDS: &'static [Field] = &[
        Field::replace("family"),
        Field::replace("cpu_units"),
        Field::replace("memory_mib"),
        Field::replace("execution_role_arn"),
        Field::replace("task_role_arn"),
        Field::replace("container"),
    ];
    const REPEAT: Repeat = Repeat::Duplicates;
    const ACTIONS: Actions = Actions {
        reads: &["ecs:DescribeTaskDefinition", "ecs:ListTaskDefinitions"],
        creates: &["ecs:RegisterTaskDefinition", "ecs:TagResource", "iam:PassRole"],
        updates: &[update_of("ecs:TagResource", &[TAGS]), update_of("ecs:UntagResource", &[TAGS])],
        deletes: &["ecs:DeleteTaskDefinitions", "ecs:DeregisterTaskDefinition"],
        ..Actions::NONE
    };
    type Outputs = Outputs;

    async fn find(scope: &Scope<'_>, want: &Self) -> Result<Found> {
        let aws = scope.aws;
        let call = aws
            .ecs()
            .list_task_definitions()
            .family_prefix(&want.family)
            .status(TaskDefinitionStatus::Active)
            .sort(SortOrder::Desc)
            .max_results(LOOK_BACK);
        let listed = aws.call("ecs:ListTaskDefinitions", call.send()).await?.task_definition_arns.unwrap_or_default();
        let mut revisions = vec![];
        for arn in listed {
            let id = Id(arn);
            let found = describe(scope, &id).await?;
            revisions.extend(found.map(|found| (id, tagging::read(found.tags.as_deref()))));
        }
        // Of several unrecorded ones `pick` takes the last, which should be the newest.
        Ok(tags::pick(scope, revisions.into_iter().rev()))
    }

    async fn read(scope: &Scope<'_>, id: &Id) -> Result<Option<Live<Self>>> {
        let Some(found) = describe(scope, id).await? else { return Ok(None) };
        let tags = tagging::read(found.tags.as_deref());
        let Some(definition) = found.task_definition else { return Ok(None) };
        let outputs =
            Outputs { task_definition_arn: id.0.clone(), family: definition.family().unwrap_or_default().to_owned() };
        let live = Live::ready(normalised(&definition), outputs, tags);
        Ok(match definition.status {
            Some(TaskDefinitionStatus::DeleteInProgress) => None,
            Some(TaskDefinitionStatus::Inactive) => Some(live.in_phase(Phase::Deleting("INACTIVE".to_owned()))),
            _ => Some(live),
        })
    }

    async fn create(scope: &Scope<'_>, want: &Self) -> Result<Id> {
        let aws = scope.aws;
        let call = aws
            .ecs()
            .register_task_definition()
            .family(&want.family)
            .requires_compatibilities(Compatibility::Fargate)
            .network_mode(NetworkMode::Awsvpc)
            .cpu(want.cpu_units.to_string())
            .memory(want.memory_mib.to_string())
            .execution_role_arn(want.execution_role_arn.get()?)
            .task_role_arn(want.task_role_arn.get()?)
            .container_definitions(container::definition(&want.container)?)
            .set_tags(tagging::wanted(scope));
        let made = aws.call("ecs:RegisterTaskDefinition", call.send()).await?;
        Ok(made.task_definition.and_then(|made| made.task_definition_arn).unwrap_or_default().into())
    }

    async fn update(scope: &Scope<'_>, id: &Id, _want: &Self, changed: &Changed) -> Result<()> {
        tagging::apply(scope.aws, &id.0, changed.tags.as_ref()).await
    }

    async fn delete(scope: &Scope<'_>, id: &Id) -> Result<()> {
        let aws = scope.aws;
        // Looks first: what a second deregistration answers is not documented.
        let status = describe(scope, id).await?.and_then(|found| found.task_definition).and_then(|found| found.status);
        match status {
            None | Some(TaskDefinitionStatus::DeleteInProgress) => return Ok(()),
            Some(TaskDefinitionStatus::Inactive) => {}
            Some(_) => {
                let call = aws.ecs().deregister_task_definition().task_definition(&id.0);
                aws.call("ecs:DeregisterTaskDefinition", call.send()).await?;
            }
        }
        let call = aws.ecs().delete_task_definitions().task_definitions(&id.0);
        let deleted = aws.call("ecs:DeleteTaskDefinitions", call.send()).await?;
        match deleted.failures().iter().find(|failure| failure.reason() != Some("MISSING")) {
            None => Ok(()),
            // The deregistration may not have arrived everywhere yet.
            Some(failure) => {
                let why = failure.detail().or(failure.reason()).unwrap_or("no reason given");
                Err(Error::terminal(format!("ECS did not delete the task definition: {why}")).in_class(Class::Busy))
            }
        }
    }
}

async fn describe(scope: &Scope<'_>, id: &Id) -> Result<Option<DescribeTaskDefinitionOutput>> {
    let aws = scope.aws;
    let call = aws.ecs().describe_task_definition().task_definition(&id.0).include(TaskDefinitionField::Tags);
    aws.call("ecs:DescribeTaskDefinition", call.send()).await.or_gone()
}

/// A revision in the shape of the desired one.
fn normalised(definition: &types::TaskDefinition) -> TaskDefinition {
    let number = |text: Option<&str>| text.and_then(|text| text.parse().ok()).unwrap_or_default();
    let containers = definition.container_definitions();
    let none = types::ContainerDefinition::builder().build();
    let mut container = container::normalised(containers.first().unwrap_or(&none));
    if containers.len() > 1 {
        let names: Vec<_> = containers.iter().filter_map(|container| container.name()).collect();
        container.name = names.join(" and ");
    }
    TaskDefinition {
        family: definition.family().unwrap_or_default().to_owned(),
        cpu_units: number(definition.cpu()),
        memory_mib: number(definition.memory()),
        execution_role_arn: definition.execution_role_arn().unwrap_or_default().to_owned().into(),
        task_role_arn: definition.task_role_arn().unwrap_or_default().to_owned().into(),
        container,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_container_shows_in_the_name() {
        let container = |name: &str| types::ContainerDefinition::builder().name(name).build();
        let definition = types::TaskDefinition::builder()
            .container_definitions(container("zenml"))
            .container_definitions(container("sidecar"))
            .cpu("512")
            .build();
        let seen = normalised(&definition);
        assert_eq!((seen.container.name.as_str(), seen.cpu_units), ("zenml and sidecar", 512));
    }
}
