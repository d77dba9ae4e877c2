//! What the server's own words mean: a table of failures with cause and remedy.
//!
//! The texts are those of the ZenML server 0.98 (its own, SQLAlchemy's, requests') and of ECS. At boot the order is: settings,
//! database, secrets store, control plane. So a database error says nothing of the control plane, and an error of the control
//! plane proves that the database is fine.

mod lines;
mod stops;

pub use lines::{Level, message, quote, short};
pub use stops::{STOP_CLASSES, of_stop};

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

/// What a log line means; `None`: nothing that is known.
pub fn of_log(text: &str) -> Option<&'static Class> {
    find(LOG_CLASSES, text)
}

fn find(classes: &'static [Class], text: &str) -> Option<&'static Class> {
    classes.iter().find(|class| class.marks.iter().all(|mark| text.contains(mark)))
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
}
