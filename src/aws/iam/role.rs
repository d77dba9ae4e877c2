//! An IAM role. <https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html>
//!
//! Read back at once, but other services can assume it only after some 10 s; ECS says so in its events, not in an error.
//! Roles are global: the name is unique in the account whatever the region, letter case aside, and a repeated create is
//! refused with `EntityAlreadyExists`. The policies on it are resources of their own; the role knows which there should be,
//! so that one added by hand shows here and is taken off. A role that another principal names by its unique id (`AROA…`)
//! is not the same role after a replacement. GetRole returns the trust policy percent-encoded.

use super::policy::Document;
use super::{policy_attachment, role_policy};
use crate::aws::{Aws, tags};
use crate::model::{Handle, Output};
use crate::resource::actions::{Actions, TAGS, update_of};
use crate::resource::error::OrGone;
use crate::resource::{Changed, Error, Field, Found, Id, Live, Repeat, Resource, Result, Scope, TagChange, Tags};
use aws_sdk_iam::types;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeSet;

/// An identity that a service takes on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Role {
    /// At most 64 of `[A-Za-z0-9+=,.@_-]`; contains the region, because roles are global.
    pub name: String,
    /// What it is for, at most 1000 characters.
    pub description: String,
    /// Who may take it on.
    pub assume_role_policy: Document,
    /// ARNs of the managed policies that may be on it; `iam.policy_attachment` puts them there.
    pub managed_policies: BTreeSet<String>,
    /// Names of the inline policies that may be in it; `iam.role_policy` puts them there.
    pub inline_policies: BTreeSet<String>,
}

/// What others may use.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Outputs {
    /// `arn:aws:iam::123456789012:role/…`.
    pub role_arn: String,
    /// The name.
    pub role_name: String,
    /// The unique id, `AROA…`: another one after the role was made anew.
    pub role_id: String,
}

impl Handle<Role> {
    /// `arn:aws:iam::123456789012:role/…`.
    pub fn role_arn(&self) -> Output<String> {
        self.output("role_arn")
    }

    /// The name.
    pub fn role_name(&self) -> Output<String> {
        self.output("role_name")
    }

    /// `AROA…`.
    pub fn role_id(&self) -> Output<String> {
        self.output("role_id")
    }
}

impl Resource for Role {
    const KIND: &'static str = "iam.role";
    const FIELDS: &'static [Field] = &[
        Field::replace("name"),
        Field::update("description"),
        Field::update("assume_role_policy"),
        Field::update("managed_policies").same_when(nothing_extra),
        Field::update("inline_policies").same_when(nothing_extra),
    ];
    const COEXISTS: bool = false;
    const REPEAT: Repeat = Repeat::Collides;
    const ID_FROM_NAME: bool = true;
    const ACTIONS: Actions = Actions {
        reads: &["iam:GetRole", "iam:ListAttachedRolePolicies", "iam:ListRolePolicies"],
        creates: &["iam:CreateRole", "iam:TagRole"],
        updates: &[
            update_of("iam:DeleteRolePolicy", &["inline_policies"]),
            update_of("iam:DetachRolePolicy", &["managed_policies"]),
            update_of("iam:TagRole", &[TAGS]),
            update_of("iam:UntagRole", &[TAGS]),
            update_of("iam:UpdateAssumeRolePolicy", &["assume_role_policy"]),
            update_of("iam:UpdateRole", &["description"]),
        ],
        deletes: &["iam:DeleteRole", "iam:DeleteRolePolicy", "iam:DetachRolePolicy"],
        ..Actions::NONE
    };
    type Outputs = Outputs;

    async fn find(scope: &Scope<'_>, want: &Self) -> Result<Found> {
        Ok(get(scope.aws, &want.name).await?.map_or(Found::None, |role| {
            let what = format!("the role `{}`", want.name);
            tags::ours_or_foreign(scope, &what, role.role_name.as_str().into(), &read_tags(&role))
        }))
    }

    async fn read(scope: &Scope<'_>, id: &Id) -> Result<Option<Live<Self>>> {
        let aws = scope.aws;
        let (role, attached, inline) =
            futures_util::join!(get(aws, &id.0), policy_attachment::attached(aws, &id.0), inline(aws, &id.0));
        let (Some(role), attached, inline) = (role?, attached?, inline?) else { return Ok(None) };
        let tags = read_tags(&role);
        Ok(Some(Live::ready(
            Self {
                name: role.role_name.clone(),
                description: role.description.unwrap_or_default(),
                assume_role_policy: Document::decode(&role.assume_role_policy_document.unwrap_or_default())?,
                managed_policies: attached.unwrap_or_default(),
                inline_policies: inline.unwrap_or_default(),
            },
            Outputs { role_arn: role.arn, role_name: role.role_name, role_id: role.role_id },
            tags,
        )))
    }

    async fn create(scope: &Scope<'_>, want: &Self) -> Result<Id> {
        let aws = scope.aws;
        let call = aws
            .iam()
            .create_role()
            .role_name(&want.name)
            .description(&want.description)
            .assume_role_policy_document(want.assume_role_policy.text()?)
            .set_tags(Some(written_tags(&scope.tags())?));
        aws.call("iam:CreateRole", call.send()).await?;
        Ok(want.name.as_str().into())
    }

    async fn update(scope: &Scope<'_>, id: &Id, want: &Self, changed: &Changed) -> Result<()> {
        let aws = scope.aws;
        if changed.has("description") {
            let call = aws.iam().update_role().role_name(&id.0).description(&want.description);
            aws.call("iam:UpdateRole", call.send()).await?;
        }
        if changed.has("assume_role_policy") {
            let call = aws.iam().update_assume_role_policy().role_name(&id.0);
            let call = call.policy_document(want.assume_role_policy.text()?);
            aws.call("iam:UpdateAssumeRolePolicy", call.send()).await?;
        }
        if changed.has("managed_policies") {
            detach_all_but(aws, &id.0, &want.managed_policies).await?;
        }
        if changed.has("inline_policies") {
            remove_all_but(aws, &id.0, &want.inline_policies).await?;
        }
        apply_tags(aws, &id.0, changed.tags.as_ref()).await
    }

    async fn delete(scope: &Scope<'_>, id: &Id) -> Result<()> {
        let (aws, none) = (scope.aws, BTreeSet::new());
        detach_all_but(aws, &id.0, &none).await?;
        remove_all_but(aws, &id.0, &none).await?;
        aws.call("iam:DeleteRole", aws.iam().delete_role().role_name(&id.0).send()).await.map(drop)
    }
}

