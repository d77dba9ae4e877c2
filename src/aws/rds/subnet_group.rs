//! A DB subnet group. <https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBSubnetGroup.html>
//!
//! Settles at once. The name is unique and stored in lower case. Subnets of two zones are needed; one in use cannot be dropped.
//! A group that an instance has just left is refused with `InvalidDBSubnetGroupStateFault` for some seconds after the instance
//! is gone. The describe call has no tags: a no-op refresh does not look at them, `find` does.

use super::{holders, tagging};
use crate::aws::ec2::subnet::SubnetId;
use crate::aws::{Aws, tags};
use crate::model::{Handle, Input, Output};
use crate::resource::actions::{Actions, TAGS, update, update_of};
use crate::resource::error::OrGone;
use crate::resource::{Changed, Error, Field, Found, Holder, Id, Live, Phase, Repeat, Resource, Result, Scope};
use aws_sdk_rds::types::{DbInstance, DbSubnetGroup};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// `zenml-hybrid-db`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SubnetGroupName(pub String);

/// The subnets that a database may be placed in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SubnetGroup {
    /// Lower case, at most 255 characters, not `default`.
    pub name: String,
    /// For people.
    pub description: String,
    /// Of at least two zones.
    pub subnet_ids: BTreeSet<Input<SubnetId>>,
}

/// What others may use.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Outputs {
    /// `zenml-hybrid-db`.
    pub subnet_group_name: SubnetGroupName,
}

impl Handle<SubnetGroup> {
    /// `zenml-hybrid-db`.
    pub fn subnet_group_name(&self) -> Output<SubnetGroupName> {
        self.output("subnet_group_name")
    }
}

impl Resource for SubnetGroup {
    const KIND: &'static str = "rds.subnet_group";
    const FIELDS: &'static [Field] =
        &[Field::replace("name"), Field::update("description"), Field::update("subnet_ids")];
    const COEXISTS: bool = false;
    const REPEAT: Repeat = Repeat::Collides;
    const ID_FROM_NAME: bool = true;
    const ACTIONS: Actions = Actions {
        reads: &["rds:DescribeDBSubnetGroups", "rds:ListTagsForResource"],
        creates: &["rds:AddTagsToResource", "rds:CreateDBSubnetGroup"],
        updates: &[
            update_of("rds:AddTagsToResource", &[TAGS]),
            update("rds:ModifyDBSubnetGroup"),
            update_of("rds:RemoveTagsFromResource", &[TAGS]),
        ],
        deletes: &["rds:DeleteDBSubnetGroup"],
        seldom: &["rds:DescribeDBInstances"],
        ..Actions::NONE
    };
    type Outputs = Outputs;

    async fn find(scope: &Scope<'_>, want: &Self) -> Result<Found> {
        let Some(group) = describe(scope.aws, &want.name).await? else { return Ok(Found::None) };
        let tags = tagging::of(scope.aws, group.db_subnet_group_arn().unwrap_or_default()).await?;
        let id = Id::from(group.db_subnet_group_name().unwrap_or_default());
        Ok(tags::ours_or_foreign(scope, &format!("the DB subnet group `{id}`"), id.clone(), &tags))
    }

    async fn read(scope: &Scope<'_>, id: &Id) -> Result<Option<Live<Self>>> {
        Ok(describe(scope.aws, &id.0).await?.map(|group| {
            let subnets = group.subnets.unwrap_or_default().into_iter().filter_map(|subnet| subnet.subnet_identifier);
            let live = Live::untagged(
                Self {
                    name: group.db_subnet_group_name.unwrap_or_default(),
                    description: group.db_subnet_group_description.unwrap_or_default(),
                    subnet_ids: subnets.map(|id| SubnetId(id).into()).collect(),
                },
                Outputs { subnet_group_name: SubnetGroupName(id.0.clone()) },
            );
            match group.subnet_group_status.as_deref() {
                Some("Complete") | None => live,
                Some(word) => live.in_phase(Phase::Settling(word.to_owned())),
            }
        }))
    }

    async fn create(scope: &Scope<'_>, want: &Self) -> Result<Id> {
        let aws = scope.aws;
        let call = aws
            .rds()
            .create_db_subnet_group()
            .db_subnet_group_name(&want.name)
            .db_subnet_group_description(&want.description)
            .set_subnet_ids(Some(subnet_ids(want)?))
            .set_tags(Some(tagging::sdk(&scope.tags())));
        let made = aws.call("rds:CreateDBSubnetGroup", call.send()).await?;
        Ok(made.db_subnet_group.and_then(|group| group.db_subnet_group_name).unwrap_or_default().into())
    }

    async fn update(scope: &Scope<'_>, id: &Id, want: &Self, changed: &Changed) -> Result<()> {
        let aws = scope.aws;
        if changed.any(&["description", "subnet_ids"]) {
            let call = aws
                .rds()
                .modify_db_subnet_group()
                .db_subnet_group_name(&id.0)
                .db_subnet_group_description(&want.description)
                .set_subnet_ids(Some(subnet_ids(want)?));
            aws.call("rds:ModifyDBSubnetGroup", call.send()).await?;
        }
        let Some(change) = &changed.tags else { return Ok(()) };
        let group = describe(aws, &id.0).await?.and_then(|group| group.db_subnet_group_arn);
        let arn = group.ok_or_else(|| Error::terminal(format!("the DB subnet group `{id}` is gone")))?;
        tagging::apply(aws, &arn, change).await
    }

    async fn delete(scope: &Scope<'_>, id: &Id) -> Result<()> {
        let call = scope.aws.rds().delete_db_subnet_group().db_subnet_group_name(&id.0);
        scope.aws.call("rds:DeleteDBSubnetGroup", call.send()).await.map(drop)
    }

    async fn holders(scope: &Scope<'_>, id: &Id) -> Result<Vec<Holder>> {
        let group =
            |one: &DbInstance| one.db_subnet_group().and_then(|group| group.db_subnet_group_name()) == Some(&id.0);
        holders::databases(scope, group).await
    }
}

async fn describe(aws: &Aws, name: &str) -> Result<Option<DbSubnetGroup>> {
    let call = aws.rds().describe_db_subnet_groups().db_subnet_group_name(name);
    let found = aws.call("rds:DescribeDBSubnetGroups", call.send()).await.or_gone()?;
    Ok(found.and_then(|found| found.db_subnet_groups).and_then(|groups| groups.into_iter().next()))
}

fn subnet_ids(want: &SubnetGroup) -> Result<Vec<String>> {
    want.subnet_ids.iter().map(|id| Ok(id.get()?.0.clone())).collect()
}
