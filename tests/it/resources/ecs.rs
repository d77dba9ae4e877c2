//! The ECS kinds: against the sandbox here, with canned answers in `canned`, for what no emulator shows.

mod canned;
mod ground;

use crate::support::lifecycle::Bench;
use ground::Ground;
use hybridctl::aws::ecs::cluster::Cluster;
use hybridctl::aws::ecs::service::Service;
use hybridctl::aws::ecs::task_definition::{Container, SecretRef, TaskDefinition};
use hybridctl::aws::ecs::task_run::TaskRun;
use hybridctl::resource::{Changed, Found, Id, Kind, Of, Phase, TagChange, Tags};
use hybridctl::state::Recorded;
use serde_json::Value;
use std::time::Duration;

fn cluster(bench: &Bench, container_insights: &str) -> Cluster {
    Cluster { name: bench.deployment.clone(), container_insights: container_insights.into() }
}

fn definition(bench: &Bench, ground: &Ground, image: &str) -> TaskDefinition {
    TaskDefinition {
        family: bench.deployment.clone(),
        cpu_units: 512,
        memory_mib: 1024,
        execution_role_arn: ground.role_arn.clone().into(),
        task_role_arn: ground.role_arn.clone().into(),
        container: Container {
            name: "app".into(),
            image: image.into(),
            command: Some(vec!["serve".into(), "--port".into(), "8000".into()]),
            port: 8000,
            environment: [("B".to_owned(), "2".to_owned().into()), ("A".to_owned(), "1".to_owned().into())].into(),
            secrets: [("KEY".to_owned(), ground.secret.clone())].into(),
            log_group: ground.log_group.clone().into(),
            log_region: "eu-central-1".into(),
            log_prefix: "ecs".into(),
            log_buffer_mib: 25,
            stop_timeout_secs: Some(60),
            init_process: true,
        },
    }
}

fn service(bench: &Bench, ground: &Ground, cluster_arn: &str, task_definition_arn: &str) -> Service {
    Service {
        name: bench.deployment.clone(),
        cluster_arn: cluster_arn.to_owned().into(),
        task_definition_arn: task_definition_arn.to_owned().into(),
        desired_count: Some(1),
        subnet_ids: ground.subnet_ids.iter().cloned().map(Into::into).collect(),
        security_group_ids: [
            hybridctl::aws::ec2::security_group::SecurityGroupId(ground.security_group_id.clone()).into()
        ]
        .into(),
        assign_public_ip: false,
        target_group_arn: hybridctl::aws::elb::target_group::TargetGroupArn(ground.target_group_arn.clone()).into(),
        container_name: "app".into(),
        container_port: 8000,
        health_check_grace_secs: 300,
        min_healthy_percent: 100,
        max_percent: 200,
        circuit_breaker: true,
        circuit_breaker_rollback: true,
        enable_execute_command: false,
        availability_zone_rebalancing: "ENABLED".into(),
        platform_version: "LATEST".into(),
        propagate_tags: "SERVICE".into(),
        enable_ecs_managed_tags: true,
        rollout_failed: false,
    }
}

#[tokio::test]
async fn a_cluster_lives_its_life() {
    let Some(bench) = Bench::connect().await else { return };
    let made = bench.create("main", &cluster(&bench, "disabled")).await;
    bench.update("main", &made, &cluster(&bench, "enhanced")).await;
    bench.delete::<Cluster>("main", &made).await;
}

#[tokio::test]
async fn a_strangers_cluster_is_not_adopted() {
    let Some(bench) = Bench::connect().await else { return };
    bench.aws.ecs().create_cluster().cluster_name(&bench.deployment).send().await.unwrap();
    let want = serde_json::to_value(cluster(&bench, "disabled")).unwrap();
    let found = bench
        .scoped::<Cluster, _>("main", &bench.token(), None, async |scope| {
            Of::<Cluster>::KIND.find(scope, &want).await.unwrap()
        })
        .await;
    assert!(matches!(&found, Found::Foreign(whose) if whose.contains("not made by hybridctl")), "{found:?}");
}