/// True if every live policy is wanted. One that is missing is the business of the resource that puts it there.
fn nothing_extra(want: &Value, live: &Value) -> bool {
    let (Some(want), Some(live)) = (want.as_array(), live.as_array()) else { return false };
    live.iter().all(|policy| want.contains(policy))
}

pub(super) async fn get(aws: &Aws, name: &str) -> Result<Option<types::Role>> {
    let found = aws.call("iam:GetRole", aws.iam().get_role().role_name(name).send()).await.or_gone()?;
    Ok(found.and_then(|found| found.role))
}

/// Names of the inline policies; `None` if there is no such role.
async fn inline(aws: &Aws, role: &str) -> Result<Option<BTreeSet<String>>> {
    let (mut names, mut marker) = (BTreeSet::new(), None);
    loop {
        let call = aws.iam().list_role_policies().role_name(role).set_marker(marker);
        let Some(page) = aws.call("iam:ListRolePolicies", call.send()).await.or_gone()? else { return Ok(None) };
        names.extend(page.policy_names);
        marker = page.marker.filter(|_| page.is_truncated);
        if marker.is_none() {
            return Ok(Some(names));
        }
    }
}

async fn detach_all_but(aws: &Aws, role: &str, keep: &BTreeSet<String>) -> Result<()> {
    let attached = policy_attachment::attached(aws, role).await?.unwrap_or_default();
    for arn in attached.difference(keep) {
        policy_attachment::detach(aws, role, arn).await.or_gone()?;
    }
    Ok(())
}

async fn remove_all_but(aws: &Aws, role: &str, keep: &BTreeSet<String>) -> Result<()> {
    for name in inline(aws, role).await?.unwrap_or_default().difference(keep) {
        role_policy::remove(aws, role, name).await.or_gone()?;
    }
    Ok(())
}

pub(super) fn read_tags(role: &types::Role) -> Tags {
    tags::from_pairs(role.tags().iter().map(|tag| (tag.key(), tag.value())))
}

fn written_tags(tags: &Tags) -> Result<Vec<types::Tag>> {
    tags.iter().map(|(key, value)| types::Tag::builder().key(key).value(value).build().map_err(Error::bug)).collect()
}

async fn apply_tags(aws: &Aws, role: &str, change: Option<&TagChange>) -> Result<()> {
    let Some(change) = change else { return Ok(()) };
    let call = aws.iam().tag_role().role_name(role).set_tags(Some(written_tags(&change.set)?));
    aws.call("iam:TagRole", call.send()).await?;
    if !change.remove.is_empty() {
        let call = aws.iam().untag_role().role_name(role).set_tag_keys(Some(change.remove.clone()));
        aws.call("iam:UntagRole", call.send()).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_an_added_policy_is_a_difference_of_the_role() {
        let want = json!(["a", "b"]);
        for (live, same) in [(json!([]), true), (json!(["b"]), true), (json!(["a", "b"]), true), (json!(["c"]), false)]
        {
            assert_eq!(Role::FIELDS[3].satisfied(&want, &live), same, "{live}");
            assert_eq!(Role::FIELDS[4].satisfied(&want, &live), same, "{live}");
        }
    }
}
