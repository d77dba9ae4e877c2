//! The three calls that shape an instance: create, restore, modify.

use super::instance::{Instance, PASSWORD_TAG};
use super::{reading, tagging};
use crate::aws::{Aws, secrets};
use crate::resource::{Changed, Class, Error, Result, Scope};
use aws_sdk_rds::types::{CloudwatchLogsExportConfiguration, DbInstance};
use secrecy::ExposeSecret;
use std::collections::BTreeSet;

/// From this size on, storage is striped and a change of its size must repeat the operations per second.
const STRIPED_GIB: i32 = 400;

/// A new, empty database.
pub(super) async fn create(scope: &Scope<'_>, want: &Instance) -> Result<Option<DbInstance>> {
    let aws = scope.aws;
    let version = want.password_version.get()?;
    let password = secrets::value(aws, want.password_secret_arn.get()?, version).await?;
    let mut tags = scope.tags();
    tags.insert(PASSWORD_TAG.to_owned(), version.clone());
    let call = aws
        .rds()
        .create_db_instance()
        .db_instance_identifier(&want.identifier)
        .engine(&want.engine)
        .engine_version(&want.engine_version)
        .db_instance_class(&want.instance_class)
        .allocated_storage(gib(want.storage_gib))
        .set_max_allocated_storage(want.max_storage_gib.map(gib))
        .storage_type(&want.storage_type)
        .storage_encrypted(want.storage_encrypted)
        .set_kms_key_id(want.kms_key_id.clone())
        .multi_az(want.multi_az)
        .set_availability_zone(want.availability_zone.clone())
        .db_name(&want.db_name)
        .master_username(&want.username)
        .master_user_password(password.expose_secret())
        .port(i32::from(want.port))
        .db_subnet_group_name(&want.subnet_group_name.get()?.0)
        .set_vpc_security_group_ids(Some(security_group_ids(want)?))
        .db_parameter_group_name(&want.parameter_group_name.get()?.0)
        .backup_retention_period(i32::from(want.backup_retention_days))
        .set_enable_cloudwatch_logs_exports(Some(want.log_exports.iter().cloned().collect()))
        .deletion_protection(want.deletion_protection)
        .publicly_accessible(want.publicly_accessible)
        .auto_minor_version_upgrade(want.auto_minor_version_upgrade)
        .copy_tags_to_snapshot(want.copy_tags_to_snapshot)
        .set_ca_certificate_identifier(want.ca_certificate.clone())
        .set_enable_performance_insights(want.performance_insights)
        .engine_lifecycle_support(lifecycle(want.extended_support))
        .set_tags(Some(tagging::sdk(&tags)));
    Ok(aws.call("rds:CreateDBInstance", call.send()).await?.db_instance)
}

/// Version, password, storage and backups come with the snapshot; an update brings them to what is wanted.
pub(super) async fn restore(scope: &Scope<'_>, want: &Instance, snapshot: &str) -> Result<Option<DbInstance>> {
    let call = scope
        .aws
        .rds()
        .restore_db_instance_from_db_snapshot()
        .db_snapshot_identifier(snapshot)
        .db_instance_identifier(&want.identifier)
        .db_instance_class(&want.instance_class)
        .storage_type(&want.storage_type)
        .multi_az(want.multi_az)
        .set_availability_zone(want.availability_zone.clone())
        .port(i32::from(want.port))
        .db_subnet_group_name(&want.subnet_group_name.get()?.0)
        .set_vpc_security_group_ids(Some(security_group_ids(want)?))
        .db_parameter_group_name(&want.parameter_group_name.get()?.0)
        .set_enable_cloudwatch_logs_exports(Some(want.log_exports.iter().cloned().collect()))
        .deletion_protection(want.deletion_protection)
        .publicly_accessible(want.publicly_accessible)
        .auto_minor_version_upgrade(want.auto_minor_version_upgrade)
        .copy_tags_to_snapshot(want.copy_tags_to_snapshot)
        .set_ca_certificate_identifier(want.ca_certificate.clone())
        .engine_lifecycle_support(lifecycle(want.extended_support))
        .set_tags(Some(tagging::sdk(&scope.tags())));
    Ok(scope.aws.call("rds:RestoreDBInstanceFromDBSnapshot", call.send()).await?.db_instance)
}