#[tokio::test]
async fn a_task_definition_lives_its_life() {
    let Some(bench) = Bench::connect().await else { return };
    let ground = Ground::offline();
    let first = bench.create("app", &definition(&bench, &ground, "example/app:1")).await;
    // A replacement at the same address: the recorded revision must not be taken for the new one.
    let recorded = record(&first.id, Value::Null, Value::Null);
    let want = serde_json::to_value(definition(&bench, &ground, "example/app:2")).unwrap();
    bench
        .scoped::<TaskDefinition, _>("app", &bench.token(), Some(&recorded), async |scope| {
            assert_eq!(Of::<TaskDefinition>::KIND.find(scope, &want).await.unwrap(), Found::None);
        })
        .await;
    let tags = TagChange { set: Tags::from([("team".into(), "platform".into())]), remove: vec![] };
    let changed = Changed { fields: Default::default(), tags: Some(tags) };
    let kind = Of::<TaskDefinition>::KIND;
    bench
        .scoped::<TaskDefinition, _>("app", &first.token, None, async |scope| {
            kind.update(scope, &first.id, &want, &changed).await.unwrap();
            let seen = kind.read(scope, &first.id).await.unwrap().unwrap();
            assert_eq!(seen.tags.unwrap()["team"], "platform");
            // Deregistered behind our back: for a plan it is gone, and a delete still finishes it.
            bench.aws.ecs().deregister_task_definition().task_definition(&first.id.0).send().await.unwrap();
            let seen = kind.read(scope, &first.id).await.unwrap().unwrap();
            assert_eq!(seen.phase, Phase::Deleting("INACTIVE".into()));
        })
        .await;
    bench.delete::<TaskDefinition>("app", &first).await;
}

#[tokio::test]
async fn a_service_rolls_out_drifts_and_drains() {
    let Some(bench) = Bench::connect().await else { return };
    let Some(ground) = Ground::make(&bench).await else { return };
    let home = bench.create("main", &cluster(&bench, "disabled")).await;
    let old = bench.create("app", &definition(&bench, &ground, "example/app:1")).await;
    let want = service(&bench, &ground, &home.id.0, &old.id.0);
    let made = bench.create("app", &want).await;
    let changed = Service {
        desired_count: Some(2),
        health_check_grace_secs: 120,
        max_percent: 150,
        availability_zone_rebalancing: "DISABLED".into(),
        ..want.clone()
    };
    bench.update("app", &made, &changed).await;
    // Autoscaling owns the count: no difference.
    bench.update("app", &made, &Service { desired_count: None, ..changed.clone() }).await;

    bench.aws.ecs().update_service().cluster(&home.id.0).service(&made.id.0).desired_count(1).send().await.unwrap();
    let kind = Of::<Service>::KIND;
    let want = serde_json::to_value(&changed).unwrap();
    bench
        .scoped::<Service, _>("app", &made.token, None, async |scope| {
            let seen = kind.read(scope, &made.id).await.unwrap().unwrap();
            let differs =
                |field: &&hybridctl::resource::Field| !field.satisfied(&want[field.name], &seen.inputs[field.name]);
            let drifted: Vec<_> = kind.fields().iter().filter(differs).map(|field| field.name).collect();
            assert_eq!(drifted, ["desired_count"]);
        })
        .await;
    bench.delete::<Service>("app", &made).await;
    bench.delete::<Cluster>("main", &home).await;
}

