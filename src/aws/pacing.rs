//! How fast AWS is called: a token bucket per service, in front of every call of the process.
//!
//! AWS throttles by account and region, so a limit per task would be none. A service that throttles all the same (others use
//! the account too) is called at half its pace, again and again, until it answers; the pace comes back with every answer.

use std::cell::RefCell;
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// What a service takes: its name as in `ec2:CreateVpc`, which calls, how many at once, and how many a second after that.
struct Rate(&'static str, Calls, f64, f64);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Calls {
    Reads,
    Changes,
    All,
}

/// First match wins. EC2 and Route 53 publish theirs (`aws.md` section 3); the others do not, and these are well below what
/// their users report.
const RATES: &[Rate] = &[
    Rate("ec2", Calls::Reads, 100.0, 20.0),
    Rate("ec2", Calls::Changes, 50.0, 5.0),
    // Five a second for the whole account, all tools together.
    Rate("route53", Calls::All, 5.0, 5.0),
    Rate("logs", Calls::All, 10.0, 10.0),
    Rate("secretsmanager", Calls::All, 40.0, 40.0),
    Rate("ecs", Calls::Reads, 50.0, 20.0),
    Rate("ecs", Calls::Changes, 20.0, 5.0),
    // IAM is one small control plane for all regions.
    Rate("iam", Calls::All, 20.0, 10.0),
    Rate("", Calls::Reads, 20.0, 10.0),
    Rate("", Calls::Changes, 10.0, 5.0),
];

/// A throttled service is never called more slowly than this share of its rate.
const SLOWEST: f64 = 1.0 / 16.0;

/// What every answer adds to the pace of a service that complained before.
const FASTER: f64 = 1.2;

/// The answers to calls that were sent together say the same thing once.
const ONE_COMPLAINT: Duration = Duration::from_secs(1);

/// True if calling it twice changes nothing: `ec2:DescribeVpcs`.
pub fn is_read(operation: &str) -> bool {
    let verb = operation.split_once(':').map_or(operation, |(_, verb)| verb);
    ["Describe", "Get", "List", "Head", "Simulate", "Lookup"].iter().any(|reading| verb.starts_with(reading))
}

/// The buckets of one process.
#[derive(Debug)]
pub(super) struct Pacing {
    /// Multiplies every rate: a sandbox takes more than an account.
    scale: f64,
    buckets: RefCell<HashMap<(String, Calls), Bucket>>,
}

#[derive(Debug)]
struct Bucket {
    burst: f64,
    full_rate: f64,
    rate: f64,
    /// Below zero: so many callers wait already.
    tokens: f64,
    counted: Instant,
    complained: Option<Instant>,
}

impl Pacing {
    /// At this multiple of what an account takes.
    pub(super) fn scaled(scale: f64) -> Self {
        Self { scale, buckets: RefCell::default() }
    }

    /// Waits until this operation (`ec2:CreateVpc`) may be called.
    pub(super) async fn turn(&self, operation: &str) {
        let wait = self.reserve(operation, Instant::now());
        if !wait.is_zero() {
            tracing::debug!(operation, wait = wait.as_millis(), "paced");
            tokio::time::sleep(wait).await;
        }
    }

    /// Takes a place in the row; returns how long it takes until the call may be made.
    fn reserve(&self, operation: &str, now: Instant) -> Duration {
        self.bucket(operation, now, |bucket| bucket.take(now))
    }

    /// The service answered: it can be called faster again.
    pub(super) fn answered(&self, operation: &str) {
        self.bucket(operation, Instant::now(), |bucket| bucket.rate = (bucket.rate * FASTER).min(bucket.full_rate));
    }

    /// The service complained: the burst is spent, and everybody who calls it slows down.
    pub(super) fn throttled(&self, operation: &str) {
        self.complained(operation, Instant::now());
    }

    fn complained(&self, operation: &str, now: Instant) {
        self.bucket(operation, now, |bucket| bucket.drain(now));
    }

    fn bucket<T>(&self, operation: &str, now: Instant, change: impl FnOnce(&mut Bucket) -> T) -> T {
        let service = operation.split(':').next().unwrap_or_default();
        let calls = if is_read(operation) { Calls::Reads } else { Calls::Changes };
        let fits = |rate: &&Rate| (rate.0.is_empty() || rate.0 == service) && (rate.1 == Calls::All || rate.1 == calls);
        let Rate(_, shared, burst, rate) = RATES.iter().find(fits).expect("because the last rows fit every call");
        let mut buckets = self.buckets.borrow_mut();
        let bucket = buckets.entry((service.to_owned(), *shared)).or_insert_with(|| {
            let (burst, rate) = (burst * self.scale, rate * self.scale);
            Bucket { burst, full_rate: rate, rate, tokens: burst, counted: now, complained: None }
        });
        change(bucket)
    }
}

impl Bucket {
    /// Takes a token; returns how long it takes until that token is there.
    fn take(&mut self, now: Instant) -> Duration {
        self.refill(now);
        self.tokens -= 1.0;
        Duration::from_secs_f64((-self.tokens / self.rate).max(0.0))
    }

    fn drain(&mut self, now: Instant) {
        self.refill(now);
        if self.complained.is_some_and(|before| now - before < ONE_COMPLAINT) {
            return;
        }
        self.complained = Some(now);
        self.tokens = self.tokens.min(0.0);
        self.rate = (self.rate / 2.0).max(self.full_rate * SLOWEST);
    }

