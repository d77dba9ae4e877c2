//! Tags in ECS's shape.

use crate::aws::Aws;
use crate::resource::{Result, Scope, TagChange, Tags};
use aws_sdk_ecs::types::Tag;

fn shaped(tags: &Tags) -> Vec<Tag> {
    tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect()
}

/// The tags of a new object, for its create call.
pub(super) fn wanted(scope: &Scope<'_>) -> Option<Vec<Tag>> {
    Some(shaped(&scope.tags()))
}

/// Tags as read.
pub(super) fn read(tags: Option<&[Tag]>) -> Tags {
    let pairs =
        tags.unwrap_or_default().iter().map(|tag| (tag.key().unwrap_or_default(), tag.value().unwrap_or_default()));
    crate::aws::tags::from_pairs(pairs)
}

/// Carries out a change of tags.
pub(super) async fn apply(aws: &Aws, arn: &str, change: Option<&TagChange>) -> Result<()> {
    let Some(change) = change else { return Ok(()) };
    let call = aws.ecs().tag_resource().resource_arn(arn).set_tags(Some(shaped(&change.set)));
    aws.call("ecs:TagResource", call.send()).await?;
    if !change.remove.is_empty() {
        let call = aws.ecs().untag_resource().resource_arn(arn).set_tag_keys(Some(change.remove.clone()));
        aws.call("ecs:UntagResource", call.send()).await?;
    }
    Ok(())
}
