//! Exit codes, and failures that end a command with one of them.

use super::Global;
use super::telling;
use super::typed::as_typed;
use crate::aws::s3::settings::Settings;
use crate::config::Code;
use crate::report::codes;
use crate::report::errors::{error_text, head, hint_text};
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
/// Preflight found what the plan would fail on.
pub(crate) const PREFLIGHT: u8 = 4;
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
    /// What `hybridctl explain` knows it by.
    pub id: Code,
    /// For stderr, in full; empty if it has been told already.
    pub text: String,
    /// What to do, one sentence each.
    pub hints: Vec<String>,
}

impl Failure {
    /// With this code and this text.
    pub(crate) fn new(code: u8, text: impl Into<String>) -> Self {
        let id = match code {
            USAGE => codes::USAGE,
            PREFLIGHT => codes::PREFLIGHT,
            CONFIG => codes::UNFIT,
            STALE => codes::ELSEWHERE,
            LOCKED => codes::LOCKED,
            INCOMPLETE => codes::STUCK,
            _ => codes::COMMAND,
        };
        Self { code, id, text: text.into(), hints: vec![] }
    }

    /// With another id than most failures of its exit code.
    pub(crate) fn known_as(mut self, id: Code) -> Self {
        self.id = id;
        self
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
        let told = self.text.starts_with("error[");
        // A text that brings its own head brings its advice too; any other tells what is, another's command for example.
        match told {
            true => err!("{}", as_typed(global, &self.text)),
            false => err!("{} {}", head(self.id, style), self.text),
        }
        if !self.text.ends_with('\n') {
            err!("\n");
        }
        for hint in &self.hints {
            err!("{}", as_typed(global, &hint_text(hint, style)));
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
        let code = match &error {
            StoreError::Locked(_) | StoreError::Leased(_) | StoreError::LockLost(_) => LOCKED,
            StoreError::MovedAway { .. } => STALE,
            StoreError::Remote { error, .. } if error.class == crate::resource::Class::Credentials => INCOMPLETE,
            _ => ERROR,
        };
        let failure = Self::new(code, error.to_string()).known_as(codes::of_store(&error));
        match error {
            StoreError::Locked(_) => failure.hint("wait for it to end; the lock goes with that process"),
            StoreError::Leased(_) => failure
                .hint("wait for it to end; a run that dies frees its lock within about a minute")
                .hint("if it cannot end, remove its lock with `hybridctl state unlock --force`"),
            StoreError::LockLost(_) => {
                failure.hint("let the other run end, then run the command again: it starts from what that one recorded")
            }
            StoreError::MovedAway { to, .. } => failure.hint(format!("say so in the config file:\n{}", section(&to))),
            StoreError::NoBucket { bucket, region } => {
                failure.hint(format!("make it, or correct `state.bucket`:\n{}", creation(&bucket, &region)))
            }
            StoreError::Moved { .. } => failure.hint("run the command again: it starts from the newer state"),
            StoreError::Gone { .. } => failure
                .hint(
                    "what this run made exists, and nothing says so: `hybridctl state rebuild` makes the record again",
                )
                .hint("then run the command again"),
            StoreError::Io { .. } => failure.hint("check the folder's permissions and the free space of the disk"),
            StoreError::Remote { error, .. } => error.hints.iter().fold(failure, |failure, hint| failure.hint(hint)),
            // Both say what to do in the same breath.
            StoreError::Damaged(why) | StoreError::Unfit(why) => {
                let mut parts = why.split("\nhint: ").map(str::to_owned);
                let failure = Self { text: parts.next().unwrap_or_default(), ..failure };
                parts.fold(failure, Failure::hint)
            }
        }
    }
}

/// The lines of the config file that name a place of the state.
pub(crate) fn section(root: &str) -> String {
    match root.strip_prefix("s3://").map(|rest| rest.split_once('/').unwrap_or((rest, ""))) {
        Some((bucket, prefix)) => format!("[state]\nbucket = \"{bucket}\"\nprefix = \"{prefix}\""),
        None => format!("[state]\npath = \"{root}\""),
    }
}

/// The commands that make a bucket for a state.
fn creation(bucket: &str, region: &str) -> String {
    let place = match region {
        "us-east-1" => String::new(),
        region => format!(" --create-bucket-configuration LocationConstraint={region}"),
    };
    let missing = Settings { versioned: Some(false), public_access_blocked: Some(false), encrypted: Some(false) };
    let settings = crate::state::s3::commands(bucket, missing).join("\n");
    format!("aws s3api create-bucket --bucket {bucket} --region {region}{place}\n{settings}")
}

impl From<SandboxError> for Failure {
    fn from(error: SandboxError) -> Self {
        let failure = Self::new(ERROR, error.to_string()).known_as(codes::SANDBOX);
        match error.hint() {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    }
}
