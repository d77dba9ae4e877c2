//! What the credentials may do.

use super::{Judged, not_needed, read, unread};
use crate::aws::ask::rights::{Denied, Judgement, Rights};
use crate::preflight::Facts;
use crate::preflight::report::Finding;
use serde_json::json;
use std::collections::BTreeMap;

/// What IAM's own evaluation leaves open.
const SCP: &str = "service control policies of the organization cannot be read from here and may deny more";

pub(super) fn permissions(facts: &Facts) -> Judged {
    if facts.wish.actions.is_empty() {
        return not_needed();
    }
    let judgement = match read(&facts.asked.rights, facts)? {
        Rights::Root => return Ok("the root user may do everything; a role is safer".to_owned()),
        Rights::Unknowable(why) => {
            return Err(Finding::new(why.clone(), "run hybridctl as a role to know beforehand").unknown());
        }
        Rights::Judged(judgement) => judgement,
    };
    let whose = format!("judged by the policies of {}", judgement.principal);
    if judgement.denied.is_empty() && judgement.unsure.is_empty() {
        return Ok(format!("all {} actions; {SCP}", judgement.allowed));
    }
    if judgement.denied.is_empty() {
        let why = format!("{} actions depend on conditions that IAM does not show", judgement.unsure.len());
        let seen = judgement.unsure.iter().cloned().chain([whose, SCP.to_owned()]);
        return Err(Finding::new(why, "").seen(seen).warns());
    }
    Err(refuse(judgement).seen([whose, SCP.to_owned()]).fails())
}

/// Tells apart what a statement would mend and what only the organization can.
fn refuse(judgement: &Judgement) -> Finding {
    let denied = &judgement.denied;
    let (above, here): (Vec<&Denied>, Vec<&Denied>) = denied.iter().partition(|denied| denied.by_organization);
    let explicitly = here.iter().filter(|denied| denied.explicitly).count();
    let and_explicit = if explicitly > 0 { format!(", {explicitly} by a Deny statement") } else { String::new() };
    let and_above = match above.len() {
        0 => String::new(),
        number => format!(", {number} by a service control policy of the organization"),
    };
    let why = format!(
        "{} of {} actions that this plan calls are denied{and_explicit}{and_above}: {}",
        denied.len(),
        denied.len() + judgement.allowed + judgement.unsure.len(),
        names(denied.iter()),
    );
    let mut next = vec![];
    if !here.is_empty() {
        let and_else =
            "if theirs names resources in a way that is not seen here, skip this check with `--skip PF-PERMISSIONS`";
        next.push(format!("have the statement added to the policy of these credentials; {and_else}"));
    }
    if !above.is_empty() {
        let whom = "have whoever manages the organization allow it: no policy of this account can";
        next.push(format!("{whom} ({})", names(above.iter().copied())));
    }
    let statement = (!here.is_empty()).then(|| statement(&here));
    Finding::new(why, next.join("; and ")).seen(statement)
}

fn names<'a>(denied: impl Iterator<Item = &'a Denied>) -> String {
    denied.map(|denied| denied.action.as_str()).collect::<Vec<_>>().join(", ")
}

/// A policy that allows what is denied, ready to be attached.
fn statement(denied: &[&Denied]) -> String {
    let mut by_resource: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for one in denied {
        by_resource.entry(&one.resource).or_default().push(&one.action);
    }
    let statements: Vec<_> = by_resource
        .into_iter()
        .map(|(resource, actions)| json!({ "Effect": "Allow", "Action": actions, "Resource": resource }))
        .collect();
    format!("{:#}", json!({ "Version": "2012-10-17", "Statement": statements }))
}

