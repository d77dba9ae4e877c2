//! Rules for `[database]`.

use super::{arn, arn_belongs_here, is_word};
use crate::config::codes;
use crate::config::problems::{Problems, did_you_mean};
use crate::config::read::Document;

/// Logs that RDS for MySQL can export.
const LOGS: [&str; 4] = ["audit", "error", "general", "slowquery"];

/// Databases that MySQL has already.
const SYSTEM_DATABASES: [&str; 5] = ["mysql", "sys", "information_schema", "performance_schema", "innodb"];

/// Users that RDS has already.
const SYSTEM_USERS: [&str; 4] = ["rdsadmin", "rdsrepladmin", "rdstopmgr", "rdsproxyadmin"];

pub(super) fn check(document: &Document, problems: &mut Problems) {
    engine(document, problems);
    engine_version(document, problems);
    instance_class(document, problems);
    max_storage(document, problems);
    log_exports(document, problems);
    name(document, problems);
    username(document, problems);
    restore_from(document, problems);
}

fn engine(document: &Document, problems: &mut Problems) {
    let Some((engine, span)) = document.word("database.engine") else { return };
    let help = "remove the line: mysql is the default";
    match engine {
        "mysql" => {}
        _ if engine.to_lowercase().contains("postgres") => {
            let message =
                "the ZenML server has no store for PostgreSQL: it stops at start with `No store implementation found`";
            problems.error(codes::ENGINE, &span, message, help);
        }
        _ => {
            problems.error(
                codes::ENGINE,
                &span,
                format!("`{engine}` is not supported: ZenML is tested with MySQL"),
                help,
            );
        }
    }
}

fn engine_version(document: &Document, problems: &mut Problems) {
    let Some((version, span)) = document.word("database.engine_version") else { return };
    let parts: Vec<_> = version.split('.').collect();
    let are_numbers = parts.iter().all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()));
    match parts[..] {
        ["8", "4"] | ["8", "4", _] if are_numbers => {}
        ["8", "0"] | ["8", "0", _] if are_numbers => {
            let message =
                "MySQL 8.0 is past its standard support: AWS charges Extended Support for every vCPU and hour";
            problems.warning(
                codes::EXTENDED_SUPPORT,
                &span,
                message,
                "use engine_version = \"8.4\" for a new database",
            );
        }
        _ => {
            let message = format!("`{version}` is not a MySQL version that hybridctl can run");
            problems.error(codes::ENGINE_VERSION, &span, message, "use \"8.4\", or \"8.0\" for an older database");
        }
    }
}

fn instance_class(document: &Document, problems: &mut Problems) {
    let Some((class, span)) = document.word("database.instance_class") else { return };
    let parts: Vec<_> = class.split('.').collect();
    let is_part = |part: &str| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    };
    let is_class = matches!(parts[..], ["db", family, size] if is_part(family) && is_part(size));
    if !is_class {
        let help = if class.split('.').count() == 2 && !class.starts_with("db.") {
            format!("did you mean `db.{class}`?")
        } else {
            "for example db.t4g.medium".to_owned()
        };
        problems.error(codes::INSTANCE_CLASS, &span, format!("`{class}` is not an instance class"), help);
    }
}

fn max_storage(document: &Document, problems: &mut Problems) {
    let (Some(storage), Some(limit)) =
        (document.integer("database.storage_gib"), document.integer("database.max_storage_gib"))
    else {
        return;
    };
    if !(20..=65_536).contains(&storage) || !(1..=65_536).contains(&limit) {
        return;
    }
    let least = (storage * 11 + 9) / 10;
    if limit >= least {
        return;
    }
    let path =
        if document.is_given("database.max_storage_gib") { "database.max_storage_gib" } else { "database.storage_gib" };
    let message =
        format!("`database.max_storage_gib` ({limit}) must be 10 % above `database.storage_gib` ({storage}) at least");
    let help = if least <= 65_536 {
        format!("set max_storage_gib = {least} or more, or 0 to turn growth off")
    } else {
        "set max_storage_gib = 0 to turn growth off".to_owned()
    };
    problems.error(codes::MAX_STORAGE, &document.span(path), message, help);
}

fn log_exports(document: &Document, problems: &mut Problems) {
    for word in document.words("database.log_exports") {
        if !LOGS.contains(&word.text.as_str()) {
            let help = match did_you_mean(&word.text, LOGS.into_iter()) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => format!("use {}", LOGS.join(", ")),
            };
            problems.error(codes::LOG_EXPORTS, &word.span, format!("MySQL has no log called `{}`", word.text), help);
        }
    }
}

fn name(document: &Document, problems: &mut Problems) {
    let Some((name, span)) = document.word("database.name") else { return };
    if SYSTEM_DATABASES.contains(&name.to_lowercase().as_str()) {
        let message = format!("`{name}` is a database of MySQL itself");
        problems.error(codes::DATABASE_NAME, &span, message, "for example name = \"zenml_hybrid\"");
    } else if !is_word(name, 64, &['_']) {
        let better: String =
            name.chars().map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '_' }).take(64).collect();
        let help = if is_word(&better, 64, &['_']) { format!("use {better}") } else { "use zenml_hybrid".to_owned() };
        let message = "a database name has letters, digits and underscores, a letter first, at most 64: \
                       the server refuses dashes and dots";
        problems.error(codes::DATABASE_NAME, &span, message, help);
    }
}

fn username(document: &Document, problems: &mut Problems) {
    let Some((username, span)) = document.word("database.username") else { return };
    if SYSTEM_USERS.contains(&username.to_lowercase().as_str()) {
        let message = format!("`{username}` is a user of RDS itself");
        problems.error(codes::USERNAME, &span, message, "use another, for example zenml");
    } else if !is_word(username, 16, &['_']) {
        let message = "a master user has letters, digits and underscores, a letter first, at most 16";
        problems.error(codes::USERNAME, &span, message, "for example username = \"zenml\"");
    }
}

fn restore_from(document: &Document, problems: &mut Problems) {
    const PATH: &str = "database.restore_from";
    let Some((snapshot, span)) = document.word(PATH) else { return };
    if let Some(arn) = arn(snapshot, "rds").filter(|arn| arn.resource.starts_with("snapshot:")) {
        // A shared snapshot belongs to another account, so only the region must agree.
        let ours =
            super::Arn { account: document.word("account_id").map_or(arn.account, |(account, _)| account), ..arn };
        arn_belongs_here(document, PATH, &ours, problems);
    } else if !is_word(snapshot.strip_prefix("rds:").unwrap_or(snapshot), 255, &['-']) {
        let help = "the name of a snapshot, or arn:aws:rds:<region>:<account>:snapshot:<name>";
        problems.error(codes::RESTORE_FROM, &span, format!("`{snapshot}` is not a snapshot"), help);
    }
}
