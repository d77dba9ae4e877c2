//! The credentials of the ordinary AWS environment, which can be asked for anew while a run goes on.
//!
//! A run takes half an hour, a session token may end in the middle of it, and whoever refreshes it (SSO, a login tool that
//! writes the credentials file) does so outside of this process. The SDK's chain reads files once, so it is built anew for
//! every question; what it answers is kept until it ends.

use aws_config::Region;
use aws_config::default_provider::credentials::DefaultCredentialsChain;
use aws_credential_types::Credentials;
use aws_credential_types::provider::{ProvideCredentials, Result, future};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};
use tokio::sync::Mutex;

/// Credentials that end so soon are asked for anew before they are used.
const MARGIN: Duration = Duration::from_secs(60);

/// Credentials that are kept until they end or are given up. Clones share them.
#[derive(Debug, Clone)]
pub(super) struct Renewable(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    profile: Option<String>,
    region: Region,
    held: Mutex<Option<Credentials>>,
    renewals: AtomicU64,
}

impl Renewable {
    /// Those that the environment gives for this profile.
    pub(super) fn new(profile: Option<String>, region: Region) -> Self {
        Self(Arc::new(Inner { profile, region, held: Mutex::default(), renewals: AtomicU64::new(0) }))
    }

    /// How often AWS has refused credentials and there were others.
    pub(super) fn renewals(&self) -> u64 {
        self.0.renewals.load(Ordering::Relaxed)
    }

    /// Asks for new ones, because AWS refused those that were in use after so many renewals. True if there are others now.
    pub(super) async fn renew(&self, refused: u64) -> bool {
        let mut held = self.0.held.lock().await;
        if self.renewals() > refused {
            return true;
        }
        let Ok(fresh) = self.fetch().await else { return false };
        let key = |credentials: &Credentials| {
            (credentials.access_key_id().to_owned(), credentials.session_token().map(str::to_owned))
        };
        if held.as_ref().map(key) == Some(key(&fresh)) {
            return false;
        }
        *held = Some(fresh);
        self.0.renewals.fetch_add(1, Ordering::Relaxed);
        tracing::info!("the credentials were refused, and there are new ones");
        true
    }

    async fn fetch(&self) -> Result {
        let chain = DefaultCredentialsChain::builder().region(self.0.region.clone());
        let chain = match &self.0.profile {
            Some(profile) => chain.profile_name(profile),
            None => chain,
        };
        chain.build().await.provide_credentials().await
    }

    async fn valid(&self) -> Result {
        let mut held = self.0.held.lock().await;
        let ends_soon =
            |credentials: &Credentials| credentials.expiry().is_some_and(|end| end <= SystemTime::now() + MARGIN);
        if let Some(credentials) = held.as_ref().filter(|credentials| !ends_soon(credentials)) {
            return Ok(credentials.clone());
        }
        let fresh = self.fetch().await?;
        *held = Some(fresh.clone());
        Ok(fresh)
    }
}

impl ProvideCredentials for Renewable {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.valid())
    }
}
