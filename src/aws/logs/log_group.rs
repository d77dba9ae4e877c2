//! A log group. <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_CreateLogGroup.html>
//!
//! There at once. The name is unique, so a repeated create is refused with `ResourceAlreadyExistsException`. The retention
//! is a call of its own; a group without one keeps everything for ever. Describing goes by prefix (`/ecs/zenml` also
//! returns `/ecs/zenml-2`) and returns no tags, and the `arn` ends in `:*`. Whoever may create log groups brings a deleted
//! one back with its next line; RDS also makes the groups of an instance by itself, untagged: those of our instance are ours,
//! unless they are older than it and than anything on record.

use crate::aws::rds::instance::{self, Whose};
use crate::aws::{Aws, tags};
use crate::model::{Handle, Output};
use crate::resource::actions::{Actions, TAGS, update_of};
use crate::resource::{Changed, Error, Field, Found, Id, Live, Repeat, Resource, Result, Scope, TagChange};
use aws_sdk_cloudwatchlogs::types;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A group of log streams.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LogGroup {
    /// `/ecs/zenml-hybrid`: at most 512 of `[A-Za-z0-9._/#-]`.
    pub name: String,
    /// Days that lines are kept, one of the numbers that AWS offers (90, 365, …); 0 keeps them for ever.
    pub retention_days: i32,
}

/// What others may use.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Outputs {
    /// The name.
    pub log_group_name: String,
    /// `arn:aws:logs:eu-central-1:123456789012:log-group:/ecs/zenml-hybrid`, without `:*`.
    pub log_group_arn: String,
}

impl Handle<LogGroup> {
    /// The name.
    pub fn log_group_name(&self) -> Output<String> {
        self.output("log_group_name")
    }

    /// The ARN without `:*`.
    pub fn log_group_arn(&self) -> Output<String> {
        self.output("log_group_arn")
    }
}

impl Resource for LogGroup {
    const KIND: &'static str = "logs.log_group";
    const FIELDS: &'static [Field] = &[Field::replace("name"), Field::update("retention_days").after_create()];
    const COEXISTS: bool = false;
    const REPEAT: Repeat = Repeat::Collides;
    const ID_FROM_NAME: bool = true;
    const ACTIONS: Actions = Actions {
        reads: &["logs:DescribeLogGroups", "logs:ListTagsForResource", "rds:DescribeDBInstances"],
        creates: &["logs:CreateLogGroup", "logs:PutRetentionPolicy", "logs:TagResource"],
        updates: &[
            update_of("logs:DeleteRetentionPolicy", &["retention_days"]),
            update_of("logs:PutRetentionPolicy", &["retention_days"]),
            update_of("logs:TagResource", &[TAGS]),
            update_of("logs:UntagResource", &[TAGS]),
        ],
        deletes: &["logs:DeleteLogGroup"],
        ..Actions::NONE
    };
    type Outputs = Outputs;

    async fn find(scope: &Scope<'_>, want: &Self) -> Result<Found> {
        let aws = scope.aws;
        let Some(group) = describe(aws, &want.name).await? else { return Ok(Found::None) };
        let call = aws.logs().list_tags_for_resource().resource_arn(arn(&group));
        let found = aws.call("logs:ListTagsForResource", call.send()).await?;
        let tags = tags::from_pairs(found.tags.unwrap_or_default());
        let id = Id::from(want.name.as_str());
        if tags.is_empty()
            && let Some(database) = database_of(scope.deployment, &want.name)
        {
            let begun = match instance::whose(scope, &database).await? {
                Whose::Strangers => {
                    let whose = format!("the log group `{id}` belongs to a database that hybridctl did not make");
                    return Ok(Found::Foreign(whose));
                }
                Whose::Ours(made) => made.into_iter().chain(scope.since).min(),
                Whose::Nobodys => scope.since,
            };
            // Its lines would be shortened to our retention, and deleted with ours.
            let others = || {
                format!(
                    "the log group `{id}` has no tags and is older than this deployment: it holds somebody else's lines"
                )
            };
            return Ok(match begun.is_none_or(|begun| is_older(&group, begun)) {
                true => Found::Foreign(others()),
                false => Found::Ours(id),
            });
        }
        Ok(tags::ours_or_foreign(scope, &format!("the log group `{}`", want.name), id, &tags))
    }

