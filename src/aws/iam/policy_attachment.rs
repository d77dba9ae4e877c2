//! A managed policy on a role. <https://docs.aws.amazon.com/IAM/latest/APIReference/API_AttachRolePolicy.html>
//!
//! Listed at once; in force after some 10 s. Has no tags: it belongs to its role. Attaching what is attached succeeds.
//! The role's own reading uses the same list, so that role and attachments cost one ListAttachedRolePolicies per role.

use crate::aws::Aws;
use crate::model::Input;
use crate::resource::actions::Actions;
use crate::resource::error::OrGone;
use crate::resource::{Changed, Error, Field, Found, Id, Live, Repeat, Resource, Result, Scope};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// One managed policy on one role.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PolicyAttachment {
    /// Name of the role.
    pub role_name: Input<String>,
    /// `arn:aws:iam::aws:policy/…`.
    pub policy_arn: String,
}

/// Nothing refers to an attachment.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Outputs {}

impl Resource for PolicyAttachment {
    const KIND: &'static str = "iam.policy_attachment";
    const FIELDS: &'static [Field] = &[Field::replace("role_name"), Field::replace("policy_arn")];
    const REPEAT: Repeat = Repeat::ReturnsExisting;
    const TAGGED: bool = false;
    const ACTIONS: Actions = Actions {
        reads: &["iam:ListAttachedRolePolicies"],
        creates: &["iam:AttachRolePolicy"],
        deletes: &["iam:DetachRolePolicy"],
        ..Actions::NONE
    };
    type Outputs = Outputs;

    async fn find(scope: &Scope<'_>, want: &Self) -> Result<Found> {
        let role = want.role_name.get()?;
        let attached = attached(scope.aws, role).await?.is_some_and(|arns| arns.contains(&want.policy_arn));
        Ok(if attached { Found::Ours(Id::of_parts(&[role, &want.policy_arn])) } else { Found::None })
    }

    async fn read(scope: &Scope<'_>, id: &Id) -> Result<Option<Live<Self>>> {
        let [role, arn] = id.parts()?;
        let attached = attached(scope.aws, role).await?.is_some_and(|arns| arns.contains(arn));
        let live = || Self { role_name: role.to_owned().into(), policy_arn: arn.to_owned() };
        Ok(attached.then(|| Live::untagged(live(), Outputs {})))
    }

    async fn create(scope: &Scope<'_>, want: &Self) -> Result<Id> {
        let (aws, role) = (scope.aws, want.role_name.get()?);
        let call = aws.iam().attach_role_policy().role_name(role).policy_arn(&want.policy_arn);
        aws.call("iam:AttachRolePolicy", call.send()).await?;
        Ok(Id::of_parts(&[role, &want.policy_arn]))
    }

    async fn update(_scope: &Scope<'_>, _id: &Id, _want: &Self, _changed: &Changed) -> Result<()> {
        Ok(())
    }

    async fn delete(scope: &Scope<'_>, id: &Id) -> Result<()> {
        let [role, arn] = id.parts()?;
        detach(scope.aws, role, arn).await
    }
}

/// Takes a managed policy off a role.
pub(super) async fn detach(aws: &Aws, role: &str, arn: &str) -> Result<()> {
    let call = aws.iam().detach_role_policy().role_name(role).policy_arn(arn);
    aws.call("iam:DetachRolePolicy", call.send()).await.map(drop)
}

struct Attached;

/// ARNs of the managed policies on a role, one call per role and turn; `None` if there is no such role.
pub(super) async fn attached(aws: &Aws, role: &str) -> Result<Option<BTreeSet<String>>> {
    let (client, log) = (aws.iam().clone(), aws.log());
    let batch = aws.batches.of::<Attached, String, BTreeSet<String>>();
    batch
        .get(role.to_owned(), move |roles| async move {
            let list = async |role: String| {
                let (mut arns, mut marker) = (BTreeSet::new(), None);
                loop {
                    let call = client.list_attached_role_policies().role_name(&role).set_marker(marker);
                    let Some(page) = log.call("iam:ListAttachedRolePolicies", call.send()).await.or_gone()? else {
                        return Ok::<_, Error>(None);
                    };
                    arns.extend(page.attached_policies.unwrap_or_default().into_iter().filter_map(|p| p.policy_arn));
                    marker = page.marker.filter(|_| page.is_truncated);
                    if marker.is_none() {
                        return Ok(Some((role, arns)));
                    }
                }
            };
            let lists = futures_util::future::try_join_all(roles.into_iter().map(list)).await?;
            Ok(lists.into_iter().flatten().collect::<BTreeMap<_, _>>())
        })
        .await
}
