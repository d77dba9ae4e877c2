//! The database kinds.

use crate::support::lifecycle::{Bench, Made};
use aws_sdk_rds::types::{ApplyMethod, Parameter};
use hybridctl::aws::ec2::subnet::{Subnet, SubnetId};
use hybridctl::aws::ec2::vpc::{Vpc, VpcId};
use hybridctl::aws::rds::instance::Instance;
use hybridctl::aws::rds::parameter_group::{ParameterGroup, ParameterGroupName};
use hybridctl::aws::rds::snapshot::Snapshot;
use hybridctl::aws::rds::subnet_group::{SubnetGroup, SubnetGroupName};
use hybridctl::aws::secrets::SecretArn;
use hybridctl::aws::secrets::generated::{Format, GeneratedSecret};
use hybridctl::resource::{Field, Found, Kind, Observed, Of, Phase, Resource};
use serde_json::json;
use std::collections::BTreeMap;

struct Network {
    vpc: Made,
    subnets: Vec<Made>,
}

async fn network(bench: &Bench, cidr: u8) -> Network {
    let cidr_block = format!("10.{cidr}.0.0/16");
    let vpc = Vpc { cidr_block, enable_dns_support: true, enable_dns_hostnames: true };
    let vpc = bench.create("main", &vpc).await;
    let mut subnets = vec![];
    for (index, zone) in ["a", "b", "c"].into_iter().enumerate() {
        let want = Subnet {
            vpc_id: VpcId(vpc.id.0.clone()).into(),
            cidr_block: format!("10.{cidr}.{index}.0/24"),
            availability_zone: format!("eu-central-1{zone}"),
            map_public_ip_on_launch: false,
        };
        subnets.push(bench.create(&format!("private-{zone}"), &want).await);
    }
    Network { vpc, subnets }
}

impl Network {
    fn group(&self, bench: &Bench, subnets: usize) -> SubnetGroup {
        let subnets = self.subnets.iter().take(subnets);
        SubnetGroup {
            name: format!("{}-db", bench.deployment),
            description: "private subnets".into(),
            subnet_ids: subnets.map(|made| SubnetId(made.id.0.clone()).into()).collect(),
        }
    }

    async fn delete(self, bench: &Bench) {
        for (made, zone) in self.subnets.iter().zip(["a", "b", "c"]) {
            bench.delete::<Subnet>(&format!("private-{zone}"), made).await;
        }
        bench.delete::<Vpc>("main", &self.vpc).await;
    }
}

fn parameters(bench: &Bench, pairs: &[(&str, &str)]) -> ParameterGroup {
    ParameterGroup {
        name_prefix: format!("{}-mysql84", bench.deployment),
        family: "mysql8.4".into(),
        description: "logs to files, TLS only".into(),
        parameters: pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
    }
}

async fn read<R: Resource>(bench: &Bench, name: &str, made: &Made) -> Observed {
    bench
        .scoped::<R, _>(name, &made.token, None, async |scope| {
            Of::<R>::KIND.read(scope, &made.id).await.unwrap().unwrap()
        })
        .await
}

/// Plain moto loses a subnet group that is modified; the simulator does not.
#[tokio::test]
async fn a_subnet_group_lives_its_life() {
    let Some(bench) = Bench::connect().await else { return };
    let network = network(&bench, 21).await;
    let made = bench.create("main", &network.group(&bench, 2)).await;
    bench.update("main", &made, &network.group(&bench, 3)).await;
    bench.update("main", &made, &SubnetGroup { description: "another".into(), ..network.group(&bench, 3) }).await;
    bench.delete::<SubnetGroup>("main", &made).await;
    network.delete(&bench).await;
}

