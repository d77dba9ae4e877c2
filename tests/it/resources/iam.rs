//! Roles and what hangs on them.

use super::security_groups::{drifted, read};
use crate::support::lifecycle::{Bench, Made};
use hybridctl::aws::iam::policy::{Document, Statement};
use hybridctl::aws::iam::policy_attachment::PolicyAttachment;
use hybridctl::aws::iam::role::Role;
use hybridctl::aws::iam::role_policy::RolePolicy;
use hybridctl::aws::iam::service_linked_role::ServiceLinkedRole;
use hybridctl::resource::{Found, Id, Resource};
use std::collections::BTreeSet;

const MANAGED: &str = "arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy";
const STRANGE: &str = "arn:aws:iam::aws:policy/AdministratorAccess";

fn role(bench: &Bench) -> Role {
    let trust = Statement::allow(["sts:AssumeRole"]).to_service("ecs-tasks.amazonaws.com");
    Role {
        name: format!("{}-eu-central-1-execution", bench.deployment),
        description: "starts the tasks".into(),
        assume_role_policy: Document::new([trust.when("StringEquals", "aws:SourceAccount", "123456789012")]),
        managed_policies: BTreeSet::from([MANAGED.to_owned()]),
        inline_policies: BTreeSet::from(["secrets".to_owned()]),
    }
}

fn attachment(role: &Made) -> PolicyAttachment {
    PolicyAttachment { role_name: role.id.0.clone().into(), policy_arn: MANAGED.into() }
}

fn inline(role: &Made, secrets: &[&str]) -> RolePolicy {
    let arns = secrets.iter().map(|name| format!("arn:aws:secretsmanager:eu-central-1:123456789012:secret:{name}"));
    let statement = Statement::allow(["secretsmanager:GetSecretValue"]).on(arns);
    RolePolicy {
        role_name: role.id.0.clone().into(),
        policy_name: "secrets".into(),
        document: Document::new([statement]),
    }
}

#[tokio::test]
async fn a_role_and_its_policies_live_their_lives() {
    let Some(bench) = Bench::connect().await else { return };
    let made = bench.create("execution", &role(&bench)).await;
    let attached = bench.create("execution-ecs", &attachment(&made)).await;
    let secrets = bench.create("execution-secrets", &inline(&made, &["b", "a"])).await;
    bench.update("execution-secrets", &secrets, &inline(&made, &["a", "c"])).await;
    assert!(drifted(&bench, "execution", &made, &role(&bench)).await.is_empty(), "what belongs there is known");

    let other = Statement::allow(["sts:AssumeRole"]).to_service("ecs.amazonaws.com");
    let changed = Role { description: "new".into(), assume_role_policy: Document::new([other]), ..role(&bench) };
    let seen = bench.update("execution", &made, &changed).await;
    assert_eq!(seen.outputs.unwrap()["role_name"], made.id.0);

    bench.delete::<PolicyAttachment>("execution-ecs", &attached).await;
    bench.delete::<RolePolicy>("execution-secrets", &secrets).await;
    bench.delete::<Role>("execution", &made).await;
}

