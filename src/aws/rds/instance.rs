//! A MySQL database. <https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBInstance.html>
//!
//! Takes 5 to 8 minutes, with Multi-AZ 10 to 17, and reads `available` in between before it is: two readings count. While it is
//! `creating` there is no endpoint. AWS completes versions (`8.4` to `8.4.6`) and lets storage grow. Every change is asked for
//! at once (`ApplyImmediately`); until it is made it stands in `PendingModifiedValues`. Which version of the password was set
//! last is a tag, because nothing else tells: a restored instance has the snapshot's password until an update sets ours.
//! Delete makes no snapshot: the final one is a resource of its own, made before.

use super::parameter_group::ParameterGroupName;
use super::subnet_group::SubnetGroupName;
use super::{events, reading, requests, tagging};
use crate::aws::ec2::security_group::SecurityGroupId;
use crate::aws::secrets::SecretArn;
use crate::aws::{Aws, tags};
use crate::model::{Handle, Input, Output};
use crate::resource::actions::{Actions, TAGS, update, update_of};
use crate::resource::error::OrGone;
use crate::resource::{Changed, Error, Field, Found, Id, Live, Repeat, Resource, Result, Scope, Tags};
use aws_sdk_rds::types::DbInstance;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::BTreeSet;
use std::time::Duration;

/// A database instance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Instance {
    /// Lower case, letter first, no `--`, at most 63 characters.
    pub identifier: String,
    /// `mysql`.
    pub engine: String,
    /// `8.4`, or `8.4.6` for at least that.
    pub engine_version: String,
    /// `db.t3.micro`.
    pub instance_class: String,
    /// At least so much; only grows.
    pub storage_gib: u32,
    /// Storage grows by itself up to here.
    pub max_storage_gib: Option<u32>,
    /// `gp3`.
    pub storage_type: String,
    /// Whether data at rest is encrypted.
    pub storage_encrypted: bool,
    /// ARN or id of the key; `None` is the account's own for RDS.
    pub kms_key_id: Option<String>,
    /// Whether a standby in another zone takes over.
    pub multi_az: bool,
    /// `eu-central-1a`; not with `multi_az`, where it moves.
    pub availability_zone: Option<String>,
    /// The database that is made with the instance: a letter, then letters, digits, `_`.
    pub db_name: String,
    /// The master user, 1 to 16 characters.
    pub username: String,
    /// Where the master password is.
    pub password_secret_arn: Input<SecretArn>,
    /// Which version of it is set.
    pub password_version: Input<String>,
    /// TCP port.
    pub port: u16,
    /// Where the instance is placed.
    pub subnet_group_name: Input<SubnetGroupName>,
    /// Who may connect.
    pub security_group_ids: BTreeSet<Input<SecurityGroupId>>,
    /// The engine's settings.
    pub parameter_group_name: Input<ParameterGroupName>,
    /// Whether the settings are in effect. Wanted: true; false means that some wait for a restart.
    pub parameters_in_sync: bool,
    /// Days that automatic backups are kept, 0 to 35; 0 makes none.
    pub backup_retention_days: u16,
    /// Logs that go to CloudWatch: `error`, `general`, `slowquery`.
    pub log_exports: BTreeSet<String>,
    /// Whether AWS refuses to delete it.
    pub deletion_protection: bool,
    /// Whether it gets a public address.
    pub publicly_accessible: bool,
    /// Whether AWS moves it to newer minor versions.
    pub auto_minor_version_upgrade: bool,
    /// Whether snapshots get its tags.
    pub copy_tags_to_snapshot: bool,
    /// `rds-ca-rsa2048-g1`.
    pub ca_certificate: Option<String>,
    /// Whether Performance Insights is on; not offered on the smallest classes.
    pub performance_insights: Option<bool>,
    /// Whether it may run past the end of standard support, at a price. If not, a create with such a version fails.
    pub extended_support: bool,
    /// Whether somebody stopped it, which RDS undoes by itself after a week. Wanted: no; an update starts it.
    pub stopped: bool,
    /// Snapshot to make it from.
    pub restore_from: Option<String>,
}

/// What others may use.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Outputs {
    /// Lower case.
    pub identifier: String,
    /// Host name.
    pub endpoint: String,
    /// TCP port.
    pub port: String,
    /// `mysql://host:3306`, without user, password and database.
    pub store_url: String,
    /// `db-ABC…`: tells two databases apart that bear the same identifier at different times.
    pub dbi_resource_id: String,
    /// `arn:aws:rds:eu-central-1:123456789012:db:…`.
    pub instance_arn: String,
}