/// One call with everything that changed, and nothing else.
pub(super) async fn modify(scope: &Scope<'_>, want: &Instance, changed: &Changed, live: &DbInstance) -> Result<()> {
    let aws = scope.aws;
    let has = |field: &str| changed.has(field);
    let live_storage = live.allocated_storage.unwrap_or_default();
    let major = live.engine_version().map(reading::series) != Some(reading::series(&want.engine_version));
    let password = match has("password_version") {
        true => Some(secrets::value(aws, want.password_secret_arn.get()?, want.password_version.get()?).await?),
        false => None,
    };
    let security_group_ids = match has("security_group_ids") {
        true => Some(security_group_ids(want)?),
        false => None,
    };
    let parameter_group_name = match has("parameter_group_name") {
        true => Some(want.parameter_group_name.get()?.0.clone()),
        false => None,
    };
    let call = aws
        .rds()
        .modify_db_instance()
        .db_instance_identifier(live.db_instance_identifier().unwrap_or_default())
        .apply_immediately(true)
        .set_engine_version(has("engine_version").then(|| want.engine_version.clone()))
        .set_allow_major_version_upgrade((has("engine_version") && major).then_some(true))
        .set_db_instance_class(has("instance_class").then(|| want.instance_class.clone()))
        .set_allocated_storage(has("storage_gib").then(|| gib(want.storage_gib)))
        .set_iops(live.iops.filter(|_| has("storage_gib") && live_storage >= STRIPED_GIB))
        .set_max_allocated_storage(want.max_storage_gib.map(gib).filter(|_| has("max_storage_gib")))
        .set_storage_type(has("storage_type").then(|| want.storage_type.clone()))
        .set_multi_az(has("multi_az").then_some(want.multi_az))
        .set_master_user_password(password.as_ref().map(|password| password.expose_secret().to_owned()))
        .set_db_port_number(has("port").then_some(i32::from(want.port)))
        .set_vpc_security_group_ids(security_group_ids)
        .set_db_parameter_group_name(parameter_group_name)
        .set_backup_retention_period(has("backup_retention_days").then_some(i32::from(want.backup_retention_days)))
        .set_cloudwatch_logs_export_configuration(has("log_exports").then(|| log_exports(want, live)))
        .set_deletion_protection(has("deletion_protection").then_some(want.deletion_protection))
        .set_publicly_accessible(has("publicly_accessible").then_some(want.publicly_accessible))
        .set_auto_minor_version_upgrade(has("auto_minor_version_upgrade").then_some(want.auto_minor_version_upgrade))
        .set_copy_tags_to_snapshot(has("copy_tags_to_snapshot").then_some(want.copy_tags_to_snapshot))
        .set_ca_certificate_identifier(want.ca_certificate.clone().filter(|_| has("ca_certificate")))
        .set_enable_performance_insights(want.performance_insights.filter(|_| has("performance_insights")))
        .set_engine_lifecycle_support(has("extended_support").then(|| lifecycle(want.extended_support).to_owned()));
    aws.call("rds:ModifyDBInstance", call.send()).await.map(drop)
}

/// True if somebody stopped it to save money.
pub(super) fn is_stopped(instance: &DbInstance) -> bool {
    instance.db_instance_status() == Some("stopped")
}

/// <https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_StartDBInstance.html>
pub(super) async fn start(aws: &Aws, identifier: &str) -> Result<()> {
    let call = aws.rds().start_db_instance().db_instance_identifier(identifier);
    aws.call("rds:StartDBInstance", call.send()).await.map(drop)
}

/// A refusal that passes by itself, unless the instance is stopped: then it is started, and waiting helps.
pub(super) async fn unless_stopped(aws: &Aws, identifier: &str, refusal: Error) -> Error {
    if refusal.class != Class::Busy {
        return refusal;
    }
    match super::instance::describe(aws, identifier).await {
        Ok(Some(instance)) if is_stopped(&instance) => start(aws, identifier).await.err().unwrap_or(refusal),
        _ => refusal,
    }
}

fn log_exports(want: &Instance, live: &DbInstance) -> CloudwatchLogsExportConfiguration {
    let live: BTreeSet<String> = live.enabled_cloudwatch_logs_exports().iter().cloned().collect();
    CloudwatchLogsExportConfiguration::builder()
        .set_enable_log_types(Some(want.log_exports.difference(&live).cloned().collect()))
        .set_disable_log_types(Some(live.difference(&want.log_exports).cloned().collect()))
        .build()
}

/// AWS's default is to enrol, which costs once the version is old.
pub(super) fn lifecycle(extended_support: bool) -> &'static str {
    match extended_support {
        true => "open-source-rds-extended-support",
        false => "open-source-rds-extended-support-disabled",
    }
}

fn gib(size: u32) -> i32 {
    i32::try_from(size).unwrap_or(i32::MAX)
}

fn security_group_ids(want: &Instance) -> Result<Vec<String>> {
    want.security_group_ids.iter().map(|id| Ok(id.get()?.0.clone())).collect()
}
