//! What the caller may: IAM's own evaluation of its policies, and EC2's rehearsal of a create.
//!
//! Service control policies of the organization are not the account's to read. IAM's evaluation takes them into account only in
//! part: what it says they deny is denied, and what it says they allow may still be.

use super::Questions;
use crate::aws::Aws;
use crate::resource::{Error, Result};
use aws_sdk_iam::types::{ContextEntry, ContextKeyTypeEnum, EvaluationResult, PolicyEvaluationDecisionType};
use std::collections::BTreeMap;

/// How many actions one call evaluates.
const BATCH: usize = 50;

/// What the caller may.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rights {
    /// As far as IAM can tell.
    Judged(Judgement),
    /// The account's root user: everything.
    Root,
    /// IAM evaluates no policies for such a caller; why.
    Unknowable(String),
}

/// IAM's answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Judgement {
    /// Whose policies were evaluated.
    pub principal: String,
    /// How many actions are allowed.
    pub allowed: usize,
    /// What is denied.
    pub denied: Vec<Denied>,
    /// Actions that depend on what IAM was not told: conditions.
    pub unsure: Vec<String>,
}

impl Judgement {
    fn add(&mut self, other: Self) {
        self.allowed += other.allowed;
        self.denied.extend(other.denied);
        self.unsure.extend(other.unsure);
    }
}

/// A denied action.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Denied {
    /// `ec2:CreateVpc`.
    pub action: String,
    /// What it was judged on; `*` for anything.
    pub resource: String,
    /// True if a statement says so, false if none allows it.
    pub explicitly: bool,
    /// It is the organization that does not allow it, whatever the account's own policies say.
    pub by_organization: bool,
}

/// Something that policies name by its ARN.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// `ec2`.
    pub service: &'static str,
    /// A word of the actions that act on it, `SecurityGroup`; empty: every other action of the service.
    pub noun: &'static str,
    /// Its ARN, or one of the same shape.
    pub arn: String,
}

/// The ARN of what `ec2:CreateSubnet` acts on: the first that fits.
pub fn object_of<'o>(objects: &'o [Object], action: &str) -> Option<&'o str> {
    let (service, verb) = action.split_once(':')?;
    let found = objects.iter().find(|object| object.service == service && verb.contains(object.noun));
    found.map(|object| object.arn.as_str())
}

/// Creates that EC2 rehearses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DryRun {
    /// A VPC of this range.
    Vpc(String),
    /// An Elastic IP.
    Address,
    /// An internet gateway.
    InternetGateway,
}

impl DryRun {
    /// The action, `ec2:CreateVpc`.
    pub fn action(&self) -> &'static str {
        match self {
            Self::Vpc(_) => "ec2:CreateVpc",
            Self::Address => "ec2:AllocateAddress",
            Self::InternetGateway => "ec2:CreateInternetGateway",
        }
    }
}

/// True: it would be allowed. EC2 answers a rehearsal with an error in either case.
pub(super) async fn dry_run(aws: &Aws, create: &DryRun) -> Result<bool> {
    let ec2 = aws.ec2();
    let answer = match create {
        DryRun::Vpc(range) => {
            let call = ec2.create_vpc().cidr_block(range).dry_run(true);
            aws.read("ec2:DryRunCreateVpc", || call.clone().send()).await.map(drop)
        }
        DryRun::Address => {
            let call = ec2.allocate_address().dry_run(true);
            aws.read("ec2:DryRunAllocateAddress", || call.clone().send()).await.map(drop)
        }
        DryRun::InternetGateway => {
            let call = ec2.create_internet_gateway().dry_run(true);
            aws.read("ec2:DryRunCreateInternetGateway", || call.clone().send()).await.map(drop)
        }
    };
    match answer {
        Ok(()) => Err(Error::bug(format!("the rehearsal of {} was carried out", create.action()))),
        Err(error) if error.is("DryRunOperation") => Ok(true),
        Err(error) if error.is("UnauthorizedOperation") => Ok(false),
        Err(error) => Err(error),
    }
}