    fn refill(&mut self, now: Instant) {
        let earned = (now - self.counted).as_secs_f64() * self.rate;
        self.tokens = (self.tokens + earned).min(self.burst);
        self.counted = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_smithy_runtime_api::client::http::{
        HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn,
    };
    use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
    use aws_smithy_runtime_api::client::result::ConnectorError;

    /// When the last of so many calls is made that are all asked for at once.
    fn last(pacing: &Pacing, operation: &str, calls: usize, now: Instant) -> f64 {
        let waits = (0..calls).map(|_| pacing.reserve(operation, now));
        waits.max().unwrap_or_default().as_secs_f64()
    }

    #[track_caller]
    fn about(seconds: f64, expected: f64) {
        assert!((seconds - expected).abs() < 0.001, "{seconds} s instead of {expected} s");
    }

    #[test]
    fn a_burst_goes_through_and_the_rest_at_the_services_rate() {
        let cases = [
            ("ec2:DescribeVpcs", 100, 0.0),
            ("ec2:DescribeSubnets", 140, 2.0),
            ("ec2:CreateVpc", 50, 0.0),
            ("ec2:CreateSubnet", 60, 2.0),
            ("route53:ListResourceRecordSets", 5, 0.0),
            ("route53:ChangeResourceRecordSets", 25, 4.0),
            ("logs:DescribeLogGroups", 30, 2.0),
            ("iam:GetRole", 40, 2.0),
            ("rds:DescribeDBInstances", 30, 1.0),
            ("rds:CreateDBInstance", 20, 2.0),
        ];
        for (operation, calls, seconds) in cases {
            about(last(&Pacing::scaled(1.0), operation, calls, Instant::now()), seconds);
        }
    }

    #[test]
    fn every_operation_of_a_service_draws_on_its_bucket_and_no_other_service_does() {
        let (pacing, now) = (Pacing::scaled(1.0), Instant::now());
        about(last(&pacing, "route53:GetChange", 5, now), 0.0);
        about(last(&pacing, "route53:ChangeResourceRecordSets", 5, now), 1.0);
        about(last(&pacing, "acm:DescribeCertificate", 5, now), 0.0);
    }

    #[test]
    fn a_quiet_time_fills_the_bucket_up_to_its_burst_and_not_further() {
        let (pacing, now) = (Pacing::scaled(1.0), Instant::now());
        last(&pacing, "route53:GetChange", 5, now);
        about(last(&pacing, "route53:GetChange", 10, now + Duration::from_secs(3600)), 1.0);
    }

    #[test]
    fn a_complaint_slows_every_caller_of_the_service_down_until_it_answers_again() {
        let (pacing, now) = (Pacing::scaled(1.0), Instant::now());
        pacing.complained("ec2:DescribeVpcs", now);
        // The burst is gone, and ten a second are left of twenty.
        about(last(&pacing, "ec2:DescribeSubnets", 10, now), 1.0);
        about(last(&pacing, "ec2:CreateVpc", 10, now), 0.0);
        let later = now + Duration::from_secs(1);
        (0..10).for_each(|_| pacing.answered("ec2:DescribeSubnets"));
        about(last(&pacing, "ec2:DescribeSubnets", 10, later), 0.0);
        about(last(&pacing, "ec2:DescribeSubnets", 20, later), 1.0);
    }

    #[test]
    fn answers_of_one_moment_count_as_one_complaint_and_there_is_a_slowest_pace() {
        let (pacing, now) = (Pacing::scaled(1.0), Instant::now());
        (0..16).for_each(|_| pacing.complained("ec2:DescribeVpcs", now));
        about(last(&pacing, "ec2:DescribeVpcs", 10, now), 1.0);
        let often = |n: u64| now + Duration::from_secs(100 + 2 * n);
        (0..20).for_each(|n| pacing.complained("ec2:DescribeVpcs", often(n)));
        about(last(&pacing, "ec2:DescribeVpcs", 5, often(19)), 4.0);
    }

    #[test]
    fn a_sandbox_has_wider_limits() {
        about(last(&Pacing::scaled(20.0), "route53:GetChange", 100, Instant::now()), 0.0);
    }

    /// Answers nothing, and counts.
    #[derive(Debug, Clone, Default)]
    struct Counter(std::sync::Arc<std::sync::atomic::AtomicU32>);

    impl HttpConnector for Counter {
        fn call(&self, _: HttpRequest) -> HttpConnectorFuture {
            self.0.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            HttpConnectorFuture::ready(Err(ConnectorError::other("by this test".into(), None)))
        }
    }

    #[tokio::test]
    async fn the_calls_of_the_clients_take_their_turn() {
        let counter = Counter::default();
        let connector = SharedHttpConnector::new(counter.clone());
        let aws = crate::aws::Aws::with_http(http_client_fn(move |_, _| connector.clone()));
        let started = Instant::now();
        let call = async |_| {
            let change = aws.route53().get_change().id("C1");
            aws.call("route53:GetChange", change.send()).await.unwrap_err()
        };
        let all = futures_util::future::join_all((0..30).map(call));
        assert!(tokio::time::timeout(Duration::from_millis(300), all).await.is_err(), "30 calls in a moment");
        let sent = f64::from(counter.0.load(std::sync::atomic::Ordering::SeqCst));
        let most = 5.0 + 5.0 * started.elapsed().as_secs_f64();
        assert!((1.0..=most).contains(&sent), "{sent} calls were sent, and at most {most} may be");
    }

    #[test]
    fn what_changes_nothing_is_told_from_what_does() {
        for (operation, read) in [
            ("ec2:DescribeVpcs", true),
            ("sts:GetCallerIdentity", true),
            ("iam:ListRolePolicies", true),
            ("ec2:CreateVpc", false),
            ("ecs:RegisterTaskDefinition", false),
            ("secretsmanager:GetSecretValue", true),
        ] {
            assert_eq!(is_read(operation), read, "{operation}");
        }
    }
}
