//! The questions of `init`: each shows what is in the file so far, and takes no answer that `validate` would refuse.
//!
//! Only what no flag and no enrollment has answered is asked. It never asks for the enrollment key.

use super::super::super::exit::{ERROR, Failure};
use super::super::super::signals::Signal;
use super::super::super::telling;
use super::{certificate, dns, mistakes};
use crate::config::{Answers, Certificate, Config, Dns, Template, load, render_template};
use dialoguer::Input;
use std::io::{ErrorKind, IsTerminal};

/// True if there is somebody to ask: questions go to stderr, answers come from stdin.
pub(super) fn can_be_asked() -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

/// Columns that are left free for an answer.
const ROOM_TO_TYPE: usize = 16;

struct Question {
    prompt: &'static str,
    open: fn(&Answers) -> bool,
    /// What is in the file without an answer.
    current: fn(&Config) -> String,
    take: fn(&mut Answers, String),
}

const QUESTIONS: [Question; 9] = [
    Question {
        prompt: "Name of the deployment",
        open: |answers| answers.name.is_none(),
        current: |config| config.name.clone(),
        take: |answers, text| answers.name = Some(text),
    },
    Question {
        prompt: "AWS region",
        open: |answers| answers.region.is_none(),
        current: |config| config.region.clone(),
        take: |answers, text| answers.region = Some(text),
    },
    Question {
        prompt: "Public address of the server",
        open: |answers| answers.server_url.is_none(),
        current: |config| config.zenml.server_url.clone(),
        take: |answers, text| answers.server_url = Some(text),
    },
    Question {
        prompt: "Route 53 zone that its name is in, or external",
        open: |answers| answers.dns.is_none(),
        current: |config| match &config.ingress.dns {
            Dns::Route53 { zone } => zone.clone(),
            Dns::External => "external".into(),
        },
        take: |answers, text| answers.dns = Some(dns(&text)),
    },
    Question {
        prompt: "ARN of its certificate in ACM, or request",
        open: |answers| answers.certificate.is_none(),
        current: |config| match &config.ingress.certificate {
            Certificate::Arn(arn) => arn.clone(),
            Certificate::Request => "request".into(),
        },
        take: |answers, text| answers.certificate = Some(certificate(&text)),
    },
    Question {
        prompt: "Id of the ZenML organization",
        open: |answers| answers.organization_id.is_none(),
        current: |config| config.zenml.organization.id.to_string(),
        take: |answers, text| answers.organization_id = Some(text),
    },
    Question {
        prompt: "Name of the ZenML organization",
        open: |answers| answers.organization_name.is_none(),
        current: |config| config.zenml.organization.name.clone(),
        take: |answers, text| answers.organization_name = Some(text),
    },
    Question {
        prompt: "Id of the ZenML workspace",
        open: |answers| answers.workspace_id.is_none(),
        current: |config| config.zenml.workspace.id.to_string(),
        take: |answers, text| answers.workspace_id = Some(text),
    },
    Question {
        prompt: "Name of the ZenML workspace",
        open: |answers| answers.workspace_name.is_none(),
        current: |config| config.zenml.workspace.name.clone(),
        take: |answers, text| answers.workspace_name = Some(text),
    },
];

/// Asks every question that is open.
///
/// # Errors
/// If the terminal goes away.
pub(super) fn ask(template: &Template, answers: &mut Answers) -> Result<(), Failure> {
    let open: Vec<&Question> = QUESTIONS.iter().filter(|question| (question.open)(answers)).collect();
    if !open.is_empty() {
        err!("Enter keeps what is in brackets.\nThe template's ids, host and certificate will do for the sandbox.\n");
    }
    let columns = telling::columns(&console::Term::stderr());
    for question in open {
        let before = answers.clone();
        let input = Input::<String>::new().with_prompt(question.prompt).validate_with(|text: &String| {
            let mut trial = before.clone();
            (question.take)(&mut trial, text.trim().to_owned());
            match mistakes(template, &with_a_zone(&trial)).first() {
                Some(one) => {
                    let why = format!("{}: {}", one.message, one.help.as_deref().unwrap_or("try again"));
                    Err(in_one_row(&why, columns.saturating_sub(1)))
                }
                None => Ok(()),
            }
        });
        let input = match current(template, answers).map(|config| (question.current)(&config)) {
            Some(default) => {
                let room = columns.saturating_sub(question.prompt.len() + " []: ".len() + ROOM_TO_TYPE);
                let prompt = format!("{} [{}]", question.prompt, in_one_row(&default, room));
                input.with_prompt(prompt).default(default).show_default(false)
            }
            None => input,
        };
        let text = input.interact_text().map_err(unanswered)?;
        (question.take)(answers, text.trim().to_owned());
    }
    Ok(())
}

/// As much as fits: a prompt is drawn anew after every answer, and only the last row of it would be overwritten.
fn in_one_row(text: &str, columns: usize) -> String {
    console::truncate_str(text, columns, "…").into_owned()
}

fn unanswered(error: dialoguer::Error) -> Failure {
    let dialoguer::Error::IO(error) = error;
    match error.kind() {
        ErrorKind::Interrupted => Failure::told(Signal::Interrupt.code()),
        _ => Failure::new(ERROR, format!("{error}: nothing was written")),
    }
}

/// The file as it would be now. `None` if flags contradict each other: that is said at the end.
fn current(template: &Template, answers: &Answers) -> Option<Config> {
    let load = |answers: &Answers| load("hybrid.toml", &render_template(template, answers)).ok();
    let (config, _) = load(answers).or_else(|| load(&with_a_zone(answers)))?;
    Some(config)
}

/// While the zone is not known, the host is in a zone of its own: `https://zenml.io` must not be refused for another's zone.
fn with_a_zone(answers: &Answers) -> Answers {
    let zone = || {
        let host = answers.server_url.as_deref()?.strip_prefix("https://")?.trim_end_matches('/');
        Some(Dns::Route53 { zone: host.to_owned() })
    };
    Answers { dns: answers.dns.clone().or_else(zone), ..answers.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::templates;

    #[test]
    fn keeping_everything_changes_nothing() {
        for template in templates() {
            let mut answers = Answers::default();
            for question in &QUESTIONS {
                assert!((question.open)(&answers), "{}", question.prompt);
                let text = (question.current)(&current(template, &answers).unwrap());
                (question.take)(&mut answers, text);
                assert!(!(question.open)(&answers), "{}", question.prompt);
            }
            assert_eq!(render_template(template, &answers), template.text);
        }
    }

    #[test]
    fn a_host_is_not_refused_for_the_templates_zone() {
        for (url, zone) in [("https://zenml.io", "zenml.io"), ("https://zenml.acme.dev", "acme.dev")] {
            let answers = Answers { server_url: Some(url.into()), ..Answers::default() };
            assert_eq!(mistakes(&templates()[0], &with_a_zone(&answers)), []);
            let config = current(&templates()[0], &answers).unwrap();
            assert_eq!(config.ingress.dns, Dns::Route53 { zone: zone.into() });
        }
    }
}
