//! A lock for a limited time, renewed by its holder: what others may conclude from silence, and what the holder may still do.
//!
//! Neither side trusts the other's clock. The holder counts from before it asked for the renewal and stops changing anything some
//! time before the lease ends; who waits counts from what S3 says, or from when it first saw the same renewal.

use super::{LockInfo, StoreError};
use crate::aws::gate::Permit;
use serde::{Deserialize, Serialize};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};
use tokio::sync::Notify;
use uuid::Uuid;

/// Paces of the lock on a shared state.
#[derive(Debug, Clone, Copy)]
pub struct LeaseTimes {
    /// After this long without a renewal others may take the lock over.
    pub lease: Duration,
    /// Between two renewals.
    pub beat: Duration,
    /// Between two looks of somebody who waits.
    pub poll: Duration,
}

/// S3 tells times in whole seconds: two of them differ by up to this much more than they say.
const GRAIN: Duration = Duration::from_secs(2);

impl LeaseTimes {
    /// For AWS.
    pub const AWS: Self =
        Self { lease: Duration::from_secs(60), beat: Duration::from_secs(15), poll: Duration::from_secs(5) };

    /// For the sandbox and the tests.
    pub const SANDBOX: Self =
        Self { lease: Duration::from_secs(6), beat: Duration::from_secs(1), poll: Duration::from_millis(300) };

    /// How long the holder changes things on one renewal. What it has just sent arrives before another may begin.
    pub fn acts_for(&self) -> Duration {
        self.lease * 5 / 6
    }

    /// The longest time from the end of a holder to the next one's begin.
    pub fn longest_takeover(&self) -> Duration {
        expiry(self.lease) + self.poll
    }
}

/// The age by S3's clock at which a lock of this lease may be taken over.
pub(super) fn expiry(lease: Duration) -> Duration {
    lease + GRAIN
}

/// What the lock object says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockObject {
    /// This very lock.
    pub id: Uuid,
    /// Rises with every holder.
    pub fence: u64,
    /// Who holds it.
    pub holder: LockInfo,
    /// How long it holds without a renewal, in milliseconds: whoever waits goes by the holder's own setting.
    pub lease_millis: u64,
    /// Counts renewals, so that each of them changes the object.
    pub renewals: u64,
}

impl LockObject {
    /// How long it holds without a renewal.
    pub(super) fn lease(&self) -> Duration {
        Duration::from_millis(self.lease_millis)
    }
}

/// A moment by two clocks: the monotonic one stands still while a machine sleeps, the other one can be set.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment(Instant, SystemTime);

impl Moment {
    pub(super) fn now() -> Self {
        Self(Instant::now(), SystemTime::now())
    }

    /// The longer of both: doubt counts against the holder.
    pub(super) fn elapsed(&self) -> Duration {
        self.0.elapsed().max(self.1.elapsed().unwrap_or_default())
    }
}

/// What the process that holds the lock knows of it; shared by the run, its clients, and the thread that renews.
#[derive(Debug)]
pub struct Lease {
    times: LeaseTimes,
    known: Mutex<Known>,
    /// Somebody waits for news.
    pub(super) asked: Notify,
    news: Notify,
}

#[derive(Debug)]
struct Known {
    renewed: Moment,
    lost: Option<String>,
    trouble: Option<String>,
}

impl Lease {
    pub(super) fn new(times: LeaseTimes, renewed: Moment) -> Self {
        let known = Known { renewed, lost: None, trouble: None };
        Self { times, known: Mutex::new(known), asked: Notify::new(), news: Notify::new() }
    }

    pub(super) fn times(&self) -> LeaseTimes {
        self.times
    }

    /// A renewal that was asked for at `when` succeeded.
    pub(super) fn renewed(&self, when: Moment) {
        let mut known = self.known();
        (known.renewed, known.trouble) = (when, None);
        drop(known);
        self.news.notify_waiters();
    }

    /// A renewal failed; it is tried again.
    pub(super) fn troubled(&self, why: String) {
        self.known().trouble = Some(why);
    }

    /// It is somebody else's, for good.
    pub(super) fn lose(&self, why: String) {
        self.known().lost.get_or_insert(why);
        self.news.notify_waiters();
    }

    pub(super) fn silence(&self) -> Duration {
        self.known().renewed.elapsed()
    }

