//! What the three kinds of secrets share. <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_CreateSecret.html>
//!
//! Reads never fetch a value. All secrets of a deployment are one ListSecrets, but that lags up to five minutes behind: it is
//! believed only where it says what the record says, and not at all once this run has written; otherwise DescribeSecret tells.
//!
//! The client token of a write *is* the id of the version it makes. Ours are 64 hex digits: 32 that make it unique, then 32
//! that tell from what the value came (a keyed fingerprint, a digest). So the id of the current version tells whether the
//! stored value is the wanted one, after a restore and on another machine too, and a value put by hand (its version has a
//! UUID) shows.

use crate::aws::{Aws, tags};
use crate::resource::error::OrGone;
use crate::resource::{Changed, Class, Error, Found, Id, Result, Scope, Tags};
use crate::state::Recorded;
use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::operation::describe_secret::DescribeSecretOutput;
use aws_sdk_secretsmanager::types::{Filter, FilterNameStringType, SecretListEntry, Tag};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, HashMap};

/// `arn:aws:secretsmanager:eu-central-1:123456789012:secret:zenml/rds/password-AbCdEf`, with the six random characters:
/// without them an IAM policy matches nothing.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SecretArn(pub String);

/// What others may use.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Outputs {
    /// The full ARN.
    pub secret_arn: SecretArn,
    /// Id of the version that is current.
    pub version_id: String,
}

/// Shortest window that AWS allows; until it ends the name is taken and the value can be brought back.
const RECOVERY_DAYS: i64 = 7;

/// After any of these the list lags behind.
const WRITES: [&str; 6] = [
    "secretsmanager:CreateSecret",
    "secretsmanager:DeleteSecret",
    "secretsmanager:PutSecretValue",
    "secretsmanager:RestoreSecret",
    "secretsmanager:TagResource",
    "secretsmanager:UpdateSecret",
];

/// A secret without its value.
#[derive(Debug, Clone)]
pub(super) struct Secret {
    pub(super) arn: String,
    pub(super) name: String,
    pub(super) description: String,
    pub(super) version_id: String,
    pub(super) tags: Tags,
    deleted: bool,
}

impl Secret {
    pub(super) fn outputs(&self) -> Outputs {
        Outputs { secret_arn: SecretArn(self.arn.clone()), version_id: self.version_id.clone() }
    }

    fn says_what_is_recorded(&self, recorded: &Recorded) -> bool {
        !self.deleted
            && recorded.inputs["name"] == *self.name
            && recorded.inputs["description"] == *self.description
            && recorded.outputs["version_id"] == *self.version_id
            && recorded.tags.iter().all(|(key, value)| self.tags.get(key) == Some(value))
    }
}

/// The secret as it is now; `None` when it is gone or in its recovery window.
pub(super) async fn read(scope: &Scope<'_>, id: &Id) -> Result<Option<Secret>> {
    let aws = scope.aws;
    if let (Some(recorded), None) = (scope.recorded, scope.want)
        && !aws.calls().iter().any(|call| WRITES.contains(call))
        && let Some(secret) = listed(scope, id).await?
        && secret.says_what_is_recorded(recorded)
    {
        return Ok(Some(secret));
    }
    Ok(described(aws, &id.0).await?.filter(|secret| !secret.deleted))
}

/// Looks for the secret by its name.
pub(super) async fn find(scope: &Scope<'_>, name: &str) -> Result<Found> {
    let Some(secret) = described(scope.aws, name).await? else { return Ok(Found::None) };
    let found = tags::ours_or_foreign(scope, &format!("the secret `{name}`"), secret.arn.into(), &secret.tags);
    Ok(match (found, secret.deleted) {
        (Found::Ours(id), true) => Found::Restorable(id),
        (Found::Foreign(text), true) => Found::Foreign(format!(
            "{text}; it is deleted and keeps the name until its recovery window ends (`aws secretsmanager \
             delete-secret --force-delete-without-recovery --secret-id {name}` ends it now)"
        )),
        (found, _) => found,
    })
}

/// Makes the secret with its first version. `origin` (32 hex digits) tells from what the value came.
pub(super) async fn create(
    scope: &Scope<'_>,
    name: &str,
    description: &str,
    value: &SecretString,
    origin: Option<&str>,
) -> Result<Id> {
    let aws = scope.aws;
    let call = aws
        .secrets()
        .create_secret()
        .name(name)
        .description(description)
        .client_request_token(format!("{}{}", scope.token, origin.unwrap_or_default()))
        .secret_string(value.expose_secret())
        .set_tags(Some(sdk_tags(&scope.tags())));
    let made = aws.call("secretsmanager:CreateSecret", call.send()).await?;
    Ok(made.arn.unwrap_or_default().into())
}