#[tokio::test]
async fn a_parameter_group_lives_its_life() {
    let Some(bench) = Bench::connect().await else { return };
    let want = parameters(&bench, &[("general_log", "1"), ("log_output", "FILE"), ("max_connections", "99")]);
    let made = bench.create("main", &want).await;
    let suffix = &made.id.0[want.name_prefix.len()..];
    assert_eq!(suffix, format!("-{}", &made.token[..6]));
    let want = parameters(&bench, &[("general_log", "0"), ("log_output", "FILE"), ("max_connections", "99")]);
    bench.update("main", &made, &want).await;

    // Changed and added by hand: both show.
    let call = bench.aws.rds().modify_db_parameter_group().db_parameter_group_name(&made.id.0);
    let by_hand = |name: &str, value: &str| {
        Parameter::builder().parameter_name(name).parameter_value(value).apply_method(ApplyMethod::Immediate).build()
    };
    call.parameters(by_hand("general_log", "ON")).parameters(by_hand("slow_query_log", "1")).send().await.unwrap();
    let seen = read::<ParameterGroup>(&bench, "main", &made).await;
    let expected = json!({"general_log": "ON", "log_output": "FILE", "max_connections": "99", "slow_query_log": "1"});
    assert_eq!(sorted(&seen.inputs["parameters"]), sorted(&expected));
    bench.delete::<ParameterGroup>("main", &made).await;
}

async fn differing(bench: &Bench, made: &Made, want: &Instance) -> Vec<&'static str> {
    let want = serde_json::to_value(want).unwrap();
    let seen = read::<Instance>(bench, "main", made).await;
    let fields = Of::<Instance>::KIND.fields().iter();
    let differs = |field: &&Field| !field.unread && !field.satisfied(&want[field.name], &seen.inputs[field.name]);
    fields.filter(differs).map(|field| field.name).collect()
}

fn sorted(value: &serde_json::Value) -> BTreeMap<String, serde_json::Value> {
    value.as_object().unwrap().clone().into_iter().collect()
}

