//! The report as one screen of text.

use super::report::{CheckResult, Report, Status};
use std::fmt::Write;

impl Report {
    /// One line for each check, then the verdict. No colours; ends with a line break.
    pub fn text(&self) -> String {
        let mut text = format!("verify {} ({})\n\n", self.deployment, self.server_url);
        let ids = self.checks.iter().map(|check| check.id.len()).max().unwrap_or_default();
        let titles = self.checks.iter().map(|check| check.title.len()).max().unwrap_or_default();
        for check in &self.checks {
            let (word, id, title) = (check.word(), check.id, check.title);
            let line = format!("  {word:<4}  {id:<ids$}  {title:<titles$}  {}", detail(check));
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text.push('\n');
        self.tell_verdict(&mut text);
        text
    }

    fn tell_verdict(&self, text: &mut String) {
        let count = |word: &str| self.checks.iter().filter(|check| check.word() == word).count();
        let Some(cause) = &self.verdict else {
            let skipped = match count("SKIP") + count("-") {
                0 => String::new(),
                skipped => format!(", {skipped} not checked"),
            };
            let words = if self.passed() { "The deployment works" } else { "Nothing could be checked" };
            let _ = writeln!(text, "{words}: {} checks OK{skipped}.", count("OK"));
            return;
        };
        let _ = writeln!(text, "Cause: {} ({}): {}.", cause.id, cause.title, cause.fail.why);
        for line in &cause.fail.evidence {
            let _ = writeln!(text, "    {line}");
        }
        if !cause.consequences.is_empty() {
            let _ = writeln!(text, "  Follows from it: {}.", cause.consequences.join(", "));
        }
        if !cause.fail.next.is_empty() {
            let _ = writeln!(text, "  Next: {}", cause.fail.next);
        }
        for other in &cause.others {
            let Some(check) = self.checks.iter().find(|check| check.id == *other) else { continue };
            let Some(fail) = check.fail() else { continue };
            let _ = writeln!(text, "\nBesides: {} ({}): {}.", check.id, check.title, fail.why);
            for line in &fail.evidence {
                let _ = writeln!(text, "    {line}");
            }
            if !fail.next.is_empty() {
                let _ = writeln!(text, "  Next: {}", fail.next);
            }
        }
    }
}

fn detail(check: &CheckResult) -> String {
    match &check.status {
        Status::Ok(detail) | Status::Skip(detail) => detail.clone(),
        Status::Fail(fail) => fail.why.clone(),
        Status::NotHere(why) => format!("not checked here: {why}"),
    }
}