#[tokio::test]
async fn a_rollout_that_ecs_takes_back_is_refused_with_its_story() {
    let Some(bench) = Bench::connect().await else { return };
    let Some(ground) = Ground::make(&bench).await else { return };
    let home = bench.create("main", &cluster(&bench, "disabled")).await;
    let good = bench.create("app", &definition(&bench, &ground, "example/app:1")).await;
    let made = bench.create("app", &service(&bench, &ground, &home.id.0, &good.id.0)).await;
    let bad = bench.create("bad", &definition(&bench, &ground, "example/app:2-exit3")).await;
    let want = service(&bench, &ground, &home.id.0, &bad.id.0);
    let phase = ground::apply(&bench, &made, &want).await;
    let Phase::Refused(story) = phase else { panic!("{phase:?}") };
    for part in ["circuit breaker", "(exit code 3)", "Simulated failure", "last events"] {
        assert!(story.contains(part), "{part} is missing in\n{story}");
    }
    // The second try with a good revision succeeds, and is not judged by the first.
    let better = bench.create("better", &definition(&bench, &ground, "example/app:3")).await;
    let phase = ground::apply(&bench, &made, &service(&bench, &ground, &home.id.0, &better.id.0)).await;
    assert_eq!(phase, Phase::Ready);
    bench.delete::<Service>("app", &made).await;
}

#[tokio::test]
async fn a_task_runs_once() {
    let Some(bench) = Bench::connect().await else { return };
    let Some(ground) = Ground::make(&bench).await else { return };
    let home = bench.create("main", &cluster(&bench, "disabled")).await;
    for (name, image, succeeds) in [("good", "example/app:1", true), ("bad", "example/app:1-exit3", false)] {
        let revision = bench.create(name, &definition(&bench, &ground, image)).await;
        let want = TaskRun {
            image: image.into(),
            dbi_resource_id: "db-1".to_owned().into(),
            database: "zenml_hybrid".into(),
            version: "1".into(),
            cluster_arn: home.id.0.clone().into(),
            task_definition_arn: revision.id.0.clone().into(),
            subnet_ids: ground.subnet_ids.iter().cloned().map(Into::into).collect(),
            security_group_ids: [hybridctl::aws::ec2::security_group::SecurityGroupId(
                ground.security_group_id.clone(),
            )
            .into()]
            .into(),
            container: "app".into(),
            command: vec!["zenml".into(), "migrate-database".into()],
            environment: [("X".into(), "1".into())].into(),
            memory_mib: Some(2048),
            noted_on_cluster: true,
        };
        let kind = Of::<TaskRun>::KIND;
        let value = serde_json::to_value(&want).unwrap();
        let token = bench.token();
        bench
            .scoped::<TaskRun, _>("migrate", &token, None, async |scope| {
                assert_eq!(kind.find(scope, &value).await.unwrap(), Found::None);
                let id = kind.create(scope, &value).await.unwrap();
                assert_eq!(kind.create(scope, &value).await.unwrap(), id, "the token makes a repeat the same task");
                assert_eq!(kind.find(scope, &value).await.unwrap(), Found::Ours(id.clone()));
                let seen = loop {
                    let seen = kind.read(scope, &id).await.unwrap().unwrap();
                    match seen.phase {
                        Phase::Settling(_) => tokio::time::sleep(Duration::from_millis(50)).await,
                        _ => break seen,
                    }
                };
                assert_eq!(
                    kind.find(scope, &value).await.unwrap(),
                    Found::Ours(id.clone()),
                    "finished, it is found too"
                );
                match seen.phase {
                    Phase::Ready => assert!(succeeds),
                    Phase::Failed(why) => assert!(!succeeds && why.contains("exit code 3"), "{why}"),
                    other => panic!("{other:?}"),
                }
                assert_eq!(seen.outputs.is_some(), succeeds);
            })
            .await;
    }
}

fn record(id: &Id, inputs: Value, outputs: Value) -> Recorded {
    Recorded {
        id: id.clone(),
        token: "0".repeat(32),
        made: None,
        inputs,
        outputs,
        tags: Tags::new(),
        after: Default::default(),
        keep: Default::default(),
        holds_data: false,
        deposed: vec![],
    }
}
