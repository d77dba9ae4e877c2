//! What can go wrong with one call that changes something, or with one save.

use hybridctl::resource::{Class, Error};

/// What happens to one effect, instead of what was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The process dies before it.
    KillBefore,
    /// The process dies after it: the answer is lost with the process.
    KillAfter,
    /// Somebody asks to stop just before it.
    Stop,
    /// Refused, and trying again would not help this run.
    Refuse,
    /// Too many calls.
    Throttle,
    /// The object is busy with another change.
    Busy,
    /// What it refers to is not known everywhere yet.
    Unknown,
    /// It never arrived, and nobody can tell.
    Unsent,
    /// It took place, and its answer was lost.
    Lost,
    /// The network delivered the request twice; the second answer is the one that comes back.
    Twice,
}

impl Fault {
    /// The answer that comes back without the call having been carried out.
    pub fn refusal(self) -> Option<Error> {
        let (class, code) = match self {
            Self::Refuse => (Class::Terminal, "Refused"),
            Self::Throttle => (Class::Throttle, "Throttling"),
            Self::Busy => (Class::Busy, "Busy"),
            Self::Unknown => (Class::NotFound, "NotFound"),
            Self::Unsent => (Class::Ambiguous, "ConnectionReset"),
            Self::KillBefore | Self::KillAfter | Self::Stop | Self::Lost | Self::Twice => return None,
        };
        Some(Error { class, code: Some(code.into()), ..Error::terminal("by a fault of this test") })
    }

    /// The answer in place of the one that was lost.
    pub fn lost() -> Error {
        Error::terminal("by a fault of this test").in_class(Class::Ambiguous)
    }
}
