//! A security group. <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateSecurityGroup.html>
//!
//! Settles within 2 s. The pair (VPC, name) is unique, letter case aside, so a repeated create is refused with
//! `InvalidGroup.Duplicate`; the name carries the incarnation, because a group with members can only be replaced by a second
//! one. A new group lets everything out: that rule, and any other that does not carry our tags, shows as `unknown_rules` and
//! is revoked. A delete is refused with `DependencyViolation` while an interface or a rule of another group uses the group.

use super::vpc::VpcId;
use super::{holders, rules, tagging};
use crate::aws::{Aws, tags};
use crate::model::{Handle, Input, Output};
use crate::resource::actions::{Actions, TAGS, update_of};
use crate::resource::{Changed, Class, Field, Found, Holder, Id, Live, Repeat, Resource, Result, Scope};
use aws_sdk_ec2::types::{self, ResourceType};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// `sg-0abc…`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SecurityGroupId(pub String);

/// A set of rules that network interfaces share. The rules are resources of their own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SecurityGroup {
    /// The VPC it belongs to.
    pub vpc_id: Input<VpcId>,
    /// The group's name without the suffix of the incarnation: at most 248 characters, not starting with `sg-`.
    pub name_prefix: String,
    /// What the group is for, at most 255 characters of a narrow alphabet (no quotes, no umlauts).
    pub description: String,
    /// Rules in the group that are not on our record, as text (`ingress tcp 22-22 from 0.0.0.0/0`). Wanted: none.
    pub unknown_rules: BTreeSet<String>,
}

/// What others may use.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Outputs {
    /// `sg-0abc…`.
    pub security_group_id: SecurityGroupId,
}

impl Handle<SecurityGroup> {
    /// `sg-0abc…`.
    pub fn security_group_id(&self) -> Output<SecurityGroupId> {
        self.output("security_group_id")
    }
}

