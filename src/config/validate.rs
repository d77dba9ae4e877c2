//! The rules: everything that the shape of a value does not say, all problems at once.
//!
//! This file has the rules that follow from the table in `fields.rs`; the folder has one file per section.
//! A rule looks at what is *written* and skips what is absent or broken, so that one mistake is reported once.

mod database;
mod environment;
mod general;
mod ingress;
mod network;
mod service;
mod zenml;

use crate::config::codes;
use crate::config::fields::{self, FIELDS, Field, Shape};
use crate::config::problems::{Problems, did_you_mean};
use crate::config::rds_ca;
use crate::config::read::{Document, Value};

/// Checks a document against every rule.
pub(super) fn check(document: &Document, problems: &mut Problems) {
    for field in FIELDS {
        empty(document, field, problems);
        control(document, field, problems);
        choice(document, field, problems);
        range(document, field, problems);
    }
    exactly_one(document, problems);
    unsupported(document, problems);
    general::check(document, problems);
    zenml::check(document, problems);
    environment::check(document, problems);
    network::check(document, problems);
    database::check(document, problems);
    service::check(document, problems);
    ingress::check(document, problems);
}

fn empty(document: &Document, field: &Field, problems: &mut Problems) {
    if matches!(document.written(field.path), Some(Value::Text(text)) if text.trim().is_empty()) {
        let help = if field.required { field.hint() } else { "remove the line to get the default".to_owned() };
        problems.error(codes::EMPTY, &document.span(field.path), format!("`{}` is empty", field.path), help);
    }
}

/// AWS takes none of them in names, descriptions and tags, and on a terminal they are commands.
fn control(document: &Document, field: &Field, problems: &mut Problems) {
    let Some(Value::Text(text)) = document.written(field.path) else { return };
    let Some(found) = text.chars().find(|letter| letter.is_control()) else { return };
    let message = format!("`{}` contains the control character U+{:04X}", field.path, u32::from(found));
    let help = "write the text without line breaks, tabs and escapes such as \\u001b";
    problems.error(codes::CONTROL, &document.span(field.path), message, help);
}

fn choices(shape: Shape) -> Option<&'static [&'static str]> {
    match shape {
        Shape::Choice(choices) => Some(choices),
        Shape::Any(shapes) => shapes.iter().find_map(|shape| choices(*shape)),
        _ => None,
    }
}

fn choice(document: &Document, field: &Field, problems: &mut Problems) {
    let (Some(choices), Some((text, span))) = (choices(field.shape), document.word(field.path)) else { return };
    if choices.contains(&text) {
        return;
    }
    let help = match did_you_mean(text, choices.iter().copied()) {
        Some(meant) => format!("did you mean \"{meant}\"?"),
        None => field.hint(),
    };
    let list = choices.iter().map(|choice| format!("\"{choice}\"")).collect::<Vec<_>>().join(" or ");
    problems.error(codes::CHOICE, &span, format!("`{}` must be {list}", field.path), help);
}

fn range(document: &Document, field: &Field, problems: &mut Problems) {
    let (min, max) = match field.shape {
        Shape::Integer(min, max) => (min, max),
        Shape::Any([Shape::Integer(min, max), ..]) => (*min, *max),
        _ => return,
    };
    let Some(Value::Integer(number)) = document.written(field.path) else { return };
    if (min..=max).contains(number) {
        return;
    }
    let code = if field.path == "database.backup_retention_days" { codes::RETENTION } else { codes::RANGE };
    let help = match (field.path, number) {
        ("database.backup_retention_days", 0) => {
            "0 would turn automatic backups off, and with them recovery to a point in time: write 1 or more".to_owned()
        }
        ("service.desired_count", 0) => "write 1 or more; to take the server down use `hybridctl destroy`".to_owned(),
        ("network.zones", _) => "the load balancer and the database need two zones at least".to_owned(),
        _ => field.hint(),
    };
    let message = format!("`{}` must be between {min} and {max}, this is {number}", field.path);
    problems.error(code, &document.span(field.path), message, help);
}

