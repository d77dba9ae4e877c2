//! Rules for `[zenml.environment]`.
//!
//! The server ignores names it does not know without a word, so a typo would go unnoticed: names are checked here.
//! A ZENML name that is neither known nor close to a known one is only a warning, because a newer server may read it.

use crate::config::codes;
use crate::config::problems::{Problems, did_you_mean, sounds_secret};
use crate::config::read::{Document, Word};

/// Variables that hybridctl sets itself, and the setting to use instead (empty: none).
const OURS: &[(&str, &str)] = &[
    ("DISABLE_DATABASE_MIGRATION", ""),
    ("ZENML_ANALYTICS_OPT_IN", "zenml.analytics"),
    ("ZENML_CONSOLE_LOGGING_FORMAT", ""),
    ("ZENML_DATABASE_URL", "zenml.guide_variables"),
    ("ZENML_ENABLE_RICH_TRACEBACK", ""),
    ("ZENML_LOGGING_COLORS_DISABLED", ""),
    ("ZENML_LOGGING_VERBOSITY", "zenml.logging_level"),
    ("ZENML_SECRETS_STORE_ENCRYPTION_KEY", "secrets.names.encryption_key"),
    ("ZENML_SECRETS_STORE_TYPE", ""),
    ("ZENML_SERVER", ""),
    ("ZENML_SERVER_DEPLOYMENT_TYPE", ""),
    ("ZENML_SERVER_JWT_SECRET_KEY", "secrets.names.jwt_key"),
    ("ZENML_SERVER_PRO_API_URL", "zenml.api_url"),
    ("ZENML_SERVER_PRO_DASHBOARD_URL", "zenml.dashboard_url"),
    ("ZENML_SERVER_PRO_OAUTH2_AUDIENCE", "zenml.oauth2_audience"),
    ("ZENML_SERVER_PRO_OAUTH2_CLIENT_SECRET", "zenml.oauth2_client_secret"),
    ("ZENML_SERVER_PRO_ORGANIZATION_ID", "zenml.organization"),
    ("ZENML_SERVER_PRO_ORGANIZATION_NAME", "zenml.organization"),
    ("ZENML_SERVER_PRO_WORKSPACE_ID", "zenml.workspace"),
    ("ZENML_SERVER_PRO_WORKSPACE_NAME", "zenml.workspace"),
    ("ZENML_SERVER_SERVER_URL", "zenml.server_url"),
    ("ZENML_STORE_DATABASE", "database.name"),
    ("ZENML_STORE_PASSWORD", "secrets.names.database_password"),
    ("ZENML_STORE_SSL", ""),
    ("ZENML_STORE_SSL_CA", ""),
    ("ZENML_STORE_SSL_VERIFY_SERVER_CERT", ""),
    ("ZENML_STORE_URL", ""),
    ("ZENML_STORE_USERNAME", "database.username"),
];

/// Variables that the server does not read, though the guide or common sense says so, and what to use instead.
const UNREAD: &[(&str, &str)] = &[
    ("ZENML_LOGGING_LEVEL", "set zenml.logging_level"),
    ("ZENML_PRO_CONTROL_PLANE_CLIENT_ID", "set zenml.workspace"),
    ("ZENML_PRO_CONTROL_PLANE_URL", "set zenml.api_url"),
    ("ZENML_SERVER_HOSTNAME", "remove it: the server listens on all addresses"),
    ("ZENML_SERVER_MAX_CONCURRENT_TEMPLATE_RUNS", "use ZENML_SERVER_MAX_CONCURRENT_SNAPSHOT_RUNS"),
    ("ZENML_SERVER_PORT", "set service.port"),
    ("ZENML_SERVER_PRO_ENROLLMENT_KEY", "set zenml.oauth2_client_secret"),
];