impl Resource for SecurityGroup {
    const KIND: &'static str = "ec2.security_group";
    const FIELDS: &'static [Field] = &[
        Field::replace("vpc_id"),
        Field::replace("name_prefix"),
        Field::replace("description"),
        Field::update("unknown_rules").after_create(),
    ];
    const REPEAT: Repeat = Repeat::Collides;
    const ACTIONS: Actions = Actions {
        reads: &["ec2:DescribeSecurityGroupRules", "ec2:DescribeSecurityGroups"],
        creates: &["ec2:CreateSecurityGroup", "ec2:CreateTags", "ec2:RevokeSecurityGroupEgress"],
        updates: &[
            update_of("ec2:CreateTags", &[TAGS]),
            update_of("ec2:DeleteTags", &[TAGS]),
            update_of("ec2:RevokeSecurityGroupEgress", &["unknown_rules"]),
            update_of("ec2:RevokeSecurityGroupIngress", &["unknown_rules"]),
        ],
        deletes: &["ec2:DeleteSecurityGroup"],
        seldom: &[
            "ec2:DescribeNetworkInterfaces",
            "ec2:DescribeVpcEndpoints",
            "ec2:RevokeSecurityGroupEgress",
            "ec2:RevokeSecurityGroupIngress",
        ],
        ..Actions::NONE
    };
    type Outputs = Outputs;

    async fn find(scope: &Scope<'_>, want: &Self) -> Result<Found> {
        // By tag first: a group of an earlier incarnation has another suffix.
        let candidates = search(scope.aws, tagging::ours(scope)).await?;
        let tagged = tags::pick(scope, candidates.iter().map(id_and_tags));
        if tagged != Found::None {
            return Ok(tagged);
        }
        let name = scope.suffixed(&want.name_prefix);
        let filters =
            vec![tagging::filter("vpc-id", [&want.vpc_id.get()?.0]), tagging::filter("group-name", [name.as_str()])];
        Ok(search(scope.aws, filters).await?.first().map_or(Found::None, |group| {
            let (id, tags) = id_and_tags(group);
            tags::ours_or_foreign(scope, &format!("the security group `{name}` in this VPC"), id, &tags)
        }))
    }

    async fn read(scope: &Scope<'_>, id: &Id) -> Result<Option<Live<Self>>> {
        let (group, rules) = futures_util::join!(describe(scope.aws, id), rules::of_group(scope.aws, &id.0));
        let (Some(group), rules) = (group?, rules?) else { return Ok(None) };
        Ok(Some(Live::ready(
            Self {
                vpc_id: VpcId(group.vpc_id.unwrap_or_default()).into(),
                name_prefix: without_suffix(group.group_name.as_deref().unwrap_or_default()).to_owned(),
                description: group.description.unwrap_or_default(),
                unknown_rules: rules::unknown(scope, &rules).into_iter().map(rules::text).collect(),
            },
            Outputs { security_group_id: SecurityGroupId(id.0.clone()) },
            tagging::read(group.tags.as_deref()),
        )))
    }

    async fn create(scope: &Scope<'_>, want: &Self) -> Result<Id> {
        let aws = scope.aws;
        let call = aws
            .ec2()
            .create_security_group()
            .vpc_id(&want.vpc_id.get()?.0)
            .group_name(scope.suffixed(&want.name_prefix))
            .description(&want.description)
            .tag_specifications(tagging::specification(scope, ResourceType::SecurityGroup));
        let made = aws.call("ec2:CreateSecurityGroup", call.send()).await?;
        Ok(made.group_id.unwrap_or_default().into())
    }

    async fn update(scope: &Scope<'_>, id: &Id, want: &Self, changed: &Changed) -> Result<()> {
        if changed.has("unknown_rules") {
            rules::revoke_unknown(scope, &id.0, &want.unknown_rules).await?;
        }
        tagging::apply(scope.aws, &id.0, changed.tags.as_ref()).await
    }

    async fn delete(scope: &Scope<'_>, id: &Id) -> Result<()> {
        let aws = scope.aws;
        let call = aws.ec2().delete_security_group().group_id(&id.0);
        let deleted = aws.call("ec2:DeleteSecurityGroup", call.send()).await.map(drop);
        let refused = deleted.as_ref().is_err_and(|error| error.class == Class::Drain);
        // Two groups whose rules name each other hold each other; with members left, its rules are still in use.
        if refused && !holders::has_members(aws, &id.0).await? {
            rules::revoke_towards_groups(aws, &id.0).await?;
        }
        deleted
    }

    async fn holders(scope: &Scope<'_>, id: &Id) -> Result<Vec<Holder>> {
        holders::of_group(scope, &id.0).await
    }
}

/// The name without `-1a2b3c`.
fn without_suffix(name: &str) -> &str {
    name.len().checked_sub(7).and_then(|end| name.get(..end)).unwrap_or(name)
}

fn id_and_tags(group: &types::SecurityGroup) -> (Id, crate::resource::Tags) {
    (group.group_id.as_deref().unwrap_or_default().into(), tagging::read(group.tags.as_deref()))
}

async fn search(aws: &Aws, filters: Vec<types::Filter>) -> Result<Vec<types::SecurityGroup>> {
    let call = aws.ec2().describe_security_groups().set_filters(Some(filters));
    let found = aws.call("ec2:DescribeSecurityGroups", call.send()).await?;
    Ok(found.security_groups.unwrap_or_default())
}

struct SecurityGroups;

/// All groups asked for in one turn are one call.
async fn describe(aws: &Aws, id: &Id) -> Result<Option<types::SecurityGroup>> {
    let (client, log) = (aws.ec2().clone(), aws.log());
    let batch = aws.batches.of::<SecurityGroups, String, types::SecurityGroup>();
    batch
        .get(id.0.clone(), move |ids| async move {
            let call = client.describe_security_groups().filters(tagging::filter("group-id", ids));
            let found = log.call("ec2:DescribeSecurityGroups", call.send()).await?;
            let named = |group: types::SecurityGroup| group.group_id.clone().map(|id| (id, group));
            Ok(found.security_groups.unwrap_or_default().into_iter().filter_map(named).collect::<BTreeMap<_, _>>())
        })
        .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_suffix_of_the_incarnation_is_not_part_of_the_prefix() {
        assert_eq!(without_suffix("zenml-hybrid-alb-1a2b3c"), "zenml-hybrid-alb");
        assert_eq!(without_suffix("short"), "short");
    }
}
