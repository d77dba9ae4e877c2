//! Reading outside of an apply (plans, facts, verification) as patiently as the engine reads within one.

use super::Aws;
use crate::resource::{Class, Result};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_types::request_id::RequestId;
use std::time::Duration;
use tokio::time::Instant;

/// Tries of a read that is throttled, at least: together about a minute and a half, on top of what [`super::pacing`] holds back.
const THROTTLED: u32 = 12;

/// How long a read is tried again that is still throttled after those tries. A reading of several calls begins anew whenever
/// one of them is throttled, so it needs more tries than a call does.
const BUSY: Duration = Duration::from_mins(5);

/// Tries of a read whose answer is lost: a network that is down should be said before long.
const LOST: u32 = 5;

impl Aws {
    /// One call that changes nothing, made as often as [`Self::patiently`] says. What needs several calls is patient with each:
    /// all of them together would begin anew whenever one is throttled, and not come to an end.
    ///
    /// # Errors
    /// That of the last try.
    pub async fn read<T, E, F>(&self, operation: &'static str, send: impl Fn() -> F) -> Result<T>
    where
        F: Future<Output = std::result::Result<T, SdkError<E, HttpResponse>>>,
        E: ProvideErrorMetadata + std::error::Error + 'static,
        SdkError<E, HttpResponse>: RequestId,
    {
        self.patiently(async || self.call(operation, send()).await).await
    }

    /// Reads again while the service is too busy to answer or the answer is lost, and once with new credentials when the old
    /// ones have expired. Only for what changes nothing.
    ///
    /// # Errors
    /// That of the last try.
    pub async fn patiently<T>(&self, mut read: impl AsyncFnMut() -> Result<T>) -> Result<T> {
        let started = Instant::now();
        for tries in 1.. {
            let credentials = self.credentials_in_use();
            let error = match read().await {
                Ok(value) => return Ok(value),
                Err(error) => error,
            };
            let again = match error.class {
                Class::Throttle => tries < THROTTLED || started.elapsed() < BUSY.mul_f64(self.pace),
                Class::Ambiguous => tries < LOST,
                Class::Credentials => self.renew_credentials(credentials).await,
                _ => false,
            };
            if !again {
                return Err(error);
            }
            tracing::debug!(%error, tries, "reading again");
            tokio::time::sleep(error.class.backoff(tries).mul_f64(self.pace)).await;
        }
        unreachable!("because the tries are not counted out")
    }
}
