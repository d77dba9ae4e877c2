//! Objects with conditions in one S3 bucket: what a state that several share needs, and no more.
//!
//! A condition that does not hold is an answer, not an error. Nothing here tries again or waits. What one gets wrong: after a
//! lost answer, the repeated write is refused *because* the first one was carried out; whoever is refused has to look.
//! Nor does a call take its turn ([`super::pacing`]): S3 takes thousands a second for one prefix, and a run makes some dozens.

pub mod settings;

use super::Aws;
use super::clients::timed;
use super::credentials::Renewable;
use crate::resource::{Class, Error, Result};
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{Region, SdkConfig};
use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::ByteStream;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::BeforeDeserializationInterceptorContextRef;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::DateTime;
use aws_smithy_types::config_bag::ConfigBag;
use aws_smithy_types::date_time::Format;
use aws_types::service_config::ServiceConfigKey;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A bucket. A clone shares the connections; see [`Bucket::apart`].
#[derive(Debug, Clone)]
pub struct Bucket {
    client: Client,
    config: SdkConfig,
    endpoint: Option<String>,
    name: String,
    renewable: Option<Renewable>,
}

/// What must be true for a write to be carried out.
#[derive(Debug, Clone, Copy)]
pub enum Condition<'a> {
    /// There is no object of this key.
    Absent,
    /// The object still has this ETag.
    Unchanged(&'a str),
}

/// How a conditional write ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Put {
    /// Written; the new ETag.
    Done(String),
    /// The condition does not hold.
    Refused,
    /// S3 could not decide between two writers: try again.
    Conflict,
}

/// An object as it was read.
#[derive(Debug, Clone)]
pub struct Object {
    /// Its content.
    pub body: Vec<u8>,
    /// Changes with every write.
    pub etag: String,
    /// Its metadata, by name.
    pub labels: HashMap<String, String>,
    /// Since it was written, by the clock of S3 alone: ours may be wrong.
    pub age: Option<Duration>,
}

/// One version of an object.
#[derive(Debug, Clone)]
pub struct Version {
    /// S3's id for it.
    pub id: String,
    /// When it was written, by the clock of S3.
    pub written: jiff::Timestamp,
    /// True for the newest.
    pub current: bool,
    /// The metadata that it was written with.
    pub labels: HashMap<String, String>,
}

impl Bucket {
    /// The bucket of this name in a region, reached with the credentials and the endpoint settings of `aws`.
    ///
    /// # Errors
    /// An endpoint that would carry the state in clear over a network.
    pub fn of(aws: &Aws, name: &str, region: &str) -> Result<Self> {
        let config = aws.config().to_builder().region(Region::new(region.to_owned())).build();
        let endpoint = endpoint(&config);
        if let Some(plain) = endpoint.as_deref().filter(|url| url.starts_with("http://"))
            && crate::sandbox::loopback(plain).is_err()
        {
            return Err(Error::terminal(format!("the endpoint of S3, {plain}, is not encrypted"))
                .hint("use an https address; plain http is accepted on this machine only"));
        }
        let client = client(&config, endpoint.as_deref(), Duration::from_secs(20));
        let renewable = aws.renewable();
        Ok(Self { client, config, endpoint, name: name.to_owned(), renewable })
    }

