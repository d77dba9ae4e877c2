//! Secrets and roles: whether a new task would get what it needs before its container starts.

use super::service::Definition;
use crate::aws::Aws;
use crate::resource::Result;
use crate::resource::error::OrGone;
use aws_sdk_iam::types::{EvaluationResult, PolicyEvaluationDecisionType};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// A secret that is there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Secret {
    /// Name.
    pub name: String,
    /// When its deletion was asked for (`2026-11-20T10:00:00Z`); `None`: it is not pending deletion.
    pub deleted: Option<String>,
    /// Ids of the versions that have a stage.
    pub versions: Vec<String>,
}

/// The roles of a revision.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Access {
    /// The role that ECS starts tasks with; `None`: the revision names none.
    pub execution: Option<Role>,
    /// The role of the server itself.
    pub task: Option<Role>,
    /// What the execution role needs and may not: action and resource.
    pub denied: Vec<(String, String)>,
    /// True if it may also read secrets that the server has no use for.
    pub reads_other_secrets: bool,
}

/// A role.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Role {
    /// Its ARN.
    pub arn: String,
    /// Whether it is there.
    pub exists: bool,
    /// Whether ECS tasks may take it on.
    pub trusts_tasks: bool,
}

/// The ARN in a `valueFrom`, which may end with a JSON key, a stage and a version.
pub fn secret_arn(reference: &str) -> String {
    reference.split(':').take(7).collect::<Vec<_>>().join(":")
}

fn secret_arns(definition: &Definition) -> BTreeSet<String> {
    definition.secrets.values().map(|reference| secret_arn(reference)).collect()
}

pub(super) async fn secrets(aws: &Aws, definition: Option<&Definition>) -> Result<BTreeMap<String, Option<Secret>>> {
    let arns = definition.map(secret_arns).unwrap_or_default();
    let all = arns.into_iter().map(async |arn| Ok((arn.clone(), secret(aws, &arn).await?)));
    futures_util::future::join_all(all).await.into_iter().collect()
}

async fn secret(aws: &Aws, arn: &str) -> Result<Option<Secret>> {
    let call = aws.secrets().describe_secret().secret_id(arn);
    let found = aws.read("secretsmanager:DescribeSecret", || call.clone().send()).await.or_gone()?;
    Ok(found.map(|found| Secret {
        name: found.name().unwrap_or_default().to_owned(),
        deleted: found
            .deleted_date()
            .and_then(|date| jiff::Timestamp::from_second(date.secs()).ok())
            .map(|date| date.to_string()),
        versions: found.version_ids_to_stages().map(|ids| ids.keys().cloned().collect()).unwrap_or_default(),
    }))
}

pub(super) async fn access(aws: &Aws, definition: Option<&Definition>) -> Result<Access> {
    let Some(definition) = definition else { return Ok(Access::default()) };
    let (execution, task) = tokio::join!(
        role(aws, definition.execution_role_arn.as_deref()),
        role(aws, definition.task_role_arn.as_deref())
    );
    let mut access = Access { execution: execution?, task: task?, ..Access::default() };
    let Some(arn) = access.execution.as_ref().filter(|role| role.exists).map(|role| role.arn.clone()) else {
        return Ok(access);
    };
    let secrets: Vec<String> = secret_arns(definition).into_iter().collect();
    let stranger: Vec<String> = secrets.first().map(|arn| unrelated_secret(arn)).into_iter().collect();
    let streams: Vec<String> =
        definition.log_group.iter().map(|group| log_streams(&arn, aws.region(), group)).collect();
    let (read, log) = (["secretsmanager:GetSecretValue"], ["logs:CreateLogStream", "logs:PutLogEvents"]);
    let pull = ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"];
    let (repository, everything): (Vec<_>, Vec<_>) =
        repository(&definition.image).into_iter().map(|repository| (repository, "*".to_owned())).unzip();
    let (may_read, may_read_other, may_log, may_pull, may_sign_in) = tokio::join!(
        simulate(aws, &arn, &read, &secrets),
        simulate(aws, &arn, &read, &stranger),
        simulate(aws, &arn, &log, &streams),
        simulate(aws, &arn, &pull, &repository),
        simulate(aws, &arn, &["ecr:GetAuthorizationToken"], &everything),
    );
    let all = may_read?.into_iter().chain(may_log?).chain(may_sign_in?).chain(may_pull?);
    access.denied = all.filter(|one| !one.2).map(|one| (one.0, one.1)).collect();
    access.reads_other_secrets = may_read_other?.iter().any(|one| one.2);
    Ok(access)
}

