//! The last check before a changing call leaves: may this process still change anything?
//!
//! It sits right before a request is sent: a process that was stopped for minutes in the middle of
//! a call does not send it again when it wakes up. Reads pass always.

use crate::resource::{Class, Error};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::BeforeTransmitInterceptorContextRef;
use aws_smithy_runtime_api::client::orchestrator::Metadata;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;
use std::fmt;
use std::sync::{Arc, OnceLock};

/// Who may say no: the lock on a shared state.
pub trait Permit: Send + Sync + fmt::Debug {
    /// # Errors
    /// Why nothing may be changed now.
    fn may_change(&self) -> Result<(), String>;
}

/// Open until somebody guards it.
#[derive(Debug, Clone, Default)]
pub struct Gate(Arc<OnceLock<Arc<dyn Permit>>>);

impl Gate {
    /// From now on asks `permit` before every changing call. The first guard stays.
    pub fn guard(&self, permit: Arc<dyn Permit>) {
        let _ = self.0.set(permit);
    }

    fn check(&self, operation: &str) -> Result<(), Closed> {
        match self.0.get() {
            Some(permit) if !only_reads(operation) => permit.may_change().map_err(Closed),
            _ => Ok(()),
        }
    }
}

/// An operation counts as a change unless its name says otherwise.
fn only_reads(operation: &str) -> bool {
    ["Describe", "List", "Get", "Simulate", "Filter", "Lookup", "Head"].iter().any(|verb| operation.starts_with(verb))
}

impl Intercept for Gate {
    fn name(&self) -> &'static str {
        "Gate"
    }

    fn read_before_transmit(
        &self,
        _context: &BeforeTransmitInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let operation = config.load::<Metadata>().map_or("", Metadata::name);
        Ok(self.check(operation)?)
    }
}

/// The call was not sent.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Closed(String);

impl Closed {
    /// The refusal, if this is what an error comes from.
    pub(super) fn among<'e>(error: &'e (dyn std::error::Error + 'static)) -> Option<&'e Self> {
        let mut cause = Some(error);
        while let Some(error) = cause {
            if let Some(closed) = error.downcast_ref() {
                return Some(closed);
            }
            cause = error.source();
        }
        None
    }

    /// Busy: the engine asks whether the lock still stands before it tries again.
    pub(super) fn explain(&self, operation: &str) -> Error {
        Error { operation: operation.to_owned(), code: Some("LockNotRenewed".into()), ..Error::terminal(&self.0) }
            .in_class(Class::Busy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Never;
    impl Permit for Never {
        fn may_change(&self) -> Result<(), String> {
            Err("the lock is gone".into())
        }
    }

    #[test]
    fn a_guarded_gate_lets_reads_through_and_no_change() {
        let gate = Gate::default();
        assert!(gate.check("CreateVpc").is_ok());
        gate.guard(Arc::new(Never));
        for read in ["DescribeVpcs", "ListTagsForResource", "GetSecretValue", "FilterLogEvents"] {
            assert!(gate.check(read).is_ok(), "{read}");
        }
        for change in ["CreateVpc", "RunTask", "DeregisterTaskDefinition", "PutSecretValue", "TagResource", ""] {
            assert!(gate.check(change).is_err(), "{change}");
        }
    }
}