    /// The same bucket with connections of its own, for the thread that renews the lock: it would rather ask again than wait.
    pub fn apart(&self) -> Self {
        Self { client: client(&self.config, self.endpoint.as_deref(), Duration::from_secs(5)), ..self.clone() }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where it is.
    pub fn region(&self) -> &str {
        self.config.region().map_or("", |region| region.as_ref())
    }

    /// Reads an object. `None`: there is none.
    ///
    /// # Errors
    /// AWS's, among them `NoSuchBucket`.
    pub async fn get(&self, key: &str) -> Result<Option<Object>> {
        self.read(key, None).await
    }

    /// Reads a version of an object.
    ///
    /// # Errors
    /// AWS's.
    pub async fn get_version(&self, key: &str, version: &str) -> Result<Option<Object>> {
        self.read(key, Some(version)).await
    }

    async fn read(&self, key: &str, version: Option<&str>) -> Result<Option<Object>> {
        self.renewing(async || self.read_once(key, version).await).await
    }

    async fn read_once(&self, key: &str, version: Option<&str>) -> Result<Option<Object>> {
        let operation = if version.is_some() { "s3:GetObjectVersion" } else { "s3:GetObject" };
        let date = ServerDate::default();
        let call = self.client.get_object().bucket(&self.name).key(key).set_version_id(version.map(str::to_owned));
        let found = match timed(operation, call.customize().interceptor(date.clone()).send()).await {
            Err(error) if error.is("NoSuchKey") => return Ok(None),
            found => found?,
        };
        let age = match (date.get(), found.last_modified) {
            (Some(now), Some(written)) => {
                Some(Duration::from_secs(now.secs().saturating_sub(written.secs()).max(0) as u64))
            }
            _ => None,
        };
        let (etag, labels) = (found.e_tag.unwrap_or_default(), found.metadata.unwrap_or_default());
        let body = found.body.collect().await.map_err(|error| {
            Error { operation: operation.into(), ..Error::terminal(error.to_string()) }.in_class(Class::Ambiguous)
        })?;
        Ok(Some(Object { body: body.to_vec(), etag, labels, age }))
    }

    /// Writes an object if the condition holds.
    ///
    /// # Errors
    /// AWS's; of class `Ambiguous` if it may have been written.
    pub async fn put(
        &self,
        key: &str,
        body: Vec<u8>,
        condition: Condition<'_>,
        labels: HashMap<String, String>,
    ) -> Result<Put> {
        self.renewing(async || self.put_once(key, body.clone(), condition, labels.clone()).await).await
    }

    async fn put_once(
        &self,
        key: &str,
        body: Vec<u8>,
        condition: Condition<'_>,
        labels: HashMap<String, String>,
    ) -> Result<Put> {
        let call = self.client.put_object().bucket(&self.name).key(key).content_type("application/json");
        let call = call.body(ByteStream::from(body)).set_metadata(Some(labels).filter(|labels| !labels.is_empty()));
        let call = match condition {
            Condition::Absent => call.if_none_match("*"),
            Condition::Unchanged(etag) => call.if_match(etag),
        };
        match timed("s3:PutObject", call.send()).await {
            Ok(done) => Ok(Put::Done(done.e_tag.unwrap_or_default())),
            Err(error) => verdict(error),
        }
    }

    /// Deletes an object if it still has this ETag; `Done` has no meaning in it.
    ///
    /// # Errors
    /// AWS's.
    pub async fn delete(&self, key: &str, etag: &str) -> Result<Put> {
        self.renewing(async || self.delete_once(key, etag).await).await
    }

    async fn delete_once(&self, key: &str, etag: &str) -> Result<Put> {
        let call = self.client.delete_object().bucket(&self.name).key(key).if_match(etag);
        match timed("s3:DeleteObject", call.send()).await {
            Ok(_) => Ok(Put::Done(String::new())),
            Err(error) => verdict(error),
        }
    }

    /// Calls once more if the credentials were refused and there are others: nothing was carried out by then.
    async fn renewing<T>(&self, call: impl AsyncFn() -> Result<T>) -> Result<T> {
        let refused = self.renewable.as_ref().map_or(0, Renewable::renewals);
        match (call().await, &self.renewable) {
            (Err(error), Some(renewable)) if error.class == Class::Credentials => {
                match renewable.renew(refused).await {
                    true => call().await,
                    false => Err(error),
                }
            }
            (answer, _) => answer,
        }
    }

    /// The newest versions of an object, newest first; empty in a bucket without versions and without the object.
    ///
    /// # Errors
    /// AWS's.
    pub async fn versions(&self, key: &str, most: usize) -> Result<Vec<Version>> {
        let call = self.client.list_object_versions().bucket(&self.name).prefix(key).max_keys(1000);
        let listed = timed("s3:ListBucketVersions", call.send()).await?;
        let of_key = listed.versions.unwrap_or_default().into_iter().filter(|version| version.key() == Some(key));
        let mut versions = vec![];
        for version in of_key.take(most) {
            let id = version.version_id.unwrap_or_default();
            // What an unversioned bucket holds is called so, and not every store takes the word back.
            let named = Some(id.clone()).filter(|id| id != "null");
            let call = self.client.head_object().bucket(&self.name).key(key).set_version_id(named);
            let head = timed("s3:GetObjectVersion", call.send()).await?;
            versions.push(Version {
                id,
                written: version
                    .last_modified
                    .and_then(|at| jiff::Timestamp::from_second(at.secs()).ok())
                    .unwrap_or_default(),
                current: version.is_latest.unwrap_or_default(),
                labels: head.metadata.unwrap_or_default(),
            });
        }
        Ok(versions)
    }
}

/// Refusals are answers. A condition on an object that is gone is refused with "not found".
fn verdict(error: Error) -> Result<Put> {
    match error.code.as_deref() {
        Some("PreconditionFailed" | "NoSuchKey") => Ok(Put::Refused),
        Some("ConditionalRequestConflict" | "OperationAborted") => Ok(Put::Conflict),
        _ => Err(error),
    }
}

/// The SDK's own retries are off: a repeated conditional write needs a look first.
fn client(config: &SdkConfig, endpoint: Option<&str>, answer: Duration) -> Client {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(Duration::from_millis(3100))
        .read_timeout(answer)
        .operation_attempt_timeout(answer + Duration::from_secs(5))
        .operation_timeout(answer + Duration::from_secs(6))
        .build();
    let builder =
        aws_sdk_s3::config::Builder::from(config).retry_config(RetryConfig::disabled()).timeout_config(timeouts);
    // The bucket's name as part of the host works with AWS's own addresses only.
    let mut builder = builder.force_path_style(endpoint.is_some());
    builder.set_endpoint_url(endpoint.map(str::to_owned));
    Client::from_conf(builder.build())
}

/// As the SDK finds it: a setting of ours, else the one for S3 alone, else the one for all services.
fn endpoint(config: &SdkConfig) -> Option<String> {
    let for_all = config.endpoint_url().map(str::to_owned);
    if config.get_origin("endpoint_url").is_client_config() {
        return for_all;
    }
    let key =
        ServiceConfigKey::builder().service_id("S3").env("AWS_ENDPOINT_URL").profile("endpoint_url").build().ok()?;
    config.service_config().and_then(|settings| settings.load_config(key)).or(for_all)
}

/// Keeps the `Date` of the answer.
#[derive(Debug, Clone, Default)]
struct ServerDate(Arc<Mutex<Option<DateTime>>>);

impl ServerDate {
    fn get(&self) -> Option<DateTime> {
        self.0.lock().ok().and_then(|date| *date)
    }
}

impl Intercept for ServerDate {
    fn name(&self) -> &'static str {
        "ServerDate"
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> std::result::Result<(), BoxError> {
        let date = context.response().headers().get("date");
        let date = date.and_then(|date| DateTime::from_str(date, Format::HttpDate).ok());
        if let Ok(mut kept) = self.0.lock() {
            *kept = date;
        }
        Ok(())
    }
}