/// A secret of the same account that nobody would call so.
fn unrelated_secret(arn: &str) -> String {
    let place: Vec<&str> = arn.split(':').take(6).collect();
    format!("{}:hybridctl-no-such-secret-AbCdEf", place.join(":"))
}

/// ARN of the repository that an image is in; `None`: it is not in ECR. Whether the registry lets the role in is another
/// question, which only its owner can answer.
fn repository(image: &str) -> Option<String> {
    let (registry, path) = image.split_once('/')?;
    let mut parts = registry.split('.');
    let (account, partition) = (parts.next()?, if registry.ends_with(".cn") { "aws-cn" } else { "aws" });
    if (parts.next(), parts.next()) != (Some("dkr"), Some("ecr")) {
        return None;
    }
    let (region, name) = (parts.next()?, path.split([':', '@']).next()?);
    let partition = if region.starts_with("us-gov-") { "aws-us-gov" } else { partition };
    Some(format!("arn:{partition}:ecr:{region}:{account}:repository/{name}"))
}

/// ARN of all streams of a group, from the account that the role belongs to.
fn log_streams(role_arn: &str, region: &str, group: &str) -> String {
    let mut parts = role_arn.split(':').skip(1);
    let (partition, account) = (parts.next().unwrap_or("aws"), parts.nth(2).unwrap_or_default());
    format!("arn:{partition}:logs:{region}:{account}:log-group:{group}:log-stream:ecs")
}

async fn role(aws: &Aws, arn: Option<&str>) -> Result<Option<Role>> {
    let Some(arn) = arn else { return Ok(None) };
    let name = arn.rsplit('/').next().unwrap_or_default();
    let found = aws.read("iam:GetRole", || aws.iam().get_role().role_name(name).send()).await.or_gone()?;
    let role = found.and_then(|found| found.role);
    let document = role.as_ref().and_then(|role| role.assume_role_policy_document());
    Ok(Some(Role {
        arn: arn.to_owned(),
        exists: role.is_some(),
        trusts_tasks: document.is_some_and(|document| trusts_tasks(&decoded(document))),
    }))
}

/// Action, resource, and whether it is allowed, as IAM itself evaluates the role's policies.
async fn simulate(
    aws: &Aws,
    role: &str,
    actions: &[&str],
    resources: &[String],
) -> Result<Vec<(String, String, bool)>> {
    if resources.is_empty() {
        return Ok(vec![]);
    }
    let call = aws
        .iam()
        .simulate_principal_policy()
        .policy_source_arn(role)
        .set_action_names(Some(actions.iter().map(|action| (*action).to_owned()).collect()))
        .set_resource_arns(Some(resources.to_vec()));
    let found = aws.read("iam:SimulatePrincipalPolicy", || call.clone().send()).await?;
    let account = role.split(':').nth(4).unwrap_or_default();
    let plain = found.evaluation_results().iter().map(|result| {
        let allowed = is_allowed(account, result);
        (result.eval_action_name().to_owned(), result.eval_resource_name().unwrap_or("*").to_owned(), allowed)
    });
    Ok(plain.collect())
}

/// What the role's own policies say. Of a resource of another account (ZenML's registry) IAM asks both sides, and since that
/// account's policy is not among what is simulated, its verdict is a denial; the details tell the sides apart.
/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_EvaluationResult.html>
fn is_allowed(account: &str, result: &EvaluationResult) -> bool {
    use PolicyEvaluationDecisionType::{Allowed, ImplicitDeny};
    let owner = result.eval_resource_name().and_then(|arn| arn.split(':').nth(4)).unwrap_or_default();
    if owner.is_empty() || owner == account || result.eval_decision() != &ImplicitDeny {
        return result.eval_decision() == &Allowed;
    }
    let mut details = result.eval_decision_details().into_iter().flatten();
    details.find(|(policy, _)| policy.to_lowercase().contains("iam")).is_none_or(|(_, own)| own == &Allowed)
}