impl Handle<Instance> {
    /// Lower case.
    pub fn identifier(&self) -> Output<String> {
        self.output("identifier")
    }

    /// Host name.
    pub fn endpoint(&self) -> Output<String> {
        self.output("endpoint")
    }

    /// TCP port.
    pub fn port(&self) -> Output<String> {
        self.output("port")
    }

    /// `mysql://host:3306`, without user, password and database.
    pub fn store_url(&self) -> Output<String> {
        self.output("store_url")
    }

    /// `db-ABC…`.
    pub fn dbi_resource_id(&self) -> Output<String> {
        self.output("dbi_resource_id")
    }

    /// `arn:aws:rds:eu-central-1:123456789012:db:…`.
    pub fn instance_arn(&self) -> Output<String> {
        self.output("instance_arn")
    }
}

/// The version of the password that was set last.
pub(super) const PASSWORD_TAG: &str = "hybridctl:password-version";

const RESTART: &str = "the database restarts: an outage of some minutes";

impl Resource for Instance {
    const KIND: &'static str = "rds.instance";
    const FIELDS: &'static [Field] = &[
        Field::replace("identifier"),
        Field::replace("engine"),
        Field::update("engine_version").same_when(reading::same_version).impact(RESTART),
        Field::update("instance_class").impact(RESTART),
        Field::update("storage_gib").same_when(reading::large_enough),
        Field::update("max_storage_gib"),
        Field::update("storage_type"),
        Field::replace("storage_encrypted"),
        Field::replace("kms_key_id").same_when(reading::same_key),
        Field::update("multi_az"),
        Field::replace("availability_zone"),
        Field::replace("db_name").same_when(reading::same_or_unreported),
        Field::replace("username"),
        Field::create_only("password_secret_arn").unread(),
        Field::update("password_version").impact("tasks with the old password cannot open new connections"),
        Field::update("port").changes(&["port", "store_url"]).impact(RESTART),
        Field::replace("subnet_group_name"),
        Field::update("security_group_ids"),
        Field::update("parameter_group_name").impact("some settings take effect after a restart"),
        Field::update("parameters_in_sync").impact(RESTART),
        Field::update("backup_retention_days"),
        Field::update("log_exports"),
        Field::update("deletion_protection"),
        Field::update("publicly_accessible"),
        Field::update("auto_minor_version_upgrade"),
        Field::update("copy_tags_to_snapshot"),
        Field::update("ca_certificate").impact(RESTART),
        Field::update("performance_insights"),
        Field::update("extended_support"),
        Field::update("stopped").impact("the database is started, which takes some minutes"),
        Field::create_only("restore_from").unread(),
    ];
    const SETTLE_LIMIT: Duration = Duration::from_secs(40 * 60);
    const POLL: Duration = Duration::from_secs(10);
    const EXPECTED: Duration = Duration::from_secs(330);
    const READY_READINGS: u8 = 2;
    const COEXISTS: bool = false;
    const REPEAT: Repeat = Repeat::Collides;
    const PROTECTED_BY: Option<&'static str> = Some("deletion_protection");
    const RESTORED_BY: Option<&'static str> = Some("restore_from");
    const ACTIONS: Actions = Actions {
        reads: &["rds:DescribeDBInstances", "rds:DescribeEvents"],
        creates: &["rds:AddTagsToResource", "rds:CreateDBInstance", "secretsmanager:GetSecretValue"],
        restores: &[
            "rds:AddTagsToResource",
            "rds:ModifyDBInstance",
            "rds:RebootDBInstance",
            "rds:RestoreDBInstanceFromDBSnapshot",
            "secretsmanager:GetSecretValue",
        ],
        updates: &[
            update_of("rds:AddTagsToResource", &["password_version", TAGS]),
            update("rds:ModifyDBInstance"),
            update_of("rds:ModifyDBInstance", &["password_version"]),
            update_of("rds:RebootDBInstance", &["parameters_in_sync"]),
            update_of("rds:RemoveTagsFromResource", &[TAGS]),
            update_of("rds:StartDBInstance", &["stopped"]),
            update_of("secretsmanager:GetSecretValue", &["password_version"]),
        ],
        deletes: &["rds:DeleteDBInstance"],
        seldom: &["rds:StartDBInstance"],
    };
    type Outputs = Outputs;

    async fn find(scope: &Scope<'_>, want: &Self) -> Result<Found> {
        Ok(describe(scope.aws, &want.identifier).await?.map_or(Found::None, |instance| {
            let id = Id::from(instance.db_instance_identifier().unwrap_or_default());
            let tags = tagging::read(instance.tag_list.as_deref());
            tags::ours_or_foreign(scope, &format!("the DB instance `{id}`"), id.clone(), &tags)
        }))
    }

    async fn read(scope: &Scope<'_>, id: &Id) -> Result<Option<Live<Self>>> {
        let Some(mut instance) = describe(scope.aws, &id.0).await? else { return Ok(None) };
        let mut tags = tagging::read(instance.tag_list.as_deref());
        if is_another(scope, &instance, &tags) {
            return Ok(None);
        }
        // Ours alone: the engine would take a tag for the config's.
        let password_version = tags.remove(PASSWORD_TAG).unwrap_or_default();
        let pending = reading::overlay_pending(&mut instance);
        // Waited for only while something is being applied: what somebody left for the maintenance window never comes about,
        // and the update that takes it back must not wait for it.
        let awaited: &[_] = if scope.want.is_some() { &pending } else { &[] };
        let phase = events::explained(scope, id, reading::phase(&instance, awaited)).await;
        let detail = json!({
            "status": instance.db_instance_status,
            "pending": pending,
            "availability_zone": instance.availability_zone,
            "standby_zone": instance.secondary_availability_zone,
            "engine_version": instance.engine_version,
            "parameter_apply_status": instance.db_parameter_groups().first().and_then(|g| g.parameter_apply_status()),
            "latest_restorable_time": instance.latest_restorable_time.map(|time| time.to_string()),
        });
        let outputs = outputs(&instance);
        let inputs = inputs(instance, password_version);
        Ok(Some(Live { inputs, outputs, phase, tags: Some(tags), detail: Some(detail) }))
    }

    async fn create(scope: &Scope<'_>, want: &Self) -> Result<Id> {
        let made = match &want.restore_from {
            Some(snapshot) => requests::restore(scope, want, snapshot).await,
            None => requests::create(scope, want).await,
        };
        Ok(made?.and_then(|instance| instance.db_instance_identifier).unwrap_or_default().into())
    }

    async fn update(scope: &Scope<'_>, id: &Id, want: &Self, changed: &Changed) -> Result<()> {
        let aws = scope.aws;
        let Some(live) = describe(aws, &id.0).await? else {
            return Err(Error::terminal(format!("the DB instance `{id}` is gone")));
        };
        let arn = live.db_instance_arn().unwrap_or_default();
        // Nothing else can be changed before it runs; what is refused until then is asked for again.
        if requests::is_stopped(&live) {
            requests::start(aws, &id.0).await?;
        }
        if changed.fields.iter().any(|field| field != "parameters_in_sync" && field != "stopped") {
            requests::modify(scope, want, changed, &live).await?;
            if changed.has("password_version") {
                let version = want.password_version.get()?.clone();
                tagging::add(aws, arn, &Tags::from([(PASSWORD_TAG.to_owned(), version)])).await?;
            }
        } else if changed.has("parameters_in_sync") {
            // Only when nothing else is asked for: many changes restart it anyway, and the next reading tells.
            let call = aws.rds().reboot_db_instance().db_instance_identifier(&id.0);
            aws.call("rds:RebootDBInstance", call.send()).await?;
        }
        match &changed.tags {
            Some(change) => tagging::apply(aws, arn, change).await,
            None => Ok(()),
        }
    }

    async fn delete(scope: &Scope<'_>, id: &Id) -> Result<()> {
        let aws = scope.aws;
        let call = aws.rds().delete_db_instance().db_instance_identifier(&id.0).skip_final_snapshot(true);
        match aws.call("rds:DeleteDBInstance", call.send()).await {
            Err(error) if error.message.contains("already being deleted") => Ok(()),
            Err(error) => Err(requests::unless_stopped(aws, &id.0, error).await),
            Ok(_) => Ok(()),
        }
    }
}

