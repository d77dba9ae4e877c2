//! What `verify` found, as values.

use super::checks::Check;
use super::verdict::{self, Cause};
use super::world::Expect;
use serde_json::{Value, json};

/// What a check concluded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    /// As it should be; what was seen.
    Ok(String),
    /// Not as it should be.
    Fail(Fail),
    /// Could not be judged; why, and what to do about it.
    Skip(String),
    /// AWS could not be asked: nothing is known, neither good nor bad.
    Unread(Fail),
    /// The sandbox cannot show it; why.
    NotHere(String),
}

/// Why a check failed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fail {
    /// What is wrong, one sentence without a full stop.
    pub why: String,
    /// What to do: a sentence, or a command on a line of its own.
    pub next: String,
    /// What was seen, one line each, without secrets.
    pub evidence: Vec<String>,
    /// The kind of failure, `image.grant`; `None`: only the symptom is known.
    pub class: Option<&'static str>,
    /// Further kinds that the same check found: it looks at several things, and each brings about something else.
    pub also: Vec<&'static str>,
}

impl Fail {
    /// A failure.
    pub fn new(why: impl Into<String>) -> Self {
        Self { why: why.into(), ..Self::default() }
    }

    /// The same failure with advice.
    pub fn next(mut self, next: impl Into<String>) -> Self {
        self.next = next.into();
        self
    }

    /// The same failure, of a known kind.
    pub fn class(mut self, class: &'static str) -> Self {
        self.class = Some(class);
        self
    }

    /// The same failure, of several kinds: the first is the one that is told.
    pub fn classes(mut self, classes: impl IntoIterator<Item = &'static str>) -> Self {
        let mut classes = classes.into_iter();
        self.class = classes.next();
        self.also = classes.collect();
        self
    }

    /// Every kind that it is of.
    pub fn kinds(&self) -> impl Iterator<Item = &'static str> {
        self.class.into_iter().chain(self.also.iter().copied())
    }

    /// The same failure with what was seen.
    pub fn seen(mut self, evidence: impl IntoIterator<Item = String>) -> Self {
        self.evidence.extend(evidence);
        self
    }
}

impl From<Fail> for Status {
    fn from(fail: Fail) -> Self {
        Self::Fail(fail)
    }
}

/// A check with its conclusion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckResult {
    /// `VF-…`, stable.
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
        let status = judged.map_or_else(|status| status, Status::Ok);
        Self { id: check.id, title: check.title, step: check.step, status }
    }

    /// Why it failed, if it did.
    pub fn fail(&self) -> Option<&Fail> {
        match &self.status {
            Status::Fail(fail) => Some(fail),
            _ => None,
        }
    }

    /// Why it could not be read, if it could not.
    pub fn unread(&self) -> Option<&Fail> {
        match &self.status {
            Status::Unread(unread) => Some(unread),
            _ => None,
        }
    }

    /// `OK`, `FAIL`, `?` for what could not be read, `SKIP`, or `-` for what is not checked in the sandbox.
    pub fn word(&self) -> &'static str {
        match &self.status {
            Status::Ok(_) => "OK",
            Status::Fail(_) => "FAIL",
            Status::Skip(_) => "SKIP",
            Status::Unread(_) => "?",
            Status::NotHere(_) => "-",
        }
    }
}

/// Every check, and the cause of what is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Name of the deployment.
    pub deployment: String,
    /// Where the server should answer.
    pub server_url: String,
    /// In the order of the layers, outermost first.
    pub checks: Vec<CheckResult>,
    /// The root cause, or why AWS could not be asked where nothing failed and not all could be read; `None`: neither.
    pub verdict: Option<Cause>,
    /// Some checks were left out.
    pub is_partial: bool,
}

impl Report {
    pub(super) fn new(expect: &Expect, checks: Vec<CheckResult>) -> Self {
        let verdict = verdict::cause(&checks);
        let (deployment, server_url) = (expect.deployment.clone(), expect.server_url.clone());
        Self { deployment, server_url, checks, verdict, is_partial: false }
    }

    /// True if nothing failed, all could be read, and something was found to be right.
    pub fn passed(&self) -> bool {
        self.verdict.is_none() && self.checks.iter().any(|check| matches!(check.status, Status::Ok(_)))
    }

    /// The same report with these checks only, and the verdict that follows from them; an empty list leaves all.
    pub fn narrowed(mut self, ids: &[String]) -> Self {
        if ids.is_empty() {
            return self;
        }
        self.checks.retain(|check| ids.iter().any(|id| id.eq_ignore_ascii_case(check.id)));
        self.verdict = verdict::cause(&self.checks);
        self.is_partial = true;
        self
    }

    /// The report for programs. The keys are stable; `status` is `ok`, `fail`, `unknown`, `skip` or `not_here`.
    pub fn json(&self) -> Value {
        let check = |check: &CheckResult| {
            let mut value = json!({ "id": check.id, "title": check.title, "guide": check.step });
            let (word, detail) = match &check.status {
                Status::Ok(detail) => ("ok", detail),
                Status::Fail(fail) => ("fail", &fail.why),
                Status::Skip(why) => ("skip", why),
                Status::Unread(unread) => ("unknown", &unread.why),
                Status::NotHere(why) => ("not_here", why),
            };
            value["status"] = word.into();
            value["detail"] = detail.as_str().into();
            if let Some(fail) = check.fail().or(check.unread()) {
                value["next"] = fail.next.as_str().into();
                value["evidence"] = json!(fail.evidence);
                value["class"] = json!(fail.class);
                value["classes"] = json!(fail.kinds().collect::<Vec<_>>());
            }
            value
        };
        let verdict = self.verdict.as_ref().map(|cause| {
            json!({
                "cause": cause.id, "class": cause.fail.class, "classes": cause.fail.kinds().collect::<Vec<_>>(), "title": cause.title, "why": cause.fail.why, "next": cause.fail.next,
                "evidence": cause.fail.evidence, "consequences": cause.consequences, "others": cause.others,
            })
        });
        json!({
            "deployment": self.deployment, "server_url": self.server_url, "passed": self.passed(),
            "checks": self.checks.iter().map(check).collect::<Vec<_>>(), "verdict": verdict,
        })
    }
}
