//! How patient and how parallel a run is.

use crate::resource::Class;
use std::time::Duration;

/// Paces and budgets of one run. On AWS they are those of `aws.md`; a sandbox and the tests live faster.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Operations in flight at once.
    pub parallelism: usize,
    /// Multiplies every pause between two readings or tries.
    pub pace: f64,
    /// Multiplies how long a run goes on trying and waiting.
    pub patience: f64,
    /// How long an interrupted create that left neither token nor unique name is looked for: describes lag behind creates.
    pub find_patience: Duration,
    /// Time before a second reading confirms that an object on record is gone.
    pub second_reading: Duration,
    /// How long a new object may be invisible.
    pub visibility: Duration,
}

impl Limits {
    /// For AWS.
    pub const AWS: Self = Self {
        parallelism: 16,
        pace: 1.0,
        patience: 1.0,
        find_patience: Duration::from_secs(60),
        second_reading: Duration::from_secs(3),
        visibility: Duration::from_secs(300),
    };

    /// For the sandbox, where a lifecycle step takes a fraction of a second.
    pub const SANDBOX: Self = Self {
        parallelism: 16,
        pace: 0.1,
        patience: 0.1,
        find_patience: Duration::from_millis(500),
        second_reading: Duration::from_millis(100),
        visibility: Duration::from_secs(10),
    };

    /// For the fake world, where time is counted in readings.
    pub const FAKE: Self = Self {
        parallelism: 16,
        pace: 0.0,
        patience: 0.01,
        find_patience: Duration::ZERO,
        second_reading: Duration::ZERO,
        visibility: Duration::from_secs(10),
    };

    /// A pause at this run's pace.
    pub fn pause(&self, time: Duration) -> Duration {
        time.mul_f64(self.pace)
    }

    /// How long this run tries or waits where AWS is given `time`.
    pub fn patience(&self, time: Duration) -> Duration {
        time.mul_f64(self.patience)
    }

    /// The pause before try number `tries` (from 1) of a call refused with this class: doubling, with jitter.
    pub fn backoff(&self, class: Class, tries: u32) -> Duration {
        let (first, longest) = class.pace();
        let doubled = first.saturating_mul(1 << tries.saturating_sub(1).min(10)).min(longest);
        self.pause(doubled.mul_f64(0.5 + fastrand::f64() / 2.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest() {
        let pause = |tries| Limits::AWS.backoff(Class::Drain, tries).as_secs_f64();
        assert!((1.5..=3.0).contains(&pause(1)));
        assert!((7.5..=15.0).contains(&pause(9)), "{}", pause(9));
        assert_eq!(Limits::FAKE.backoff(Class::Drain, 3), Duration::ZERO);
    }
}
