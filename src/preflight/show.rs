//! The report as text: one screen for `preflight`, only what matters for `up` and `apply`.

use super::report::{CheckResult, Report, Status};
use crate::report::words::row;
use std::fmt::Write;

impl Report {
    /// One line for each check, then every finding with its remedy. No colours; ends with a line break.
    pub fn text(&self) -> String {
        self.text_within(usize::MAX)
    }

    /// The text for a terminal with so many columns.
    pub fn text_within(&self, width: usize) -> String {
        let mut text = format!("preflight {} in {}\n\n", self.deployment, self.region);
        let ids = self.checks.iter().map(|check| check.id.len()).max().unwrap_or_default();
        let titles = self.checks.iter().map(|check| check.title.len()).max().unwrap_or_default();
        for check in &self.checks {
            let (word, id, title) = (check.word(), check.id, check.title);
            let head = format!("  {word:<4}  {id:<ids$}  {title:<titles$}");
            text.push_str(&row(&head, &detail(check), width));
        }
        let told = ["FAIL", "WARN", "?"];
        for check in told.iter().flat_map(|word| self.checks.iter().filter(move |check| check.word() == *word)) {
            text.push('\n');
            tell(&mut text, check);
        }
        let _ = writeln!(text, "\n{}", self.counts());
        text
    }

    /// Failures in full, and a line for each warning and for what nobody can say. Empty if all is well.
    pub fn brief(&self) -> String {
        let mut text = String::new();
        for check in self.checks.iter().filter(|check| check.failed()) {
            tell(&mut text, check);
            text.push('\n');
        }
        for check in self.checks.iter().filter(|check| !check.failed() && check.finding().is_some()) {
            let _ = writeln!(text, "preflight: {}: {}", check.id, detail(check));
        }
        text
    }

    fn counts(&self) -> String {
        let count = |word: &str| self.checks.iter().filter(|check| check.word() == word).count();
        let mut parts = vec![format!("{} OK", count("OK"))];
        for (word, said) in
            [("WARN", "to think about"), ("FAIL", "failed"), ("?", "cannot be told"), ("-", "not checked here")]
        {
            if count(word) > 0 {
                parts.push(format!("{} {said}", count(word)));
            }
        }
        format!("{}: {}.", if self.passed() { "Nothing stands in the way" } else { "It would fail" }, parts.join(", "))
    }
}

fn tell(text: &mut String, check: &CheckResult) {
    let Some(finding) = check.finding() else { return };
    let _ = writeln!(text, "{} {} ({}, guide: {}): {}.", check.word(), check.id, check.title, check.step, finding.why);
    for line in finding.evidence.iter().flat_map(|line| line.lines()) {
        let _ = writeln!(text, "{}", format!("    {line}").trim_end());
    }
    if !finding.next.is_empty() {
        let _ = writeln!(text, "  Next: {}", finding.next);
    }
}

fn detail(check: &CheckResult) -> String {
    match &check.status {
        Status::Pass(detail) => detail.clone(),
        Status::Warn(finding) | Status::Fail(finding) | Status::Unknown(finding) => finding.why.clone(),
        Status::NotHere(why) => format!("not checked here: {why}"),
    }
}

#[cfg(test)]
mod tests {
    use crate::preflight::{judge, samples};

    #[test]
    fn a_screen_has_a_line_for_each_check_then_the_findings_then_the_counts() {
        let mut facts = samples::good();
        facts.wish.account_guard = Some("210987654321".into());
        let report = judge(&facts);
        let text = report.text();
        assert!(text.starts_with("preflight x in eu-central-1\n\n  FAIL  PF-CALLER"), "{text}");
        assert!(text.contains("\nFAIL PF-CALLER (") && text.contains("  Next: "), "{text}");
        assert!(text.trim_end().ends_with("1 failed, 1 cannot be told."), "{text}");
        assert_eq!(report.json()["passed"], false);
    }

    #[test]
    fn an_up_hears_of_doubts_in_a_line_each_and_of_nothing_when_all_is_well() {
        let mut facts = samples::good();
        facts.wish.pull = crate::preflight::wish::Pull::Done("the service runs it".into());
        assert_eq!(judge(&facts).brief(), "");
        let mut facts = samples::good();
        facts.asked.identity.as_mut().unwrap().ahead_secs = Some(-90);
        let brief = judge(&facts).brief();
        assert_eq!(brief.lines().count(), 2, "{brief}");
        assert!(brief.starts_with("preflight: PF-CLOCK: this machine's clock is 90 seconds behind AWS's\n"), "{brief}");
        assert!(brief.contains("\npreflight: PF-IMAGE-GRANT: only ECS can try it"), "{brief}");
    }

    #[test]
    fn checks_are_chosen_by_id_in_any_case() {
        let report = judge(&samples::good());
        let all = report.checks.len();
        assert_eq!(report.clone().only(&["pf-clock".to_owned()]).checks.len(), 1);
        assert_eq!(report.clone().only(&[]).checks.len(), all);
        assert_eq!(report.without(&["PF-CLOCK".to_owned()]).checks.len(), all - 1);
    }
}