pub(super) async fn describe(aws: &Aws, identifier: &str) -> Result<Option<DbInstance>> {
    let call = aws.rds().describe_db_instances().db_instance_identifier(identifier);
    let found = aws.call("rds:DescribeDBInstances", call.send()).await.or_gone()?;
    Ok(found.and_then(|found| found.db_instances).and_then(|instances| instances.into_iter().next()))
}

/// Who has an identifier.
pub(in crate::aws) enum Whose {
    /// There is no such database.
    Nobodys,
    /// This deployment, and since when, as far as RDS tells.
    Ours(Option<jiff::Timestamp>),
    /// Another deployment, or somebody without our tags.
    Strangers,
}

/// Whose the database of this identifier is.
pub(in crate::aws) async fn whose(scope: &Scope<'_>, identifier: &str) -> Result<Whose> {
    let Some(found) = describe(scope.aws, identifier).await? else { return Ok(Whose::Nobodys) };
    let made = found.instance_create_time.and_then(|made| jiff::Timestamp::from_second(made.secs()).ok());
    Ok(match tags::are_of(scope.lineage, &tagging::read(found.tag_list.as_deref())) {
        true => Whose::Ours(made),
        false => Whose::Strangers,
    })
}

/// True if ours is gone and somebody else's database bears its identifier now.
fn is_another(scope: &Scope<'_>, instance: &DbInstance, tags: &Tags) -> bool {
    let recorded = scope.recorded.and_then(|recorded| recorded.outputs["dbi_resource_id"].as_str());
    recorded.is_some_and(|recorded| instance.dbi_resource_id() != Some(recorded)) && !tags::are_ours(scope, tags)
}

