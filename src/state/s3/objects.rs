//! The objects below a prefix, read and written patiently.

use super::patience::Patience;
use crate::aws::s3::{Bucket, Condition, Object, Put};
use crate::resource::Error;
use crate::state::StoreError;
use std::collections::HashMap;

/// Where in which bucket.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) bucket: Bucket,
    pub(super) prefix: String,
}

impl Place {
    pub(super) fn key(&self, name: &str) -> String {
        format!("{}/{name}", self.prefix)
    }

    pub(super) fn state_key(&self) -> String {
        self.key("state.json")
    }

    pub(super) fn lock_key(&self) -> String {
        self.key("lock.json")
    }

    pub(super) fn url(&self, key: &str) -> String {
        format!("s3://{}/{key}", self.bucket.name())
    }

    pub(super) fn apart(&self) -> Self {
        Self { bucket: self.bucket.apart(), prefix: self.prefix.clone() }
    }

    /// Reads an object, patiently.
    pub(super) async fn get(&self, key: &str) -> Result<Option<Object>, StoreError> {
        let mut patience = Patience::new();
        loop {
            match self.bucket.get(key).await {
                Ok(object) => return Ok(object),
                Err(error) if error.is("NoSuchBucket") => return Err(self.no_bucket()),
                Err(error) => patience.pause_for(error, &self.url(key)).await?,
            }
        }
    }

    /// Writes, and tries again while that may help.
    pub(super) async fn put(
        &self,
        key: &str,
        body: Vec<u8>,
        condition: Condition<'_>,
        labels: HashMap<String, String>,
    ) -> Result<Put, StoreError> {
        let mut patience = Patience::new();
        loop {
            match self.bucket.put(key, body.clone(), condition, labels.clone()).await {
                Ok(Put::Conflict) => {
                    patience
                        .pause_or(|| StoreError::Unfit(format!("{}: others go on writing it", self.url(key))))
                        .await?;
                }
                Ok(put) => return Ok(put),
                Err(error) if error.is("NoSuchBucket") => return Err(self.no_bucket()),
                Err(error) => patience.pause_for(error, &self.url(key)).await?,
            }
        }
    }

    pub(super) fn no_bucket(&self) -> StoreError {
        StoreError::NoBucket { bucket: self.bucket.name().to_owned(), region: self.bucket.region().to_owned() }
    }
}

/// A failed call on an object.
pub(super) fn remote(place: &str, error: Error) -> StoreError {
    StoreError::Remote { place: place.to_owned(), error: Box::new(error) }
}

pub(super) const SERIAL: &str = "serial";
pub(super) const FENCE: &str = "fence";
pub(super) const WHO: &str = "who";

/// What a history shows without reading every version.
pub(super) fn labels(serial: u64, fence: u64, who: &str) -> HashMap<String, String> {
    // A header holds plain characters only.
    let who = who.chars().map(|letter| if letter.is_ascii_graphic() { letter } else { '?' }).collect();
    [(SERIAL, serial.to_string()), (FENCE, fence.to_string()), (WHO, who)]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
}
