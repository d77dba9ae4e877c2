//! Whole screens of failures.

use super::*;
use crate::report::samples::{address, plan_of, step};
use crate::resource::Class;
use std::time::Duration;

fn from_aws(code: &str, message: &str) -> Error {
    Error {
        code: Some(code.into()),
        operation: "rds:CreateDBInstance".into(),
        request_id: Some("7f3c2b1a".into()),
        ..Error::terminal(message)
    }
}

#[test]
fn a_failure_says_what_why_and_what_next() {
    let error = from_aws("DBSubnetGroupDoesNotCoverEnoughAZs", "the subnet group must cover two zones\nit covers one")
        .hint("`network.zones` lists only `eu-central-1a`")
        .hint("add a second zone, then continue with `hybridctl up`");
    insta::assert_snapshot!(error_text("create rds.instance/main", &error, Style::Plain), @r#"
    error[HC2016]: could not create rds.instance/main
      DBSubnetGroupDoesNotCoverEnoughAZs: the subnet group must cover two zones
      it covers one (rds:CreateDBInstance, request 7f3c2b1a)
    hint: `network.zones` lists only `eu-central-1a`
    hint: add a second zone, then continue with:
        hybridctl up
    "#);
}

#[test]
fn a_refused_delete_names_who_holds_the_object_and_how_it_is_freed() {
    let refused = Error {
        held_by: Some("eni-1 (AWS Lambda VPC ENI-report): not of this deployment".into()),
        ..from_aws("DependencyViolation", "the subnet has dependencies").in_class(Class::Held)
    };
    let error = refused.hint("find out who uses it, and remove it with `aws ec2 delete-network-interface --id eni-1`");
    insta::assert_snapshot!(error_text("delete ec2.subnet/private-a", &error, Style::Plain), @r#"
    error[HC2003]: could not delete ec2.subnet/private-a
      DependencyViolation: the subnet has dependencies (rds:CreateDBInstance, request 7f3c2b1a)
      held by eni-1 (AWS Lambda VPC ENI-report): not of this deployment
    hint: find out who uses it, and remove it with:
        aws ec2 delete-network-interface --id eni-1
    "#);
}

#[test]
fn commands_stand_on_their_own_line() {
    let table = [
        ("do this:\nhybridctl up\n  aws s3 ls", "hint: do this:\n    hybridctl up\n    aws s3 ls\n"),
        ("run `hybridctl up`", "hint: run:\n    hybridctl up\n"),
        ("set `network.zones`", "hint: set `network.zones`\n"),
        ("run `hybridctl up` again", "hint: run `hybridctl up` again\n"),
        ("", "hint: \n"),
    ];
    for (hint, shown) in table {
        assert_eq!(hint_text(hint, Style::Plain), shown);
    }
}

// service ──▶ database;  dns ──▶ service
#[test]
fn an_outcome_with_failures_and_what_they_held_up() {
    let plan = plan_of([
        step("rds.instance/main", Action::Create),
        step("ec2.vpc/a", Action::Update),
        step("ec2.vpc/b", Action::Update),
        step("ecs.service/zenml", Action::Create),
        step("route53.record/server", Action::Create),
    ]);
    let expired = from_aws("ExpiredToken", "the security token is expired").in_class(Class::Credentials);
    let expired = expired.hint("sign in with `aws sso login`");
    let mut outcome = Outcome::default();
    outcome.done.insert(address("ec2.vpc/main"), Duration::from_secs(2));
    outcome.failed.insert(address("rds.instance/main"), from_aws("StorageFull", "no room left"));
    outcome.failed.insert(address("ec2.vpc/a"), expired.clone());
    outcome.failed.insert(address("ec2.vpc/b"), Error { request_id: Some("other".into()), ..expired });
    outcome.skipped.insert(address("ecs.service/zenml"), address("rds.instance/main"));
    outcome.skipped.insert(address("route53.record/server"), address("rds.instance/main"));
    insta::assert_snapshot!(outcome_text(&outcome, &plan, "hybridctl up", Style::Plain), @r#"
    error[HC2006]: could not update ec2.vpc/a and ec2.vpc/b
      ExpiredToken: the security token is expired (rds:CreateDBInstance, request 7f3c2b1a)
    hint: sign in with:
        aws sso login

    error[HC2016]: could not create rds.instance/main
      StorageFull: no room left (rds:CreateDBInstance, request 7f3c2b1a)
    hint: what it means, and what can be done:
        hybridctl explain HC2016

    Not begun because of rds.instance/main: 2 resources (ecs.service/zenml and route53.record/server).
    1 resource completed. When the cause is removed, continue with:
        hybridctl up
    "#);
}

#[test]
fn a_stop_says_how_to_continue() {
    let outcome = Outcome { stopped: true, ..Outcome::default() };
    assert_eq!(
        outcome_text(&outcome, &plan_of([]), "hybridctl destroy", Style::Plain),
        "Stopped. Nothing was completed. What was begun is on record; continue with:\n    hybridctl destroy\n"
    );
    assert_eq!(outcome_text(&Outcome::default(), &plan_of([]), "hybridctl up", Style::Plain), "");
}

#[test]
fn a_lost_lock_is_no_failed_save() {
    let lost = crate::state::StoreError::LockLost("bob took it over".into());
    let outcome = Outcome { lost: Some(lost), ..Outcome::default() };
    let text = outcome_text(&outcome, &plan_of([]), "hybridctl up", Style::Plain);
    assert!(
        text.starts_with("error[HC2036]: may not go on\n  the lock on the state was lost: bob took it over\n"),
        "{text}"
    );
}

#[test]
fn a_lost_state_is_an_error_of_its_own() {
    let lost = crate::state::StoreError::Moved { expected: 3, found: 4 };
    let outcome = Outcome { lost: Some(lost), ..Outcome::default() };
    insta::assert_snapshot!(outcome_text(&outcome, &plan_of([]), "hybridctl up", Style::Plain), @r#"
    error[HC2032]: could not save the state
      the state was changed by another run: expected serial 3, found 4
      The run ended at once; the next one looks for what this one was making.

    When the cause is removed, continue with:
        hybridctl up
    "#);
}