fn outputs(instance: &DbInstance) -> Option<Outputs> {
    let endpoint = instance.endpoint()?;
    let (host, port) = (endpoint.address()?, endpoint.port()?);
    Some(Outputs {
        identifier: instance.db_instance_identifier().unwrap_or_default().to_owned(),
        endpoint: host.to_owned(),
        port: port.to_string(),
        store_url: format!("mysql://{host}:{port}"),
        dbi_resource_id: instance.dbi_resource_id().unwrap_or_default().to_owned(),
        instance_arn: instance.db_instance_arn().unwrap_or_default().to_owned(),
    })
}

fn inputs(instance: DbInstance, password_version: String) -> Instance {
    let stopped = requests::is_stopped(&instance);
    let unsigned = |value: Option<i32>| value.and_then(|value| u32::try_from(value).ok());
    let parameters_in_sync = reading::parameters_in_sync(&instance);
    let group = instance.db_parameter_groups.unwrap_or_default().into_iter().next();
    let members = instance.vpc_security_groups.unwrap_or_default().into_iter();
    let port = instance.endpoint.and_then(|endpoint| endpoint.port).and_then(|port| u16::try_from(port).ok());
    let subnet_group_name = instance.db_subnet_group.and_then(|group| group.db_subnet_group_name);
    Instance {
        identifier: instance.db_instance_identifier.unwrap_or_default(),
        engine: instance.engine.unwrap_or_default(),
        engine_version: instance.engine_version.unwrap_or_default(),
        instance_class: instance.db_instance_class.unwrap_or_default(),
        storage_gib: unsigned(instance.allocated_storage).unwrap_or_default(),
        max_storage_gib: unsigned(instance.max_allocated_storage),
        storage_type: instance.storage_type.unwrap_or_default(),
        storage_encrypted: instance.storage_encrypted.unwrap_or_default(),
        kms_key_id: instance.kms_key_id,
        multi_az: instance.multi_az.unwrap_or_default(),
        availability_zone: instance.availability_zone,
        db_name: instance.db_name.unwrap_or_default(),
        username: instance.master_username.unwrap_or_default(),
        password_secret_arn: SecretArn(String::new()).into(),
        password_version: password_version.into(),
        port: port.unwrap_or_default(),
        subnet_group_name: SubnetGroupName(subnet_group_name.unwrap_or_default()).into(),
        security_group_ids: members
            .filter_map(|member| member.vpc_security_group_id)
            .map(|id| SecurityGroupId(id).into())
            .collect(),
        parameter_group_name: ParameterGroupName(group.and_then(|g| g.db_parameter_group_name).unwrap_or_default())
            .into(),
        parameters_in_sync,
        backup_retention_days: unsigned(instance.backup_retention_period)
            .and_then(|days| u16::try_from(days).ok())
            .unwrap_or_default(),
        log_exports: instance.enabled_cloudwatch_logs_exports.unwrap_or_default().into_iter().collect(),
        deletion_protection: instance.deletion_protection.unwrap_or_default(),
        publicly_accessible: instance.publicly_accessible.unwrap_or_default(),
        auto_minor_version_upgrade: instance.auto_minor_version_upgrade.unwrap_or_default(),
        copy_tags_to_snapshot: instance.copy_tags_to_snapshot.unwrap_or_default(),
        ca_certificate: instance.ca_certificate_identifier,
        performance_insights: Some(instance.performance_insights_enabled.unwrap_or_default()),
        extended_support: instance.engine_lifecycle_support.as_deref() != Some(requests::lifecycle(false)),
        stopped,
        restore_from: None,
    }
}
