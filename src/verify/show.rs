//! The report as one screen of text.

use super::report::{CheckResult, Fail, Report, Status};
use crate::report::words::{self, row};
use std::fmt::Write;

impl Report {
    /// One line for each check, then the verdict. No colours; ends with a line break.
    pub fn text(&self) -> String {
        self.text_within(usize::MAX)
    }

    /// The verdict alone.
    pub fn brief(&self) -> String {
        let mut text = String::new();
        self.tell_verdict(&mut text);
        text
    }

    /// The text for a terminal with so many columns.
    pub fn text_within(&self, width: usize) -> String {
        let mut text = format!("verify {} ({})\n\n", self.deployment, self.server_url);
        let ids = self.checks.iter().map(|check| check.id.len()).max().unwrap_or_default();
        let titles = self.checks.iter().map(|check| check.title.len()).max().unwrap_or_default();
        for check in &self.checks {
            let (word, id, title) = (check.word(), check.id, check.title);
            let head = format!("  {word:<4}  {id:<ids$}  {title:<titles$}");
            text.push_str(&row(&head, &detail(check), width));
        }
        text.push('\n');
        self.tell_verdict(&mut text);
        text
    }

    /// A line for each check whose word or detail changed, and the verdict if it is another; empty: nothing changed.
    pub fn changes_since(&self, before: &Report) -> String {
        let mut text = String::new();
        let now = jiff::Timestamp::now().strftime("%H:%M:%S");
        let pairs = self.checks.iter().zip(&before.checks);
        for (check, _) in pairs.filter(|(check, old)| check.word() != old.word() || told(check) != told(old)) {
            let _ = writeln!(text, "{now}  {:<4}  {}  {}", check.word(), check.id, detail(check));
        }
        // What was seen may hold times and counts, which move in every round.
        let verdict = |report: &Report| {
            let cause = report.verdict.clone()?;
            Some((cause.id, cause.fail.class, cause.fail.why, cause.fail.next, cause.others))
        };
        if verdict(self) != verdict(before) {
            self.tell_verdict(&mut text);
        }
        text
    }

    fn tell_verdict(&self, text: &mut String) {
        let count = |word: &str| self.checks.iter().filter(|check| check.word() == word).count();
        let Some(cause) = &self.verdict else {
            let skipped = match count("SKIP") + count("-") {
                0 => String::new(),
                skipped => format!(", {skipped} not checked"),
            };
            let words = match (self.passed(), self.is_partial) {
                (false, _) => "Nothing could be checked",
                (true, true) => "Nothing wrong in what was asked for",
                (true, false) => "The deployment works",
            };
            let _ = writeln!(text, "{words}: {} OK{skipped}.", words::count(count("OK"), "check"));
            if !self.passed() {
                let mut whys: Vec<String> = self.checks.iter().map(detail).collect();
                whys.sort();
                whys.dedup();
                whys.iter().for_each(|why| text.push_str(&format!("    {why}\n")));
            }
            return;
        };
        let is_known = self.checks.iter().any(|check| check.fail().is_some());
        let (word, follows) = if is_known { ("Cause", "Follows from it") } else { ("Cannot tell", "Nor") };
        let _ = writeln!(text, "{word}: {} ({}): {}.", cause.id, cause.title, cause.fail.why);
        tell_evidence(text, &cause.fail);
        if !cause.consequences.is_empty() {
            let _ = writeln!(text, "  {follows}: {}.", cause.consequences.join(", "));
        }
        if !cause.fail.next.is_empty() {
            let _ = writeln!(text, "  Next: {}", cause.fail.next);
        }
        for other in &cause.others {
            let Some(check) = self.checks.iter().find(|check| check.id == *other) else { continue };
            let Some(fail) = told(check) else { continue };
            let _ = writeln!(text, "\nBesides: {} ({}): {}.", check.id, check.title, fail.why);
            tell_evidence(text, fail);
            if !fail.next.is_empty() {
                let _ = writeln!(text, "  Next: {}", fail.next);
            }
        }
        match count("?") {
            unread if unread > 0 && is_known => {
                let _ = writeln!(text, "\n{} could not be read.", words::count(unread, "check"));
            }
            _ => {}
        }
    }
}

/// Why it failed, or could not be read.
fn told(check: &CheckResult) -> Option<&Fail> {
    check.fail().or(check.unread())
}

/// What the sentence has not said already.
fn tell_evidence(text: &mut String, fail: &Fail) {
    for line in fail.evidence.iter().filter(|line| !fail.why.contains(line.as_str())) {
        let _ = writeln!(text, "    {line}");
    }
}

fn detail(check: &CheckResult) -> String {
    match &check.status {
        Status::Ok(detail) | Status::Skip(detail) => detail.clone(),
        Status::Fail(fail) | Status::Unread(fail) => fail.why.clone(),
        Status::NotHere(why) => format!("not checked here: {why}"),
    }
}

#[cfg(test)]
mod tests {
    use crate::resource::Error;
    use crate::verify::{judge, samples};

