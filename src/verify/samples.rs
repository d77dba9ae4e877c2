//! A deployment in which everything is right, for tests to break.

use super::Facts;
use super::probe::http::Answer;
use super::probe::tls::{Certificate, Secured, Trust};
use super::probe::{Endpoint, QUESTIONS};
use super::world::{Expect, Recorded};
use crate::aws::look::access::{Access, Role, Secret, secret_arn};
use crate::aws::look::front::{Balancer, Listener, Target, TargetGroup};
use crate::aws::look::logs::{Line, TaskLog};
use crate::aws::look::network::{Group, Nat, Network, RouteTable, Rule, Subnet};
use crate::aws::look::service::{Definition, Rollout, Service, Task};
use crate::aws::look::{Database, Look};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The moment at which it is looked at.
pub(super) const NOW: i64 = 1_795_000_000_000;
const REVISION: &str = "arn:aws:ecs:r:1:task-definition/x:1";

fn strings(items: &[&str]) -> Vec<String> {
    items.iter().map(|item| (*item).to_owned()).collect()
}

fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// Everything as it should be.
pub(super) fn good() -> Facts {
    let recorded = Recorded {
        task_definition_arn: Some(REVISION.into()),
        has_database: true,
        is_migrated: true,
        subnet_ids: strings(&["subnet-a"]),
        group_ids: strings(&["sg-ecs"]),
        ..Recorded::default()
    };
    Facts { expect: expect(), recorded, look: look(), endpoint: endpoint(), now: NOW }
}

/// As [`good`], but the server says something else of itself.
pub(super) fn with_info(field: &str, value: Value) -> Facts {
    let mut facts = good();
    let mut said = facts.endpoint.answers["info"].clone().unwrap().json();
    said[field] = value;
    facts.endpoint.answers.insert("info", Ok(Answer { status: 200, body: said.to_string(), ..Answer::default() }));
    facts
}

fn expect() -> Expect {
    Expect {
        deployment: "x".into(),
        host: "zenml.x.com".into(),
        server_url: "https://zenml.x.com".into(),
        api_url: "https://cloudapi.zenml.io".into(),
        dashboard_url: "https://cloud.zenml.io".into(),
        organization_id: "o".into(),
        workspace_id: "w".into(),
        workspace_name: "prod".into(),
        version: "0.98.0".into(),
        port: 8000,
        secrets_store: "sql".into(),
        zone: Some("x.com".into()),
        allow_cidrs: vec!["0.0.0.0/0".parse().unwrap()],
        cluster: "x".into(),
        service: "zenml-server".into(),
        container: "zenml-server".into(),
        database_instance: "x-db".into(),
        database_name: "zenml_hybrid".into(),
        database_username: "zenml".into(),
        ..Expect::default()
    }
}