    async fn read(scope: &Scope<'_>, id: &Id) -> Result<Option<Live<Self>>> {
        Ok(describe(scope.aws, &id.0).await?.map(|group| {
            Live::untagged(
                Self { name: id.0.clone(), retention_days: group.retention_in_days.unwrap_or_default() },
                Outputs { log_group_name: id.0.clone(), log_group_arn: arn(&group) },
            )
        }))
    }

    async fn create(scope: &Scope<'_>, want: &Self) -> Result<Id> {
        let aws = scope.aws;
        let tags = scope.tags().into_iter().collect();
        let call = aws.logs().create_log_group().log_group_name(&want.name).set_tags(Some(tags));
        aws.call("logs:CreateLogGroup", call.send()).await?;
        Ok(want.name.as_str().into())
    }

    async fn update(scope: &Scope<'_>, id: &Id, want: &Self, changed: &Changed) -> Result<()> {
        let aws = scope.aws;
        if changed.has("retention_days") && want.retention_days == 0 {
            let call = aws.logs().delete_retention_policy().log_group_name(&id.0);
            aws.call("logs:DeleteRetentionPolicy", call.send()).await?;
        } else if changed.has("retention_days") {
            let call = aws.logs().put_retention_policy().log_group_name(&id.0).retention_in_days(want.retention_days);
            aws.call("logs:PutRetentionPolicy", call.send()).await?;
        }
        apply_tags(aws, id, changed.tags.as_ref()).await
    }

    async fn delete(scope: &Scope<'_>, id: &Id) -> Result<()> {
        let aws = scope.aws;
        aws.call("logs:DeleteLogGroup", aws.logs().delete_log_group().log_group_name(&id.0).send()).await.map(drop)
    }
}

/// The deployment's own instance, for the groups that RDS makes for it.
fn database_of(deployment: &str, name: &str) -> Option<String> {
    let rest = name.strip_prefix("/aws/rds/instance/").and_then(|rest| rest.strip_prefix(deployment))?;
    rest.starts_with("-db/").then(|| format!("{deployment}-db"))
}

/// Clocks of services need not agree to the second.
const SLACK: SignedDuration = SignedDuration::from_secs(60);

/// True if the group was there before this moment.
pub(super) fn is_older(group: &types::LogGroup, than: Timestamp) -> bool {
    let made = group.creation_time.and_then(|made| Timestamp::from_millisecond(made).ok());
    made.is_some_and(|made| made + SLACK < than)
}

/// The ARN as the tag calls and policies want it.
pub(super) fn arn(group: &types::LogGroup) -> String {
    let arn = group.log_group_arn.as_deref().or(group.arn.as_deref()).unwrap_or_default();
    arn.strip_suffix(":*").unwrap_or(arn).to_owned()
}

async fn apply_tags(aws: &Aws, id: &Id, change: Option<&TagChange>) -> Result<()> {
    let Some(change) = change else { return Ok(()) };
    let group = describe(aws, &id.0).await?.ok_or_else(|| Error::terminal(format!("the log group `{id}` is gone")))?;
    let set = change.set.clone().into_iter().collect();
    let call = aws.logs().tag_resource().resource_arn(arn(&group)).set_tags(Some(set));
    aws.call("logs:TagResource", call.send()).await?;
    if !change.remove.is_empty() {
        let call = aws.logs().untag_resource().resource_arn(arn(&group)).set_tag_keys(Some(change.remove.clone()));
        aws.call("logs:UntagResource", call.send()).await?;
    }
    Ok(())
}

struct LogGroups;

