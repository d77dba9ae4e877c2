//! Whole screens of what AWS refuses: an answer as it comes over the wire, and what a person reads of it.
//!
//! `screens/answers/*.txt` has the answers: what could not be done; operation, HTTP status and code; AWS's message.
//! Each goes through the client of its service, in the form of its protocol, and becomes the text of a failure.
//! `screens/*.snap` has the texts. After a change of a word: `INSTA_UPDATE=always cargo test --lib screens`, and read
//! the difference.

mod calls;
mod wire;

use super::{Answer, on};
use crate::apply::settle::given_up;
use crate::config::Style;
use crate::report::{codes, error_text};
use crate::resource::{Class, Error};
use std::collections::{BTreeMap, BTreeSet};

/// File of answers and snapshot, and the answers.
macro_rules! services {
    ($($service:literal),*) => {
        const SERVICES: &[(&str, &str)] = &[$(($service, include_str!(concat!("screens/answers/", $service, ".txt")))),*];
    };
}

services!["acm", "ec2", "ecs", "elb", "iam", "logs", "rds", "route53", "s3", "secrets", "sts"];

/// One answer, as the file has it.
struct Case {
    /// What could not be done.
    what: &'static str,
    operation: &'static str,
    status: u16,
    /// Empty where the service refuses with HTTP 200 and a reason; `-` in the file.
    code: &'static str,
    message: &'static str,
}

impl Case {
    fn all(text: &'static str) -> Vec<Self> {
        let text = text.trim_start_matches(|c: char| c != '\n');
        text.split("\n\n").map(str::trim).filter(|case| !case.is_empty()).map(Self::read).collect()
    }

    fn read(case: &'static str) -> Self {
        let mut lines = case.lines().map(str::trim);
        let what = lines.next().expect("because a case has lines");
        let words: Vec<_> = lines.next().unwrap_or_default().split(' ').collect();
        let [operation, status, code] = words[..] else { panic!("{what}: operation, status and code, not {words:?}") };
        let message = lines.next().unwrap_or_default();
        assert!(lines.next().is_none(), "{what}: a message is one line");
        let code = if code == "-" { "" } else { code };
        Self { what, operation, status: status.parse().unwrap(), code, message }
    }

    /// The error that a kind gets; where the engine would have tried again, the one that it ends with.
    async fn error(&self) -> Error {
        let aws = wire::answering(self);
        let error = calls::call(&aws, self.operation).await.expect_err("because every answer is a refusal");
        let class = error.class;
        if class.budget().is_some() { given_up(error, class, 12) } else { error }
    }
}

async fn screens(text: &'static str) -> Vec<(Case, Error, String)> {
    let mut screens = vec![];
    for case in Case::all(text) {
        let error = case.error().await;
        let screen = error_text(case.what, &error, Style::Plain);
        screens.push((case, error, screen));
    }
    screens
}

async fn every_screen() -> Vec<(Case, Error, String)> {
    let mut all = vec![];
    for (_, text) in SERVICES {
        all.extend(screens(text).await);
    }
    all
}

#[tokio::test]
async fn every_refusal_has_the_screen_that_was_agreed_on() {
    for (service, text) in SERVICES {
        let texts: Vec<_> = screens(text).await.into_iter().map(|(_, _, screen)| screen).collect();
        let mut settings = insta::Settings::clone_current();
        settings.set_snapshot_path("screens");
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        settings.bind(|| insta::assert_snapshot!(*service, texts.join("\n")));
    }
}

#[tokio::test]
async fn every_screen_quotes_aws_and_has_an_id_with_a_page() {
    for (case, error, screen) in every_screen().await {
        let id = codes::of_error(&error).id;
        assert!(crate::explain::page(id).is_some(), "{id} has no page\n{screen}");
        assert!(!screen.contains("HC2099"), "it is not a bug of ours\n{screen}");
        for said in [id, case.what, case.code, case.message, case.operation, wire::REQUEST_ID] {
            assert!(screen.contains(said), "`{said}` is not said\n{screen}");
        }
    }
}

/// Where trying again does not help, somebody has to do something: the page on the id is not enough.
#[tokio::test]
async fn every_failure_that_is_not_tried_again_says_what_to_do_next() {
    for (_, error, screen) in every_screen().await {
        if error.class.budget().is_none() {
            assert!(!error.hints.is_empty(), "no hint of its own\n{screen}");
        }
        let distinct: BTreeSet<_> = error.hints.iter().collect();
        assert_eq!(distinct.len(), error.hints.len(), "a hint is given twice\n{screen}");
    }
}

#[tokio::test]
async fn a_hint_is_one_sentence_in_lower_case_with_its_command_on_a_line_of_its_own() {
    for (_, error, screen) in every_screen().await {
        for hint in &error.hints {
            let begins = hint.chars().next().is_some_and(|first| first.is_lowercase() || "`'".contains(first));
            let acronym = ["AWS", "RDS", "IAM", "ECS", "Fargate"].iter().any(|word| hint.starts_with(word));
            assert!((begins || acronym) && !hint.ends_with('.'), "{hint}");
            assert_eq!(hint.matches('`').count() % 2, 0, "{hint}");
        }
        for line in screen.lines().filter(|line| line.starts_with("    ")) {
            let command = line.trim();
            assert!(
                ["aws ", "hybridctl ", "date "].iter().any(|program| command.starts_with(program)),
                "no command: {command}\n{screen}"
            );
        }
    }
}

/// A row of one service is not shown for the same words of another, and every service that is called has screens.
#[tokio::test]
async fn there_are_screens_of_every_service_and_of_every_id_for_refusals() {
    let mut by_service: BTreeMap<String, usize> = BTreeMap::new();
    let mut ids = BTreeSet::new();
    let screens = every_screen().await;
    for (case, error, _) in &screens {
        *by_service.entry(case.operation.split(':').next().unwrap_or_default().to_owned()).or_default() += 1;
        ids.insert(codes::of_error(error).id);
    }
    let services =
        ["acm", "ec2", "ecs", "elasticloadbalancing", "iam", "logs", "rds", "route53", "s3", "secretsmanager", "sts"];
    assert!(services.iter().all(|service| by_service.contains_key(*service)), "{by_service:?}");
    let refusals = [
        codes::THROTTLED,
        codes::INVISIBLE,
        codes::HELD,
        codes::BUSY,
        codes::NO_ANSWER,
        codes::EXPIRED,
        codes::NO_CREDENTIALS,
        codes::CLOCK,
        codes::MISSING,
        codes::TAKEN,
        codes::DENIED,
        codes::QUOTA,
        codes::CAPACITY,
        codes::REFUSED,
    ];
    assert!(refusals.iter().all(|code| ids.contains(code.id)), "{ids:?}");
    assert!(screens.len() >= 100, "{} screens", screens.len());
}

#[test]
fn what_nobody_knows_gets_no_invented_advice() {
    let answer = Answer {
        operation: "rds:CreateDBInstance",
        class: Class::Terminal,
        code: Some("SomethingNew"),
        message: "a case that no table has",
        date: None,
    };
    assert!(on(&answer, jiff::Timestamp::UNIX_EPOCH).is_empty());
    let error = Error { operation: answer.operation.into(), ..Error::terminal(answer.message) };
    let screen = error_text("create rds.instance/main", &error, Style::Plain);
    assert!(screen.ends_with("hint: what it means, and what can be done:\n    hybridctl explain HC2016\n"), "{screen}");
}
