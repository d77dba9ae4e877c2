//! Whole screens of plans.

use super::*;
use crate::model::Keep;
use crate::plan::Reason;
use crate::report::samples::{plan_of, reference, step};
use crate::resource::Effect;
use serde_json::{Value, json};

fn meta(place: Place) -> Meta {
    Meta { deployment: "zenml-hybrid".into(), region: "eu-central-1".into(), place }
}

fn on_aws(plan: &Plan) -> String {
    plan_text(plan, &meta(Place::Account("123456789012".into())), Style::Plain)
}

// subnets ──▶ vpc;  subnet group ──▶ subnets
fn first_plan() -> Plan {
    let later = |sample: crate::report::samples::Sample| sample.reason(Reason::LookedUpAtApply);
    plan_of([
        later(step("ec2.vpc/main", Action::Create).guide("step 1").inputs(json!({
            "cidr_block": "10.0.0.0/16", "enable_dns_hostnames": true
        }))),
        later(step("ec2.subnet/private-a", Action::Create).guide("step 1").uses("ec2.vpc/main").inputs(json!({
            "vpc_id": reference("ec2.vpc/main#vpc_id"), "cidr_block": "10.0.128.0/20",
            "availability_zone": "eu-central-1a", "map_public_ip_on_launch": false
        }))),
        later(
            step("rds.subnet_group/main", Action::Create)
                .guide("implied by step 2")
                .uses("ec2.subnet/private-a")
                .inputs(
                    json!({ "name": "zenml-hybrid-db", "subnet_ids": [reference("ec2.subnet/private-a#subnet_id")] }),
                ),
        ),
    ])
}