/// Brings description and tags to what is wanted.
pub(super) async fn update(scope: &Scope<'_>, id: &Id, description: &str, changed: &Changed) -> Result<()> {
    let aws = scope.aws;
    if changed.has("description") {
        let call = aws.secrets().update_secret().secret_id(&id.0).description(description);
        aws.call("secretsmanager:UpdateSecret", call.send()).await?;
    }
    let Some(change) = &changed.tags else { return Ok(()) };
    let call = aws.secrets().tag_resource().secret_id(&id.0).set_tags(Some(sdk_tags(&change.set)));
    aws.call("secretsmanager:TagResource", call.send()).await?;
    if !change.remove.is_empty() {
        let call = aws.secrets().untag_resource().secret_id(&id.0).set_tag_keys(Some(change.remove.clone()));
        aws.call("secretsmanager:UntagResource", call.send()).await?;
    }
    Ok(())
}

/// Stores a new version, unless the current one came from `origin`. No loop may call this: versions are limited to 100.
pub(super) async fn put(scope: &Scope<'_>, id: &Id, value: &SecretString, origin: &str) -> Result<()> {
    let aws = scope.aws;
    let current = described(aws, &id.0).await?.map(|secret| secret.version_id).unwrap_or_default();
    if self::origin(&current) == Some(origin) {
        return Ok(());
    }
    let call = aws
        .secrets()
        .put_secret_value()
        .secret_id(&id.0)
        .client_request_token(next_version(&current, origin))
        .secret_string(value.expose_secret());
    aws.call("secretsmanager:PutSecretValue", call.send()).await.map(drop)
}

/// Schedules the deletion; one that is scheduled already stays as it is.
pub(super) async fn delete(scope: &Scope<'_>, id: &Id) -> Result<()> {
    let aws = scope.aws;
    let call = aws.secrets().delete_secret().secret_id(&id.0).recovery_window_in_days(RECOVERY_DAYS);
    match aws.call("secretsmanager:DeleteSecret", call.send()).await {
        // "… currently marked deleted", "… scheduled for deletion".
        Err(error) if error.is("InvalidRequestException") && error.message.contains("delet") => Ok(()),
        other => other.map(drop),
    }
}

/// Ends the recovery window; the value is what it was.
pub(super) async fn restore(scope: &Scope<'_>, id: &Id) -> Result<()> {
    let aws = scope.aws;
    aws.call("secretsmanager:RestoreSecret", aws.secrets().restore_secret().secret_id(&id.0).send()).await.map(drop)
}

/// The value of one version, for a kind that passes it on inside `create` or `update`.
pub(in crate::aws) async fn value(aws: &Aws, arn: &SecretArn, version_id: &str) -> Result<SecretString> {
    let call = aws.secrets().get_secret_value().secret_id(&arn.0).version_id(version_id);
    let got = aws.call("secretsmanager:GetSecretValue", call.send()).await.map_err(|error| match error.class {
        // Not to be taken for the absence of the object that needs the value.
        Class::NotFound => {
            error.in_class(Class::Terminal).hint(format!("look at the versions of the secret {}", arn.0))
        }
        _ => error,
    })?;
    let text = got.secret_string.ok_or_else(|| Error::terminal(format!("the secret {} holds no text", arn.0)))?;
    Ok(SecretString::from(text))
}

/// True if this version holds this value. For a record that is made again without the key of its fingerprints.
///
/// # Errors
/// The call's.
pub async fn holds(aws: &Aws, arn: &str, version_id: &str, given: &SecretString) -> Result<bool> {
    let stored = value(aws, &SecretArn(arn.to_owned()), version_id).await?;
    Ok(stored.expose_secret() == given.expose_secret())
}

/// From what the value of this version came; `None` if hybridctl did not write it, or made it up.
pub(super) fn origin(version_id: &str) -> Option<&str> {
    let ours = version_id.len() == 64 && version_id.bytes().all(|byte| byte.is_ascii_hexdigit());
    ours.then(|| &version_id[32..])
}

