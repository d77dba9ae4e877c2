//! Exit codes, and failures that end a command with one of them.

use super::Global;
use super::telling;
use crate::report::errors::{error_text, hint_text};
use crate::resource::Error;
use crate::sandbox::SandboxError;
use crate::state::StoreError;

/// Done, or no changes.
pub(crate) const DONE: u8 = 0;
/// An error.
pub(crate) const ERROR: u8 = 1;
/// Changes are present.
pub(crate) const CHANGES: u8 = 2;
/// The config is invalid.
pub(crate) const CONFIG: u8 = 3;
/// The plan is stale, or the state belongs to another place.
pub(crate) const STALE: u8 = 7;
/// The state is locked.
pub(crate) const LOCKED: u8 = 8;
/// Not finished; the same command goes on.
pub(crate) const INCOMPLETE: u8 = 9;
/// Drift is present.
pub(crate) const DRIFT: u8 = 6;
/// It does not work.
pub(crate) const VERIFY: u8 = 10;
/// The command line is wrong, or a question could not be asked.
pub(crate) const USAGE: u8 = 64;

/// Why a command ended.
#[derive(Debug)]
pub(crate) struct Failure {
    /// The exit code.
    pub code: u8,
    /// For stderr, in full; empty if it has been told already.
    pub text: String,
    /// What to do, one sentence each.
    pub hints: Vec<String>,
}

impl Failure {
    /// With this code and this text.
    pub(crate) fn new(code: u8, text: impl Into<String>) -> Self {
        Self { code, text: text.into(), hints: vec![] }
    }

    /// Told already.
    pub(crate) fn told(code: u8) -> Self {
        Self::new(code, "")
    }

    /// With advice.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Prints it to stderr.
    pub(crate) fn print(&self, global: &Global) {
        if self.text.is_empty() {
            return;
        }
        let style = telling::style(global);
        err!("{}", if self.text.starts_with("error") { self.text.clone() } else { format!("error: {}", self.text) });
        if !self.text.ends_with('\n') {
            err!("\n");
        }
        for hint in &self.hints {
            err!("{}", hint_text(hint, style));
        }
    }

    /// A failed AWS call outside an apply.
    pub(crate) fn aws(what: &str, error: &Error) -> Self {
        let code = match error.class {
            crate::resource::Class::Credentials => INCOMPLETE,
            _ => ERROR,
        };
        Self::new(code, error_text(what, error, crate::config::Style::Plain))
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let code = if matches!(error, StoreError::Locked(_)) { LOCKED } else { ERROR };
        let failure = Self::new(code, error.to_string());
        match error {
            StoreError::Locked(_) => failure.hint("wait for it to end; the lock goes with that process"),
            StoreError::Moved { .. } => failure.hint("run the command again: it starts from the newer state"),
            StoreError::Io { .. } => failure.hint("check the folder's permissions and the free space of the disk"),
            StoreError::Damaged(_) => failure,
        }
    }
}

impl From<SandboxError> for Failure {
    fn from(error: SandboxError) -> Self {
        let failure = Self::new(ERROR, error.to_string());
        match error.hint() {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    }
}
