//! Step 4: the two roles of the tasks, and the roles that AWS services need in every account.

use super::facts::Facts;
use crate::aws::iam::policy::{Document, Effect, Statement, Texts};
use crate::aws::iam::policy_attachment::PolicyAttachment;
use crate::aws::iam::role::Role;
use crate::aws::iam::role_policy::RolePolicy;
use crate::aws::iam::service_linked_role::ServiceLinkedRole;
use crate::config::{Config, ExecutionPolicy};
use crate::model::{Address, Graph, Handle, Input, Keep};
use std::collections::{BTreeMap, BTreeSet};

const SECRETS_POLICY: &str = "zenml-task-start";

/// What the other parts use of the roles.
pub(super) struct Roles {
    pub execution: Handle<Role>,
    pub task: Handle<Role>,
    partition: String,
    account: String,
}

pub(super) fn declare(graph: &mut Graph, config: &Config, facts: &Facts) -> Roles {
    graph.guide("implied by step 2");
    for (name, service) in [("rds", "rds"), ("ecs", "ecs"), ("elb", "elasticloadbalancing")] {
        graph.add(name, ServiceLinkedRole { service: format!("{service}.amazonaws.com") });
    }
    graph.guide("step 4");
    let managed = match config.service.execution_policy {
        ExecutionPolicy::Managed => BTreeSet::from([managed_policy(&facts.place.partition)]),
        ExecutionPolicy::Exact => BTreeSet::new(),
    };
    let role = |role: &str, description: &str, managed: BTreeSet<String>, inline: BTreeSet<String>| Role {
        name: config.role_name(role),
        description: description.to_owned(),
        assume_role_policy: trust(config, facts),
        managed_policies: managed,
        inline_policies: inline,
    };
    let execution = role(
        "execution",
        "Lets ECS pull the ZenML server image, read its secrets and write its log",
        managed,
        BTreeSet::from([SECRETS_POLICY.to_owned()]),
    );
    let execution = graph.add("execution", execution);
    graph.keep(&execution.address, Keep::Always("ZenML's image grant is bound to it, and it costs nothing".into()));
    let task = role("task", "Rights of the ZenML server itself: none", BTreeSet::new(), BTreeSet::new());
    let task = graph.add("task", task);
    Roles { execution, task, partition: facts.place.partition.clone(), account: facts.place.account.clone() }
}

fn managed_policy(partition: &str) -> String {
    format!("arn:{partition}:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy")
}

/// Only ECS, and only on behalf of this account: the confused-deputy guard.
fn trust(config: &Config, facts: &Facts) -> Document {
    let account = &facts.place.account;
    let source = format!("arn:{}:ecs:{}:{account}:*", facts.place.partition, config.region);
    let condition = BTreeMap::from([
        ("ArnLike".to_owned(), BTreeMap::from([("aws:SourceArn".to_owned(), texts([source.as_str()]))])),
        ("StringEquals".to_owned(), BTreeMap::from([("aws:SourceAccount".to_owned(), texts([account.as_str()]))])),
    ]);
    let principal = BTreeMap::from([("Service".to_owned(), texts(["ecs-tasks.amazonaws.com"]))]);
    document([Statement { principal, condition, ..statement(&["sts:AssumeRole"], []) }])
}

/// What the execution role may do, once everything it may use is declared.
pub(super) fn declare_policies(graph: &mut Graph, config: &Config, roles: &Roles) -> Vec<Address> {
    graph.guide("step 4");
    let mut declared = vec![];
    let role_name: Input<String> = roles.execution.role_name().into();
    let mut statements = vec![statement(&["secretsmanager:GetSecretValue"], secrets(graph, config))];
    match config.service.execution_policy {
        ExecutionPolicy::Managed => {
            let attachment =
                PolicyAttachment { role_name: role_name.clone(), policy_arn: managed_policy(&roles.partition) };
            declared.push(graph.add("execution-managed", attachment).address);
        }
        ExecutionPolicy::Exact => statements.extend(exact(config, roles)),
    }
    let policy = RolePolicy { role_name, policy_name: SECRETS_POLICY.into(), document: document(statements) };
    declared.push(graph.add("execution", policy).address);
    declared
}

/// The ARN of every secret in the graph, and of the one that was given by ARN.
fn secrets(graph: &Graph, config: &Config) -> Vec<Input<String>> {
    let declared = graph.nodes.keys().filter(|address| address.kind.starts_with("secrets."));
    let arn = |address: &Address| {
        Input::Output(crate::model::OutputRef { address: address.clone(), output: "secret_arn".into() })
    };
    let mut arns: Vec<Input<String>> = declared.map(arn).collect();
    if let crate::config::SecretSource::SecretArn(given) = &config.zenml.oauth2_client_secret {
        arns.push(given.clone().into());
    }
    arns
}

/// In place of AWS's managed policy: our image and our log group, nothing else. Creating log groups is never granted: whoever
/// may do that brings a deleted group back.
fn exact(config: &Config, roles: &Roles) -> Vec<Statement> {
    let Roles { partition, account, .. } = roles;
    let streams =
        format!("arn:{partition}:logs:{}:{account}:log-group:{}:log-stream:*", config.region, config.log_group());
    let mut statements = vec![
        statement(&["ecr:GetAuthorizationToken"], ["*".to_owned().into()]),
        statement(&["logs:CreateLogStream", "logs:PutLogEvents"], [streams.into()]),
    ];
    if let Some(repository) = repository_arn(partition, config.image_repository()) {
        let pull = &["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"];
        statements.push(statement(pull, [repository.into()]));
    }
    statements
}

/// `715803424590.dkr.ecr.eu-central-1.amazonaws.com/name` → its ARN; `None` for other registries, which need no grant.
fn repository_arn(partition: &str, repository: &str) -> Option<String> {
    let (host, name) = repository.split_once('/')?;
    let mut parts = host.split('.');
    let (account, dkr, ecr, region) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    (dkr == "dkr" && ecr == "ecr").then(|| format!("arn:{partition}:ecr:{region}:{account}:repository/{name}"))
}

fn statement(actions: &[&str], resources: impl IntoIterator<Item = Input<String>>) -> Statement {
    Statement {
        sid: None,
        effect: Effect::Allow,
        principal: BTreeMap::new(),
        not_principal: BTreeMap::new(),
        action: texts(actions.iter().copied()),
        not_action: texts([]),
        resource: resources.into_iter().collect(),
        not_resource: texts([]),
        condition: BTreeMap::new(),
    }
}

fn texts<'a>(items: impl IntoIterator<Item = &'a str>) -> Texts {
    Texts(items.into_iter().map(str::to_owned).collect())
}

fn document(statements: impl IntoIterator<Item = Statement>) -> Document {
    Document { version: "2012-10-17".into(), id: None, statement: statements.into_iter().collect() }
}