fn endpoint() -> Endpoint {
    let address = "192.0.2.7".parse().unwrap();
    let certificate = Certificate {
        names: strings(&["zenml.x.com"]),
        issuer: "CN=x".into(),
        not_before: NOW / 1000 - 86_400,
        not_after: NOW / 1000 + 100 * 86_400,
    };
    let secured = Secured { protocol: "TLSv1_3".into(), certificate, trust: Trust::Good };
    let info = json!({
        "version": "0.98.0", "active": true, "deployment_type": "cloud", "database_type": "mysql", "auth_scheme": "EXTERNAL",
        "secrets_store_type": "sql", "server_url": "https://zenml.x.com", "pro_api_url": "https://cloudapi.zenml.io",
        "pro_dashboard_url": "https://cloud.zenml.io", "pro_organization_id": "o", "pro_workspace_id": "w",
    });
    let answer = |status: u16, headers: &[(&str, &str)], body: &str| {
        Ok(Answer { status, headers: map(headers), body: body.to_owned() })
    };
    let answers = QUESTIONS.iter().map(|(name, _)| {
        let said = match *name {
            "health" => answer(200, &[], "ok"),
            "info" => answer(200, &[], &info.to_string()),
            "root" => answer(307, &[("location", "https://cloud.zenml.io/workspaces/prod")], ""),
            "user" => answer(401, &[], "{}"),
            "login" => answer(200, &[], r#"{"authorization_url":"https://cloud.zenml.io/api/auth/login"}"#),
            "settings" => answer(404, &[], "{}"),
            "cors" => answer(200, &[("access-control-allow-origin", "https://cloud.zenml.io")], "\"0.98.0\""),
            _ => answer(200, &[], "\"0.98.0\""),
        };
        (*name, said)
    });
    Endpoint {
        name: Some(Ok(vec![address])),
        aliases: vec![],
        balancer: Some(Ok(vec![address])),
        zone: None,
        handshakes: vec![(address, Ok(secured))],
        plain: Some(answer(301, &[("location", "https://zenml.x.com:443/")], "")),
        answers: answers.collect(),
    }
}

fn look() -> Look {
    let task = Task {
        id: "t1".into(),
        status: "RUNNING".into(),
        task_definition_arn: REVISION.into(),
        started_at: Some(NOW - 600_000),
        ..Task::default()
    };
    let line = |text: &str| Line { at: NOW - 590_000, text: text.to_owned() };
    let lines = vec![line("Waiting for application startup."), line("Application startup complete.")];
    let log = TaskLog { task: task.clone(), head: lines.clone(), tail: lines };
    let definition = definition();
    let secret = |reference: &String| (secret_arn(reference), Some(Secret { name: "s".into(), ..Secret::default() }));
    let role = Some(Role { arn: "arn:aws:iam::1:role/r".into(), exists: true, trusts_tasks: true });
    let target = Target { address: "10.0.128.5".into(), port: 8000, state: "healthy".into(), ..Target::default() };
    let target_group = TargetGroup {
        arn: "tg".into(),
        load_balancer_arns: strings(&["lb"]),
        port: 8000,
        health_path: "/health".into(),
        health_port: "8000".into(),
        targets: vec![target],
    };
    Look {
        service: Ok(Some(service())),
        running: Ok(vec![task]),
        stopped: Ok(vec![]),
        logs: Ok(vec![log]),
        migration: Ok(None),
        record: Ok(None),
        targets: Ok(Some(target_group)),
        balancer: Ok(Some(balancer())),
        database: Ok(Some(Database {
            status: "available".into(),
            engine: "mysql".into(),
            host: Some("db.example.com".into()),
            port: 3306,
            parameters: vec![("p".into(), "in-sync".into())],
            group_ids: strings(&["sg-rds"]),
            subnet_ids: strings(&["subnet-a"]),
        })),
        secrets: Ok(definition.secrets.values().map(secret).collect()),
        definition: Ok(Some(definition)),
        access: Ok(Access { execution: role.clone(), task: role, ..Access::default() }),
        log_group: Ok(true),
        network: Ok(network()),
        groups: Ok(groups()),
    }
}

fn service() -> Service {
    let rollout = Rollout {
        status: "PRIMARY".into(),
        state: "COMPLETED".into(),
        task_definition_arn: REVISION.into(),
        ..Rollout::default()
    };
    Service {
        status: "ACTIVE".into(),
        desired: 1,
        running: 1,
        task_definition_arn: REVISION.into(),
        rollouts: vec![rollout],
        subnet_ids: strings(&["subnet-a"]),
        group_ids: strings(&["sg-ecs"]),
        target_group_arn: Some("tg".into()),
        container_port: 8000,
        health_check_grace: 300,
        ..Service::default()
    }
}

fn definition() -> Definition {
    let environment = map(&[
        ("ZENML_SERVER_DEPLOYMENT_TYPE", "cloud"),
        ("ZENML_SERVER_PRO_API_URL", "https://cloudapi.zenml.io"),
        ("ZENML_SERVER_PRO_DASHBOARD_URL", "https://cloud.zenml.io"),
        ("ZENML_SERVER_PRO_OAUTH2_AUDIENCE", "https://cloudapi.zenml.io"),
        ("ZENML_SERVER_PRO_ORGANIZATION_ID", "o"),
        ("ZENML_SERVER_PRO_WORKSPACE_ID", "w"),
        ("ZENML_SERVER_PRO_WORKSPACE_NAME", "prod"),
        ("ZENML_SERVER_SERVER_URL", "https://zenml.x.com"),
        ("ZENML_STORE_URL", "mysql://db.example.com:3306"),
        ("ZENML_STORE_DATABASE", "zenml_hybrid"),
        ("ZENML_STORE_USERNAME", "zenml"),
        ("ZENML_SECRETS_STORE_TYPE", "sql"),
    ]);
    let secret = |name: &str| (name.to_owned(), format!("arn:aws:secretsmanager:r:1:secret:{name}-AbCdEf"));
    let secrets = [
        "ZENML_SERVER_PRO_OAUTH2_CLIENT_SECRET",
        "ZENML_STORE_PASSWORD",
        "ZENML_SERVER_JWT_SECRET_KEY",
        "ZENML_SECRETS_STORE_ENCRYPTION_KEY",
    ];
    Definition {
        arn: REVISION.into(),
        command: strings(&["uvicorn", "zenml.zen_server.zen_server_api:app", "--port", "8000"]),
        environment,
        secrets: secrets.iter().map(|name| secret(name)).collect(),
        ports: vec![8000],
        log_group: Some("/ecs/x".into()),
        log_prefix: Some("ecs".into()),
        container: "zenml-server".into(),
        ..Definition::default()
    }
}

fn balancer() -> Balancer {
    let listener = |port: u16, protocol: &str, action: &str| Listener {
        port,
        protocol: protocol.into(),
        action: action.into(),
        target_group_arns: if action == "forward" { strings(&["tg"]) } else { vec![] },
        ..Listener::default()
    };
    Balancer {
        arn: "lb".into(),
        dns_name: "lb.elb.amazonaws.com".into(),
        state: "active".into(),
        group_ids: strings(&["sg-alb"]),
        subnet_ids: strings(&["subnet-p"]),
        listeners: vec![listener(443, "HTTPS", "forward"), listener(80, "HTTP", "redirect")],
        ..Balancer::default()
    }
}

fn network() -> Network {
    let subnet = |cidr: &str| Subnet { cidr: cidr.parse().unwrap(), zone: "ra".into(), free_addresses: 100 };
    let table = |id: &str, main: bool, subnets: &[&str], target: Option<&str>| RouteTable {
        id: id.into(),
        is_main: main,
        subnet_ids: strings(subnets),
        default: target.map(|target| (target.to_owned(), true)),
    };
    let nat = Nat { state: "available".into(), subnet_id: "subnet-p".into() };
    Network {
        subnets: [("subnet-p".into(), subnet("10.0.0.0/20")), ("subnet-a".into(), subnet("10.0.128.0/20"))].into(),
        tables: vec![
            table("rtb-main", true, &[], None),
            table("rtb-public", false, &["subnet-p"], Some("igw-1")),
            table("rtb-private", false, &["subnet-a"], Some("nat-1")),
        ],
        nats: [("nat-1".into(), nat)].into(),
    }
}

fn groups() -> BTreeMap<String, Group> {
    let rule = |port: i32, groups: &[&str], cidrs: &[&str]| Rule {
        protocol: "tcp".into(),
        from: Some(port),
        to: Some(port),
        group_ids: strings(groups),
        cidrs: cidrs.iter().map(|cidr| cidr.parse().unwrap()).collect(),
    };
    let everyone = ["0.0.0.0/0"];
    let group = |inbound, outbound| Group { name: "g".into(), inbound, outbound };
    [
        (
            "sg-alb".into(),
            group(vec![rule(443, &[], &everyone), rule(80, &[], &everyone)], vec![rule(8000, &["sg-ecs"], &[])]),
        ),
        (
            "sg-ecs".into(),
            group(vec![rule(8000, &["sg-alb"], &[])], vec![rule(443, &[], &everyone), rule(3306, &["sg-rds"], &[])]),
        ),
        ("sg-rds".into(), group(vec![rule(3306, &["sg-ecs"], &[])], vec![])),
    ]
    .into()
}
