//! Which calls are disturbed, and how: a table that a test writes down.

use super::call::{Call, matches};
use super::hide::Hidden;
use fastrand::Rng;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Told when a call has reached a moment; the proxy does nothing else meanwhile.
pub type Hook = Arc<dyn Fn(&Call) + Send + Sync>;
type Predicate = Box<dyn Fn(&Call) -> bool + Send>;

/// A moment in the life of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Moment {
    /// It has arrived here and goes no further.
    Before,
    /// The sandbox has answered; the answer goes no further.
    Answered,
    /// The client has the whole answer.
    Passed,
}

/// Which of the calls that a rule means.
#[derive(Debug)]
pub enum When {
    Nth(u64),
    First(u64),
    From(u64),
    Share(f64, Rng),
}

/// Only this one, from 1.
pub fn nth(number: u64) -> When {
    When::Nth(number)
}

/// This many, then no more.
pub fn first(number: u64) -> When {
    When::First(number)
}

/// This one, from 1, and all after it.
pub fn from(number: u64) -> When {
    When::From(number)
}

/// Every one.
pub fn always() -> When {
    When::From(1)
}

/// This part of them, by a seeded die.
pub fn share(part: f64, seed: u64) -> When {
    When::Share(part, Rng::with_seed(seed))
}

/// What happens to a call.
#[derive(Clone)]
pub enum Fault {
    /// The connection is closed; the sandbox sees nothing of it.
    Refuse,
    /// The sandbox carries it out; the connection is closed instead of answering.
    Drop,
    /// The sandbox carries it out; half of the answer arrives.
    Cut,
    /// It is answered here, as the service would.
    Error { code: String, message: String, status: u16 },
    /// It is answered here with the service's own word for "too many".
    Throttle,
    /// It arrives this much later.
    Delay(Duration),
    /// Text of the answer is replaced, wherever it stands.
    Replace { from: String, to: String },
    /// The value of every element or member of this name is replaced.
    Field { name: String, to: String },
    /// Somebody is told at a moment. Unless it was the last one, the connection is closed then.
    Stop(Moment, Hook),
}

/// The service answers with this code.
pub fn error(code: &str, status: u16) -> Fault {
    refusal(code, "said by the proxy", status)
}

/// The service answers with this code and message.
pub fn refusal(code: &str, message: &str, status: u16) -> Fault {
    Fault::Error { code: code.to_owned(), message: message.to_owned(), status }
}

/// Text of the answer is replaced.
pub fn replace(from: &str, to: &str) -> Fault {
    Fault::Replace { from: from.to_owned(), to: to.to_owned() }
}

/// A field of the answer has another value.
pub fn field(name: &str, to: &str) -> Fault {
    Fault::Field { name: name.to_owned(), to: to.to_owned() }
}

/// Somebody is told, typically to kill the client.
pub fn stop(moment: Moment, hook: impl Fn(&Call) + Send + Sync + 'static) -> Fault {
    Fault::Stop(moment, Arc::new(hook))
}

struct Rule {
    pattern: String,
    only: Predicate,
    when: When,
    fault: Fault,
    seen: u64,
}

impl Rule {
    fn applies(&mut self, call: &Call) -> bool {
        if !matches(&self.pattern, &call.name()) || !(self.only)(call) {
            return false;
        }
        self.seen += 1;
        match &mut self.when {
            When::Nth(number) => self.seen == *number,
            When::First(number) => self.seen <= *number,
            When::From(number) => self.seen >= *number,
            When::Share(part, dice) => dice.f64() < *part,
        }
    }
}

/// Calls of a service that are admitted: so many at once, then so many a second.
struct Bucket {
    rate: f64,
    burst: f64,
    tokens: f64,
    filled: Instant,
}

impl Bucket {
    fn admits(&mut self) -> bool {
        let now = Instant::now();
        self.tokens = (self.tokens + now.duration_since(self.filled).as_secs_f64() * self.rate).min(self.burst);
        self.filled = now;
        let admitted = self.tokens >= 1.0;
        if admitted {
            self.tokens -= 1.0;
        }
        admitted
    }
}

/// A scenario: rules in their order. For one call, the first rule that decides its fate wins; delays and changed answers add up.
///
/// ```text
/// Faults::none()
///     .on("ec2:CreateVpc", nth(1), Fault::Drop)
///     .on("elasticloadbalancing:CreateListener", first(6), error("CertificateNotFound", 400))
///     .on("*", share(0.3, 7), Fault::Throttle)
///     .on_mutation(nth(17), stop(Moment::Answered, move |_| client.kill()))
/// ```
#[derive(Default)]
pub struct Faults {
    rules: Vec<Rule>,
    buckets: BTreeMap<String, Bucket>,
    pub(super) hidden: Hidden,
}

/// What becomes of one call.
#[derive(Default)]
pub(super) struct Treatment {
    pub(super) delay: Duration,
    pub(super) fate: Option<Fault>,
    pub(super) changes: Vec<Fault>,
}

impl Faults {
    /// Every call passes.
    pub fn none() -> Self {
        Self::default()
    }

    /// Disturbs calls of an operation: `ec2:CreateVpc`, `ec2:Create*`, `*`.
    #[must_use]
    pub fn on(self, pattern: &str, when: When, fault: Fault) -> Self {
        self.on_those(pattern, |_| true, when, fault)
    }

    /// Disturbs calls that may change something, whatever they are.
    #[must_use]
    pub fn on_mutation(self, when: When, fault: Fault) -> Self {
        self.on_those("*", Call::mutates, when, fault)
    }

    /// Disturbs those calls of an operation that a closure picks.
    #[must_use]
    pub fn on_those(
        mut self,
        pattern: &str,
        only: impl Fn(&Call) -> bool + Send + 'static,
        when: When,
        fault: Fault,
    ) -> Self {
        self.rules.push(Rule { pattern: pattern.to_owned(), only: Box::new(only), when, fault, seen: 0 });
        self
    }

    /// Admits `burst` calls of a service at once and `rate` a second; the rest is throttled.
    #[must_use]
    pub fn limit(mut self, service: &str, rate: f64, burst: u32) -> Self {
        let burst = f64::from(burst);
        self.buckets.insert(service.to_owned(), Bucket { rate, burst, tokens: burst, filled: Instant::now() });
        self
    }

    /// Whatever this operation creates is missing in describes for a while.
    #[must_use]
    pub fn hide(mut self, create: &str, time: Duration) -> Self {
        self.hidden.rule(create, time);
        self
    }

    pub(super) fn judge(&mut self, call: &Call) -> Treatment {
        let mut treatment = Treatment::default();
        for rule in &mut self.rules {
            if !rule.applies(call) {
                continue;
            }
            match &rule.fault {
                Fault::Delay(time) => treatment.delay += *time,
                change @ (Fault::Replace { .. } | Fault::Field { .. }) => treatment.changes.push(change.clone()),
                fate if treatment.fate.is_none() => treatment.fate = Some(fate.clone()),
                _ => {}
            }
        }
        if treatment.fate.is_none() && self.buckets.get_mut(&call.service).is_some_and(|bucket| !bucket.admits()) {
            treatment.fate = Some(Fault::Throttle);
        }
        treatment
    }
}
