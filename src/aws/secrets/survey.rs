//! Tagged secrets, those in their recovery window included. No value is read.

use super::secret;
use crate::aws::Aws;
use crate::aws::survey::{Search, Sighting};
use crate::resource::{Id, Result};
use aws_sdk_secretsmanager::types::{Filter, FilterNameStringType};

const KINDS: &[&str] = &["secrets.database_url", "secrets.generated", "secrets.given"];

/// What carries our tags. The list lags up to five minutes behind.
pub(in crate::aws) async fn tagged(aws: &Aws, search: &Search<'_>) -> Result<Vec<Sighting>> {
    let named = Filter::builder().key(FilterNameStringType::TagValue).values(search.deployment).build();
    let call = aws.secrets().list_secrets().include_planned_deletion(true).max_results(100).filters(named);
    let list = || call.clone().into_paginator().send().collect::<std::result::Result<Vec<_>, _>>();
    let pages = aws.read("secretsmanager:ListSecrets", list).await?;
    let entries = pages.into_iter().flat_map(|page| page.secret_list.unwrap_or_default());
    let sighting = |entry: aws_sdk_secretsmanager::types::SecretListEntry| {
        let (made, deleted) = (entry.created_date.map(|time| time.secs()), entry.deleted_date.is_some());
        let one = Sighting::of(KINDS, Id(entry.arn?), secret::our_tags(entry.tags))?;
        Some(Sighting { deleted, ..one.made(made) })
    };
    Ok(entries.filter_map(sighting).collect())
}
