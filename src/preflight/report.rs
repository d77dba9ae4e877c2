//! What `preflight` found, as values and for programs.

use super::checks::Check;
use serde_json::{Value, json};

/// What a check concluded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    /// Nothing stands in the way; what was seen.
    Pass(String),
    /// It will work, but it is worth a thought.
    Warn(Finding),
    /// It will not work.
    Fail(Finding),
    /// Nobody can say before it is tried, or it could not be read.
    Unknown(Finding),
    /// The sandbox cannot show it; why.
    NotHere(String),
}

/// What is the matter, what to do, and how it is known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Finding {
    /// One sentence without a full stop.
    pub why: String,
    /// What to do: a sentence, or a command at its end.
    pub next: String,
    /// What was seen, one line each, without secrets.
    pub evidence: Vec<String>,
}

impl Finding {
    /// A finding with its remedy.
    pub fn new(why: impl Into<String>, next: impl Into<String>) -> Self {
        Self { why: why.into(), next: next.into(), evidence: vec![] }
    }

    /// The same finding with what was seen.
    pub fn seen(mut self, evidence: impl IntoIterator<Item = String>) -> Self {
        self.evidence.extend(evidence);
        self
    }

    pub(super) fn warns(self) -> Status {
        Status::Warn(self)
    }

    pub(super) fn fails(self) -> Status {
        Status::Fail(self)
    }

    pub(super) fn unknown(self) -> Status {
        Status::Unknown(self)
    }
}

/// A check with its conclusion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckResult {
    /// `PF-…`, stable.
    pub id: &'static str,
    /// What is checked, in a few words.
    pub title: &'static str,
    /// The step of ZenML's guide that it belongs to.
    pub step: &'static str,
    /// The conclusion.
    pub status: Status,
}

impl CheckResult {
    pub(super) fn of(check: &Check, judged: Result<String, Status>) -> Self {
        let status = judged.map_or_else(|status| status, Status::Pass);
        Self { id: check.id, title: check.title, step: check.step, status }
    }

    /// What is the matter, unless all is well.
    pub fn finding(&self) -> Option<&Finding> {
        match &self.status {
            Status::Warn(finding) | Status::Fail(finding) | Status::Unknown(finding) => Some(finding),
            Status::Pass(_) | Status::NotHere(_) => None,
        }
    }

    /// True if the deployment would fail on it.
    pub fn failed(&self) -> bool {
        matches!(self.status, Status::Fail(_))
    }

    /// `OK`, `WARN`, `FAIL`, `?`, or `-` for what is not checked in the sandbox.
    pub fn word(&self) -> &'static str {
        match &self.status {
            Status::Pass(_) => "OK",
            Status::Warn(_) => "WARN",
            Status::Fail(_) => "FAIL",
            Status::Unknown(_) => "?",
            Status::NotHere(_) => "-",
        }
    }
}

/// Every check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Name of the deployment.
    pub deployment: String,
    /// Its region.
    pub region: String,
    /// In the order of the list of checks.
    pub checks: Vec<CheckResult>,
}

impl Report {
    /// True if nothing failed.
    pub fn passed(&self) -> bool {
        !self.checks.iter().any(CheckResult::failed)
    }

    /// The same report with these checks only; an empty list leaves all.
    pub fn only(mut self, ids: &[String]) -> Self {
        self.checks.retain(|check| ids.is_empty() || names(ids, check.id));
        self
    }

    /// The same report without these checks.
    pub fn without(mut self, ids: &[String]) -> Self {
        self.checks.retain(|check| !names(ids, check.id));
        self
    }

    /// The report for programs. The keys are stable; `status` is `pass`, `warn`, `fail`, `unknown` or `not_here`.
    pub fn json(&self) -> Value {
        let check = |check: &CheckResult| {
            let (word, detail) = match &check.status {
                Status::Pass(detail) => ("pass", detail),
                Status::Warn(finding) => ("warn", &finding.why),
                Status::Fail(finding) => ("fail", &finding.why),
                Status::Unknown(finding) => ("unknown", &finding.why),
                Status::NotHere(why) => ("not_here", why),
            };
            let mut value =
                json!({ "id": check.id, "title": check.title, "guide": check.step, "status": word, "detail": detail });
            if let Some(finding) = check.finding() {
                value["next"] = finding.next.as_str().into();
                value["evidence"] = json!(finding.evidence);
            }
            value
        };
        json!({
            "deployment": self.deployment, "region": self.region, "passed": self.passed(),
            "checks": self.checks.iter().map(check).collect::<Vec<_>>(),
        })
    }
}

fn names(ids: &[String], id: &str) -> bool {
    ids.iter().any(|named| named.eq_ignore_ascii_case(id))
}
