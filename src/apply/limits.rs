//! How patient and how parallel a run is.

use crate::resource::Class;
use crate::state::lease::LeaseTimes;
use jiff::Timestamp;
use std::time::{Duration, Instant};

/// Paces and budgets of one run. On AWS they are those of `aws.md`; a sandbox and the tests live faster.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Operations in flight at once.
    pub parallelism: usize,
    /// What nothing else waits for is left to AWS as soon as it was asked for.
    pub leave_last: bool,
    /// Multiplies every pause between two readings or tries.
    pub pace: f64,
    /// Multiplies how long a run goes on trying and waiting.
    pub patience: f64,
    /// How long an interrupted create that left neither token nor unique name is looked for: describes lag behind creates.
    pub find_patience: Duration,
    /// Time before a second reading confirms that an object on record is gone.
    pub second_reading: Duration,
    /// How long a new object may be invisible to a run that waits for it.
    pub visibility: Duration,
    /// Until this age a plan does not call an object gone because a describe does not show it.
    pub young: Duration,
    /// The lock on a state that several share.
    pub lease: LeaseTimes,
}

impl Limits {
    /// For AWS.
    pub const AWS: Self = Self {
        parallelism: 16,
        leave_last: false,
        pace: 1.0,
        patience: 1.0,
        find_patience: Duration::from_secs(60),
        second_reading: Duration::from_secs(3),
        visibility: Duration::from_secs(300),
        young: Duration::from_secs(300),
        lease: LeaseTimes::AWS,
    };

    /// For the sandbox, where a lifecycle step takes a fraction of a second.
    pub const SANDBOX: Self = Self {
        parallelism: 16,
        leave_last: false,
        pace: 0.1,
        patience: 0.1,
        find_patience: Duration::from_millis(500),
        second_reading: Duration::from_millis(100),
        visibility: Duration::from_secs(10),
        young: Duration::from_secs(2),
        lease: LeaseTimes::SANDBOX,
    };

    /// For a sandbox with real servers, which take their time to start.
    pub const REAL_SERVER: Self = Self { patience: 0.5, ..Self::SANDBOX };

    /// For the fake world, where time is counted in readings.
    pub const FAKE: Self = Self {
        parallelism: 16,
        leave_last: false,
        pace: 0.0,
        patience: 0.01,
        find_patience: Duration::ZERO,
        second_reading: Duration::ZERO,
        visibility: Duration::from_secs(10),
        young: Duration::ZERO,
        lease: LeaseTimes::SANDBOX,
    };

    /// How much longer something that was made at this time counts as young. A clock that was set back does not prolong it.
    pub fn young_for(&self, made: Timestamp, now: Timestamp) -> Duration {
        let age = Duration::try_from(now.duration_since(made)).unwrap_or_default();
        self.young.saturating_sub(age)
    }

    /// A pause at this run's pace.
    pub fn pause(&self, time: Duration) -> Duration {
        time.mul_f64(self.pace)
    }

    /// How long this run tries or waits where AWS is given `time`.
    pub fn patience(&self, time: Duration) -> Duration {
        time.mul_f64(self.patience)
    }

    /// The pause before try number `tries` (from 1) of a call refused with this class.
    pub fn backoff(&self, class: Class, tries: u32) -> Duration {
        self.pause(class.backoff(tries))
    }
}

/// Looks before the patience with describes that lag is used up: one slow answer must not use it up alone.
const LOOKS: u32 = 4;

/// True if looking again for what was not seen since then makes no sense any more.
pub(super) fn used_up(patience: Duration, since: Instant, looks: u32) -> bool {
    patience.is_zero() || (looks >= LOOKS && since.elapsed() >= patience)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_young_for_five_minutes_whatever_the_clock_does() {
        let made: Timestamp = "2026-11-21T12:00:00Z".parse().unwrap();
        let left = |now: &str| Limits::AWS.young_for(made, now.parse().unwrap()).as_secs();
        assert_eq!(left("2026-11-21T12:00:00Z"), 300);
        assert_eq!(left("2026-11-21T12:04:00Z"), 60);
        assert_eq!(left("2026-11-21T12:05:00Z"), 0);
        assert_eq!(left("2026-11-22T12:00:00Z"), 0);
        assert_eq!(left("2026-11-21T09:00:00Z"), 300, "the clock was set back");
    }

    #[test]
    fn pauses_double_up_to_the_longest() {
        let pause = |tries| Limits::AWS.backoff(Class::Drain, tries).as_secs_f64();
        assert!((2.5..=5.0).contains(&pause(1)));
        assert!((7.5..=15.0).contains(&pause(9)), "{}", pause(9));
        assert_eq!(Limits::FAKE.backoff(Class::Drain, 3), Duration::ZERO);
    }
}