#[tokio::test]
async fn an_instance_lives_its_life_and_comes_back_from_a_snapshot() {
    let Some(bench) = Bench::connect().await else { return };
    let network = network(&bench, 22).await;
    let subnet_group = bench.create("main", &network.group(&bench, 2)).await;
    let parameter_group = bench.create("main", &parameters(&bench, &[("general_log", "1")])).await;
    let name = format!("zenml/{}/rds/password", bench.deployment);
    let secret = GeneratedSecret { name, description: "master".into(), format: Format::Alphanumeric32 };
    let secret = bench.create("database-password", &secret).await;
    let group = bench.aws.ec2().create_security_group().vpc_id(&network.vpc.id.0).group_name("db").description("db");
    let security_group = group.send().await.unwrap().group_id.unwrap();
    let want = Instance {
        identifier: format!("{}-db", bench.deployment),
        engine: "mysql".into(),
        engine_version: "8.4".into(),
        instance_class: "db.t3.micro".into(),
        storage_gib: 100,
        max_storage_gib: Some(500),
        storage_type: "gp3".into(),
        storage_encrypted: true,
        kms_key_id: None,
        multi_az: false,
        availability_zone: None,
        db_name: "zenml_hybrid".into(),
        username: "zenml".into(),
        password_secret_arn: SecretArn(secret.id.0.clone()).into(),
        password_version: secret.seen.outputs.as_ref().unwrap()["version_id"].as_str().unwrap().to_owned().into(),
        port: 3306,
        subnet_group_name: SubnetGroupName(subnet_group.id.0.clone()).into(),
        security_group_ids: [hybridctl::aws::ec2::security_group::SecurityGroupId(security_group.clone()).into()]
            .into(),
        parameter_group_name: ParameterGroupName(parameter_group.id.0.clone()).into(),
        parameters_in_sync: true,
        backup_retention_days: 30,
        log_exports: ["error", "general", "slowquery"].map(str::to_owned).into(),
        deletion_protection: true,
        publicly_accessible: false,
        auto_minor_version_upgrade: true,
        copy_tags_to_snapshot: true,
        ca_certificate: None,
        performance_insights: None,
        extended_support: false,
        stopped: false,
        restore_from: None,
    };
    let made = bench.create("main", &want).await;
    let outputs = made.seen.outputs.clone().unwrap();
    let endpoint = outputs["endpoint"].as_str().unwrap();
    assert_eq!(outputs["store_url"], format!("mysql://{endpoint}:3306"));
    assert!(outputs["dbi_resource_id"].as_str().unwrap().starts_with("db-"));

    // In place.
    let changed = Instance {
        instance_class: "db.t3.small".into(),
        storage_gib: 200,
        backup_retention_days: 7,
        log_exports: ["error", "slowquery"].map(str::to_owned).into(),
        ..want.clone()
    };
    bench.update("main", &made, &changed).await;
    let unprotected = Instance { deletion_protection: false, ..changed.clone() };
    bench.update("main", &made, &unprotected).await;

    // By hand, now and for the maintenance window: exactly that shows, and goes.
    let call = bench.aws.rds().modify_db_instance().db_instance_identifier(&made.id.0).apply_immediately(true);
    call.deletion_protection(true).send().await.unwrap();
    assert_eq!(differing(&bench, &made, &unprotected).await, ["deletion_protection"]);
    bench.update("main", &made, &unprotected).await;
    let call = bench.aws.rds().modify_db_instance().db_instance_identifier(&made.id.0).apply_immediately(false);
    call.db_instance_class("db.t3.medium").send().await.unwrap();
    assert_eq!(differing(&bench, &made, &unprotected).await, ["instance_class"]);
    bench.update("main", &made, &unprotected).await;

    // A static parameter waits for a restart (not with plain moto, where nothing ever waits).
    let both = parameters(&bench, &[("general_log", "1"), ("performance_schema", "1")]);
    bench.update("main", &parameter_group, &both).await;
    let waits = differing(&bench, &made, &unprotected).await;
    bench.update("main", &made, &unprotected).await;
    let restarted = bench.aws.calls().contains(&"rds:RebootDBInstance");
    assert_eq!(restarted, waits == ["parameters_in_sync"]);

    // Snapshot, delete, restore under the same name: the password is set again.
    let snapshot =
        Snapshot { snapshot_identifier: format!("{}-final", made.id), instance_identifier: made.id.0.clone().into() };
    let snapshot_made = bench.create("final", &snapshot).await;
    let detail = snapshot_made.seen.detail.as_ref().unwrap();
    assert_eq!(detail["dbi_resource_id"], outputs["dbi_resource_id"]);
    let gone = bench.aws.rds().delete_db_instance().db_instance_identifier(&made.id.0).skip_final_snapshot(true);
    gone.send().await.unwrap();
    bench
        .scoped::<Instance, _>("main", &made.token, None, async |scope| {
            let seen = Of::<Instance>::KIND.read(scope, &made.id).await.unwrap();
            assert!(seen.is_none_or(|seen| seen.phase == Phase::Deleting("deleting".into())));
        })
        .await;
    bench.delete::<Instance>("main", &made).await;
    let restored = Instance { restore_from: Some(snapshot.snapshot_identifier.clone()), ..unprotected.clone() };
    let again = bench.create("main", &restored).await;
    assert_eq!(again.seen.inputs["password_version"], json!(want.password_version));
    assert!(bench.aws.calls().contains(&"rds:RestoreDBInstanceFromDBSnapshot"));

    // Somebody else's database under our name.
    let inputs = serde_json::to_value(&want).unwrap();
    let tags = bench.aws.rds().remove_tags_from_resource();
    let arn = again.seen.outputs.as_ref().unwrap()["instance_arn"].as_str().unwrap();
    tags.resource_name(arn).tag_keys("hybridctl:lineage").send().await.unwrap();
    bench
        .scoped::<Instance, _>("main", &again.token, None, async |scope| {
            let found = Of::<Instance>::KIND.find(scope, &inputs).await.unwrap();
            assert!(matches!(&found, Found::Foreign(text) if text.contains("not made by hybridctl")), "{found:?}");
        })
        .await;

    bench.delete::<Instance>("main", &again).await;
    bench.delete::<Snapshot>("final", &snapshot_made).await;
    bench.delete::<ParameterGroup>("main", &parameter_group).await;
    bench.delete::<SubnetGroup>("main", &subnet_group).await;
    bench.delete::<GeneratedSecret>("database-password", &secret).await;
    bench.aws.ec2().delete_security_group().group_id(security_group).send().await.unwrap();
    network.delete(&bench).await;
}