/// Groups under one path that are asked for in one turn are one search: `/ecs/…` and the four of a database are two calls.
async fn describe(aws: &Aws, name: &str) -> Result<Option<types::LogGroup>> {
    let (client, log) = (aws.logs().clone(), aws.log());
    let batch = aws.batches.of::<LogGroups, String, types::LogGroup>();
    batch
        .get(name.to_owned(), move |names| async move {
            let search = async |(prefix, mut missing): (String, Vec<String>)| {
                let (mut found, mut token) = (vec![], None);
                loop {
                    let call = client.describe_log_groups().log_group_name_prefix(&prefix).set_next_token(token);
                    let page = log.call("logs:DescribeLogGroups", call.send()).await?;
                    for group in page.log_groups.unwrap_or_default() {
                        let name = group.log_group_name.clone().unwrap_or_default();
                        if let Some(at) = missing.iter().position(|wanted| *wanted == name) {
                            missing.swap_remove(at);
                            found.push((name, group));
                        }
                    }
                    token = page.next_token;
                    // Other groups with the same prefix may fill many more pages.
                    if token.is_none() || missing.is_empty() {
                        return Ok::<_, Error>(found);
                    }
                }
            };
            let found = futures_util::future::try_join_all(searches(names).into_iter().map(search)).await?;
            Ok(found.into_iter().flatten().collect::<BTreeMap<_, _>>())
        })
        .await
}

/// Which prefixes to search for, and which names each should bring.
fn searches(names: Vec<String>) -> Vec<(String, Vec<String>)> {
    let mut by_path = BTreeMap::<String, Vec<String>>::new();
    for name in names {
        // A name without a path is searched for alone: AWS refuses an empty prefix.
        let path = name.rfind('/').map_or(name.as_str(), |at| &name[..=at]).to_owned();
        by_path.entry(path).or_default().push(name);
    }
    // Not the path itself: `/ecs/` may hold hundreds of groups of others.
    by_path.into_values().map(|names| (common_prefix(&names), names)).collect()
}

fn common_prefix(names: &[String]) -> String {
    let Some((first, rest)) = names.split_first() else { return String::new() };
    let shared = |other: &String| first.chars().zip(other.chars()).take_while(|(a, b)| a == b).count();
    first.chars().take(rest.iter().map(shared).min().unwrap_or(usize::MAX)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_groups_are_two_searches() {
        let database =
            ["audit", "error", "general", "slowquery"].map(|log| format!("/aws/rds/instance/zenml-db/{log}"));
        let mut names = vec!["/ecs/zenml".to_owned()];
        names.extend(database.clone());
        let found = searches(names);
        assert_eq!(
            found,
            [
                ("/aws/rds/instance/zenml-db/".to_owned(), database.to_vec()),
                ("/ecs/zenml".to_owned(), vec!["/ecs/zenml".to_owned()]),
            ]
        );
        let alone = |name: &str| (name.to_owned(), vec![name.to_owned()]);
        assert_eq!(searches(vec!["a".into(), "b".into()]), [alone("a"), alone("b")]);
    }

    #[test]
    fn only_the_groups_of_our_own_instance_are_taken_over() {
        for (name, ours) in [
            ("/aws/rds/instance/zenml-db/error", true),
            ("/aws/rds/instance/zenml-db2/error", false),
            ("/aws/rds/instance/zenml-2-db/error", false),
            ("/ecs/zenml-db/error", false),
        ] {
            assert_eq!(database_of("zenml", name).is_some(), ours, "{name}");
        }
    }

    #[test]
    fn a_group_that_was_there_before_is_older_and_clocks_may_differ_a_little() {
        let group = types::LogGroup::builder().creation_time(1_000_000).build();
        for (begun, older) in [(999, false), (1000, false), (1059, false), (1061, true)] {
            assert_eq!(is_older(&group, Timestamp::from_second(begun).unwrap()), older, "{begun}");
        }
        assert!(!is_older(&types::LogGroup::builder().build(), Timestamp::now()), "AWS always tells");
    }

    #[test]
    fn the_arn_has_no_star() {
        let group = types::LogGroup::builder().arn("arn:aws:logs:r:1:log-group:/ecs/zenml:*").build();
        assert_eq!(arn(&group), "arn:aws:logs:r:1:log-group:/ecs/zenml");
        let group = types::LogGroup::builder().arn("x:*").log_group_arn("arn:new").build();
        assert_eq!(arn(&group), "arn:new");
    }
}