#[test]
fn the_first_plan_offline() {
    insta::assert_snapshot!(plan_text(&first_plan(), &meta(Place::Offline), Style::Plain), @r#"
    Plan for zenml-hybrid in eu-central-1, offline: nothing was looked up on AWS

    + ec2.vpc/main           create  guide: step 1
          cidr_block: "10.0.0.0/16"
          enable_dns_hostnames: true
    + ec2.subnet/private-a   create  guide: step 1
          vpc_id: (known after apply: ec2.vpc/main#vpc_id)
          cidr_block: "10.0.128.0/20"
          availability_zone: "eu-central-1a"
          map_public_ip_on_launch: false
    + rds.subnet_group/main  create  guide: implied by step 2
          name: "zenml-hybrid-db"
          subnet_ids: [ec2.subnet/private-a] (known after apply)

    Plan: 3 to create.
    No data is at risk.
    "#);
}

fn container(tag: &str, debug: Value) -> Value {
    json!({
        "image": format!("715803424590.dkr.ecr.eu-central-1.amazonaws.com/zenml-pro-server:{tag}"),
        "environment": { "ZENML_DEBUG": debug, "ZENML_STORE_URL": "mysql://db:3306" },
    })
}

fn mixed_plan() -> Plan {
    plan_of([
        step("ecs.task_definition/zenml", Action::Replace)
            .guide("step 7")
            .id("arn:aws:ecs:eu-central-1:123456789012:task-definition/zenml-hybrid:41")
            .change("container", container("0.92.0", json!("1")), container("0.93.1", Value::Null), Effect::Replace)
            .with(|step| step.create_first = true),
        step("ecs.service/zenml", Action::Update)
            .guide("step 8")
            .id("zenml-hybrid|zenml")
            .uses("ecs.task_definition/zenml")
            .change(
                "task_definition",
                json!("arn:aws:ecs:eu-central-1:123456789012:task-definition/zenml-hybrid:41"),
                reference("ecs.task_definition/zenml#task_definition_arn"),
                Effect::Update,
            )
            .change("desired_count", json!(3), json!(2), Effect::Update)
            .with(|step| step.changes[1].drift = true),
        step("rds.instance/main", Action::Update)
            .guide("step 2")
            .id("zenml-hybrid-db")
            .reason(Reason::Drift)
            .change("instance_class", json!("db.t3.small"), json!("db.t3.micro"), Effect::Update)
            .with(|step| {
                (step.changes[0].drift, step.holds_data) = (true, true);
                step.changes[0].impact = Some("outage of some minutes".into());
            }),
        step("ec2.security_group_rule/db-in", Action::Create)
            .guide("step 2")
            .reason(Reason::DeletedOutside)
            .uses("ec2.security_group/db")
            .inputs(json!({"group_id": reference("ec2.security_group/db#group_id"), "port": 3306})),
        step("ec2.security_group/db", Action::Keep).guide("step 2").id("sg-0abc"),
        step("ec2.vpc/main", Action::Keep).guide("step 1").id("vpc-0abc"),
        step("secrets.generated_secret/jwt-key", Action::Adopt)
            .guide("implied by step 3")
            .reason(Reason::Restored)
            .id("arn:aws:secretsmanager:eu-central-1:123456789012:secret:zenml/server/jwt-key-AbCdEf")
            .with(|step| step.restore = true),
        step("ec2.vpc_endpoint/s3", Action::Delete).id("vpce-0123456789abcdef0"),
        step("logs.log_group/old", Action::Forget).reason(Reason::DeletedOutside).id("/ecs/old"),
        step("iam.role/execution", Action::Retain)
            .id("zenml-hybrid-execution")
            .reason(Reason::Kept("ZenML's image grant is bound to it".into())),
    ])
}

#[test]
fn a_plan_with_everything_in_it() {
    insta::assert_snapshot!(on_aws(&mixed_plan()), @r#"
    Plan for zenml-hybrid in eu-central-1, account 123456789012

    + ec2.security_group_rule/db-in     create again: deleted outside hybridctl                   guide: step 2
          group_id: (ec2.security_group/db#group_id)
          port: 3306
    ~ rds.instance/main                 update: somebody changed it on AWS                        guide: step 2
        ~ instance_class: "db.t3.small" → "db.t3.micro"
        ! impact: outage of some minutes
    < secrets.generated_secret/jwt-key  restore: deleted, but still within its recovery window    guide: implied by step 3
          id: arn:aws:secretsmanager:eu-central-1:123456789012:secret:zenml/server/jwt-key-AbCdEf
    ± ecs.task_definition/zenml         replace, new one first: container cannot change in place  guide: step 7
        ~ container.image: "…/zenml-pro-server:0.92.0" → "…/zenml-pro-server:0.93.1"
        - container.environment.ZENML_DEBUG: "1"
    ~ ecs.service/zenml                 update: the configuration changed                         guide: step 8
        ~ task_definition: "…/zenml-hybrid:41" → (known after apply: ecs.task_definition/zenml#task_definition_arn)
        ~ desired_count: 3 → 2  (somebody changed it on AWS)
    - ec2.vpc_endpoint/s3               delete: not wanted any more                               vpce-0123456789abcdef0
    ? logs.log_group/old                forget: deleted outside hybridctl                         /ecs/old
    ! iam.role/execution                retain: ZenML's image grant is bound to it                zenml-hybrid-execution

    Plan: 1 to create, 1 to adopt, 2 to update, 1 to replace, 1 to delete, 1 to forget, 1 kept, 2 unchanged.
    No data is at risk.
    Expect from rds.instance/main: outage of some minutes.
    "#);
}

#[test]
fn a_destroy_that_keeps_a_snapshot() {
    let plan = plan_of([
        step("rds.instance/main", Action::Delete).id("zenml-hybrid-db").with(|step| {
            (step.release, step.holds_data) = (true, true);
        }),
        step("rds.snapshot/final", Action::Create)
            .uses("rds.instance/main")
            .inputs(json!({"name": "zenml-hybrid-final-1"}))
            .with(|step| step.holds_data = true),
        step("ec2.vpc/main", Action::Delete).id("vpc-0abc"),
        step("secrets.generated_secret/encryption-key", Action::Retain)
            .id("arn:…:secret:zenml/server/encryption-key-AbCdEf")
            .reason(Reason::Kept("the data in rds.snapshot/final cannot be read without it".into()))
            .with(|step| step.keep = Keep::WhileSnapshotOf("rds.instance/main".parse().unwrap())),
    ]);
    insta::assert_snapshot!(on_aws(&plan), @r#"
    Plan for zenml-hybrid in eu-central-1, account 123456789012

    + rds.snapshot/final                       create
          name: "zenml-hybrid-final-1"
    - ec2.vpc/main                             delete: not wanted any more                                       vpc-0abc
    - rds.instance/main                        delete: not wanted any more                                       zenml-hybrid-db
        ! its deletion protection is lifted first
    ! secrets.generated_secret/encryption-key  retain: the data in rds.snapshot/final cannot be read without it  arn:…:secret:zenml/server/encryption-key-AbCdEf

    Plan: 1 to create, 2 to delete, 1 kept.
    Data: rds.instance/main goes; its data is kept in rds.snapshot/final.
    "#);
}

#[test]
fn nothing_to_do_is_three_lines() {
    let plan = plan_of([step("ec2.vpc/main", Action::Keep), step("ec2.subnet/a", Action::Keep)]);
    assert_eq!(
        plan_text(&plan, &meta(Place::Sandbox), Style::Plain),
        "Plan for zenml-hybrid in eu-central-1, in the sandbox\n\nPlan: no changes, 2 unchanged.\n"
    );
}

#[test]
fn colour_changes_no_word() {
    let plan = mixed_plan();
    let place = meta(Place::Account("123456789012".into()));
    let coloured = plan_text(&plan, &place, Style::Coloured);
    assert!(coloured.contains('\u{1b}'));
    assert_eq!(console::strip_ansi_codes(&coloured), plan_text(&plan, &place, Style::Plain));
    assert!(plan_text(&plan, &place, Style::Plain).lines().all(|line| line == line.trim_end()));
}
