//! Rules for the top level, `[secrets]`, `[monitoring]` and `[state]`.

use std::collections::BTreeMap;

use super::is_account;
use crate::config::codes;
use crate::config::problems::{Problems, did_you_mean};
use crate::config::rds_ca;
use crate::config::read::{Document, Value};
use crate::config::types::SecretNames;

/// AWS allows 50 tags; four say whose the resource is, one is its name.
const MAX_TAGS: usize = 45;

/// What CloudWatch Logs accepts; it refuses every other number of days.
const LOG_RETENTION_DAYS: [i64; 22] =
    [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653];

pub(super) fn check(document: &Document, problems: &mut Problems) {
    name(document, problems);
    region(document, problems);
    account(document, problems);
    tags(document, problems);
    log_retention(document, problems);
    email(document, problems);
    secret_names(document, problems);
    state(document, problems);
}

fn name(document: &Document, problems: &mut Problems) {
    let Some((name, span)) = document.word("name") else { return };
    let reason = if !name.starts_with(|first: char| first.is_ascii_lowercase()) {
        "must start with a lower-case letter"
    } else if !name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-') {
        "may contain lower-case letters, digits and dashes only"
    } else if name.len() > 20 {
        "may have 20 characters at most, because load balancer names get a suffix and end at 32"
    } else if name.contains("--") {
        "may not contain two dashes in a row, because RDS refuses them"
    } else if name.ends_with('-') {
        "may not end with a dash"
    } else {
        return;
    };
    problems.error(codes::NAME, &span, format!("`name` {reason}"), "for example name = \"zenml-hybrid\"");
}

fn region(document: &Document, problems: &mut Problems) {
    let Some((region, span)) = document.word("region") else { return };
    if rds_ca::rds_ca(region).is_some() {
        return;
    }
    if let Some(meant) = did_you_mean(region, rds_ca::regions()) {
        problems.error(codes::REGION, &span, format!("`{region}` is not a region"), format!("did you mean `{meant}`?"));
        return;
    }
    let parts: Vec<_> = region.split('-').collect();
    let has_shape = parts.len() >= 3
        && parts[..parts.len() - 1].iter().all(|part| part.bytes().all(|byte| byte.is_ascii_lowercase()))
        && parts[parts.len() - 1].bytes().all(|byte| byte.is_ascii_digit());
    let message = if has_shape {
        format!("hybridctl has no database certificates for region `{region}`, so its server could not verify them")
    } else {
        format!("`{region}` is not a region")
    };
    let known: Vec<_> = rds_ca::regions().collect();
    problems.error(codes::REGION, &span, message, format!("use one of {}", known.join(", ")));
}

fn account(document: &Document, problems: &mut Problems) {
    let Some((account, span)) = document.word("account_id") else { return };
    if !is_account(account) {
        let help = "12 digits in quotes, without dashes; `aws sts get-caller-identity` shows yours";
        problems.error(codes::ACCOUNT, &span, "`account_id` must have 12 digits", help);
    }
}

fn tags(document: &Document, problems: &mut Problems) {
    let tags = document.entries("tags");
    if tags.len() > MAX_TAGS {
        let message = format!("{} tags are too many: AWS takes 50, hybridctl needs 5 of them", tags.len());
        problems.error(codes::TAGS, &document.key_span("tags"), message, format!("keep {MAX_TAGS} or fewer"));
    }
    for (key, value) in tags {
        let lower = key.text.to_lowercase();
        let reserved = ["aws:", "hybridctl:"].into_iter().find(|prefix| lower.starts_with(prefix));
        let problem = if let Some(prefix) = reserved {
            Some((&key.span, format!("tag keys that start with `{prefix}` are reserved")))
        } else if !(1..=128).contains(&key.text.chars().count()) {
            Some((&key.span, "a tag key has 1 to 128 characters".to_owned()))
        } else if !key.text.chars().all(is_tag_letter) {
            Some((&key.span, format!("the tag key `{}` has a character that ECS refuses", key.text)))
        } else if value.text.chars().count() > 256 {
            Some((&value.span, "a tag value has 256 characters at most".to_owned()))
        } else if !value.text.chars().all(is_tag_letter) {
            Some((&value.span, format!("the value of tag `{}` has a character that ECS refuses", key.text)))
        } else {
            None
        };
        if let Some((span, message)) = problem {
            let help = "letters, digits, spaces and + - = . _ : / @ are allowed";
            problems.error(codes::TAGS, span, message, help);
        }
    }
}

fn is_tag_letter(letter: char) -> bool {
    letter.is_alphanumeric() || letter == ' ' || "+-=._:/@".contains(letter)
}

fn log_retention(document: &Document, problems: &mut Problems) {
    const PATH: &str = "monitoring.log_retention_days";
    let Some(Value::Integer(days)) = document.written(PATH) else { return };
    if (1..=3653).contains(days) && !LOG_RETENTION_DAYS.contains(days) {
        let nearest = LOG_RETENTION_DAYS.into_iter().min_by_key(|offered| offered.abs_diff(*days)).unwrap_or(90);
        let list = LOG_RETENTION_DAYS.map(|offered| offered.to_string()).join(", ");
        let help = format!("the nearest is {nearest}; CloudWatch offers {list}");
        problems.error(
            codes::LOG_RETENTION,
            &document.span(PATH),
            format!("logs cannot be kept for {days} days"),
            help,
        );
    }
}

