//! `state unlock`: shows who holds the lock of a shared state, and removes it.

use crate::cli::exit::{DONE, Failure, LOCKED};
use crate::cli::session::store::OpenStore;
use crate::cli::{Global, telling};
use crate::state::StoreError;
use crate::state::place::Store;
use crate::state::s3::S3Store;
use clap::Args;

/// Show who holds the lock, and remove it if its holder is silent
#[derive(Debug, Args)]
pub(super) struct Unlock {
    /// Remove it although its holder renews it: that run ends at its next step
    #[arg(long)]
    force: bool,
}

impl Unlock {
    pub(super) async fn run(self, global: &Global) -> Result<u8, Failure> {
        let kept = OpenStore::open(global).await?;
        match &kept.store {
            Store::S3(store) => self.lease(global, store).await,
            Store::File(_) => match kept.lock(global, "state unlock").await {
                Ok(_lock) => {
                    telling::say(global, "the state is not locked");
                    Ok(DONE)
                }
                Err(failure) if self.force => {
                    Err(failure.hint("the lock of a folder is the operating system's: end that process"))
                }
                Err(failure) => Err(failure),
            },
        }
    }

    async fn lease(&self, global: &Global, store: &S3Store) -> Result<u8, Failure> {
        let Some(seen) = store.seen_lock().await? else {
            telling::say(global, "the state is not locked");
            return Ok(DONE);
        };
        let (holder, age) = (seen.lock.holder.clone(), seen.age.as_secs());
        telling::say(
            global,
            &format!("the lock, number {}, is held by {holder}; renewed {age} s ago", seen.lock.fence),
        );
        if seen.is_live() && !self.force {
            let failure = Failure::new(LOCKED, "its holder may be alive: nothing was changed");
            return Err(failure.hint("if that run cannot end, remove its lock with `hybridctl state unlock --force`"));
        }
        match store.unlock(&seen, self.force).await? {
            true => telling::say(global, "the lock is removed; what that run recorded is there for the next one"),
            false => return Err(StoreError::Leased(holder).into()),
        }
        Ok(DONE)
    }
}
