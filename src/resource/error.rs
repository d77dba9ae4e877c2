//! Why an operation failed, in the terms the engine decides by.
//!
//! The class alone decides whether the engine tries again; code, message and request id are AWS's own words, quoted to the
//! user unchanged. An error never holds a raw request or response: those may contain secrets.

use crate::model::input::Unresolved;
use std::fmt;
use std::time::Duration;

/// Code of an error that comes from an input which is not known yet.
pub const UNRESOLVED: &str = "Unresolved";

const BUG: &str = "this is a bug in hybridctl, please report it with the run log";

/// Code of an error that says that something has made no progress for too long.
pub const TIMEOUT: &str = "Timeout";

/// The result of a call of a resource kind.
pub type Result<T> = std::result::Result<T, Error>;

/// What kind of failure it is (`aws.md` 1.26). Decides retry and nothing else does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Too many calls: try again, slower.
    Throttle,
    /// Something that we made is not visible everywhere yet.
    Propagation,
    /// A delete is refused while something still depends on the object.
    Drain,
    /// A delete is refused because of something that is not ours: it stays until somebody removes it.
    Held,
    /// The object is busy with another change.
    Busy,
    /// The call may or may not have been carried out: look before calling again.
    Ambiguous,
    /// Credentials are missing, expired or wrong.
    Credentials,
    /// The object does not exist.
    NotFound,
    /// The name or key is taken.
    Exists,
    /// Trying again does not help.
    Terminal,
}

impl Class {
    /// How long the engine goes on trying, in all. `None`: not at all.
    ///
    /// `aws.md` 1.26: a throttled call is tried for as long as the slowest operation may take, a drain for as long as the
    /// network interfaces of a load balancer have been seen to linger.
    pub fn budget(self) -> Option<Duration> {
        let minutes = match self {
            Self::Throttle => 30,
            // Of an ambiguous call only what may be carried out twice is tried again; a create is looked for first.
            Self::Propagation | Self::Ambiguous => 5,
            Self::Drain => 45,
            Self::Busy => 10,
            Self::Held | Self::Credentials | Self::NotFound | Self::Exists | Self::Terminal => return None,
        };
        Some(Duration::from_secs(minutes * 60))
    }

    /// First and longest pause between two tries.
    pub fn pace(self) -> (Duration, Duration) {
        let (first, longest) = match self {
            Self::Throttle => (500, 20_000),
            Self::Drain => (5_000, 15_000),
            _ => (1_000, 10_000),
        };
        (Duration::from_millis(first), Duration::from_millis(longest))
    }

    /// The pause before try number `tries` (from 1): doubling, with jitter. Throttled callers spread over the whole pause, so
    /// that they do not come back together.
    pub fn backoff(self, tries: u32) -> Duration {
        let (first, longest) = self.pace();
        let doubled = first.saturating_mul(1 << tries.saturating_sub(1).min(10)).min(longest);
        doubled.mul_f64(match self {
            Self::Throttle => fastrand::f64(),
            _ => 0.5 + fastrand::f64() / 2.0,
        })
    }
}

/// A failed call, ready to be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// Decides what the engine does.
    pub class: Class,
    /// The operation, as IAM spells it: `ec2:CreateVpc`. Empty when no call was made.
    pub operation: String,
    /// AWS's error code, if it gave one: `DependencyViolation`.
    pub code: Option<String>,
    /// What happened, in AWS's words or ours.
    pub message: String,
    /// AWS's request id, to quote to AWS support.
    pub request_id: Option<String>,
    /// Who keeps the object from being deleted, on one line.
    pub held_by: Option<String>,
    /// What to do about it, one sentence each.
    pub hints: Vec<String>,
}

impl Error {
    /// A failure that trying again does not mend.
    pub fn terminal(message: impl Into<String>) -> Self {
        Self {
            class: Class::Terminal,
            operation: String::new(),
            code: None,
            message: message.into(),
            request_id: None,
            held_by: None,
            hints: vec![],
        }
    }

    /// A failure that can only come from a mistake in hybridctl.
    pub fn bug(message: impl fmt::Display) -> Self {
        Self::terminal(format!("{message}; {BUG}"))
    }

    /// True if the credentials may not make this call.
    pub fn is_denied(&self) -> bool {
        self.says(&["AccessDenied", "Unauthorized", "NotAuthorized", "Forbidden"])
    }

    /// True if this AWS has no such call: a local one, or an older one of somebody else's.
    pub fn is_unknown_to_aws(&self) -> bool {
        self.says(&["NotImplemented", "UnknownOperation", "InvalidAction", "InternalFailure"])
    }

    fn says(&self, words: &[&str]) -> bool {
        self.code.as_ref().is_some_and(|code| words.iter().any(|word| code.contains(word)))
    }

    /// True if it was made by [`Error::bug`].
    pub fn is_bug(&self) -> bool {
        self.message.ends_with(BUG)
    }

    /// The same error in another class.
    pub fn in_class(mut self, class: Class) -> Self {
        self.class = class;
        self
    }

    /// The same error with advice.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// AWS says that somebody has the name, and not which name that is.
    #[must_use]
    pub fn naming(self, name: &str) -> Self {
        if self.class == Class::Exists { self.hint(format!("the name is `{name}`")) } else { self }
    }

    /// True if the same command may well get further later: what was waited for took too long, or new credentials are needed.
    pub fn is_resumable(&self) -> bool {
        self.class.budget().is_some() || matches!(self.class, Class::Credentials | Class::Held) || self.is(TIMEOUT)
    }

    /// True if AWS's code is this one.
    pub fn is(&self, code: &str) -> bool {
        self.code.as_deref() == Some(code)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(code) = &self.code {
            write!(f, "{code}: ")?;
        }
        f.write_str(&self.message)?;
        match (self.operation.is_empty(), &self.request_id) {
            (true, _) => Ok(()),
            (false, None) => write!(f, " ({})", self.operation),
            (false, Some(id)) => write!(f, " ({}, request {id})", self.operation),
        }
    }
}

impl std::error::Error for Error {}

impl From<Unresolved> for Error {
    fn from(unresolved: Unresolved) -> Self {
        Self { code: Some(UNRESOLVED.into()), ..Self::terminal(unresolved.to_string()) }
    }
}

/// "Not found" as an answer: `None` instead of an error.
pub trait OrGone<T> {
    /// Turns an error of class [`Class::NotFound`] into `None`.
    ///
    /// # Errors
    /// Every other error, unchanged.
    fn or_gone(self) -> Result<Option<T>>;
}

impl<T> OrGone<T> for Result<T> {
    fn or_gone(self) -> Result<Option<T>> {
        match self {
            Ok(value) => Ok(Some(value)),
            Err(error) if error.class == Class::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}