fn email(document: &Document, problems: &mut Problems) {
    let Some((email, span)) = document.word("monitoring.alarms.email") else { return };
    let is_address = email.split_once('@').is_some_and(|(user, host)| !user.is_empty() && super::is_domain(host));
    if !is_address {
        let help = "for example email = \"oncall@mycompany.com\"";
        problems.error(codes::EMAIL, &span, "`monitoring.alarms.email` is not an e-mail address", help);
    }
}

fn secret_names(document: &Document, problems: &mut Problems) {
    let defaults = SecretNames::for_deployment(&document.text("name").unwrap_or_default());
    let named = [
        ("oauth2", defaults.oauth2_client_secret),
        ("database_password", defaults.database_password),
        ("jwt_key", defaults.jwt_key),
        ("encryption_key", defaults.encryption_key),
        ("database_url", defaults.database_url),
    ];
    let paths = named.map(|(key, default)| (format!("secrets.names.{key}"), default));
    let mut owners: BTreeMap<String, String> = BTreeMap::new();
    // Defaults first, so that the written name is the one that is reported.
    let (written, absent): (Vec<_>, Vec<_>) = paths.into_iter().partition(|(path, _)| document.is_given(path));
    for (path, default) in absent.into_iter().chain(written) {
        let span = document.span(&path);
        let name = document.text(&path).unwrap_or(default);
        let is_name =
            name.len() <= 512 && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/_+=.@-".contains(&byte));
        // A default follows from `name`, whose own problem is told.
        if !is_name && document.is_given(&path) {
            let help = "at most 512 letters, digits and / _ + = . @ -; a name, not an ARN";
            problems.error(codes::SECRET_NAME, &span, format!("`{path}` is not a name for a secret"), help);
        } else if let Some(owner) = owners.insert(name, path.clone()) {
            let message = format!("`{path}` is the name that `{owner}` has");
            problems.error(codes::SECRET_NAME, &span, message, "every secret needs a name of its own");
        }
    }
}

fn state(document: &Document, problems: &mut Problems) {
    if document.is_given("state.bucket") && document.is_given("state.path") {
        let span = document.key_span("state.bucket");
        let message = "`state.bucket` and `state.path` exclude each other";
        problems.error(codes::STATE, &span, message, "keep one of them");
    }
    for key in ["prefix", "region"] {
        let path = format!("state.{key}");
        if document.is_given(&path) && !document.is_given("state.bucket") {
            let message = format!("`{path}` is about a bucket, and there is no `state.bucket`");
            problems.error(codes::STATE, &document.key_span(&path), message, "remove it");
        }
    }
    if let Some((bucket, span)) = document.word("state.bucket")
        && let Some(reason) = bucket_fault(bucket)
    {
        problems.error(
            codes::STATE,
            &span,
            format!("`state.bucket` {reason}"),
            "for example bucket = \"acme-hybridctl\"",
        );
    }
    if let Some((prefix, span)) = document.word("state.prefix")
        && let Some(reason) = prefix_fault(prefix)
    {
        problems.error(codes::STATE, &span, format!("`state.prefix` {reason}"), "for example prefix = \"zenml/prod\"");
    }
}

/// Why S3 takes no bucket of this name.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html>
fn bucket_fault(name: &str) -> Option<&'static str> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let reserved_start = ["xn--", "sthree-", "amzn-s3-demo-"].iter().any(|start| name.starts_with(start));
    let reserved_end = ["-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"].iter().any(|end| name.ends_with(end));
    if name.contains('/') || name.contains(':') {
        Some("is a name alone: no `s3://`, no ARN; what comes after the name is `state.prefix`")
    } else if !(3..=63).contains(&name.len()) {
        Some("must have 3 to 63 characters")
    } else if !name.bytes().all(|byte| plain(byte) || byte == b'-' || byte == b'.') {
        Some("may contain lower-case letters, digits, dashes and dots only")
    } else if !name.starts_with(|first: char| plain(first as u8)) || !name.ends_with(|last: char| plain(last as u8)) {
        Some("must begin and end with a letter or a digit")
    } else if name.contains("..") || name.parse::<std::net::Ipv4Addr>().is_ok() {
        Some("may have neither two dots in a row nor the form of an IP address")
    } else if reserved_start || reserved_end {
        Some("begins or ends with what S3 reserves for itself")
    } else {
        None
    }
}

fn prefix_fault(prefix: &str) -> Option<&'static str> {
    let safe = |byte: u8| byte.is_ascii_alphanumeric() || b"!-_.*'()/".contains(&byte);
    if prefix.is_empty() || prefix.len() > 512 {
        Some("must have 1 to 512 characters")
    } else if prefix.starts_with('/') || prefix.ends_with('/') || prefix.contains("//") {
        Some("has no slash at its start or end, and no two in a row")
    } else if !prefix.bytes().all(safe) {
        Some("may contain letters, digits and ! - _ . * ' ( ) / only")
    } else if prefix.split('/').any(|part| part == "." || part == "..") {
        Some("may not contain `.` or `..` as a part")
    } else {
        None
    }
}
