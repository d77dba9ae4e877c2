//! Step 2: the database, and the snapshot that comes before a migration.

use super::facts::Facts;
use super::network::Network;
use super::secrets::Secrets;
use super::snapshots;
use crate::aws::iam::service_linked_role::ServiceLinkedRole;
use crate::aws::logs::log_group::LogGroup;
use crate::aws::rds::instance::Instance;
use crate::aws::rds::parameter_group::ParameterGroup;
use crate::aws::rds::snapshot::Snapshot;
use crate::aws::rds::subnet_group::SubnetGroup;
use crate::config::Config;
use crate::model::{Address, Edge, Graph, Handle};
use std::collections::BTreeMap;

/// What the other parts use of the database.
pub(super) struct Database {
    pub instance: Handle<Instance>,
    /// Present when this plan raises the version of a database that has been migrated before.
    pub snapshot: Option<Address>,
}

pub(super) fn declare(
    graph: &mut Graph,
    config: &Config,
    facts: &Facts,
    network: &Network,
    secrets: &Secrets,
) -> Database {
    graph.guide("implied by step 2");
    let logs: Vec<Address> = config.database.log_exports.iter().map(|log| log_group(graph, config, log)).collect();
    let parameters = graph.add("main", parameter_group(config));
    graph.guide("step 2");
    let subnets = SubnetGroup {
        name: format!("{}-db", config.name),
        description: "Private subnets of the ZenML database".into(),
        subnet_ids: network.private_subnets(),
    };
    let subnets = graph.add("main", subnets);
    let instance = graph.add("main", instance(config, network, secrets, &subnets, &parameters));
    graph.holds_data(&instance.address);
    // The key goes last: until the database is gone, what it holds may still be wanted.
    graph.add_after(&instance.address, &secrets.encryption.address, Edge::SETTLED);
    let role = Handle::<ServiceLinkedRole>::to("rds").address;
    graph.add_after(&subnets.address, &role, Edge::SETTLED);
    // RDS makes missing log groups itself, without retention; and they must outlive the instance that writes to them.
    for log in &logs {
        graph.add_after(&instance.address, log, Edge::SETTLED);
    }
    let snapshot = before_migration(graph, config, facts, &instance);
    Database { instance, snapshot }
}

fn log_group(graph: &mut Graph, config: &Config, log: &str) -> Address {
    let group = LogGroup {
        name: format!("/aws/rds/instance/{}/{log}", config.db_instance_id()),
        retention_days: i32::from(config.monitoring.log_retention_days),
    };
    graph.add(&format!("rds-{log}"), group).address
}

/// Exported logs are empty unless the engine writes them to files.
fn parameter_group(config: &Config) -> ParameterGroup {
    let exports = |log: &str| config.database.log_exports.iter().any(|export| export == log);
    let mut parameters = BTreeMap::from([("require_secure_transport".to_owned(), "1".to_owned())]);
    for (log, parameter) in [("general", "general_log"), ("slowquery", "slow_query_log")] {
        parameters.insert(parameter.to_owned(), if exports(log) { "1" } else { "0" }.to_owned());
    }
    parameters.insert("log_output".into(), "FILE".into());
    let series: Vec<&str> = config.database.engine_version.splitn(3, '.').take(2).collect();
    ParameterGroup {
        name_prefix: format!("{}-db", config.name),
        family: format!("mysql{}", series.join(".")),
        description: "TLS required, logs to files".into(),
        parameters,
    }
}

fn instance(
    config: &Config,
    network: &Network,
    secrets: &Secrets,
    subnets: &Handle<SubnetGroup>,
    parameters: &Handle<ParameterGroup>,
) -> Instance {
    let database = &config.database;
    Instance {
        identifier: config.db_instance_id(),
        engine: "mysql".into(),
        engine_version: database.engine_version.clone(),
        instance_class: database.instance_class.clone(),
        storage_gib: database.storage_gib,
        max_storage_gib: database.max_storage_gib,
        storage_type: "gp3".into(),
        storage_encrypted: true,
        kms_key_id: None,
        multi_az: database.multi_az,
        availability_zone: None,
        db_name: database.name.clone(),
        username: database.username.clone(),
        password_secret_arn: secrets.password.secret_arn().into(),
        password_version: secrets.password.version_id().into(),
        port: 3306,
        subnet_group_name: subnets.subnet_group_name().into(),
        security_group_ids: [network.rds.security_group_id().into()].into(),
        parameter_group_name: parameters.parameter_group_name().into(),
        parameters_in_sync: true,
        backup_retention_days: database.backup_retention_days,
        log_exports: database.log_exports.iter().cloned().collect(),
        deletion_protection: database.deletion_protection,
        publicly_accessible: false,
        auto_minor_version_upgrade: true,
        copy_tags_to_snapshot: true,
        ca_certificate: None,
        performance_insights: None,
        // 8.0 is past its standard support: whoever asks for it pays, and the plan says so.
        extended_support: database.engine_version.starts_with("8.0"),
        stopped: false,
        restore_from: database.restore_from.clone(),
    }
}

/// Raising the version of a database in use: a snapshot first, kept until somebody removes it.
fn before_migration(graph: &mut Graph, config: &Config, facts: &Facts, instance: &Handle<Instance>) -> Option<Address> {
    let version = config.image_version();
    let database = facts.database.as_deref()?;
    if facts.migrated.as_ref().is_none_or(|migrated| version <= *migrated) {
        return None;
    }
    graph.guide("implied by upgrading");
    // Named after the database too: a later database of the same name gets a snapshot of its own.
    let short: String = database.chars().rev().take(6).collect::<String>().to_lowercase();
    let dashed = version.to_string().replace(['.', '+', '_'], "-");
    let snapshot = Snapshot {
        snapshot_identifier: format!("{}-before-{dashed}-{short}", config.name),
        instance_identifier: instance.identifier().into(),
    };
    Some(snapshots::add_before(graph, &format!("{version}-{short}"), snapshot))
}
