//! What `verify` starts from: what the config wants, what the state recorded, and how to reach the endpoint.

use crate::aws::Aws;
use crate::aws::look::Names;
use crate::config::{Config, Dns};
use crate::state::State;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::PathBuf;

const MIGRATION: &str = "ecs.task_run";

/// Everything a check may use.
pub struct World<'a> {
    /// What the config wants.
    pub expect: Expect,
    /// What the state recorded.
    pub recorded: Recorded,
    /// The clients.
    pub aws: &'a Aws,
    /// How to reach the endpoint.
    pub reach: Reach,
}

impl<'a> World<'a> {
    /// A world of this config and state.
    pub fn new(config: &Config, state: &State, aws: &'a Aws, reach: Reach) -> Self {
        let expect = Expect::from_config(config, reach.is_sandbox());
        Self { expect, recorded: Recorded::from_state(state), aws, reach }
    }

    /// The name of an internal load balancer may be known inside the VPC only: its record is looked at where it is kept.
    fn hidden_record(&self) -> Option<(String, String)> {
        let zone =
            self.recorded.zone_id.clone().filter(|_| self.expect.is_internal && !self.expect.has_external_dns)?;
        Some((zone, self.expect.host.clone()))
    }

    /// Where to start to look.
    pub fn names(&self) -> Names {
        Names {
            cluster: self.expect.cluster.clone(),
            service: self.expect.service.clone(),
            container: self.expect.container.clone(),
            database: self.expect.database_instance.clone(),
            load_balancer_arn: self.recorded.load_balancer_arn.clone(),
            target_group_arn: self.recorded.target_group_arn.clone(),
            family: self.expect.family.clone(),
            task_definition_arn: self.recorded.task_definition_arn.clone(),
            subnet_ids: self.recorded.subnet_ids.clone(),
            group_ids: self.recorded.group_ids.clone(),
            is_migrated: self.recorded.is_migrated,
            record: self.hidden_record(),
        }
    }
}

/// Where names are resolved and connections go. In the sandbox neither public DNS nor port 443 is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reach {
    /// Asked instead of the system's resolvers.
    pub resolver: Option<SocketAddr>,
    /// Dialled for 443.
    pub https_port: u16,
    /// Dialled for 80.
    pub http_port: u16,
    /// Certificate authorities to trust besides the system's, PEM.
    pub ca_file: Option<PathBuf>,
}

impl Reach {
    /// The internet.
    pub fn internet() -> Self {
        Self { resolver: None, https_port: 443, http_port: 80, ca_file: None }
    }

    /// The sandbox on this machine, from its `sandbox.json`.
    pub fn sandbox(dns_port: u16, https_port: u16, http_port: u16, ca_file: PathBuf) -> Self {
        let resolver = Some(SocketAddr::from(([127, 0, 0, 1], dns_port)));
        Self { resolver, https_port, http_port, ca_file: Some(ca_file) }
    }

    /// True where the usual ports are not there. A resolver of one's own does not make it the sandbox.
    pub fn is_sandbox(&self) -> bool {
        self.https_port != 443
    }
}

/// What should be, from the config.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Expect {
    /// Name of the deployment.
    pub deployment: String,
    /// `zenml.mycompany.com`.
    pub host: String,
    /// `https://zenml.mycompany.com`.
    pub server_url: String,
    /// Control plane API.
    pub api_url: String,
    /// Control plane dashboard.
    pub dashboard_url: String,
    /// UUID.
    pub organization_id: String,
    /// UUID.
    pub workspace_id: String,
    /// Name.
    pub workspace_name: String,
    /// `0.98.0`.
    pub version: String,
    /// The port that the server listens on.
    pub port: u16,
    /// True if the image's own command runs, which listens on 8080 whatever `port` says.
    pub has_image_command: bool,
    /// `sql`.
    pub secrets_store: String,
    /// Load balancer with private addresses.
    pub is_internal: bool,
    /// The Route 53 zone of the name; `None`: someone else makes the record.
    pub zone: Option<String>,
    /// Someone else makes the DNS record.
    pub has_external_dns: bool,
    /// Who may reach the load balancer.
    pub allow_cidrs: Vec<ipnet::Ipv4Net>,
    /// ECS cluster.
    pub cluster: String,
    /// ECS service.
    pub service: String,
    /// Container of the server.
    pub container: String,
    /// Family of its task definitions.
    pub family: String,
    /// RDS instance.
    pub database_instance: String,
    /// Database in it.
    pub database_name: String,
    /// Its user.
    pub database_username: String,
    /// This is the sandbox, where no control plane is asked.
    pub is_sandbox: bool,
}

impl Expect {
    /// What this config wants.
    pub fn from_config(config: &Config, is_sandbox: bool) -> Self {
        let zenml = &config.zenml;
        Self {
            deployment: config.name.clone(),
            host: config.host().to_owned(),
            server_url: zenml.server_url.clone(),
            api_url: zenml.api_url.clone(),
            dashboard_url: zenml.dashboard_url.clone(),
            organization_id: zenml.organization.id.clone(),
            workspace_id: zenml.workspace.id.clone(),
            workspace_name: zenml.workspace.name.clone(),
            version: config.image_version().to_string(),
            port: config.service.port,
            has_image_command: config.service.command == crate::config::Command::Image,
            secrets_store: "sql".to_owned(),
            is_internal: !config.is_internet_facing(),
            zone: match &config.ingress.dns {
                Dns::Route53 { zone } => Some(zone.clone()),
                Dns::External => None,
            },
            has_external_dns: config.ingress.dns == Dns::External,
            allow_cidrs: config.ingress.allow_cidrs.clone(),
            cluster: config.service.cluster.clone(),
            service: config.service_name().to_owned(),
            container: config.container_name().to_owned(),
            family: config.task_family().to_owned(),
            database_instance: config.db_instance_id(),
            database_name: config.database.name.clone(),
            database_username: config.database.username.clone(),
            is_sandbox,
        }
    }
}