#[tokio::test]
async fn policies_added_by_hand_show_and_go() {
    let Some(bench) = Bench::connect().await else { return };
    let want = role(&bench);
    let made = bench.create("execution", &want).await;
    let attached = bench.create("execution-ecs", &attachment(&made)).await;
    let iam = bench.aws.iam();

    iam.attach_role_policy().role_name(&want.name).policy_arn(STRANGE).send().await.unwrap();
    assert_eq!(drifted(&bench, "execution", &made, &want).await, ["managed_policies"]);
    bench.update("execution", &made, &want).await;

    let text = inline(&made, &["x"]).document.text().unwrap();
    let put = iam.put_role_policy().role_name(&want.name).policy_name("strange").policy_document(text);
    put.send().await.unwrap();
    assert_eq!(drifted(&bench, "execution", &made, &want).await, ["inline_policies"]);
    bench.update("execution", &made, &want).await;
    assert!(read::<PolicyAttachment>(&bench, "execution-ecs", &attached.id).await.is_some(), "ours stays");

    iam.update_role().role_name(&want.name).description("by hand").send().await.unwrap();
    assert_eq!(drifted(&bench, "execution", &made, &want).await, ["description"]);
    let trust = Document::new([Statement::allow(["sts:AssumeRole"]).to_service("ec2.amazonaws.com")]).text().unwrap();
    iam.update_role().role_name(&want.name).description(&want.description).send().await.unwrap();
    iam.update_assume_role_policy().role_name(&want.name).policy_document(trust).send().await.unwrap();
    assert_eq!(drifted(&bench, "execution", &made, &want).await, ["assume_role_policy"]);
    bench.update("execution", &made, &want).await;

    // With a policy of ours still on it: the role takes it off.
    bench.delete::<Role>("execution", &made).await;
    assert!(read::<PolicyAttachment>(&bench, "execution-ecs", &attached.id).await.is_none());
}

#[tokio::test]
async fn a_role_of_somebody_else_is_not_taken() {
    let Some(bench) = Bench::connect().await else { return };
    let want = role(&bench);
    let trust = want.assume_role_policy.text().unwrap();
    let iam = bench.aws.iam();
    iam.create_role().role_name(&want.name).assume_role_policy_document(trust).send().await.unwrap();
    let found = bench
        .scoped::<Role, _>("execution", &bench.token(), None, async |scope| Role::find(scope, &want).await.unwrap())
        .await;
    assert!(matches!(&found, Found::Foreign(whose) if whose.contains(&want.name)), "{found:?}");
    iam.delete_role().role_name(&want.name).send().await.unwrap();
}

#[tokio::test]
async fn role_and_attachment_share_a_call() {
    let Some(bench) = Bench::connect().await else { return };
    let made = bench.create("execution", &role(&bench)).await;
    let attached = bench.create("execution-ecs", &attachment(&made)).await;
    let before = bench.aws.calls().len();
    let seen = futures_util::join!(
        read::<PolicyAttachment>(&bench, "execution-ecs", &attached.id),
        read::<Role>(&bench, "execution", &made.id),
    );
    assert!(seen.0.is_some() && seen.1.is_some());
    let mut calls = bench.aws.calls().split_off(before);
    calls.sort_unstable();
    assert_eq!(calls, ["iam:GetRole", "iam:ListAttachedRolePolicies", "iam:ListRolePolicies"]);
    bench.delete::<Role>("execution", &made).await;
}

#[tokio::test]
async fn a_service_linked_role_is_made_once_and_only_forgotten() {
    let Some(bench) = Bench::connect().await else { return };
    let services = ["ecs.amazonaws.com", "elasticloadbalancing.amazonaws.com"];
    for service in services {
        let want = ServiceLinkedRole { service: service.into() };
        let name = service.split('.').next().unwrap();
        bench
            .scoped::<ServiceLinkedRole, _>(name, &bench.token(), None, async |scope| {
                for _ in 0..2 {
                    let id = ServiceLinkedRole::create(scope, &want).await.unwrap();
                    assert_eq!(ServiceLinkedRole::find(scope, &want).await.unwrap(), Found::Ours(id.clone()));
                    ServiceLinkedRole::delete(scope, &id).await.unwrap();
                }
            })
            .await;
    }
    let ids = services.map(Id::from);
    let before = bench.aws.calls().len();
    let (ecs, elb) = futures_util::join!(
        read::<ServiceLinkedRole>(&bench, "ecs", &ids[0]),
        read::<ServiceLinkedRole>(&bench, "elb", &ids[1]),
    );
    assert!(ecs.unwrap().outputs.unwrap().role_arn.contains("/aws-service-role/ecs.amazonaws.com/"));
    assert_eq!(elb.unwrap().inputs.service, services[1]);
    assert_eq!(bench.aws.calls().split_off(before), ["iam:ListRoles"]);
}