/// Variables that the server reads and that are free to set.
const KNOWN: &[&str] = &[
    "ZENML_BACKUP_SECRETS_STORE_TYPE",
    "ZENML_DEBUG",
    "ZENML_DEFAULT_PROJECT_NAME",
    "ZENML_ENABLE_IMPLICIT_AUTH_METHODS",
    "ZENML_LOGGING_FORMAT",
    "ZENML_SECRETS_STORE_AUTH_CONFIG",
    "ZENML_SECRETS_STORE_AUTH_METHOD",
    "ZENML_SERVER_AUTH_THREAD_POOL_SIZE",
    "ZENML_SERVER_CORS_ALLOW_ORIGINS",
    "ZENML_SERVER_FILE_DOWNLOAD_SIZE_LIMIT",
    "ZENML_SERVER_JWT_TOKEN_EXPIRE_MINUTES",
    "ZENML_SERVER_LOGIN_RATE_LIMIT_DAY",
    "ZENML_SERVER_LOGIN_RATE_LIMIT_MINUTE",
    "ZENML_SERVER_MAX_CONCURRENT_SNAPSHOT_RUNS",
    "ZENML_SERVER_MAX_REQUEST_BODY_SIZE_IN_BYTES",
    "ZENML_SERVER_METADATA",
    "ZENML_SERVER_OTEL_EXPORTER_OTLP_ENDPOINT",
    "ZENML_SERVER_PRO_HTTP_TIMEOUT",
    "ZENML_SERVER_RATE_LIMIT_ENABLED",
    "ZENML_SERVER_REQUEST_TIMEOUT",
    "ZENML_SERVER_ROOT_URL_PATH",
    "ZENML_SERVER_SECURE_HEADERS_CACHE",
    "ZENML_SERVER_SECURE_HEADERS_CONTENT",
    "ZENML_SERVER_SECURE_HEADERS_CSP",
    "ZENML_SERVER_SECURE_HEADERS_HSTS",
    "ZENML_SERVER_SECURE_HEADERS_PERMISSIONS",
    "ZENML_SERVER_SECURE_HEADERS_REFERRER",
    "ZENML_SERVER_SECURE_HEADERS_SERVER",
    "ZENML_SERVER_SECURE_HEADERS_XFO",
    "ZENML_SERVER_THREAD_POOL_SIZE",
    "ZENML_STORE_AUTH_MODE",
    "ZENML_STORE_AWS_REGION",
    "ZENML_STORE_BACKUP_DATABASE",
    "ZENML_STORE_BACKUP_DIRECTORY",
    "ZENML_STORE_BACKUP_STRATEGY",
    "ZENML_STORE_MAX_OVERFLOW",
    "ZENML_STORE_PAYLOAD_STORAGE",
    "ZENML_STORE_POOL_PRE_PING",
    "ZENML_STORE_POOL_SIZE",
    "ZENML_STORE_SSL_CERT",
    "ZENML_STORE_SSL_KEY",
];

pub(super) fn check(document: &Document, problems: &mut Problems) {
    for (key, value) in document.entries("zenml.environment") {
        name(key, value, problems);
        if looks_secret(&key.text, &value.text) {
            let message =
                format!("`{}` looks like a secret; everyone who may read the task definition can read it", key.text);
            let help = "keep secrets out of this file: hybridctl stores its own in Secrets Manager";
            problems.warning(codes::ENVIRONMENT_SECRET, &key.span, message, help).masked = Some(value.span.clone());
        }
    }
}

fn name(key: &Word, value: &Word, problems: &mut Problems) {
    let name = key.text.as_str();
    let masked = sounds_secret(name).then(|| value.span.clone());
    let starts_well = name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
    let diagnostic = if !starts_well || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
        let help = "letters, digits and underscores, no digit first";
        problems.error(codes::ENVIRONMENT_NAME, &key.span, format!("`{name}` is not a name for a variable"), help)
    } else if let Some((_, setting)) = OURS.iter().find(|(ours, _)| *ours == name) {
        let help = if setting.is_empty() { "remove it".to_owned() } else { format!("remove it and set {setting}") };
        problems.error(codes::ENVIRONMENT_OURS, &key.span, format!("`{name}` is set by hybridctl"), help)
    } else if let Some((_, instead)) = UNREAD.iter().find(|(unread, _)| *unread == name) {
        problems.error(codes::ENVIRONMENT_UNREAD, &key.span, format!("the server does not read `{name}`"), *instead)
    } else if !name.to_uppercase().starts_with("ZENML") || KNOWN.contains(&name) {
        return;
    } else {
        let candidates = KNOWN.iter().copied().chain(OURS.iter().map(|(ours, _)| *ours));
        let message = format!("hybridctl does not know `{name}`, and the server ignores names it does not know");
        match did_you_mean(name, candidates) {
            Some(meant) => {
                problems.error(codes::ENVIRONMENT_UNKNOWN, &key.span, message, format!("did you mean `{meant}`?"))
            }
            None => {
                let help = "fine if your server version reads it: check its documentation";
                problems.warning(codes::ENVIRONMENT_UNKNOWN, &key.span, message, help)
            }
        }
    };
    diagnostic.masked = masked;
}

/// Returns true when name or value look like something that should not be written here.
fn looks_secret(name: &str, value: &str) -> bool {
    const STARTS: [&str; 8] = ["AKIA", "ASIA", "ghp_", "github_pat_", "xoxb-", "eyJ", "-----BEGIN", "ZENPROKEY"];
    let has_password = value
        .split_once("://")
        .and_then(|(_, rest)| rest.split('/').next()?.rsplit_once('@'))
        .is_some_and(|(user, _)| user.contains(':'));
    let is_number = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
    let is_switch = matches!(value.to_lowercase().as_str(), "" | "true" | "false" | "on" | "off");
    let named_so = sounds_secret(name) && !is_number && !is_switch;
    named_so || has_password || STARTS.iter().any(|start| value.starts_with(start))
}
