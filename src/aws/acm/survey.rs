//! Tagged certificates.

use super::certificate;
use crate::aws::survey::{Search, Sighting};
use crate::aws::{Aws, tags};
use crate::resource::error::OrGone;
use crate::resource::{Id, Result};
use aws_sdk_acm::types::CertificateSummary;

/// What carries our tags, among the certificates for the server's host: a list shows no tags.
pub(in crate::aws) async fn tagged(aws: &Aws, search: &Search<'_>) -> Result<Vec<Sighting>> {
    let list = || aws.acm().list_certificates().into_paginator().items().send().try_collect();
    let all: Vec<CertificateSummary> = aws.read("acm:ListCertificates", list).await?;
    let mut found = vec![];
    for arn in certificate::of_domain(all, search.host) {
        let call = aws.acm().list_tags_for_certificate().certificate_arn(&arn);
        let Some(tags) = aws.read("acm:ListTagsForCertificate", || call.clone().send()).await.or_gone()? else {
            continue;
        };
        let pairs = tags.tags.unwrap_or_default().into_iter();
        let tags = tags::from_pairs(pairs.map(|tag| (tag.key, tag.value.unwrap_or_default())));
        found.extend(Sighting::of(&["acm.certificate"], Id(arn), tags));
    }
    Ok(found)
}
