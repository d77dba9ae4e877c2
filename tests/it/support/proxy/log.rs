//! What came by, in the order of its arrival.

use super::call::{Call, matches};
use super::faults::Moment;
use std::time::Duration;

/// What became of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Not decided yet.
    UnderWay,
    /// Carried out and answered.
    Passed,
    /// The sandbox saw nothing of it, and the client no answer.
    Refused,
    /// Carried out, and the client saw no answer.
    Dropped,
    /// Carried out, and the client saw half of an answer.
    Cut,
    /// Answered here with this code.
    Answered(String),
    /// The client was stopped at this moment.
    Stopped(Moment),
    /// The sandbox did not answer.
    Broken(String),
}

/// One call.
#[derive(Debug, Clone)]
pub struct Entry {
    /// `ec2:CreateVpc`.
    pub operation: String,
    /// Whether it may change something.
    pub mutates: bool,
    pub verdict: Verdict,
    /// Of the sandbox's answer.
    pub status: Option<u16>,
    /// When it was signed, `20261121T141900Z`.
    pub signed: String,
    /// Since the proxy was started.
    pub arrived: Duration,
    /// Until the answer was there; zero while it is under way.
    pub took: Duration,
}

impl Entry {
    pub(super) fn new(call: &Call, arrived: Duration) -> Self {
        let (verdict, took) = (Verdict::UnderWay, Duration::ZERO);
        let (operation, signed) = (call.name(), call.signed.clone());
        Self { operation, mutates: call.mutates(), verdict, status: None, signed, arrived, took }
    }

    /// The sandbox did what was asked for.
    pub fn took_effect(&self) -> bool {
        self.status.is_some_and(|status| status < 300)
    }
}

/// Every call since the start, or since [`super::Proxy::take_log`].
#[derive(Debug, Clone, Default)]
pub struct Log(pub Vec<Entry>);

impl Log {
    /// Those of an operation: `ec2:CreateVpc`, `ec2:*`, `*`.
    pub fn of(&self, pattern: &str) -> impl Iterator<Item = &Entry> {
        self.0.iter().filter(move |entry| matches(pattern, &entry.operation))
    }

    /// How often an operation was called.
    pub fn count(&self, pattern: &str) -> usize {
        self.of(pattern).count()
    }

    /// How often the sandbox did it.
    pub fn effects(&self, pattern: &str) -> usize {
        self.of(pattern).filter(|entry| entry.took_effect()).count()
    }

    /// The calls that may change something.
    pub fn mutations(&self) -> Vec<&str> {
        self.0.iter().filter(|entry| entry.mutates).map(|entry| entry.operation.as_str()).collect()
    }

    /// Without what was signed by then: it was on its way already.
    pub fn signed_after(self, moment: &str) -> Self {
        Self(self.0.into_iter().filter(|entry| entry.signed.as_str() > moment).collect())
    }

    /// Both took effect, and all of the one before any of the other.
    #[track_caller]
    pub fn assert_before(&self, earlier: &str, later: &str) {
        let places = |pattern: &str| -> Vec<usize> {
            let took_effect = |(place, entry): (usize, &Entry)| {
                (matches(pattern, &entry.operation) && entry.took_effect()).then_some(place)
            };
            self.0.iter().enumerate().filter_map(took_effect).collect()
        };
        let (first, second) = (places(earlier), places(later));
        assert!(!first.is_empty(), "{earlier} never took effect\n{}", self.text());
        assert!(!second.is_empty(), "{later} never took effect\n{}", self.text());
        assert!(first.last() < second.first(), "{later} came before {earlier}\n{}", self.text());
    }

    /// One line for each call, for a failing test.
    pub fn text(&self) -> String {
        let line = |(number, entry): (usize, &Entry)| {
            let status = entry.status.map_or_else(|| "-".to_owned(), |status| status.to_string());
            let (arrived, took) = (entry.arrived.as_secs_f64(), entry.took.as_millis());
            format!(
                "{:4} {arrived:8.3} s {took:5} ms {status:>4} {} {:?}\n",
                number + 1,
                entry.operation,
                entry.verdict
            )
        };
        self.0.iter().enumerate().map(line).collect()
    }
}