/// 32 hex digits that stand for these parts, none of which is secret.
pub(super) fn digest(parts: &[&str]) -> String {
    let digest = Sha256::digest(parts.join("\n").as_bytes());
    digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

/// The version that follows `current`: the same for a repeat of this change, another for a later change back to an old value,
/// because a version that exists already would not become current again.
fn next_version(current: &str, origin: &str) -> String {
    format!("{}{origin}", digest(&[current, origin]))
}

struct Secrets;

/// The secret as listed, which may be minutes old. All secrets asked for in one turn are one call.
async fn listed(scope: &Scope<'_>, id: &Id) -> Result<Option<Secret>> {
    let aws = scope.aws;
    let (client, log): (Client, _) = (aws.secrets().clone(), aws.log());
    let ours = Filter::builder().key(FilterNameStringType::TagValue).values(scope.lineage.to_string()).build();
    let batch = aws.batches.of::<Secrets, String, Secret>();
    batch
        .get(id.0.clone(), move |_| async move {
            let call = client.list_secrets().include_planned_deletion(true).max_results(100).filters(ours);
            let pages = call.into_paginator().send().collect::<std::result::Result<Vec<_>, _>>();
            let entries = log.call("secretsmanager:ListSecrets", pages).await?;
            let entries = entries.into_iter().flat_map(|page| page.secret_list.unwrap_or_default());
            Ok(entries.map(Secret::from).map(|secret| (secret.arn.clone(), secret)).collect::<BTreeMap<_, _>>())
        })
        .await
}

/// The secret as it is, deleted or not, by name or ARN.
async fn described(aws: &Aws, name_or_arn: &str) -> Result<Option<Secret>> {
    let call = aws.secrets().describe_secret().secret_id(name_or_arn);
    Ok(aws.call("secretsmanager:DescribeSecret", call.send()).await.or_gone()?.map(Secret::from))
}

impl From<SecretListEntry> for Secret {
    fn from(entry: SecretListEntry) -> Self {
        Self {
            arn: entry.arn.unwrap_or_default(),
            name: entry.name.unwrap_or_default(),
            description: entry.description.unwrap_or_default(),
            version_id: current(entry.secret_versions_to_stages),
            tags: our_tags(entry.tags),
            deleted: entry.deleted_date.is_some(),
        }
    }
}

impl From<DescribeSecretOutput> for Secret {
    fn from(secret: DescribeSecretOutput) -> Self {
        Self {
            arn: secret.arn.unwrap_or_default(),
            name: secret.name.unwrap_or_default(),
            description: secret.description.unwrap_or_default(),
            version_id: current(secret.version_ids_to_stages),
            tags: our_tags(secret.tags),
            deleted: secret.deleted_date.is_some(),
        }
    }
}

fn current(versions: Option<HashMap<String, Vec<String>>>) -> String {
    let mut versions = versions.unwrap_or_default().into_iter();
    let current = versions.find(|(_, stages)| stages.iter().any(|stage| stage == "AWSCURRENT"));
    current.map(|(id, _)| id).unwrap_or_default()
}

pub(super) fn our_tags(tags: Option<Vec<Tag>>) -> Tags {
    let tags = tags.unwrap_or_default().into_iter();
    tags::from_pairs(tags.map(|tag| (tag.key.unwrap_or_default(), tag.value.unwrap_or_default())))
}

fn sdk_tags(tags: &Tags) -> Vec<Tag> {
    tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_tells_from_what_it_came() {
        let (red, blue) = (digest(&["red"]), digest(&["blue"]));
        let first = format!("{}{red}", digest(&["token"]));
        assert_eq!(origin(&first), Some(&*red));
        let second = next_version(&first, &blue);
        assert_eq!(origin(&second), Some(&*blue));
        assert_eq!(next_version(&first, &blue), second, "a repeat makes no further version");
        assert_eq!(second.len(), 64);
    }

    #[test]
    fn going_back_to_an_old_value_is_a_new_version() {
        let (red, blue) = (digest(&["red"]), digest(&["blue"]));
        let first = format!("{}{red}", digest(&["token"]));
        let third = next_version(&next_version(&first, &blue), &red);
        assert_ne!(third, first);
        assert_eq!(origin(&third), Some(&*red));
    }

    #[test]
    fn a_version_put_by_hand_tells_nothing() {
        assert_eq!(origin("3f6c1a52-5b1b-4c34-9d56-0a5d4f0f5f5e"), None);
        assert_eq!(origin("0123456789abcdef0123456789abcdef"), None);
    }
}
