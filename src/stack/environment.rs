//! The variables of the server's container: the names that the server really reads, and on request the guide's own.

use crate::aws::rds::instance::Instance;
use crate::config::{Config, rds_ca};
use crate::model::{Handle, Input};
use std::collections::BTreeMap;

/// The plain variables of the task definition.
pub(super) fn variables(config: &Config, database: &Handle<Instance>) -> BTreeMap<String, Input<String>> {
    let zenml = &config.zenml;
    let mut variables: BTreeMap<String, Input<String>> = BTreeMap::new();
    let mut set = |name: &str, value: &str| {
        variables.insert(name.to_owned(), value.to_owned().into());
    };
    set("ZENML_SERVER", "True");
    set("ZENML_SERVER_DEPLOYMENT_TYPE", "cloud");
    set("ZENML_SERVER_PRO_API_URL", &zenml.api_url);
    set("ZENML_SERVER_PRO_DASHBOARD_URL", &zenml.dashboard_url);
    set("ZENML_SERVER_PRO_OAUTH2_AUDIENCE", &zenml.oauth2_audience);
    set("ZENML_SERVER_PRO_ORGANIZATION_ID", &zenml.organization.id);
    set("ZENML_SERVER_PRO_ORGANIZATION_NAME", &zenml.organization.name);
    set("ZENML_SERVER_PRO_WORKSPACE_ID", &zenml.workspace.id);
    set("ZENML_SERVER_PRO_WORKSPACE_NAME", &zenml.workspace.name);
    set("ZENML_SERVER_SERVER_URL", &zenml.server_url);

    set("ZENML_STORE_DATABASE", &config.database.name);
    set("ZENML_STORE_USERNAME", &config.database.username);
    // A CA alone does not turn TLS on, and TLS without a CA verifies nothing.
    set("ZENML_STORE_SSL", "true");
    set("ZENML_STORE_SSL_VERIFY_SERVER_CERT", "true");
    let authorities = rds_ca(&config.region).expect("because validation refuses regions without a bundle");
    set("ZENML_STORE_SSL_CA", authorities);

    set("ZENML_SECRETS_STORE_TYPE", "sql");
    // Migrations run in a task of their own: two servers that migrate at once destroy each other's work.
    set("DISABLE_DATABASE_MIGRATION", "True");
    set("ZENML_LOGGING_VERBOSITY", zenml.logging_level.as_str());
    // One JSON object per line keeps a traceback in one event; colours and boxes would only break it up.
    set("ZENML_CONSOLE_LOGGING_FORMAT", "json");
    set("ZENML_LOGGING_COLORS_DISABLED", "true");
    set("ZENML_ENABLE_RICH_TRACEBACK", "false");
    set("ZENML_ANALYTICS_OPT_IN", if zenml.analytics { "true" } else { "false" });
    if zenml.guide_variables {
        set("ZENML_SERVER_HOSTNAME", "0.0.0.0");
        set("ZENML_SERVER_PORT", &config.service.port.to_string());
        set("ZENML_LOGGING_LEVEL", zenml.logging_level.as_str());
    }
    for (name, value) in &zenml.environment {
        set(name, value);
    }
    variables.insert("ZENML_STORE_URL".into(), database.store_url().into());
    variables
}

/// What the migration changes of it: it migrates, and backs nothing up because a snapshot was taken.
pub(super) fn for_migration() -> BTreeMap<String, String> {
    let pairs = [("DISABLE_DATABASE_MIGRATION", "False"), ("ZENML_STORE_BACKUP_STRATEGY", "disabled")];
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}
