//! A cluster. <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CreateCluster.html>
//!
//! Settles within 2 s. CreateCluster on the name of an active cluster succeeds and returns that one with its settings as they
//! were, so the engine looks before it creates: a stranger's cluster of the same name must not become ours. A deleted cluster
//! stays describable for a while as `INACTIVE`, which is gone. Tasks that have just stopped still hold a delete up.

use super::{holders, tagging};
use crate::aws::{Aws, tags};
use crate::model::{Handle, Output};
use crate::resource::actions::{Actions, TAGS, update, update_of};
use crate::resource::error::OrGone;
use crate::resource::{Changed, Field, Found, Holder, Id, Live, Phase, Repeat, Resource, Result, Scope};
use aws_sdk_ecs::types::{self, ClusterField, ClusterSetting, ClusterSettingName};
use serde::{Deserialize, Serialize};

/// A group of services and tasks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cluster {
    /// Name, unique in the region: `zenml-hybrid`.
    pub name: String,
    /// CloudWatch Container Insights: `disabled`, `enabled` or `enhanced`. Always sent, because an account setting decides
    /// otherwise.
    pub container_insights: String,
}

/// What others may use.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Outputs {
    /// `arn:aws:ecs:eu-central-1:123456789012:cluster/zenml-hybrid`.
    pub cluster_arn: String,
    /// `zenml-hybrid`: dimension of metrics.
    pub cluster_name: String,
}

impl Handle<Cluster> {
    /// `arn:aws:ecs:…:cluster/zenml-hybrid`.
    pub fn cluster_arn(&self) -> Output<String> {
        self.output("cluster_arn")
    }

    /// `zenml-hybrid`.
    pub fn cluster_name(&self) -> Output<String> {
        self.output("cluster_name")
    }
}

impl Resource for Cluster {
    const KIND: &'static str = "ecs.cluster";
    const FIELDS: &'static [Field] = &[Field::replace("name"), Field::update("container_insights")];
    const COEXISTS: bool = false;
    const REPEAT: Repeat = Repeat::ReturnsExisting;
    const ID_FROM_NAME: bool = true;
    const ACTIONS: Actions = Actions {
        reads: &["ecs:DescribeClusters"],
        creates: &["ecs:CreateCluster", "ecs:TagResource"],
        updates: &[
            update_of("ecs:TagResource", &[TAGS]),
            update_of("ecs:UntagResource", &[TAGS]),
            update("ecs:UpdateCluster"),
        ],
        deletes: &["ecs:DeleteCluster"],
        seldom: &["ecs:DescribeServices", "ecs:DescribeTasks", "ecs:ListServices", "ecs:ListTasks"],
        ..Actions::NONE
    };
    type Outputs = Outputs;

    async fn find(scope: &Scope<'_>, want: &Self) -> Result<Found> {
        Ok(match describe(scope.aws, &want.name).await? {
            Some(cluster) if !is_gone(&cluster) => {
                let what = format!("the ECS cluster `{}`", want.name);
                let id = Id::from(cluster.cluster_arn().unwrap_or_default());
                tags::ours_or_foreign(scope, &what, id, &tagging::read(cluster.tags.as_deref()))
            }
            _ => Found::None,
        })
    }

    async fn read(scope: &Scope<'_>, id: &Id) -> Result<Option<Live<Self>>> {
        let Some(cluster) = describe(scope.aws, &id.0).await? else { return Ok(None) };
        if cluster.status() == Some("INACTIVE") {
            return Ok(None);
        }
        let insights = |setting: &&ClusterSetting| setting.name() == Some(&ClusterSettingName::ContainerInsights);
        let container_insights = cluster.settings().iter().find(insights).and_then(|setting| setting.value());
        let name = cluster.cluster_name().unwrap_or_default().to_owned();
        let live = Live::ready(
            Self { name: name.clone(), container_insights: container_insights.unwrap_or("disabled").to_owned() },
            Outputs { cluster_arn: id.0.clone(), cluster_name: name },
            tagging::read(cluster.tags.as_deref()),
        );
        Ok(Some(match cluster.status() {
            Some("ACTIVE") | None => live,
            Some(word @ "DEPROVISIONING") => live.in_phase(Phase::Deleting(word.to_owned())),
            Some(word @ "FAILED") => live.in_phase(Phase::Failed(word.to_owned())),
            Some(word) => live.in_phase(Phase::Settling(word.to_owned())),
        }))
    }

    async fn create(scope: &Scope<'_>, want: &Self) -> Result<Id> {
        let aws = scope.aws;
        let call = aws
            .ecs()
            .create_cluster()
            .cluster_name(&want.name)
            .settings(insights(want))
            .set_tags(tagging::wanted(scope));
        let made = aws.call("ecs:CreateCluster", call.send()).await?;
        Ok(made.cluster.and_then(|cluster| cluster.cluster_arn).unwrap_or_default().into())
    }

    async fn update(scope: &Scope<'_>, id: &Id, want: &Self, changed: &Changed) -> Result<()> {
        let aws = scope.aws;
        if changed.has("container_insights") {
            let call = aws.ecs().update_cluster().cluster(&id.0).settings(insights(want));
            aws.call("ecs:UpdateCluster", call.send()).await?;
        }
        tagging::apply(aws, &id.0, changed.tags.as_ref()).await
    }

    async fn delete(scope: &Scope<'_>, id: &Id) -> Result<()> {
        let aws = scope.aws;
        aws.call("ecs:DeleteCluster", aws.ecs().delete_cluster().cluster(&id.0).send()).await.map(drop)
    }

    async fn holders(scope: &Scope<'_>, id: &Id) -> Result<Vec<Holder>> {
        holders::of_cluster(scope, &id.0).await
    }
}

fn insights(want: &Cluster) -> ClusterSetting {
    let name = ClusterSettingName::ContainerInsights;
    ClusterSetting::builder().name(name).value(&want.container_insights).build()
}

/// A create of the same name succeeds in these states.
fn is_gone(cluster: &types::Cluster) -> bool {
    matches!(cluster.status(), Some("INACTIVE" | "DEPROVISIONING"))
}

/// A missing cluster is an entry in `failures`, not an error.
async fn describe(aws: &Aws, name_or_arn: &str) -> Result<Option<types::Cluster>> {
    let call =
        aws.ecs().describe_clusters().clusters(name_or_arn).include(ClusterField::Settings).include(ClusterField::Tags);
    let found = aws.call("ecs:DescribeClusters", call.send()).await.or_gone()?;
    Ok(found.and_then(|found| found.clusters).and_then(|clusters| clusters.into_iter().next()))
}
