//! Tags in ELB's shapes. One DescribeTags serves load balancer, target group and listeners together.

use super::listing;
use crate::aws::clients::CallLog;
use crate::aws::{Aws, tags};
use crate::resource::{Result, Scope, TagChange, Tags};
use aws_sdk_elasticloadbalancingv2::Client;
use aws_sdk_elasticloadbalancingv2::types::Tag;
use std::collections::BTreeMap;

/// The tags of a new object, for its create call.
pub(super) fn wanted(scope: &Scope<'_>) -> Option<Vec<Tag>> {
    Some(shaped(&scope.tags()))
}

struct TagsOf;

/// The object's tags; `None` if AWS has none on file for it (yet).
pub(super) async fn read(aws: &Aws, arn: &str) -> Result<Option<Tags>> {
    let (client, log) = (aws.elb().clone(), aws.log());
    let batch = aws.batches.of::<TagsOf, String, Tags>();
    batch.get(arn.to_owned(), move |arns| async move { describe(&client, &log, arns).await }).await
}

/// The tags of these objects, by ARN.
pub(super) async fn of_all(aws: &Aws, arns: Vec<String>) -> Result<BTreeMap<String, Tags>> {
    describe(aws.elb(), &aws.log(), arns).await
}

/// Carries out a change of tags.
pub(super) async fn apply(aws: &Aws, arn: &str, change: Option<&TagChange>) -> Result<()> {
    let Some(change) = change else { return Ok(()) };
    let set = aws.elb().add_tags().resource_arns(arn).set_tags(Some(shaped(&change.set)));
    aws.call("elasticloadbalancing:AddTags", set.send()).await?;
    if !change.remove.is_empty() {
        let remove = aws.elb().remove_tags().resource_arns(arn).set_tag_keys(Some(change.remove.clone()));
        aws.call("elasticloadbalancing:RemoveTags", remove.send()).await?;
    }
    Ok(())
}

async fn describe(client: &Client, log: &CallLog, arns: Vec<String>) -> Result<BTreeMap<String, Tags>> {
    let found = listing::existing(arns, async |arns| {
        let call = client.describe_tags().set_resource_arns(Some(arns));
        let found = log.call("elasticloadbalancing:DescribeTags", call.send()).await?;
        Ok(found.tag_descriptions.unwrap_or_default())
    })
    .await?;
    let tagged = found.into_iter().filter_map(|described| {
        let pairs = described.tags.unwrap_or_default().into_iter();
        let tags = tags::from_pairs(pairs.map(|tag| (tag.key.unwrap_or_default(), tag.value.unwrap_or_default())));
        Some((described.resource_arn?, tags))
    });
    Ok(tagged.collect())
}

fn shaped(tags: &Tags) -> Vec<Tag> {
    tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect()
}
