//! Steps 5 and 6: cluster, task definition, migration, service.

use super::database::Database;
use super::environment;
use super::facts::Facts;
use super::identity::Roles;
use super::ingress::Ingress;
use super::network::Network;
use super::secrets::{Secrets, of_generated, of_guide_url};
use crate::aws::ecs::cluster::Cluster;
use crate::aws::ecs::service::Service;
use crate::aws::ecs::task_definition::{Container, TaskDefinition};
use crate::aws::ecs::task_run::TaskRun;
use crate::aws::iam::service_linked_role::ServiceLinkedRole;
use crate::aws::logs::log_group::LogGroup;
use crate::config::{Command, Config};
use crate::model::{Address, Edge, Graph, Handle};
use std::collections::BTreeMap;

/// The parts that the tasks stand on.
pub(super) struct Parts {
    pub roles: Roles,
    pub network: Network,
    pub secrets: Secrets,
    pub database: Database,
    pub ingress: Ingress,
}

pub(super) fn declare(graph: &mut Graph, config: &Config, _facts: &Facts, parts: &Parts) {
    graph.guide("implied by step 5");
    let retention_days = i32::from(config.monitoring.log_retention_days);
    let log = graph.add("ecs", LogGroup { name: config.log_group(), retention_days });
    graph.guide("step 6");
    let cluster =
        graph.add("main", Cluster { name: config.service.cluster.clone(), container_insights: "disabled".into() });
    graph.add_after(&cluster.address, &Handle::<ServiceLinkedRole>::to("ecs").address, Edge::SETTLED);
    graph.guide("step 5");
    let definition = graph.add("server", task_definition(config, parts, &log));
    graph.guide("implied by step 6");
    let migration = graph.add("migrate", migration(config, parts, &cluster, &definition));
    graph.guide("step 6");
    let service = graph.add("server", service(config, parts, &cluster, &definition));

    let needed = needed_to_start(parts, &log, graph);
    for address in &needed {
        graph.add_after(&migration.address, address, Edge::SETTLED);
        graph.add_after(&service.address, address, Edge::SETTLED);
    }
    if let Some(snapshot) = &parts.database.snapshot {
        graph.add_after(&migration.address, snapshot, Edge::SETTLED);
    }
    graph.add_after(&service.address, &migration.address, Edge::SETTLED);
    for listener in &parts.ingress.listeners {
        // Listeners go before the service: targets drain while nothing new arrives.
        graph.add_after(&service.address, listener, Edge::SETTLED_SAME);
    }
}

/// What a task cannot start without although it takes no value from it.
fn needed_to_start(parts: &Parts, log: &Handle<LogGroup>, graph: &Graph) -> Vec<Address> {
    let policies = graph
        .nodes
        .keys()
        .filter(|address| matches!(address.kind.as_str(), "iam.role_policy" | "iam.policy_attachment"));
    let mut needed: Vec<Address> = policies.cloned().collect();
    needed.extend(parts.network.needed_by_tasks.iter().cloned());
    needed.push(log.address.clone());
    needed.push(parts.database.instance.address.clone());
    needed
}

fn task_definition(config: &Config, parts: &Parts, log: &Handle<LogGroup>) -> TaskDefinition {
    let mut secrets = BTreeMap::from([
        ("ZENML_SERVER_PRO_OAUTH2_CLIENT_SECRET".to_owned(), parts.secrets.oauth2.clone()),
        ("ZENML_STORE_PASSWORD".to_owned(), of_generated(&parts.secrets.password)),
        ("ZENML_SERVER_JWT_SECRET_KEY".to_owned(), of_generated(&parts.secrets.jwt)),
        ("ZENML_SECRETS_STORE_ENCRYPTION_KEY".to_owned(), of_generated(&parts.secrets.encryption)),
    ]);
    if config.zenml.guide_variables {
        secrets.insert("ZENML_DATABASE_URL".to_owned(), of_guide_url());
    }
    TaskDefinition {
        family: config.task_family().to_owned(),
        cpu_units: config.service.cpu,
        memory_mib: config.service.memory,
        execution_role_arn: parts.roles.execution.role_arn().into(),
        task_role_arn: parts.roles.task.role_arn().into(),
        container: Container {
            name: config.container_name().to_owned(),
            image: config.image(),
            command: command(config),
            port: config.service.port,
            environment: environment::variables(config, &parts.database.instance),
            secrets,
            log_group: log.log_group_name().into(),
            log_region: config.region.clone(),
            log_prefix: "ecs".into(),
            log_buffer_mib: 4,
            stop_timeout_secs: Some(60),
            init_process: true,
        },
    }
}

/// The image listens on 8080 unless its command says otherwise: no variable changes that.
fn command(config: &Config) -> Option<Vec<String>> {
    match &config.service.command {
        Command::Image => None,
        Command::Custom(words) => Some(words.clone()),
        Command::Auto => {
            let port = config.service.port.to_string();
            let words = [
                "uvicorn",
                "zenml.zen_server.zen_server_api:app",
                "--no-server-header",
                "--proxy-headers",
                "--forwarded-allow-ips",
                "*",
                "--port",
                &port,
                "--host",
                "0.0.0.0",
            ];
            Some(words.iter().map(|word| (*word).to_owned()).collect())
        }
    }
}

fn migration(
    config: &Config,
    parts: &Parts,
    cluster: &Handle<Cluster>,
    definition: &Handle<TaskDefinition>,
) -> TaskRun {
    TaskRun {
        image: config.image(),
        dbi_resource_id: parts.database.instance.dbi_resource_id().into(),
        database: config.database.name.clone(),
        version: config.image_version().to_string(),
        cluster_arn: cluster.cluster_arn().into(),
        task_definition_arn: definition.task_definition_arn().into(),
        subnet_ids: parts.network.private_subnets(),
        security_group_ids: [parts.network.ecs.security_group_id().into()].into(),
        container: config.container_name().to_owned(),
        command: ["zenml", "migrate-database"].map(str::to_owned).to_vec(),
        environment: environment::for_migration(),
        // The migration imports more than the server and holds more of the schema in memory.
        memory_mib: Some(config.service.memory.max(2048)),
        noted_on_cluster: true,
    }
}

fn service(config: &Config, parts: &Parts, cluster: &Handle<Cluster>, definition: &Handle<TaskDefinition>) -> Service {
    Service {
        name: config.service_name().to_owned(),
        cluster_arn: cluster.cluster_arn().into(),
        task_definition_arn: definition.task_definition_arn().into(),
        desired_count: Some(config.service.desired_count),
        subnet_ids: parts.network.private_subnets(),
        security_group_ids: [parts.network.ecs.security_group_id().into()].into(),
        assign_public_ip: false,
        target_group_arn: parts.ingress.target_group.target_group_arn().into(),
        container_name: config.container_name().to_owned(),
        container_port: config.service.port,
        // The first boot imports for up to a minute on half a CPU; without grace the load balancer kills it.
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
