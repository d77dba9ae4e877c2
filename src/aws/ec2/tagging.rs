//! Tags, filters and names in EC2's shapes.

use crate::aws::Aws;
use crate::model::Address;
use crate::resource::{Result, Scope, TagChange, Tags};
use aws_sdk_ec2::types::{Filter, ResourceType, Tag, TagSpecification};

/// The tags of a new object, for its create call.
pub(super) fn specification(scope: &Scope<'_>, of: ResourceType) -> TagSpecification {
    let tags = scope.tags().into_iter().map(|(key, value)| Tag::builder().key(key).value(value).build());
    TagSpecification::builder().resource_type(of).set_tags(Some(tags.collect())).build()
}

/// Tags as read.
pub(super) fn read(tags: Option<&[Tag]>) -> Tags {
    let pairs =
        tags.unwrap_or_default().iter().map(|tag| (tag.key().unwrap_or_default(), tag.value().unwrap_or_default()));
    crate::aws::tags::from_pairs(pairs)
}

/// Carries out a change of tags.
pub(super) async fn apply(aws: &Aws, id: &str, change: Option<&TagChange>) -> Result<()> {
    let Some(change) = change else { return Ok(()) };
    let set = change.set.iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect();
    aws.call("ec2:CreateTags", aws.ec2().create_tags().resources(id).set_tags(Some(set)).send()).await?;
    if !change.remove.is_empty() {
        let remove = change.remove.iter().map(|key| Tag::builder().key(key).build()).collect();
        aws.call("ec2:DeleteTags", aws.ec2().delete_tags().resources(id).set_tags(Some(remove)).send()).await?;
    }
    Ok(())
}

/// `name` = one of `values`.
pub(super) fn filter(name: &str, values: impl IntoIterator<Item = impl Into<String>>) -> Filter {
    Filter::builder().name(name).set_values(Some(values.into_iter().map(Into::into).collect())).build()
}

/// Objects of this resource of this state document.
pub(super) fn ours(scope: &Scope<'_>) -> Vec<Filter> {
    let Scope { lineage, address, .. } = scope;
    let address: &Address = address;
    vec![
        filter(&format!("tag:{}", crate::aws::tags::LINEAGE), [lineage.to_string()]),
        filter(&format!("tag:{}", crate::aws::tags::ADDRESS), [address.to_string()]),
    ]
}
