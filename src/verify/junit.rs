//! The report as a JUnit file, which every CI system shows: a test case for each check.

use super::report::{Report, Status};
use std::fmt::Write;

impl Report {
    /// The document, in the common form: one suite, a case for each check, failures with advice and evidence.
    pub fn junit(&self) -> String {
        let count = |word: &str| self.checks.iter().filter(|check| check.word() == word).count();
        let (failures, skipped, errors) = (count("FAIL"), count("SKIP") + count("-"), count("?"));
        let suite = format!(
            "name=\"hybridctl verify {}\" tests=\"{}\" failures=\"{failures}\" skipped=\"{skipped}\" errors=\"{errors}\"",
            escaped(&self.deployment),
            self.checks.len(),
        );
        let mut text = format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n  <testsuite {suite}>\n");
        for check in &self.checks {
            let case = format!("    <testcase classname=\"{}\" name=\"{}\"", check.id, escaped(check.title));
            let _ = match &check.status {
                Status::Ok(_) => writeln!(text, "{case}/>"),
                Status::Skip(why) | Status::NotHere(why) => {
                    writeln!(text, "{case}>\n      <skipped message=\"{}\"/>\n    </testcase>", escaped(why))
                }
                Status::Unread(unread) => writeln!(
                    text,
                    "{case}>\n      <error type=\"unread\" message=\"{}\">next: {}</error>\n    </testcase>",
                    escaped(&unread.why),
                    escaped(&unread.next)
                ),
                Status::Fail(fail) => {
                    let is_cause = self.verdict.as_ref().is_some_and(|cause| cause.id == check.id);
                    let kind = if is_cause { "cause" } else { "consequence or other" };
                    let body = [fail.evidence.clone(), vec![format!("next: {}", fail.next)]].concat().join("\n");
                    writeln!(
                        text,
                        "{case}>\n      <failure type=\"{kind}\" message=\"{}\">{}</failure>\n    </testcase>",
                        escaped(&fail.why),
                        escaped(&body)
                    )
                }
            };
        }
        text.push_str("  </testsuite>\n</testsuites>\n");
        text
    }
}

/// Fit for an attribute or a text; what XML 1.0 cannot hold is left out.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '"' => escaped.push_str("&quot;"),
            '\n' | '\t' => escaped.push(letter),
            letter if letter.is_control() || matches!(letter, '\u{fffe}' | '\u{ffff}') => {}
            letter => escaped.push(letter),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use crate::verify::{judge, samples};

    #[test]
    fn a_report_becomes_a_suite_with_a_case_for_each_check() {
        let mut facts = samples::good();
        facts.look.log_group = Ok(false);
        facts.look.definition.as_mut().unwrap().as_mut().unwrap().log_group = Some("/ecs/<x>\u{1b} & \"y\"".into());
        let text = judge(&facts).junit();
        assert!(text.contains("tests=\"30\" failures=\"1\" skipped=\"0\" errors=\"0\""), "{text}");
        assert!(
            text.contains("<testcase classname=\"VF-DNS\" name=\"the name leads to the load balancer\"/>"),
            "{text}"
        );
        assert!(text.contains("<failure type=\"cause\" message=\"the next task cannot start"), "{text}");
        assert!(text.contains("/ecs/&lt;x&gt; &amp; &quot;y&quot;"), "{text}");
        assert_eq!(text.matches("<testcase").count(), 30);
    }
}
