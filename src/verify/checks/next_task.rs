//! What ECS needs before a container starts: secrets, roles, the log group. Running tasks hide it all.

use super::environment::definition_of;
use super::{Judged, UP, seen};
use crate::aws::look::access::{Role, secret_arn};
use crate::report::words::count;
use crate::verify::Facts;
use crate::verify::report::Fail;
use std::collections::BTreeMap;

pub(super) fn secrets(facts: &Facts) -> Judged {
    let definition = definition_of(facts)?;
    let secrets = seen(&facts.look.secrets, facts)?;
    let (mut wrong, mut kinds, mut restore) = (vec![], vec![], None);
    for (variable, reference) in &definition.secrets {
        let arn = secret_arn(reference);
        match secrets.get(&arn) {
            Some(None) => {
                kinds.push("secrets.gone");
                wrong.push(format!("the secret of {variable} is gone ({arn})"));
            }
            Some(Some(secret)) if secret.deleted.is_some() => {
                kinds.push("secrets.deleted");
                wrong.push(format!("the secret of {variable} ({}) is pending deletion", secret.name));
                restore.get_or_insert(arn);
            }
            Some(Some(secret)) => {
                // `arn:key:stage:version`: a version that lost its last stage cannot be read.
                let version = reference.split(':').nth(9).filter(|version| !version.is_empty());
                if version.is_some_and(|version| !secret.versions.iter().any(|known| known == version)) {
                    kinds.push("secrets.gone");
                    wrong.push(format!("the version of {} that {variable} names is gone", secret.name));
                }
            }
            None => {}
        }
    }
    let Some(first) = wrong.first() else { return Ok(count(secrets.len(), "secret")) };
    let next = match restore {
        Some(arn) => format!("aws secretsmanager restore-secret --secret-id {arn}"),
        None => UP.to_owned(),
    };
    kinds.dedup();
    let why = format!("the next task cannot start: {first}");
    Err(Fail::new(why).next(next).classes(kinds).seen(wrong.clone()).into())
}

pub(super) fn roles(facts: &Facts) -> Judged {
    let definition = definition_of(facts)?;
    let access = seen(&facts.look.access, facts)?;
    let Some(execution) = &access.execution else {
        let why = "the next task cannot start: the task definition names no execution role";
        return Err(Fail::new(why).next(UP).class("roles.gone").into());
    };
    let mut wrong = vec![];
    for (what, role) in [("execution role", Some(execution)), ("task role", access.task.as_ref())] {
        wrong.extend(role.and_then(|role| unusable(what, role)));
    }
    let gone = (!wrong.is_empty()).then_some("roles.gone");
    let mut kinds: Vec<&str> = gone.into_iter().chain(access.denied.iter().map(|(action, _)| kind(action))).collect();
    kinds.dedup();
    wrong.extend(refused(&access.denied));
    if let Some(first) = wrong.first() {
        let why = format!("the next task cannot start: {first}");
        return Err(Fail::new(why).next(UP).classes(kinds).seen(wrong.clone()).into());
    }
    let reads = count(definition.secrets.len(), "secret");
    Ok(match access.reads_other_secrets {
        true => format!("reads {reads}, and others that the server has no use for"),
        false => format!("reads its {reads} and no others"),
    })
}

/// What a task lacks whose role may not do this.
fn kind(action: &str) -> &'static str {
    match action.split(':').next() {
        Some("logs") => "roles.logs",
        Some("ecr") => "roles.image",
        _ => "roles.secrets",
    }
}

/// One line for each action, however many resources it is about.
fn refused(denied: &[(String, String)]) -> Vec<String> {
    let mut actions: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (action, resource) in denied {
        actions.entry(action).or_default().push(resource);
    }
    let line = |(action, resources): (&str, Vec<&str>)| match resources.as_slice() {
        [one] => format!("the execution role may not {action} on {one}"),
        several => {
            format!("the execution role may not {action} on {} resources, among them {}", several.len(), several[0])
        }
    };
    actions.into_iter().map(line).collect()
}

fn unusable(what: &str, role: &Role) -> Option<String> {
    let name = role.arn.rsplit('/').next().unwrap_or_default();
    if !role.exists {
        return Some(format!("the {what} {name} is gone"));
    }
    (!role.trusts_tasks).then(|| format!("the {what} {name} does not trust ecs-tasks.amazonaws.com"))
}

pub(super) fn log_group(facts: &Facts) -> Judged {
    let definition = definition_of(facts)?;
    let Some(group) = &definition.log_group else {
        let why = "the task definition logs to no CloudWatch group: a failing server would say nothing";
        return Err(Fail::new(why).next(UP).into());
    };
    if *seen(&facts.look.log_group, facts)? {
        return Ok(group.clone());
    }
    Err(Fail::new(format!("the next task cannot start: its log group {group} is gone")).next(UP).into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verify::{Status, samples};

    fn failed(judged: Judged) -> Fail {
        match judged {
            Err(Status::Fail(fail)) => fail,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_secret_that_is_gone_or_pending_deletion_is_named_with_the_way_back() {
        let mut facts = samples::good();
        let found = facts.look.secrets.as_mut().unwrap().values_mut().next().unwrap();
        found.as_mut().unwrap().deleted = Some("2026-11-20T10:00:00Z".into());
        let fail = failed(secrets(&facts));
        assert!(fail.why.contains("pending deletion") && fail.next.contains("restore-secret"), "{fail:?}");
        *facts.look.secrets.as_mut().unwrap().values_mut().next().unwrap() = None;
        assert!(failed(secrets(&facts)).why.contains("is gone"));
    }

    #[test]
    fn a_version_without_a_stage_is_told() {
        let mut facts = samples::good();
        let definition = facts.look.definition.as_mut().unwrap().as_mut().unwrap();
        for reference in definition.secrets.values_mut() {
            reference.push_str(":::v9");
        }
        assert!(failed(secrets(&facts)).why.contains("version"));
    }

    #[test]
    fn roles_must_exist_trust_ecs_and_read_the_secrets() {
        let change = |with: fn(&mut crate::aws::look::access::Access)| {
            let mut facts = samples::good();
            with(facts.look.access.as_mut().unwrap());
            facts
        };
        for (facts, word) in [
            (change(|a| a.execution.as_mut().unwrap().exists = false), "execution role r is gone"),
            (change(|a| a.task.as_mut().unwrap().trusts_tasks = false), "does not trust"),
            (change(|a| a.denied = vec![("secretsmanager:GetSecretValue".into(), "arn".into())]), "may not"),
            (change(|a| a.execution = None), "names no execution role"),
        ] {
            assert!(failed(roles(&facts)).why.contains(word));
        }
        assert!(roles(&change(|a| a.reads_other_secrets = true)).unwrap().contains("no use for"));
    }

    #[test]
    fn a_missing_log_group_is_told() {
        let mut facts = samples::good();
        facts.look.log_group = Ok(false);
        assert!(failed(log_group(&facts)).why.contains("/ecs/x is gone"));
    }
}
