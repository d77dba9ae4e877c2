//! What the server's own words mean: a table of failures with cause and remedy.
//!
//! The texts are those of the ZenML server 0.98 (its own, SQLAlchemy's, requests') and of ECS. At boot the order is: settings,
//! database, secrets store, control plane. So a database error says nothing of the control plane, and an error of the control
//! plane proves that the database is fine.

use crate::aws::ecs::redact::redact;
use serde_json::Value;

/// A kind of failure that shows in a log or as a reason for a stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Class {
    /// `db.auth`, stable.
    pub id: &'static str,
    /// Every one of these is in the text, in any order.
    pub marks: &'static [&'static str],
    /// What it means, without a full stop.
    pub cause: &'static str,
    /// What to do.
    pub fix: &'static str,
}

const fn class(id: &'static str, marks: &'static [&'static str], cause: &'static str, fix: &'static str) -> Class {
    Class { id, marks, cause, fix }
}

/// Written when everything is up, enrollment included.
pub const STARTED: &str = "Application startup complete.";
/// Written when the start begins.
pub const WAITING: &str = "Waiting for application startup.";
/// Written when the start failed.
pub const FAILED: &str = "Application startup failed. Exiting.";

const EGRESS: &str = "look at VF-ROUTE and VF-GROUPS: tasks need a way to the internet on port 443";
const DATABASE: &str = "look at VF-DATABASE and VF-GROUPS: tasks need the database's port";
const ENROLL: &str =
    "check `zenml.oauth2_client_secret` and `zenml.workspace.id` against the enrollment, then `hybridctl up`";

/// Failures in the server's log, the specific before the general.
pub const LOG_CLASSES: &[Class] = &[
    class(
        "cfg.uuid",
        &["Input should be a valid UUID"],
        "an id in the settings is not a UUID",
        "correct `zenml.organization.id` or `zenml.workspace.id`, then `hybridctl up`",
    ),
    class(
        "cfg.missing",
        &["for ServerProConfiguration"],
        "a ZENML_SERVER_PRO_ variable is missing",
        "bring back what hybridctl wrote with `hybridctl up`",
    ),
    class(
        "cfg.missing",
        &["Field required [type=missing"],
        "a variable is missing",
        "bring back what hybridctl wrote with `hybridctl up`",
    ),
    class(
        "cfg.dbname",
        &["The database name does not conform"],
        "the database name holds characters that the server refuses",
        "use letters, digits and `_` in `database.name`",
    ),
    class(
        "cfg.dburl",
        &["No store implementation found for URL"],
        "the store URL does not begin with `mysql://`",
        "bring back what hybridctl wrote with `hybridctl up`",
    ),
    class(
        "cfg.dburl",
        &["Invalid MySQL configuration"],
        "user, password or database name is missing from the store settings",
        "bring back what hybridctl wrote with `hybridctl up`",
    ),
    class(
        "cp.auth",
        &["Error fetching auth token", "401"],
        "the control plane refuses the OAuth2 client secret or the workspace id",
        ENROLL,
    ),
    class(
        "cp.tls",
        &["Error fetching auth token", "SSLError"],
        "TLS to the control plane is intercepted, or its certificate is not trusted",
        "let `cloudapi.zenml.io` through unchanged, or give the server your authority with `SSL_CERT_FILE`",
    ),
    class(
        "cp.dns",
        &["Error fetching auth token", "NameResolutionError"],
        "the control plane's name does not resolve in the VPC",
        "turn DNS support of the VPC on, and check `zenml.api_url`",
    ),
    class(
        "cp.timeout",
        &["Error fetching auth token", "ConnectTimeoutError"],
        "the control plane cannot be reached",
        EGRESS,
    ),
    class(
        "cp.refused",
        &["Error fetching auth token", "Max retries exceeded"],
        "the control plane refuses the connection",
        EGRESS,
    ),
    class("cp.auth", &["Error fetching auth token"], "the control plane gave no token", ENROLL),
    class("cp.token", &["Could not fetch auth token from the Cloud API"], "the control plane gave no token", ENROLL),
    class(
        "cp.plan",
        &["SubscriptionUpgradeRequiredError"],
        "the organization's plan does not cover this workspace",
        "ask ZenML about the plan",
    ),
    class("cp.forbidden", &["IllegalOperationError"], "the control plane forbids this workspace to report", ENROLL),
    class(
        "cp.5xx",
        &["Failed while trying to contact the central zenml pro service"],
        "the control plane had an error of its own",
        "wait, then `hybridctl verify`; see ZenML's status page",
    ),
    class(
        "cp.user",
        &["External authenticator did not recognize this server"],
        "the control plane does not know this server",
        ENROLL,
    ),
    class(
        "cp.user",
        &["Error fetching user information from external authenticator"],
        "the control plane could not be asked about a user",
        EGRESS,
    ),
    class(
        "db.tls",
        &["(2003,", "CERTIFICATE_VERIFY_FAILED"],
        "the database's certificate does not verify",
        "check ZENML_STORE_SSL_CA: it must hold the authorities of this region",
    ),
    class(
        "db.timeout",
        &["(2003,", "timed out"],
        "the database does not answer: most likely a security group",
        DATABASE,
    ),
    class(
        "db.dns",
        &["(2003,", "Name or service not known"],
        "the database's name does not resolve",
        "check that the database exists and that ZENML_STORE_URL names its endpoint",
    ),
    class("db.refused", &["(2003,"], "the database refuses the connection", DATABASE),
    class(
        "db.auth",
        &["(1045,"],
        "the database refuses user or password, or wants TLS that the server did not use",
        "compare the password secret with the database's; `ZENML_STORE_SSL` must be true",
    ),
    class(
        "db.grant",
        &["(1044,"],
        "the database user has no right to this database",
        "grant all rights on the database to the user",
    ),
    class(
        "db.grant",
        &["(1142,"],
        "the database user may not create or change tables",
        "grant all rights on the database to the user",
    ),
    class(
        "db.race",
        &["(1050,"],
        "two tasks migrated the database at the same time",
        "run the migration alone with `hybridctl up`",
    ),
    class(
        "mig.missing",
        &["(1146,"],
        "the database has not been migrated to this version",
        "run the migration with `hybridctl up`",
    ),
    class(
        "mig.downgrade",
        &["Can't locate revision identified by"],
        "the database was migrated by a newer version than this image",
        "go back to the newer version, or restore the snapshot from before the upgrade",
    ),
    class(
        "mig.restore",
        &["Failed to restore the database from"],
        "a migration failed and its backup could not be restored",
        "restore the snapshot from before the upgrade",
    ),
    class(
        "mig.failed",
        &["The database migration failed"],
        "the migration failed",
        "read the lines around it; restore the snapshot from before the upgrade if data is in doubt",
    ),
    class(
        "mig.failed",
        &["The database operation failed. Attempting to restore"],
        "the migration failed and was undone",
        "read the lines around it, then `hybridctl up`",
    ),
    class(
        "secrets.aws",
        &["No module named 'boto3'"],
        "the image lacks the AWS library that the secrets store needs",
        "use ZenML's official image",
    ),
];

/// Reasons that ECS gives for a task that stopped or did not start.
pub const STOP_CLASSES: &[Class] = &[
    class(
        "image.grant",
        &["CannotPull", "403"],
        "the execution role may not pull the image",
        "send the role's ARN (`hybridctl output`) to ZenML and ask for the image grant",
    ),
    class(
        "image.grant",
        &["CannotPull", "denied"],
        "the execution role may not pull the image",
        "send the role's ARN (`hybridctl output`) to ZenML and ask for the image grant",
    ),
    class(
        "image.missing",
        &["CannotPull", "not found"],
        "the image or its tag does not exist",
        "correct `zenml.version` or `service.image`",
    ),
    class("image.network", &["CannotPull"], "the image cannot be reached", EGRESS),
    class("secret.deleted", &["marked for deletion"], "a secret is pending deletion", "look at VF-SECRETS"),
    class("secret.gone", &["secret", "can't find the specified secret"], "a secret is gone", "look at VF-SECRETS"),
    class(
        "secret.denied",
        &["unable to retrieve secret", "AccessDenied"],
        "the execution role may not read a secret",
        "look at VF-ROLES",
    ),
    class("egress", &["unable to retrieve", "deadline exceeded"], "the task cannot reach AWS", EGRESS),
    class("egress", &["unable to retrieve", "i/o timeout"], "the task cannot reach AWS", EGRESS),
    class("log.group", &["log group does not exist"], "the log group is gone", "look at VF-LOG-GROUP"),
    class(
        "log.denied",
        &["Cloudwatch log stream", "AccessDenied"],
        "the execution role may not write logs",
        "look at VF-ROLES",
    ),
    class("role", &["unable to assume the role"], "a role is gone or does not trust ECS tasks", "look at VF-ROLES"),
    class("memory", &["OutOfMemory"], "the container used more memory than it has", "raise `service.memory`"),
    class(
        "health",
        &["failed ELB health checks"],
        "the load balancer got no good answer on the health path",
        "look at VF-PORT, VF-GROUPS and VF-LOGS",
    ),
    class("capacity", &["apacity"], "AWS had no capacity", "wait, or use more zones"),
    class(
        "addresses",
        &["network interface"],
        "no network interface could be made",
        "check the free addresses of the private subnets",
    ),
];

/// What a log line means; `None`: nothing that is known.
pub fn of_log(text: &str) -> Option<&'static Class> {
    find(LOG_CLASSES, text)
}

