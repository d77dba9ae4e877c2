//! The settings of a bucket that holds a state: looked at, and made where somebody asked for the bucket.

use super::super::clients::timed;
use super::Bucket;
use crate::resource::{Error, Result};
use aws_sdk_s3::types::{
    BucketLocationConstraint, BucketVersioningStatus, CreateBucketConfiguration, PublicAccessBlockConfiguration,
    ServerSideEncryption, ServerSideEncryptionByDefault, ServerSideEncryptionConfiguration, ServerSideEncryptionRule,
    VersioningConfiguration,
};

/// What the bucket is like. `None`: it could not be looked at; S3 or the rights do not let us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// Earlier versions of an object are kept.
    pub versioned: Option<bool>,
    /// Nobody can make an object public by mistake.
    pub public_access_blocked: Option<bool>,
    /// Objects are encrypted without being asked for.
    pub encrypted: Option<bool>,
}

impl Bucket {
    /// Looks at the settings.
    pub async fn settings(&self) -> Settings {
        let (client, name) = (&self.client, &self.name);
        let call = timed("s3:GetBucketVersioning", client.get_bucket_versioning().bucket(name).send());
        let versioned = call.await.ok().map(|found| found.status == Some(BucketVersioningStatus::Enabled));
        let call = timed("s3:GetBucketPublicAccessBlock", client.get_public_access_block().bucket(name).send());
        let blocked = set(call.await, "NoSuchPublicAccessBlockConfiguration").map(|found| {
            let block = found.and_then(|found| found.public_access_block_configuration);
            block.is_some_and(|block| {
                let all = [block.block_public_acls, block.ignore_public_acls, block.block_public_policy];
                all.iter().chain([&block.restrict_public_buckets]).all(|on| *on == Some(true))
            })
        });
        let call = timed("s3:GetEncryptionConfiguration", client.get_bucket_encryption().bucket(name).send());
        let encrypted = set(call.await, "ServerSideEncryptionConfigurationNotFoundError").map(|found| found.is_some());
        Settings { versioned, public_access_blocked: blocked, encrypted }
    }

    /// True if there is such a bucket, of whomever.
    ///
    /// # Errors
    /// AWS's.
    pub async fn exists(&self) -> Result<bool> {
        match self.client.head_bucket().bucket(&self.name).send().await {
            Err(error) if error.raw_response().is_some_and(|answer| answer.status().as_u16() == 404) => Ok(false),
            answer => timed("s3:ListBucket", std::future::ready(answer)).await.map(|_| true),
        }
    }

    /// Makes the bucket: versioned, encrypted, closed to the public. May be repeated.
    ///
    /// # Errors
    /// AWS's; the name may be taken by somebody else.
    pub async fn create(&self) -> Result<()> {
        let (client, name) = (&self.client, &self.name);
        let region = self.config.region().map_or("us-east-1", |region| region.as_ref());
        // This region alone must not be named.
        let place = (region != "us-east-1").then(|| {
            let constraint = BucketLocationConstraint::from(region);
            CreateBucketConfiguration::builder().location_constraint(constraint).build()
        });
        let call = client.create_bucket().bucket(name).set_create_bucket_configuration(place);
        match timed("s3:CreateBucket", call.send()).await {
            Err(error) if error.is("BucketAlreadyOwnedByYou") => {}
            made => drop(made?),
        }
        let block = PublicAccessBlockConfiguration::builder()
            .block_public_acls(true)
            .ignore_public_acls(true)
            .block_public_policy(true)
            .restrict_public_buckets(true)
            .build();
        let call = client.put_public_access_block().bucket(name).public_access_block_configuration(block);
        timed("s3:PutBucketPublicAccessBlock", call.send()).await?;
        let by_default = ServerSideEncryptionByDefault::builder().sse_algorithm(ServerSideEncryption::Aes256);
        let by_default = by_default.build().map_err(Error::bug)?;
        let rule = ServerSideEncryptionRule::builder().apply_server_side_encryption_by_default(by_default).build();
        let rules = ServerSideEncryptionConfiguration::builder().rules(rule).build().map_err(Error::bug)?;
        let call = client.put_bucket_encryption().bucket(name).server_side_encryption_configuration(rules);
        timed("s3:PutEncryptionConfiguration", call.send()).await?;
        let on = VersioningConfiguration::builder().status(BucketVersioningStatus::Enabled).build();
        let call = client.put_bucket_versioning().bucket(name).versioning_configuration(on);
        timed("s3:PutBucketVersioning", call.send()).await?;
        Ok(())
    }
}

/// What is set; `Some(None)` if a code of its own says that it is not.
fn set<T>(answer: Result<T>, not_set: &str) -> Option<Option<T>> {
    match answer {
        Ok(found) => Some(Some(found)),
        Err(error) => error.is(not_set).then_some(None),
    }
}