pub(super) fn dry_run(facts: &Facts) -> Judged {
    let rehearsed = &facts.asked.dry_runs;
    if rehearsed.is_empty() {
        return not_needed();
    }
    let refused: Vec<&str> =
        rehearsed.iter().filter(|(_, answer)| *answer == Ok(false)).map(|(create, _)| create.action()).collect();
    if !refused.is_empty() {
        let why = format!("EC2 would refuse {}", refused.join(", "));
        let next = "have it allowed, by the policy of these credentials and by those of the organization";
        return Err(Finding::new(why, next).fails());
    }
    match rehearsed.iter().find_map(|(_, answer)| answer.as_ref().err()) {
        Some(error) => Err(unread(error, facts)),
        None => Ok(rehearsed.iter().map(|(create, _)| create.action()).collect::<Vec<_>>().join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preflight::report::Status;
    use crate::preflight::samples::{failing, good};
    use crate::resource::Error;

    fn denied(action: &str, explicitly: bool) -> Denied {
        Denied { action: action.into(), resource: "*".into(), explicitly, by_organization: false }
    }

    #[test]
    fn denied_actions_are_listed_with_a_statement_that_allows_them() {
        let mut facts = good();
        facts.asked.rights = Ok(Rights::Judged(Judgement {
            principal: "arn:aws:iam::123456789012:role/deploy".into(),
            allowed: 5,
            denied: vec![denied("ec2:CreateVpc", true), denied("rds:CreateDBInstance", false)],
            unsure: vec![],
        }));
        let finding = failing(permissions(&facts));
        assert_eq!(
            finding.why,
            "2 of 7 actions that this plan calls are denied, 1 by a Deny statement: ec2:CreateVpc, rds:CreateDBInstance"
        );
        let policy: serde_json::Value = serde_json::from_str(&finding.evidence[0]).unwrap();
        assert_eq!(policy["Statement"][0]["Action"], json!(["ec2:CreateVpc", "rds:CreateDBInstance"]));
        assert!(finding.next.contains("--skip PF-PERMISSIONS") && finding.evidence[1].contains("role/deploy"));
    }

    #[test]
    fn what_the_organization_denies_is_told_as_its_policy_and_no_statement_is_offered_for_it() {
        let mut facts = good();
        let above = Denied { by_organization: true, ..denied("rds:CreateDBInstance", true) };
        let judged = |denied: Vec<Denied>| Ok(Rights::Judged(Judgement { allowed: 5, denied, ..Judgement::default() }));
        facts.asked.rights = judged(vec![above.clone()]);
        let finding = failing(permissions(&facts));
        let told = "1 of 6 actions that this plan calls are denied, 1 by a service control policy of the organization: \
                    rds:CreateDBInstance";
        assert_eq!(finding.why, told);
        assert!(finding.next.starts_with("have whoever manages the organization allow it"), "{finding:?}");
        assert!(!finding.evidence.iter().any(|line| line.contains("\"Effect\"")), "{finding:?}");
        assert!(finding.evidence.contains(&SCP.to_owned()), "{finding:?}");
        facts.asked.rights = judged(vec![denied("ec2:CreateVpc", false), above]);
        let finding = failing(permissions(&facts));
        let policy: serde_json::Value = serde_json::from_str(&finding.evidence[0]).unwrap();
        assert_eq!(policy["Statement"][0]["Action"], json!(["ec2:CreateVpc"]));
        assert!(
            finding.next.contains("policy of these credentials") && finding.next.contains("(rds:CreateDBInstance)")
        );
    }

    #[test]
    fn what_iam_does_not_know_is_doubt_and_not_denial() {
        let mut facts = good();
        let unsure = Judgement { unsure: vec!["ec2:CreateVpc".into()], ..Judgement::default() };
        facts.asked.rights = Ok(Rights::Judged(unsure));
        assert!(matches!(permissions(&facts), Err(Status::Warn(_))));
        facts.asked.rights = Ok(Rights::Unknowable("a federated user".into()));
        assert!(matches!(permissions(&facts), Err(Status::Unknown(_))));
        facts.asked.rights = Ok(Rights::Root);
        assert!(permissions(&facts).is_ok());
        let code = Some("AccessDenied".into());
        let operation = "iam:SimulatePrincipalPolicy".into();
        facts.asked.rights = Err(Error { code, operation, ..Error::terminal("x") });
        let Err(Status::Unknown(finding)) = permissions(&facts) else { panic!() };
        assert!(finding.why.contains("iam:SimulatePrincipalPolicy"));
    }

    #[test]
    fn a_refused_rehearsal_names_the_create() {
        let mut facts = good();
        facts.asked.dry_runs[1].1 = Ok(false);
        assert_eq!(failing(dry_run(&facts)).why, "EC2 would refuse ec2:AllocateAddress");
        facts.asked.dry_runs[1].1 = Err(Error::terminal("x"));
        assert!(matches!(dry_run(&facts), Err(Status::Unknown(_))));
    }
}