/// What a reason for a stop means; `None`: nothing that is known.
pub fn of_stop(text: &str) -> Option<&'static Class> {
    find(STOP_CLASSES, text)
}

fn find(classes: &'static [Class], text: &str) -> Option<&'static Class> {
    classes.iter().find(|class| class.marks.iter().all(|mark| text.contains(mark)))
}

/// How loud a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Everything else.
    Quiet,
    /// ERROR.
    Error,
    /// CRITICAL.
    Critical,
}

/// Message and level of a log event, in either layout of the server.
pub fn message(event: &str) -> (String, Level) {
    let level = |word: &str| match word.trim() {
        "CRITICAL" | "FATAL" => Level::Critical,
        "ERROR" => Level::Error,
        _ => Level::Quiet,
    };
    if let Ok(Value::Object(fields)) = serde_json::from_str::<Value>(event)
        && let Some(text) = fields.get("message").and_then(Value::as_str)
    {
        return (text.to_owned(), level(fields.get("level").and_then(Value::as_str).unwrap_or_default()));
    }
    let plain = console::strip_ansi_codes(event);
    let loudness = plain.split(" | ").nth(1).map_or(Level::Quiet, level);
    (plain.into_owned(), loudness)
}

/// The line of a text that carries a class's first mark, fit to be shown.
pub fn quote(text: &str, class: &Class) -> String {
    let line = text.lines().rev().find(|line| class.marks.iter().any(|mark| line.contains(mark)));
    short(&redact(line.or(text.lines().last()).unwrap_or_default()))
}

