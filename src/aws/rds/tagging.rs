//! Tags in RDS's shapes.

use crate::aws::Aws;
use crate::resource::{Result, TagChange, Tags};
use aws_sdk_rds::types::Tag;

/// For a create call.
pub(super) fn sdk(tags: &Tags) -> Vec<Tag> {
    tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect()
}

/// Tags as read.
pub(super) fn read(tags: Option<&[Tag]>) -> Tags {
    let pairs =
        tags.unwrap_or_default().iter().map(|tag| (tag.key().unwrap_or_default(), tag.value().unwrap_or_default()));
    crate::aws::tags::from_pairs(pairs)
}

/// The tags of an object whose describe call does not have them.
pub(super) async fn of(aws: &Aws, arn: &str) -> Result<Tags> {
    let call = aws.rds().list_tags_for_resource().resource_name(arn);
    let found = aws.call("rds:ListTagsForResource", call.send()).await?;
    Ok(read(found.tag_list.as_deref()))
}

/// Sets these tags and leaves the others.
pub(super) async fn add(aws: &Aws, arn: &str, tags: &Tags) -> Result<()> {
    let call = aws.rds().add_tags_to_resource().resource_name(arn).set_tags(Some(sdk(tags)));
    aws.call("rds:AddTagsToResource", call.send()).await.map(drop)
}

/// Carries out a change of tags.
pub(super) async fn apply(aws: &Aws, arn: &str, change: &TagChange) -> Result<()> {
    add(aws, arn, &change.set).await?;
    if !change.remove.is_empty() {
        let call = aws.rds().remove_tags_from_resource().resource_name(arn).set_tag_keys(Some(change.remove.clone()));
        aws.call("rds:RemoveTagsFromResource", call.send()).await?;
    }
    Ok(())
}