    /// Returns while the lock stands. After a pause it waits for the renewal that shows whether it still does.
    ///
    /// # Errors
    /// [`StoreError::LockLost`], for good.
    pub async fn hold(&self) -> Result<(), StoreError> {
        let asked = Instant::now();
        loop {
            let news = self.news.notified();
            let refusal = match self.may_change() {
                Ok(()) => return Ok(()),
                Err(refusal) => refusal,
            };
            if self.known().lost.is_some() || asked.elapsed() > self.times.lease {
                // What was given up stays given up, even if a late renewal got through.
                self.lose(refusal.clone());
                return Err(StoreError::LockLost(refusal));
            }
            self.asked.notify_one();
            drop(tokio::time::timeout(self.times.beat, news).await);
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Permit for Lease {
    fn may_change(&self) -> Result<(), String> {
        let known = self.known();
        if let Some(why) = &known.lost {
            return Err(why.clone());
        }
        let silence = known.renewed.elapsed();
        if silence <= self.times.acts_for() {
            return Ok(());
        }
        let trouble = known.trouble.as_deref().map(|why| format!(": {why}")).unwrap_or_default();
        Err(format!("it could not be renewed for {} s{trouble}", silence.as_secs()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    const SHORT: LeaseTimes = LeaseTimes {
        lease: Duration::from_millis(120),
        beat: Duration::from_millis(20),
        poll: Duration::from_millis(5),
    };

    fn moment(ago: Duration) -> Moment {
        Moment(Instant::now() - ago, SystemTime::now() - ago)
    }

    #[test]
    fn on_aws_the_next_run_proceeds_75_s_after_its_predecessor_died_at_the_latest() {
        let times = LeaseTimes::AWS;
        assert!(times.longest_takeover() <= Duration::from_secs(75), "{:?}", times.longest_takeover());
        // The holder has stopped well before, and misses several renewals before that.
        assert!(times.acts_for() + Duration::from_secs(10) <= expiry(times.lease));
        assert!(times.beat * 3 <= times.acts_for());
    }

    #[test]
    fn a_machine_that_slept_counts_the_time_although_its_monotonic_clock_stood_still() {
        let slept = Moment(Instant::now(), SystemTime::now() - Duration::from_secs(300));
        assert!(slept.elapsed() >= Duration::from_secs(300));
        let clock_was_set_back =
            Moment(Instant::now() - Duration::from_secs(70), SystemTime::now() + Duration::from_secs(3600));
        assert!(clock_was_set_back.elapsed() >= Duration::from_secs(70));
    }

    #[test]
    fn nothing_is_changed_on_a_lease_that_nears_its_end() {
        let times = LeaseTimes::AWS;
        let may = |secs| Lease::new(times, moment(Duration::from_secs(secs))).may_change();
        assert_eq!(may(49), Ok(()));
        let refusal = may(51).unwrap_err();
        assert!(refusal.contains("could not be renewed for 51 s"), "{refusal}");
    }

    #[tokio::test]
    async fn after_a_pause_the_run_goes_on_only_when_a_renewal_got_through() {
        let lease = Arc::new(Lease::new(SHORT, moment(Duration::from_secs(9))));
        let renewer = Arc::clone(&lease);
        let renews = async move {
            renewer.asked.notified().await;
            assert!(renewer.may_change().is_err());
            renewer.renewed(Moment::now());
        };
        let (held, ()) = tokio::join!(lease.hold(), renews);
        assert!(held.is_ok() && lease.may_change().is_ok());
    }

    #[tokio::test]
    async fn a_lock_that_went_to_another_is_lost_for_good_whatever_comes_later() {
        let lease = Lease::new(SHORT, Moment::now());
        lease.lose("bob has it".into());
        let error = lease.hold().await.unwrap_err().to_string();
        assert!(error.contains("bob has it"), "{error}");
    }

    #[tokio::test]
    async fn a_holder_that_cannot_renew_gives_up_after_the_lease_and_says_why() {
        let lease = Lease::new(SHORT, moment(Duration::from_secs(9)));
        lease.troubled("no answer in time".into());
        let error = lease.hold().await.unwrap_err().to_string();
        assert!(error.contains("could not be renewed") && error.contains("no answer in time"), "{error}");
        lease.renewed(Moment::now());
        assert!(lease.hold().await.is_err(), "what was given up came back");
    }
}