/// IAM returns policy documents percent-encoded.
fn decoded(text: &str) -> String {
    let (bytes, mut plain, mut at) = (text.as_bytes(), Vec::with_capacity(text.len()), 0);
    while at < bytes.len() {
        let pair = text.get(at + 1..at + 3).filter(|_| bytes[at] == b'%');
        match pair.and_then(|pair| u8::from_str_radix(pair, 16).ok()) {
            Some(byte) => {
                plain.push(byte);
                at += 3;
            }
            None => {
                plain.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&plain).into_owned()
}

fn trusts_tasks(document: &str) -> bool {
    let document: Value = serde_json::from_str(document).unwrap_or_default();
    let statements = list(&document["Statement"]);
    statements.iter().any(|statement| {
        let services = list(&statement["Principal"]["Service"]);
        let actions = list(&statement["Action"]);
        statement["Effect"] == "Allow"
            && services.iter().any(|service| service == "ecs-tasks.amazonaws.com")
            && actions.iter().any(|action| matches!(action.as_str(), Some("sts:AssumeRole" | "sts:*" | "*")))
    })
}

fn list(value: &Value) -> Vec<Value> {
    match value {
        Value::Array(values) => values.clone(),
        Value::Null => vec![],
        one => vec![one.clone()],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_is_cut_to_the_arn() {
        let arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:zenml/rds/password-AbCdEf";
        assert_eq!(secret_arn(arn), arn);
        assert_eq!(secret_arn(&format!("{arn}:::0a1b-2c")), arn);
    }

    #[test]
    fn a_trust_policy_is_read_as_iam_returns_it() {
        let policy = r#"{"Statement":[{"Effect":"Allow","Principal":{"Service":["x","ecs-tasks.amazonaws.com"]},"Action":"sts:AssumeRole"}]}"#;
        let encoded: String = policy.chars().map(|c| if c == '"' { "%22".to_owned() } else { c.to_string() }).collect();
        assert!(trusts_tasks(&decoded(&encoded)));
        assert!(!trusts_tasks(&decoded("%7B%22Statement%22%3A%5B%5D%7D")));
        assert_eq!(decoded("50%25 %zz %"), "50% %zz %");
    }

    #[test]
    fn an_image_in_ecr_has_a_repository_and_others_have_none() {
        let image = "715803424590.dkr.ecr.eu-central-1.amazonaws.com/zenml-pro-server:0.98.0";
        let arn = "arn:aws:ecr:eu-central-1:715803424590:repository/zenml-pro-server";
        assert_eq!(repository(image).as_deref(), Some(arn));
        assert_eq!(
            repository("1.dkr.ecr.r.amazonaws.com/a/b@sha256:x").as_deref(),
            Some("arn:aws:ecr:r:1:repository/a/b")
        );
        assert_eq!(repository("registry.example.com/zenml:1"), None);
        assert_eq!(repository("zenml"), None);
    }

    #[test]
    fn of_a_resource_of_another_account_the_roles_own_side_counts() {
        use PolicyEvaluationDecisionType::{Allowed, ExplicitDeny, ImplicitDeny};
        let result =
            |owner: &str, decision: PolicyEvaluationDecisionType, own: Option<PolicyEvaluationDecisionType>| {
                let arn = format!("arn:aws:ecr:eu-central-1:{owner}:repository/zenml-pro-server");
                let result = EvaluationResult::builder().eval_action_name("ecr:BatchGetImage").eval_resource_name(arn);
                let details = own.map(|own| [("IAM Policy".to_owned(), own)].into());
                result.eval_decision(decision).set_eval_decision_details(details).build().unwrap()
            };
        let allowed = |result: EvaluationResult| is_allowed("123456789012", &result);
        assert!(allowed(result("123456789012", Allowed, None)));
        assert!(!allowed(result("123456789012", ImplicitDeny, None)));
        assert!(allowed(result("715803424590", ImplicitDeny, Some(Allowed))));
        assert!(!allowed(result("715803424590", ImplicitDeny, Some(ImplicitDeny))));
        assert!(!allowed(result("715803424590", ExplicitDeny, Some(Allowed))));
        assert!(allowed(result("715803424590", ImplicitDeny, None)), "nobody can tell");
    }

    #[test]
    fn the_stream_is_in_the_account_of_the_role() {
        let streams = log_streams("arn:aws-cn:iam::123456789012:role/x", "cn-north-1", "/ecs/x");
        assert_eq!(streams, "arn:aws-cn:logs:cn-north-1:123456789012:log-group:/ecs/x:log-stream:ecs");
    }
}
