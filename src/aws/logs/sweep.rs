//! Log groups that came back: whoever may create groups makes a deleted one again with its next line.

use super::log_group::is_older;
use crate::aws::{Aws, tags};
use crate::resource::error::OrGone;
use crate::resource::{Result, Tags};
use jiff::Timestamp;
use std::collections::BTreeSet;
use uuid::Uuid;

/// Deletes the groups under this prefix (a whole name, or a folder that ends in `/`) that are untagged or carry our lineage.
/// Returns their names. Somebody else's groups stay, and so do `spared` ones and untagged ones from before `since`.
///
/// # Errors
/// The first call's.
pub async fn sweep(
    aws: &Aws,
    prefix: &str,
    lineage: Uuid,
    since: Option<Timestamp>,
    spared: &BTreeSet<&str>,
) -> Result<Vec<String>> {
    let call = aws.logs().describe_log_groups().log_group_name_prefix(prefix);
    let found = aws.call("logs:DescribeLogGroups", call.send()).await?;
    let mut swept = vec![];
    for group in found.log_groups.unwrap_or_default() {
        let is_old = since.is_none_or(|since| is_older(&group, since));
        let (Some(name), Some(arn)) = (group.log_group_name, group.arn) else { continue };
        // A prefix search: `/ecs/zenml` also returns `/ecs/zenml-2`.
        if (name != prefix && !prefix.ends_with('/')) || spared.contains(name.as_str()) {
            continue;
        }
        let call = aws.logs().list_tags_for_resource().resource_arn(arn.trim_end_matches(":*"));
        let found = aws.call("logs:ListTagsForResource", call.send()).await?;
        let found: Tags = found.tags.unwrap_or_default().into_iter().collect();
        let ours = (found.is_empty() && !is_old) || tags::are_of(lineage, &found);
        if ours {
            let call = aws.logs().delete_log_group().log_group_name(&name);
            aws.call("logs:DeleteLogGroup", call.send()).await.or_gone()?;
            swept.push(name);
        }
    }
    Ok(swept)
}