/// At most 200 characters.
pub fn short(line: &str) -> String {
    let line = line.trim();
    match line.char_indices().nth(200) {
        None => line.to_owned(),
        Some((end, _)) => format!("{}…", &line[..end]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_servers_own_words_are_understood() {
        for (text, id) in [
            (
                "pydantic_core._pydantic_core.ValidationError: 1 validation error for ServerProConfiguration",
                "cfg.missing",
            ),
            ("  Input should be a valid UUID, invalid character [type=uuid_parsing, input_value='x']", "cfg.uuid"),
            (
                "RuntimeError: Error fetching auth token from the Cloud API: 401 Client Error: Unauthorized for url: https://x",
                "cp.auth",
            ),
            (
                "RuntimeError: Error fetching auth token from the Cloud API: SSLError(SSLCertVerificationError(1",
                "cp.tls",
            ),
            (
                "Error fetching auth token: HTTPSConnectionPool: Max retries exceeded (Caused by NameResolutionError",
                "cp.dns",
            ),
            ("Error fetching auth token: Max retries exceeded (Caused by ConnectTimeoutError(", "cp.timeout"),
            ("Error fetching auth token: Max retries exceeded (Caused by NewConnectionError(", "cp.refused"),
            ("(2003, \"Can't connect to MySQL server on 'h' (timed out)\")", "db.timeout"),
            ("(2003, \"Can't connect to MySQL server on 'h' ([Errno 111] Connection refused)\")", "db.refused"),
            ("(2003, \"Can't connect ... [SSL: CERTIFICATE_VERIFY_FAILED] Hostname mismatch\")", "db.tls"),
            ("(2003, \"Can't connect ([Errno -2] Name or service not known)\")", "db.dns"),
            ("(1045, \"Access denied for user 'u'@'10.0.0.1' (using password: YES)\")", "db.auth"),
            ("(1142, \"CREATE command denied to user\")", "db.grant"),
            ("(1050, \"Table 'api_transaction' already exists\")", "db.race"),
            ("(1146, \"Table 'zenml_hybrid.stack' doesn't exist\")", "mig.missing"),
            ("CommandError: Can't locate revision identified by '0.98.0'", "mig.downgrade"),
            ("TypeError: No store implementation found for URL: postgresql://u:p@h/d", "cfg.dburl"),
            ("Failed while trying to contact the central zenml pro service: 500 Server Error", "cp.5xx"),
        ] {
            assert_eq!(of_log(text).map(|class| class.id), Some(id), "{text}");
        }
        assert_eq!(of_log("Application startup complete."), None);
        assert_eq!(of_log("uvicorn.access:send:1 | 10.0.0.5 - \"GET /health HTTP/1.1\" 200"), None);
    }

    #[test]
    fn reasons_of_ecs_are_understood() {
        for (text, id) in [
            ("CannotPullContainerError: pull image manifest has been retried 1 time(s): 403 Forbidden", "image.grant"),
            ("CannotPullContainerError: x:0.98.0: not found", "image.missing"),
            (
                "ResourceInitializationError: unable to retrieve secret from asm: … it was marked for deletion",
                "secret.deleted",
            ),
            ("unable to retrieve secret from asm: AccessDeniedException: User: x", "secret.denied"),
            ("unable to retrieve secret from asm: context deadline exceeded. Please check", "egress"),
            ("failed to create Cloudwatch log stream: The specified log group does not exist.", "log.group"),
            ("ECS was unable to assume the role 'arn:…'", "role"),
            ("OutOfMemoryError: Container killed due to memory usage", "memory"),
            ("Task failed ELB health checks in (target-group x)", "health"),
        ] {
            assert_eq!(of_stop(text).map(|class| class.id), Some(id), "{text}");
        }
        assert_eq!(of_stop("Essential container in task exited"), None);
    }

    #[test]
    fn both_layouts_of_a_line_are_read() {
        let json = r#"{"level":"ERROR","message":"Traceback:\nRuntimeError: x"}"#;
        assert_eq!(message(json), ("Traceback:\nRuntimeError: x".to_owned(), Level::Error));
        let line = "2026-11-20 10:00:00,123 | CRITICAL | a:b:1 | boom";
        assert_eq!(message(line), (line.to_owned(), Level::Critical));
        assert_eq!(message("plain").1, Level::Quiet);
    }

    #[test]
    fn a_quoted_line_holds_no_password() {
        let text = "Traceback\nTypeError: No store implementation found for URL: mysql+x://admin:hunter2@h/d";
        let class = of_log(text).unwrap();
        let quoted = quote(text, class);
        assert!(quoted.contains("No store implementation") && !quoted.contains("hunter2"), "{quoted}");
        assert_eq!(short(&"x".repeat(300)).chars().count(), 201);
    }
}
