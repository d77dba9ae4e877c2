//! The table of what the server writes.

use super::{Class, EGRESS, class};

const DATABASE: &str = "look at VF-DATABASE and VF-GROUPS: tasks need the database's port";
const ENROLL: &str =
    "check `zenml.oauth2_client_secret` and `zenml.workspace.id` against the enrollment, then `hybridctl up`";
const PUT_BACK: &str = "bring back what hybridctl wrote with `hybridctl up`";
const GRANT: &str = "grant all rights on the database to the user";
const TLS: &str =
    "let `cloudapi.zenml.io` through unchanged, or give the server your authority with `REQUESTS_CA_BUNDLE`";
const CONTROL_PLANE_FAILS: &str = "the control plane had an error of its own";
const ITS_STATUS: &str = "wait, then `hybridctl verify`; see ZenML's status page";
const INTERCEPTED: &str = "TLS to the control plane is intercepted, or its certificate is not trusted";

/// Failures in the server's log, the specific before the general. The server repeats a login that fails for a quarter of a
/// minute and longer, and says why each time: those lines (`…: /auth/login`) count as much as the last.
pub const LOG_CLASSES: &[Class] = &[
    class(
        "cfg.uuid",
        &["Input should be a valid UUID"],
        "an id in the settings is not a UUID",
        "correct `zenml.organization.id` or `zenml.workspace.id`, then `hybridctl up`",
    ),
    class("cfg.missing", &["for ServerProConfiguration"], "a ZENML_SERVER_PRO_ variable is missing", PUT_BACK),
    class("cfg.missing", &["Field required [type=missing"], "a variable is missing", PUT_BACK),
    class(
        "cfg.logging",
        &["Verbosity must be one of"],
        "ZENML_LOGGING_VERBOSITY is none of the levels",
        "set `zenml.logging_level` to a level that is listed there",
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
        PUT_BACK,
    ),
    class(
        "cfg.dburl",
        &["Invalid MySQL configuration"],
        "user, password or database name is missing from the store settings",
        PUT_BACK,
    ),
    class(
        "cp.auth",
        &["Error fetching auth token", "401"],
        "the control plane refuses the OAuth2 client secret or the workspace id",
        ENROLL,
    ),
    class("cp.tls", &["/auth/login", "CERTIFICATE_VERIFY_FAILED"], INTERCEPTED, TLS),
    class("cp.tls", &["Error fetching auth token", "SSLError"], INTERCEPTED, TLS),
    class(
        "cp.dns",
        &["/auth/login", "NameResolutionError"],
        "the control plane's name does not resolve in the VPC",
        "turn DNS support of the VPC on, and check `zenml.api_url`",
    ),
    // It answered: with an error each time, until the server tried no more. What answers is reached, so nothing is closed.
    class("cp.5xx", &["/auth/login", "too many", "error responses"], CONTROL_PLANE_FAILS, ITS_STATUS),
    class("cp.5xx", &["Error fetching auth token", "Server Error"], CONTROL_PLANE_FAILS, ITS_STATUS),
    class("cp.5xx", &["Error fetching auth token", "429 Client Error"], CONTROL_PLANE_FAILS, ITS_STATUS),
    class("cp.timeout", &["/auth/login", "ConnectTimeoutError"], "the control plane cannot be reached", EGRESS),
    class("cp.timeout", &["/auth/login", "Read timed out"], "the control plane does not answer", EGRESS),
    class("cp.refused", &["/auth/login", "NewConnectionError"], "the control plane refuses the connection", EGRESS),
    class("cp.refused", &["/auth/login", "Max retries exceeded"], "the control plane cannot be reached", EGRESS),
    class("cp.auth", &["Error fetching auth token"], "the control plane gave no token", ENROLL),
    class("cp.token", &["Could not fetch auth token from the Cloud API"], "the control plane gave no token", ENROLL),
    class(
        "cp.plan",
        &["SubscriptionUpgradeRequiredError"],
        "the organization's plan does not cover this workspace",
        "ask ZenML about the plan",
    ),
    class("cp.forbidden", &["IllegalOperationError"], "the control plane forbids this workspace to report", ENROLL),
    class("cp.5xx", &["Failed while trying to contact the central zenml pro service"], CONTROL_PLANE_FAILS, ITS_STATUS),
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
    // Before the database's own codes: a migration that fails quotes one.
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
        "mig.downgrade",
        &["Can't locate revision identified by"],
        "the database was migrated by a newer version than this image",
        "go back to the newer version, or restore the snapshot from before the upgrade",
    ),
    class(
        "db.tls",
        &["(2003,", "CERTIFICATE_VERIFY_FAILED"],
        "the database's certificate does not verify",
        "check ZENML_STORE_SSL_CA: it must hold the authorities of this region",
    ),
    class(
        "db.tls",
        &["(3159,"],
        "the database wants TLS and the server does not use it",
        "`ZENML_STORE_SSL` must be true",
    ),
    class(
        "db.timeout",
        &["(2003,", "timed out"],
        "the database does not answer: most likely a security group",
        DATABASE,
    ),
    class("db.dns", &["(2003,", "Name or service not known"], NO_NAME, CHECK_NAME),
    class("db.dns", &["(2003,", "name resolution"], NO_NAME, CHECK_NAME),
    class("db.refused", &["(2003,"], "the database refuses the connection", DATABASE),
    class("db.lost", &["(2006,"], "the database ended the connection", DATABASE),
    class("db.lost", &["(2013,"], "the database ended the connection", DATABASE),
    class(
        "db.full",
        &["(1040,"],
        "the database takes no more connections",
        "use a larger `database.instance_class`, or fewer tasks in `service.desired_count`",
    ),
    class(
        "db.auth",
        &["(1045,"],
        "the database refuses user or password, or wants TLS that the server did not use",
        "compare the password secret with the database's; `ZENML_STORE_SSL` must be true",
    ),
    class("db.grant", &["(1044,"], "the database user has no right to this database", GRANT),
    class("db.grant", &["(1142,"], "the database user may not create or change tables", GRANT),
    class(
        "db.race",
        &["(1050,"],
        "two tasks migrated the database at the same time",
        "run the migration alone with `hybridctl up`",
    ),
    class("mig.missing", &["(1146,"], NOT_MIGRATED, MIGRATE),
    class("mig.missing", &["(1054,"], NOT_MIGRATED, MIGRATE),
    class(
        "secrets.aws",
        &["No module named 'boto3'"],
        "the image lacks the AWS library that the secrets store needs",
        "use ZenML's official image",
    ),
];

const NO_NAME: &str = "the database's name does not resolve";
const CHECK_NAME: &str = "check that the database exists and that ZENML_STORE_URL names its endpoint";
const NOT_MIGRATED: &str = "the database has not been migrated to this version";
const MIGRATE: &str = "run the migration with `hybridctl up`";

/// What a server that runs says about itself.
pub const NOTES: &[Class] = &[
    class(
        "wl.unavailable",
        &["Unable to load workload manager source"],
        "the workload manager could not be loaded: runs from the dashboard do not work",
        "leave the ZENML_SERVER_WORKLOAD_MANAGER_ variables out: there is none for ECS",
    ),
    class(
        "cfg.deprecated",
        &["environment variable is deprecated"],
        "a variable is deprecated",
        "see the log for its new name",
    ),
];
