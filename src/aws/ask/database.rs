//! What RDS offers: versions of MySQL, until when they are supported, and where an instance class can be had.

use crate::aws::Aws;
use crate::resource::Result;
use aws_sdk_rds::types::LifecycleSupportName;
use std::collections::BTreeSet;

/// Standard support of a major version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Support {
    /// `8.4`.
    pub major: String,
    /// Its last day, seconds since 1970.
    pub until: i64,
}

/// One way to order an instance class.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Offer {
    /// `8.4.7`.
    pub version: String,
    /// Zones that have it.
    pub zones: BTreeSet<String>,
    /// A standby can be had.
    pub multi_az: bool,
    /// `gp3`.
    pub storage_type: String,
    /// Least and most storage, GiB.
    pub storage_gib: Option<(u32, u32)>,
}

pub(super) async fn versions(aws: &Aws) -> Result<Vec<String>> {
    let all = || {
        aws.rds()
            .describe_db_engine_versions()
            .engine("mysql")
            .max_records(100)
            .into_paginator()
            .items()
            .send()
            .try_collect()
    };
    let all: Vec<_> = aws.read("rds:DescribeDBEngineVersions", all).await?;
    let mut versions: Vec<String> = all.into_iter().filter_map(|version| version.engine_version).collect();
    versions.dedup();
    Ok(versions)
}

pub(super) async fn support(aws: &Aws) -> Result<Vec<Support>> {
    let call = aws.rds().describe_db_major_engine_versions().engine("mysql");
    let found = aws.read("rds:DescribeDBMajorEngineVersions", || call.clone().send()).await?;
    let ends = found.db_major_engine_versions().iter().filter_map(|version| {
        let standard = version.supported_engine_lifecycles().iter().find(|lifecycle| {
            lifecycle.lifecycle_support_name() == Some(&LifecycleSupportName::OpenSourceRdsStandardSupport)
        })?;
        let until = standard.lifecycle_support_end_date()?.secs();
        Some(Support { major: version.major_engine_version()?.to_owned(), until })
    });
    Ok(ends.collect())
}

pub(super) async fn offers(aws: &Aws, class: &str) -> Result<Vec<Offer>> {
    let call = aws.rds().describe_orderable_db_instance_options().engine("mysql").db_instance_class(class).vpc(true);
    let all = || call.clone().max_records(100).into_paginator().items().send().try_collect();
    let all: Vec<_> = aws.read("rds:DescribeOrderableDBInstanceOptions", all).await?;
    let plain = all.iter().map(|option| Offer {
        version: option.engine_version().unwrap_or_default().to_owned(),
        zones: option.availability_zones().iter().filter_map(|zone| zone.name.clone()).collect(),
        multi_az: option.multi_az_capable().unwrap_or_default(),
        storage_type: option.storage_type().unwrap_or_default().to_owned(),
        storage_gib: size(option.min_storage_size()).zip(size(option.max_storage_size())),
    });
    Ok(plain.collect())
}

fn size(gib: Option<i32>) -> Option<u32> {
    gib.and_then(|gib| u32::try_from(gib).ok())
}
