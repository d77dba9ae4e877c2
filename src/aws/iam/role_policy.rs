//! A policy inside a role. <https://docs.aws.amazon.com/IAM/latest/APIReference/API_PutRolePolicy.html>
//!
//! Listed at once; in force after some 10 s. Has no tags: it belongs to its role. Putting one that is there overwrites it.
//! The document comes back percent-encoded and otherwise as it was sent.

use super::policy::Document;
use crate::aws::Aws;
use crate::model::Input;
use crate::resource::actions::{Actions, update};
use crate::resource::error::OrGone;
use crate::resource::{Changed, Field, Found, Id, Live, Repeat, Resource, Result, Scope};
use serde::{Deserialize, Serialize};

/// One inline policy of one role.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RolePolicy {
    /// Name of the role.
    pub role_name: Input<String>,
    /// Name of the policy within the role, at most 128 of `[A-Za-z0-9+=,.@_-]`.
    pub policy_name: String,
    /// What it permits. All inline policies of a role together: 10,240 characters without whitespace.
    pub document: Document,
}

/// Nothing refers to an inline policy.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Outputs {}

impl Resource for RolePolicy {
    const KIND: &'static str = "iam.role_policy";
    const FIELDS: &'static [Field] =
        &[Field::replace("role_name"), Field::replace("policy_name"), Field::update("document")];
    const REPEAT: Repeat = Repeat::ReturnsExisting;
    const TAGGED: bool = false;
    const ACTIONS: Actions = Actions {
        reads: &["iam:GetRolePolicy"],
        creates: &["iam:PutRolePolicy"],
        updates: &[update("iam:PutRolePolicy")],
        deletes: &["iam:DeleteRolePolicy"],
        ..Actions::NONE
    };
    type Outputs = Outputs;

    async fn find(scope: &Scope<'_>, want: &Self) -> Result<Found> {
        let role = want.role_name.get()?;
        let there = text(scope.aws, role, &want.policy_name).await?.is_some();
        Ok(if there { Found::Ours(Id::of_parts(&[role, &want.policy_name])) } else { Found::None })
    }

    async fn read(scope: &Scope<'_>, id: &Id) -> Result<Option<Live<Self>>> {
        let [role, name] = id.parts()?;
        let Some(encoded) = text(scope.aws, role, name).await? else { return Ok(None) };
        let document = Document::decode(&encoded)?;
        let live = Self { role_name: role.to_owned().into(), policy_name: name.to_owned(), document };
        Ok(Some(Live::untagged(live, Outputs {})))
    }

    async fn create(scope: &Scope<'_>, want: &Self) -> Result<Id> {
        put(scope.aws, want).await?;
        Ok(Id::of_parts(&[want.role_name.get()?, &want.policy_name]))
    }

    async fn update(scope: &Scope<'_>, _id: &Id, want: &Self, changed: &Changed) -> Result<()> {
        if changed.has("document") {
            put(scope.aws, want).await?;
        }
        Ok(())
    }

    async fn delete(scope: &Scope<'_>, id: &Id) -> Result<()> {
        let [role, name] = id.parts()?;
        remove(scope.aws, role, name).await
    }
}

/// Takes an inline policy off a role.
pub(super) async fn remove(aws: &Aws, role: &str, name: &str) -> Result<()> {
    let call = aws.iam().delete_role_policy().role_name(role).policy_name(name);
    aws.call("iam:DeleteRolePolicy", call.send()).await.map(drop)
}

async fn put(aws: &Aws, want: &RolePolicy) -> Result<()> {
    let call = aws
        .iam()
        .put_role_policy()
        .role_name(want.role_name.get()?)
        .policy_name(&want.policy_name)
        .policy_document(want.document.text()?);
    aws.call("iam:PutRolePolicy", call.send()).await.map(drop)
}

async fn text(aws: &Aws, role: &str, name: &str) -> Result<Option<String>> {
    let call = aws.iam().get_role_policy().role_name(role).policy_name(name);
    let found = aws.call("iam:GetRolePolicy", call.send()).await.or_gone()?;
    Ok(found.map(|found| found.policy_document))
}
