//! What to do about an answer of AWS that is an error, for the person who reads it.
//!
//! One entry for every call of the program. Which class an answer has stands in `classify.rs`; here are only words,
//! looked up in three tables: what denies a call, which quota is used up, and everything else. A kind adds a hint
//! where it alone knows more. A hint is one sentence, and a command at its end is to be copied as it is.

mod credentials;
mod denied;
mod quota;
mod table;

use crate::resource::Class;
use jiff::Timestamp;

/// An answer that is an error.
pub(super) struct Answer<'a> {
    /// As IAM spells it, `ec2:CreateVpc`.
    pub operation: &'a str,
    pub class: Class,
    pub code: Option<&'a str>,
    pub message: &'a str,
    /// Its `Date` header: AWS's clock.
    pub date: Option<&'a str>,
}

impl Answer<'_> {
    fn service(&self) -> &str {
        self.operation.split(':').next().unwrap_or_default()
    }

    fn says(&self, part: &str) -> bool {
        self.message.to_lowercase().contains(&part.to_lowercase())
    }
}

/// Hints for this answer; empty if AWS's own words are all there is.
pub(super) fn on(answer: &Answer<'_>, now: Timestamp) -> Vec<String> {
    if answer.class == Class::Credentials {
        return credentials::on_credentials(answer.code, answer.message, answer.date, now);
    }
    let known = [denied::hints, quota::hints, table::hints];
    known.into_iter().map(|look_up| look_up(answer)).find(|hints| !hints.is_empty()).unwrap_or_default()
}

/// Hints for a refusal that comes with HTTP 200: it has a reason, and no code.
pub(super) fn on_reason(operation: &str, class: Class, reason: &str) -> Vec<String> {
    on(&Answer { operation, class, code: Some(""), message: reason, date: None }, Timestamp::now())
}

#[cfg(test)]
mod screens;