pub(super) async fn rights(aws: &Aws, caller: &str, questions: &Questions) -> Result<Rights> {
    let principal = match principal(caller) {
        Principal::Root => return Ok(Rights::Root),
        Principal::Other => {
            return Ok(Rights::Unknowable(format!("IAM evaluates the policies of users and roles, not of {caller}")));
        }
        Principal::User(arn) => arn,
        Principal::Role { name, arn } => role_arn(aws, &name).await.unwrap_or(arn),
    };
    let mut batches: Vec<(Vec<&'static str>, &str)> = vec![];
    let mut by_service: BTreeMap<&str, Vec<&'static str>> = BTreeMap::new();
    for action in &questions.actions {
        by_service.entry(action.split(':').next().unwrap_or_default()).or_default().push(action);
    }
    for (service, actions) in by_service {
        let resource = questions.resources.get(service).map_or("*", String::as_str);
        batches.extend(actions.chunks(BATCH).map(|chunk| (chunk.to_vec(), resource)));
    }
    let mut judgement = judge(aws, &principal, &batches).await?;
    // Policies that name objects allow an action on those only, and not on `*` or on something else of the service.
    let mut by_object: BTreeMap<&str, Vec<&'static str>> = BTreeMap::new();
    for denied in judgement.denied.iter().filter(|denied| !denied.explicitly) {
        let object = object_of(&questions.objects, &denied.action).filter(|arn| *arn != denied.resource);
        if let (Some(arn), Some(action)) = (object, questions.actions.get(denied.action.as_str())) {
            by_object.entry(arn).or_default().push(*action);
        }
    }
    let batches: Vec<_> = by_object.into_iter().map(|(arn, actions)| (actions, arn)).collect();
    judgement.denied.retain(|denied| !batches.iter().any(|(actions, _)| actions.contains(&denied.action.as_str())));
    judgement.add(judge(aws, &principal, &batches).await?);
    Ok(Rights::Judged(Judgement { principal, ..judgement }))
}

/// Each batch: actions, and what they are judged on.
async fn judge(aws: &Aws, principal: &str, batches: &[(Vec<&'static str>, &str)]) -> Result<Judgement> {
    let asked = batches.iter().map(|(actions, resource)| simulate(aws, principal, actions, resource));
    let mut judgement = Judgement::default();
    for part in futures_util::future::join_all(asked).await {
        judgement.add(part?);
    }
    Ok(judgement)
}

/// Whose policies count.
#[derive(Debug, PartialEq, Eq)]
enum Principal {
    User(String),
    /// The ARN lacks the role's path, which a session does not tell.
    Role {
        name: String,
        arn: String,
    },
    Root,
    Other,
}

fn principal(caller: &str) -> Principal {
    let parts: Vec<&str> = caller.splitn(6, ':').collect();
    let [_, partition, _, _, account, what] = parts[..] else { return Principal::Other };
    match what.split('/').collect::<Vec<_>>()[..] {
        ["root"] => Principal::Root,
        ["assumed-role", name, _] => {
            Principal::Role { name: name.to_owned(), arn: format!("arn:{partition}:iam::{account}:role/{name}") }
        }
        ["user", ..] => Principal::User(format!("arn:{partition}:iam::{account}:{what}")),
        _ => Principal::Other,
    }
}

/// The role's ARN with its path; `None` if the caller may not look at it.
async fn role_arn(aws: &Aws, name: &str) -> Option<String> {
    let found = aws.read("iam:GetRole", || aws.iam().get_role().role_name(name).send()).await.ok()?;
    found.role.map(|role| role.arn)
}

/// Actions that need different information cannot be evaluated in one call: IAM refuses the batch, and halves are tried.
async fn simulate(aws: &Aws, principal: &str, actions: &[&'static str], resource: &str) -> Result<Judgement> {
    let region = ContextEntry::builder()
        .context_key_name("aws:RequestedRegion")
        .context_key_type(ContextKeyTypeEnum::String)
        .context_key_values(aws.region())
        .build();
    let call = aws
        .iam()
        .simulate_principal_policy()
        .policy_source_arn(principal)
        .set_action_names(Some(actions.iter().map(|action| (*action).to_owned()).collect()))
        .resource_arns(resource)
        .context_entries(region);
    match aws.read("iam:SimulatePrincipalPolicy", || call.clone().send()).await {
        Ok(found) => Ok(read(found.evaluation_results(), resource)),
        Err(error) if error.is("InvalidInput") && actions.len() > 1 => {
            let (left, right) = actions.split_at(actions.len() / 2);
            let mut judgement = Box::pin(simulate(aws, principal, left, resource)).await?;
            judgement.add(Box::pin(simulate(aws, principal, right, resource)).await?);
            Ok(judgement)
        }
        Err(error) if error.is("InvalidInput") => Ok(Judgement {
            unsure: actions.iter().map(|action| (*action).to_owned()).collect(),
            ..Judgement::default()
        }),
        Err(error) => Err(error),
    }
}

fn read(results: &[EvaluationResult], resource: &str) -> Judgement {
    let mut judgement = Judgement::default();
    for result in results {
        let action = result.eval_action_name().to_owned();
        let by_organization =
            result.organizations_decision_detail().is_some_and(|detail| !detail.allowed_by_organizations());
        match result.eval_decision() {
            PolicyEvaluationDecisionType::Allowed if !by_organization => judgement.allowed += 1,
            _ if !by_organization && !result.missing_context_values().is_empty() => judgement.unsure.push(action),
            decision => judgement.denied.push(Denied {
                action,
                resource: resource.to_owned(),
                explicitly: *decision == PolicyEvaluationDecisionType::ExplicitDeny,
                by_organization,
            }),
        }
    }
    judgement
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policies_that_count_are_those_of_the_user_or_the_role_behind_a_session() {
        let role = |name: &str| Principal::Role { name: name.into(), arn: format!("arn:aws-cn:iam::1:role/{name}") };
        assert_eq!(principal("arn:aws-cn:sts::1:assumed-role/admin/me"), role("admin"));
        assert_eq!(principal("arn:aws:iam::1:user/team/me"), Principal::User("arn:aws:iam::1:user/team/me".into()));
        assert_eq!(principal("arn:aws:iam::1:root"), Principal::Root);
        assert_eq!(principal("arn:aws:sts::1:federated-user/me"), Principal::Other);
        assert_eq!(principal("nonsense"), Principal::Other);
    }
}
