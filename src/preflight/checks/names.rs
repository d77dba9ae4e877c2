//! Names that are taken, by others or by what is on its way out.

use super::dns::is_record;
use super::{Judged, not_needed};
use crate::aws::ask::rights::Rights;
use crate::model::Address;
use crate::preflight::Facts;
use crate::preflight::report::Finding;

fn is_secret(address: &Address) -> bool {
    address.kind.starts_with("secrets.")
}

pub(super) fn names(facts: &Facts) -> Judged {
    let taken: Vec<String> = facts
        .wish
        .foreign
        .iter()
        .filter(|(address, _)| !is_record(address) && !is_secret(address))
        .map(|(address, whose)| format!("{address}: {whose}"))
        .collect();
    let Some(first) = taken.first() else { return Ok("free or ours".to_owned()) };
    let why = if taken.len() == 1 { first.clone() } else { format!("{} names are taken", taken.len()) };
    let next = "choose another `name` (at most 20 characters), or remove the other objects";
    Err(Finding::new(why, next).seen(taken).fails())
}

pub(super) fn secrets(facts: &Facts) -> Judged {
    let taken: Vec<&String> =
        facts.wish.foreign.iter().filter(|(address, _)| is_secret(address)).map(|(_, whose)| whose).collect();
    if let Some(first) = taken.first() {
        let why =
            if taken.len() == 1 { (*first).clone() } else { format!("{} names of secrets are taken", taken.len()) };
        let next = "choose other names under `[secrets.names]`, or remove the other secrets";
        return Err(Finding::new(why, next).seen(taken.into_iter().cloned()).fails());
    }
    let restored: Vec<&str> =
        facts.wish.restored.iter().filter(|address| is_secret(address)).map(|address| address.name.as_str()).collect();
    match restored.is_empty() {
        true => Ok("none".to_owned()),
        false => Ok(format!("ours come back from their recovery window: {}", restored.join(", "))),
    }
}

pub(super) fn service_roles(facts: &Facts) -> Judged {
    const CREATE: &str = "iam:CreateServiceLinkedRole";
    let absent: Vec<&str> = facts
        .wish
        .made
        .iter()
        .filter(|(address, _)| address.kind == "iam.service_linked_role")
        .filter_map(|(_, inputs)| inputs["service"].as_str())
        .collect();
    if absent.is_empty() {
        return if facts.wish.made.is_empty() { not_needed() } else { Ok("they are there".to_owned()) };
    }
    let denied = match &facts.asked.rights {
        Ok(Rights::Judged(judgement)) => judgement.denied.iter().any(|denied| denied.action == CREATE),
        _ => false,
    };
    if !denied {
        return Ok(format!("will be made for {}", absent.join(", ")));
    }
    let commands =
        absent.iter().map(|service| format!("aws iam create-service-linked-role --aws-service-name {service}"));
    let why = format!(
        "the account lacks the roles of {}, and these credentials may not make them ({CREATE})",
        absent.join(", ")
    );
    let next = "have the commands run once by somebody who may, or have the action allowed";
    Err(Finding::new(why, next).seen(commands).fails())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::ask::rights::{Denied, Judgement};
    use crate::preflight::samples::{failing, good};
    use serde_json::json;

    #[test]
    fn a_name_that_is_taken_is_told_with_its_owner() {
        let mut facts = good();
        let whose = "the database `x-db` exists already and carries no tags of hybridctl";
        facts.wish.foreign.insert(Address::new("rds.instance", "main"), whose.into());
        let finding = failing(names(&facts));
        assert_eq!(finding.why, format!("rds.instance/main: {whose}"));
        assert!(secrets(&facts).is_ok());
        facts.wish.foreign.insert(Address::new("iam.role", "task"), "x".into());
        assert_eq!(failing(names(&facts)).why, "2 names are taken");
    }

    #[test]
    fn a_secret_of_somebody_else_is_refused_and_ours_comes_back() {
        let mut facts = good();
        facts.wish.restored.insert(Address::new("secrets.generated", "jwt"));
        assert_eq!(secrets(&facts), Ok("ours come back from their recovery window: jwt".into()));
        let whose = "the secret `zenml/x/rds/password` exists already; it is deleted and keeps the name";
        facts.wish.foreign.insert(Address::new("secrets.generated", "password"), whose.into());
        assert_eq!(failing(secrets(&facts)).why, whose);
        assert!(names(&facts).is_ok());
    }

    #[test]
    fn a_missing_role_of_aws_is_a_failure_only_if_it_cannot_be_made() {
        let mut facts = good();
        let inputs = json!({ "service": "rds.amazonaws.com" });
        facts.wish.made.insert(Address::new("iam.service_linked_role", "rds"), inputs);
        assert_eq!(service_roles(&facts), Ok("will be made for rds.amazonaws.com".into()));
        let denied =
            vec![Denied { action: "iam:CreateServiceLinkedRole".into(), resource: "*".into(), ..Denied::default() }];
        facts.asked.rights = Ok(Rights::Judged(Judgement { denied, ..Judgement::default() }));
        let finding = failing(service_roles(&facts));
        assert_eq!(finding.evidence, ["aws iam create-service-linked-role --aws-service-name rds.amazonaws.com"]);
    }
}
