//! A manual snapshot. <https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBSnapshot.html>
//!
//! Takes minutes, by the amount of data changed since the last one. The instance must be `available` when it begins, and reads
//! `backing-up` meanwhile. The name is unique in account and region, so it carries a time that is in the record before the call:
//! a name that stays the same fails on the second destroy. A snapshot outlives its instance; which one it is of is in the
//! detail as `dbi_resource_id`, since a name can be given to another database later.

use super::{requests, tagging};
use crate::aws::{Aws, tags};
use crate::model::{Handle, Input, Output};
use crate::resource::actions::{Actions, TAGS, update_of};
use crate::resource::error::OrGone;
use crate::resource::{Changed, Error, Field, Found, Id, Live, Phase, Repeat, Resource, Result, Scope};
use aws_sdk_rds::types::DbSnapshot;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::time::Duration;

/// A copy of a database at one moment, kept until it is deleted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Lower case, letter first, no `--`: `zenml-hybrid-db-final-20261120170000-1a2b`.
    pub snapshot_identifier: String,
    /// The instance's identifier when the snapshot is made.
    pub instance_identifier: Input<String>,
}

/// What others may use.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Outputs {
    /// What to restore from.
    pub snapshot_identifier: String,
    /// `arn:aws:rds:eu-central-1:123456789012:snapshot:…`.
    pub snapshot_arn: String,
}

impl Handle<Snapshot> {
    /// What to restore from.
    pub fn snapshot_identifier(&self) -> Output<String> {
        self.output("snapshot_identifier")
    }

    /// `arn:aws:rds:eu-central-1:123456789012:snapshot:…`.
    pub fn snapshot_arn(&self) -> Output<String> {
        self.output("snapshot_arn")
    }
}

impl Resource for Snapshot {
    const KIND: &'static str = "rds.snapshot";
    const FIELDS: &'static [Field] =
        &[Field::replace("snapshot_identifier"), Field::create_only("instance_identifier")];
    const SETTLE_LIMIT: Duration = Duration::from_secs(60 * 60);
    const POLL: Duration = Duration::from_secs(5);
    const EXPECTED: Duration = Duration::from_secs(120);
    const REPEAT: Repeat = Repeat::Collides;
    const ACTIONS: Actions = Actions {
        reads: &["rds:DescribeDBSnapshots"],
        creates: &["rds:AddTagsToResource", "rds:CreateDBSnapshot"],
        updates: &[update_of("rds:AddTagsToResource", &[TAGS]), update_of("rds:RemoveTagsFromResource", &[TAGS])],
        deletes: &["rds:DeleteDBSnapshot"],
        seldom: &["rds:DescribeDBInstances", "rds:StartDBInstance"],
        ..Actions::NONE
    };
    type Outputs = Outputs;

    async fn find(scope: &Scope<'_>, want: &Self) -> Result<Found> {
        Ok(describe(scope.aws, &want.snapshot_identifier).await?.map_or(Found::None, |snapshot| {
            let id = Id::from(snapshot.db_snapshot_identifier().unwrap_or_default());
            let tags = tagging::read(snapshot.tag_list.as_deref());
            tags::ours_or_foreign(scope, &format!("the DB snapshot `{id}`"), id.clone(), &tags)
        }))
    }

    async fn read(scope: &Scope<'_>, id: &Id) -> Result<Option<Live<Self>>> {
        Ok(describe(scope.aws, &id.0).await?.map(|snapshot| {
            let phase = phase(&snapshot);
            let detail = json!({
                "dbi_resource_id": snapshot.dbi_resource_id,
                "engine_version": snapshot.engine_version,
                "storage_gib": snapshot.allocated_storage,
                "created": snapshot.snapshot_create_time.map(|time| time.to_string()),
            });
            let identifier = snapshot.db_snapshot_identifier.unwrap_or_default();
            let live = Live::ready(
                Self {
                    snapshot_identifier: identifier.clone(),
                    instance_identifier: snapshot.db_instance_identifier.unwrap_or_default().into(),
                },
                Outputs { snapshot_identifier: identifier, snapshot_arn: snapshot.db_snapshot_arn.unwrap_or_default() },
                tagging::read(snapshot.tag_list.as_deref()),
            );
            Live { detail: Some(detail), ..live.in_phase(phase) }
        }))
    }

    async fn create(scope: &Scope<'_>, want: &Self) -> Result<Id> {
        let aws = scope.aws;
        let instance = want.instance_identifier.get()?;
        let call = aws
            .rds()
            .create_db_snapshot()
            .db_snapshot_identifier(&want.snapshot_identifier)
            .db_instance_identifier(instance)
            .set_tags(Some(tagging::sdk(&scope.tags())));
        let made = match aws.call("rds:CreateDBSnapshot", call.send()).await {
            Err(error) => return Err(requests::unless_stopped(aws, instance, error).await),
            Ok(made) => made,
        };
        Ok(made.db_snapshot.and_then(|snapshot| snapshot.db_snapshot_identifier).unwrap_or_default().into())
    }

    async fn update(scope: &Scope<'_>, id: &Id, _want: &Self, changed: &Changed) -> Result<()> {
        let Some(change) = &changed.tags else { return Ok(()) };
        let snapshot = describe(scope.aws, &id.0).await?.and_then(|snapshot| snapshot.db_snapshot_arn);
        let arn = snapshot.ok_or_else(|| Error::terminal(format!("the DB snapshot `{id}` is gone")))?;
        tagging::apply(scope.aws, &arn, change).await
    }

    async fn delete(scope: &Scope<'_>, id: &Id) -> Result<()> {
        let call = scope.aws.rds().delete_db_snapshot().db_snapshot_identifier(&id.0);
        scope.aws.call("rds:DeleteDBSnapshot", call.send()).await.map(drop)
    }
}

async fn describe(aws: &Aws, identifier: &str) -> Result<Option<DbSnapshot>> {
    let call = aws.rds().describe_db_snapshots().db_snapshot_identifier(identifier);
    let found = aws.call("rds:DescribeDBSnapshots", call.send()).await.or_gone()?;
    Ok(found.and_then(|found| found.db_snapshots).and_then(|snapshots| snapshots.into_iter().next()))
}

fn phase(snapshot: &DbSnapshot) -> Phase {
    let word = snapshot.status().unwrap_or("creating");
    match word {
        "available" => Phase::Ready,
        "deleting" | "deleted" => Phase::Deleting(word.to_owned()),
        "failed" | "incompatible-restore" | "incompatible-parameters" => Phase::Failed(word.to_owned()),
        // The share changes the word, so that a large snapshot that makes progress is not given up.
        _ => Phase::Settling(match snapshot.percent_progress {
            Some(percent) => format!("{word}, {percent} %"),
            None => word.to_owned(),
        }),
    }
}