    #[test]
    fn a_screen_has_a_line_for_each_check_and_ends_with_the_verdict() {
        let text = judge(&samples::good()).text();
        assert!(
            text.starts_with("verify x (https://zenml.x.com)\n\n  OK    VF-DNS            the name leads"),
            "{text}"
        );
        assert!(text.ends_with("\n\nThe deployment works: 30 checks OK.\n"), "{text}");
    }

    #[test]
    fn of_two_looks_only_what_changed_is_told() {
        let (good, mut facts) = (judge(&samples::good()), samples::good());
        facts.look.log_group = Ok(false);
        let bad = judge(&facts);
        assert_eq!(good.changes_since(&good), "");
        let text = bad.changes_since(&good);
        assert!(text.contains("FAIL  VF-LOG-GROUP") && text.contains("Cause: VF-LOG-GROUP"), "{text}");
        assert!(good.changes_since(&bad).contains("The deployment works"));
    }

    #[test]
    fn where_nothing_could_be_checked_it_is_told_which_rights_are_missing() {
        let mut facts = samples::good();
        facts.look.access =
            Err(Error { code: Some("AccessDenied".into()), operation: "iam:GetRole".into(), ..Error::terminal("no") });
        let report = judge(&facts).narrowed(&["VF-ROLES".to_owned()]);
        assert!(!report.passed());
        let wanted = "Nothing could be checked: 0 checks OK, 1 not checked.\n    not allowed to look: these credentials lack iam:GetRole\n";
        assert_eq!(report.brief(), wanted);
    }

    /// Of the same check, and for another reason.
    #[test]
    fn another_verdict_of_the_same_check_is_told() {
        let status = |status: &str| {
            let mut facts = samples::good();
            facts.look.database.as_mut().unwrap().as_mut().unwrap().status = status.into();
            judge(&facts)
        };
        let text = status("failed").changes_since(&status("stopped"));
        assert!(text.contains("Cause: VF-DATABASE") && text.contains("is `failed`"), "{text}");
        assert_eq!(status("failed").changes_since(&status("failed")), "");
    }

    #[test]
    fn what_could_not_be_read_is_never_the_cause_of_what_failed() {
        let error = Error {
            code: Some("ThrottlingException".into()),
            operation: "iam:GetRole".into(),
            ..Error::terminal("slow")
        };
        let mut facts = samples::good();
        facts.look.access = Err(error.clone());
        facts.look.network = Err(Error { operation: "ec2:DescribeSubnets".into(), ..error });
        let report = judge(&facts);
        assert!(!report.passed());
        assert!(report.text().contains("  ?     VF-ROLES"), "{}", report.text());
        let wanted = "Cannot tell: VF-ROUTE (the next task can reach the internet): AWS could not be asked: ThrottlingException: \
                      slow (ec2:DescribeSubnets).\n  Nor: VF-PUBLIC-ROUTE, VF-GROUPS.\n  Next: try again with `hybridctl \
                      verify`\n\nBesides: VF-ROLES (the next task's roles are there and may read the secrets): AWS could not be \
                      asked: ThrottlingException: slow (iam:GetRole).\n  Next: try again with `hybridctl verify`\n";
        assert_eq!(report.brief(), wanted);
        let json = report.json();
        assert_eq!((&json["passed"], &json["verdict"]["class"]), (&false.into(), &"unread".into()));
        assert!(json["checks"].as_array().unwrap().iter().any(|check| check["status"] == "unknown"));
        assert!(report.junit().contains("errors=\"4\"") && report.junit().contains("<error "), "{}", report.junit());
        facts.look.log_group = Ok(false);
        let found = judge(&facts);
        assert!(found.brief().starts_with("Cause: VF-LOG-GROUP"), "{}", found.brief());
        assert!(found.brief().ends_with("\n4 checks could not be read.\n"), "{}", found.brief());
        assert!(found.verdict.unwrap().others.is_empty());
    }

    #[test]
    fn the_verdict_tells_cause_evidence_consequences_and_the_next_step() {
        let mut facts = samples::with_info("database_type", "sqlite".into());
        let definition = facts.look.definition.as_mut().unwrap().as_mut().unwrap();
        definition.environment.remove("ZENML_STORE_URL");
        facts.look.log_group = Ok(false);
        let report = judge(&facts);
        let verdict = report.text().split_once("\nCause: ").map(|(_, verdict)| verdict.to_owned()).unwrap();
        let wanted = "VF-ENVIRONMENT (the server gets the variables that it reads): ZENML_STORE_URL is missing: the server falls \
                      back to SQLite inside the task.\n    running revision: x:1\n  Follows from it: VF-INFO-DATABASE.\n  \
                      Next: register what hybridctl wrote again with `hybridctl up`\n\nBesides: VF-LOG-GROUP (the next task's \
                      log group is there): the next task cannot start: its log group /ecs/x is gone.\n  Next: see what is \
                      missing with `hybridctl plan`, then put it back with `hybridctl up`\n";
        assert_eq!(verdict, wanted);
        assert_eq!(report.json()["verdict"]["others"][0], "VF-LOG-GROUP");
        let one = report.narrowed(&["vf-tls".to_owned()]);
        assert!(one.passed() && one.checks.len() == 1);
        assert_eq!(one.brief(), "Nothing wrong in what was asked for: 1 check OK.\n");
    }
}
