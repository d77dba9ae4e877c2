//! Who keeps an object from being deleted.
//!
//! AWS says only "has a dependent object". Kinds list who it is ([`super::Resource::holders`]), the engine tells it while it
//! waits, and stops where waiting cannot help: what is somebody else's stays until somebody removes it.

use super::{Scope, Tags};
use crate::aws::tags;
use std::fmt;

/// Whose a holder is, and with that, whether waiting helps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// This deployment's: it is on its way out, or its own delete is still to come.
    Ours,
    /// A managed service's, which gives it back by itself when what it served is gone.
    Service,
    /// Somebody else's.
    Stranger,
}

/// One holder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// Id and description: `eni-0abc… (ELB app/zenml-hybrid-1a2b3c/…, 203.0.113.7)`.
    pub what: String,
    /// Whose it is.
    pub whose: Whose,
    /// How a stranger's is removed, a sentence that ends with the command.
    pub remove: Option<String>,
}

impl Holder {
    /// This deployment's.
    pub fn ours(what: impl Into<String>) -> Self {
        Self { what: what.into(), whose: Whose::Ours, remove: None }
    }

    /// A managed service's.
    pub fn service(what: impl Into<String>) -> Self {
        Self { what: what.into(), whose: Whose::Service, remove: None }
    }

    /// Somebody else's.
    pub fn stranger(what: impl Into<String>) -> Self {
        Self { what: what.into(), whose: Whose::Stranger, remove: None }
    }

    /// Ours if it carries our lineage, else a stranger's.
    pub fn tagged(scope: &Scope<'_>, what: impl Into<String>, found: &Tags) -> Self {
        if tags::are_of(scope.lineage, found) { Self::ours(what) } else { Self::stranger(what) }
    }

    /// With the way to remove it, if it is a stranger's.
    pub fn removed_by(mut self, remove: impl Into<String>) -> Self {
        self.remove = Some(remove.into()).filter(|_| self.is_stranger());
        self
    }

    /// True if waiting does not help.
    pub fn is_stranger(&self) -> bool {
        self.whose == Whose::Stranger
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whose = match self.whose {
            Whose::Ours => "ours",
            Whose::Service => "its service gives it back",
            Whose::Stranger => "not of this deployment",
        };
        write!(f, "{}: {whose}", self.what)
    }
}

/// Several holders on one line; beyond the first few, how many more there are.
pub fn list(holders: &[Holder]) -> String {
    const SHOWN: usize = 4;
    let mut said: Vec<String> = holders.iter().take(SHOWN).map(Holder::to_string).collect();
    if holders.len() > SHOWN {
        said.push(format!("{} more", holders.len() - SHOWN));
    }
    said.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holders_are_listed_with_whose_they_are() {
        let holders = [Holder::service("eni-1 (ELB app/zenml/1)"), Holder::stranger("eni-2")];
        assert_eq!(list(&holders), "eni-1 (ELB app/zenml/1): its service gives it back; eni-2: not of this deployment");
        let many: Vec<Holder> = (0..6).map(|n| Holder::ours(format!("eni-{n}"))).collect();
        assert!(list(&many).ends_with("eni-3: ours; 2 more"), "{}", list(&many));
    }
}