/// What the state knows that neither the config nor a service that was changed by hand tells.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recorded {
    /// The load balancer.
    pub load_balancer_arn: Option<String>,
    /// The target group.
    pub target_group_arn: Option<String>,
    /// The revision that was applied last.
    pub task_definition_arn: Option<String>,
    /// Plain variables of that revision; empty: not on record.
    pub environment: BTreeMap<String, String>,
    /// Variables of that revision that come from secrets.
    pub secret_names: BTreeSet<String>,
    /// Seconds during which failing health checks do not count.
    pub health_check_grace: Option<i64>,
    /// Nothing but what a `destroy` keeps, or nothing at all.
    pub is_empty: bool,
    /// The hosted zone of the name.
    pub zone_id: Option<String>,
    /// The database was made.
    pub has_database: bool,
    /// The last migration ended well, and no other was begun.
    pub is_migrated: bool,
    /// Subnets in which tasks are to run.
    pub subnet_ids: Vec<String>,
    /// Security groups that they are to have.
    pub group_ids: Vec<String>,
}

impl Recorded {
    /// What this state knows.
    pub fn from_state(state: &State) -> Self {
        let first =
            |kind: &str| state.resources.iter().find(|(address, _)| address.kind == kind).map(|(_, found)| found);
        let id = |kind: &str| first(kind).map(|recorded| recorded.id.0.clone());
        let container = first("ecs.task_definition").map(|recorded| &recorded.inputs["container"]);
        let map = |name: &str| container.and_then(|container| container[name].as_object()).into_iter().flatten();
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let begun = state.intents.iter().find(|(address, _)| address.kind == MIGRATION).map(|(_, intent)| intent);
        let run = begun.map(|intent| &intent.inputs).or(first(MIGRATION).map(|run| &run.inputs));
        let ids =
            |field: &str| run.and_then(|run| run[field].as_array()).into_iter().flatten().filter_map(text).collect();
        Self {
            load_balancer_arn: id("elb.load_balancer"),
            target_group_arn: id("elb.target_group"),
            task_definition_arn: id("ecs.task_definition"),
            environment: map("environment").filter_map(|(name, value)| Some((name.clone(), text(value)?))).collect(),
            secret_names: map("secrets").map(|(name, _)| name.clone()).collect(),
            health_check_grace: first("ecs.service").and_then(|found| found.inputs["health_check_grace_secs"].as_i64()),
            is_empty: state.is_only_what_is_kept(),
            zone_id: text(&state.facts["hosted_zone"][1]),
            has_database: first("rds.instance").is_some(),
            is_migrated: first(MIGRATION).is_some_and(|run| run.outputs["exit_code"] == "0") && begun.is_none(),
            subnet_ids: ids("subnet_ids"),
            group_ids: ids("security_group_ids"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Address, Keep};
    use crate::resource::Id;
    use crate::state::{Intent, Recorded as Record, Verb};
    use serde_json::json;

    fn record(id: &str, inputs: Value) -> Record {
        Record {
            id: Id::from(id),
            token: "t".into(),
            made: None,
            inputs,
            outputs: json!({}),
            tags: BTreeMap::new(),
            after: BTreeMap::new(),
            keep: Keep::Never,
            holds_data: false,
            deposed: vec![],
        }
    }

    #[test]
    fn the_state_names_the_balancer_and_the_variables_that_were_applied() {
        let mut state = State::new("x", uuid::Uuid::nil());
        let inputs = json!({ "container": { "environment": { "A": "1" }, "secrets": { "B": { "arn": "arn" } } } });
        state.resources.insert(Address::new("ecs.task_definition", "main"), record("td:1", inputs));
        state.resources.insert(Address::new("elb.load_balancer", "main"), record("lb", json!({})));
        let recorded = Recorded::from_state(&state);
        assert_eq!(recorded.load_balancer_arn.as_deref(), Some("lb"));
        assert_eq!(recorded.environment["A"], "1");
        assert!(recorded.secret_names.contains("B"));
        let nothing = Recorded { is_empty: true, ..Recorded::default() };
        assert_eq!(Recorded::from_state(&State::new("x", uuid::Uuid::nil())), nothing);
    }

    /// Only a run that ended well, with no other begun since.
    #[test]
    fn the_state_tells_of_the_last_migration_and_of_where_it_runs() {
        let address = Address::new("ecs.task_run", "migrate");
        let inputs = json!({ "subnet_ids": ["subnet-a"], "security_group_ids": ["sg-ecs"] });
        let mut state = State::new("x", uuid::Uuid::nil());
        let done = Record { outputs: json!({ "exit_code": "0" }), ..record("task", json!({})) };
        state.resources.insert(address.clone(), done);
        assert!(Recorded::from_state(&state).is_migrated);
        let begun = Intent {
            verb: Verb::Create,
            token: "t".into(),
            inputs,
            after: BTreeMap::new(),
            keep: Keep::Never,
            holds_data: false,
            id: None,
            deposed: vec![],
            since: jiff::Timestamp::UNIX_EPOCH,
        };
        state.intents.insert(address, begun);
        let recorded = Recorded::from_state(&state);
        assert!(!recorded.is_migrated);
        assert_eq!((recorded.subnet_ids, recorded.group_ids), (vec!["subnet-a".to_owned()], vec!["sg-ecs".to_owned()]));
    }
}