fn exactly_one(document: &Document, problems: &mut Problems) {
    for (section, keys) in fields::EXACTLY_ONE {
        if document.written(section) != Some(&Value::Section) {
            continue;
        }
        let paths: Vec<_> = keys.iter().map(|key| fields::join(section, key)).collect();
        let given: Vec<_> = paths.iter().filter(|path| document.is_given(path)).collect();
        let names = keys.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(" or ");
        if given.is_empty() {
            let span = document.key_span(section);
            let message = format!("`{section}` needs {names}");
            problems.error(codes::EXACTLY_ONE, &span, message, format!("add exactly one of {names}"));
        }
        for extra in given.iter().skip(1) {
            let message = format!("`{extra}` and `{}` exclude each other", given[0]);
            problems.error(codes::EXACTLY_ONE, &document.key_span(extra), message, "keep one of them");
        }
    }
}

fn unsupported(document: &Document, problems: &mut Problems) {
    for (path, help) in fields::UNSUPPORTED {
        if document.is_given(path) {
            let message = format!("`{path}` is not supported by this version yet");
            problems.error(codes::UNSUPPORTED, &document.key_span(path), message, *help);
        }
    }
}

/// Returns true for a text of these characters, 1 to `max` of them, that starts with a letter.
fn is_word(text: &str, max: usize, also: &[char]) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.len() <= max
        && text.chars().all(|letter| letter.is_ascii_alphanumeric() || also.contains(&letter))
}

/// Returns true for a fully qualified domain name without a dot at the end, in any case; not for an address.
fn is_domain(text: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    text.len() <= 253
        && text.split('.').count() >= 2
        && text.split('.').all(label)
        && text.parse::<std::net::Ipv4Addr>().is_err()
}

/// An ARN of one service, taken apart.
struct Arn<'a> {
    region: &'a str,
    account: &'a str,
    resource: &'a str,
}

/// Takes an ARN apart: `arn:aws:<service>:<region>:<12 digits>:<resource>`; `None` for anything else.
fn arn<'a>(text: &'a str, service: &str) -> Option<Arn<'a>> {
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    match parts[..] {
        ["arn", partition, found, region, account, resource]
            if partition.starts_with("aws") && found == service && is_account(account) && !resource.is_empty() =>
        {
            Some(Arn { region, account, resource })
        }
        _ => None,
    }
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Returns the config's region unless it is misspelt, in which case nothing can be compared with it.
fn known_region(document: &Document) -> Option<&str> {
    document.word("region").map(|(region, _)| region).filter(|region| rds_ca(region).is_some())
}

/// Reports an ARN of another region or account than the config's.
fn arn_belongs_here(document: &Document, path: &str, arn: &Arn<'_>, problems: &mut Problems) {
    let span = document.span(path);
    if let Some(region) = known_region(document).filter(|region| *region != arn.region) {
        let message = format!("`{path}` is in {}, the deployment in {region}", arn.region);
        let help = format!("use one in {region}: a load balancer and its tasks only take what is in their own region");
        problems.error(codes::ARN_REGION, &span, message, help);
    }
    let account = document.word("account_id").map(|(account, _)| account).filter(|account| is_account(account));
    if let Some(account) = account.filter(|account| *account != arn.account) {
        let message = format!("`{path}` is of account {}, `account_id` says {account}", arn.account);
        problems.error(codes::ARN_ACCOUNT, &span, message, "use one of the same account, or correct `account_id`");
    }
}

/// Returns true for the ids in our templates: UUIDs that are all zeros but for one digit.
fn is_placeholder_id(text: &str) -> bool {
    let digits = || text.chars().filter(char::is_ascii_hexdigit);
    digits().count() == 32 && digits().filter(|digit| *digit != '0').count() <= 1
}

/// Returns true for the domain of our templates.
fn is_placeholder_domain(domain: &str) -> bool {
    let domain = domain.trim_end_matches('.').to_lowercase();
    domain == "mycompany.com" || domain.ends_with(".mycompany.com")
}
