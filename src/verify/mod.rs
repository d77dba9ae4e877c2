//! Is it really working, layer by layer, and if not, why.
//!
//! Everything is looked at once ([`gather`]): AWS through [`crate::aws::look`], the endpoint through [`probe`]. Then each check
//! judges those facts, a pure function with a stable id, and [`verdict`] tells the root cause from what merely follows from it.
//! It changes nothing.
//!
//! A running task hides almost everything that would keep the *next* one from starting (route, secret, role, log group), so
//! those are looked at as well. In the sandbox the same checks run; only addresses and ports differ ([`Reach`]).

pub mod checks;
pub mod log_classes;
pub mod probe;
pub mod report;
pub mod verdict;
pub mod world;

mod junit;
mod show;

#[cfg(test)]
mod samples;
#[cfg(test)]
mod scenarios;

pub use checks::{CHECKS, Check};
pub use report::{CheckResult, Fail, Report, Status};
pub use verdict::Cause;
pub use world::{Expect, Reach, Recorded, World};

use crate::aws::look::{Look, look};
use probe::{Endpoint, probe};
use std::time::Duration;

/// Pause between two rounds of [`verify_within`].
const PAUSE: Duration = Duration::from_secs(5);

/// What the checks judge: values only.
#[derive(Debug, Clone)]
pub struct Facts {
    /// What should be.
    pub expect: Expect,
    /// What the state says.
    pub recorded: Recorded,
    /// What AWS says.
    pub look: Look,
    /// What the endpoint says.
    pub endpoint: Endpoint,
    /// Now, in milliseconds since 1970.
    pub now: i64,
}

/// Looks at everything once. AWS comes first: a name that does not resolve is replaced by the load balancer's own, so that
/// the layers above DNS can be judged all the same.
pub async fn gather(world: &World<'_>) -> Facts {
    let names = world.names();
    let look = Box::pin(look(world.aws, &names)).await;
    let balancer = look.balancer.as_ref().ok().and_then(Option::as_ref).map(|balancer| balancer.dns_name.clone());
    let endpoint = Box::pin(probe(&world.expect, &world.reach, balancer.as_deref())).await;
    let now = jiff::Timestamp::now().as_millisecond();
    Facts { expect: world.expect.clone(), recorded: world.recorded.clone(), look, endpoint, now }
}

/// Runs every check and names the cause of what is wrong.
pub async fn verify(world: &World<'_>) -> Report {
    // Boxed, as the two looks are: what is above them in a small thread's stack has no room for them.
    judge(&Box::pin(gather(world)).await)
}

/// Verifies again until these checks are right (an empty list: every check) or the time is up; `told` hears of every round that
/// was not the last.
pub async fn verify_within(world: &World<'_>, only: &[String], limit: Duration, told: impl FnMut(&Report)) -> Report {
    again(async || verify(world).await.narrowed(only), limit, PAUSE, told).await
}

async fn again(
    look: impl AsyncFn() -> Report,
    limit: Duration,
    pause: Duration,
    mut told: impl FnMut(&Report),
) -> Report {
    let end = tokio::time::Instant::now() + limit;
    loop {
        let report = look().await;
        if report.passed() || tokio::time::Instant::now() + pause > end {
            return report;
        }
        told(&report);
        tokio::time::sleep(pause).await;
    }
}

/// The judgement alone, over facts that were gathered before.
pub fn judge(facts: &Facts) -> Report {
    let checks = CHECKS.iter().map(|check| CheckResult::of(check, (check.run)(facts))).collect();
    Report::new(&facts.expect, checks)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// DNS is right from the start; the log group never is.
    #[tokio::test]
    async fn a_wait_for_one_check_ends_with_that_check() {
        let mut facts = samples::good();
        facts.look.log_group = Ok(false);
        let rounds = async |only: &[String]| {
            let (mut rounds, limit, pause) = (1, Duration::from_millis(50), Duration::from_millis(1));
            let report = again(async || judge(&facts).narrowed(only), limit, pause, |_| rounds += 1).await;
            (report.passed(), rounds)
        };
        assert_eq!(rounds(&["vf-dns".to_owned()]).await, (true, 1));
        let (passed, rounds) = rounds(&[]).await;
        assert!(!passed && rounds > 1, "{rounds}");
    }
}
