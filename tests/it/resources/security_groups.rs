//! Security groups and their rules.

use crate::support::lifecycle::{Bench, Made};
use aws_sdk_ec2::types::{IpPermission, IpRange};
use hybridctl::aws::ec2::security_group::{SecurityGroup, SecurityGroupId};
use hybridctl::aws::ec2::security_group_rule::{Direction, SecurityGroupRule};
use hybridctl::aws::ec2::vpc::{Vpc, VpcId};
use hybridctl::model::Input;
use hybridctl::resource::{Class, Found, Id, Live, Observed, Phase, Resource};
use std::collections::BTreeSet;

/// The fields in which the live object does not satisfy `want`.
pub async fn drifted<R: Resource>(bench: &Bench, name: &str, made: &Made, want: &R) -> Vec<&'static str> {
    let live = read::<R>(bench, name, &made.id).await.unwrap();
    let (want, live) = (serde_json::to_value(want).unwrap(), serde_json::to_value(live.inputs).unwrap());
    let differs = |field: &&hybridctl::resource::Field| !field.satisfied(&want[field.name], &live[field.name]);
    R::FIELDS.iter().filter(differs).map(|field| field.name).collect()
}

/// The object as it is now.
pub async fn read<R: Resource>(bench: &Bench, name: &str, id: &Id) -> Option<Live<R>> {
    bench.scoped::<R, _>(name, &bench.token(), None, async |scope| R::read(scope, id).await.unwrap()).await
}

async fn network(bench: &Bench) -> Made {
    let vpc = Vpc { cidr_block: "10.9.0.0/16".into(), enable_dns_support: true, enable_dns_hostnames: true };
    bench.create("main", &vpc).await
}

fn group(network: &Made) -> SecurityGroup {
    SecurityGroup {
        vpc_id: Input::Known(VpcId(network.id.0.clone())),
        name_prefix: "t-alb".into(),
        description: "the load balancer".into(),
        unknown_rules: BTreeSet::new(),
    }
}

fn sg(made: &Made) -> Input<SecurityGroupId> {
    Input::Known(SecurityGroupId(made.id.0.clone()))
}

fn rule(group: &Made) -> SecurityGroupRule {
    SecurityGroupRule {
        security_group_id: sg(group),
        direction: Direction::Ingress,
        protocol: "tcp".into(),
        from_port: 443,
        to_port: 443,
        peer_cidr_ipv4: Some("0.0.0.0/0".into()),
        peer_security_group_id: None,
        description: "HTTPS".into(),
    }
}

fn ssh() -> IpPermission {
    let range = IpRange::builder().cidr_ip("0.0.0.0/0").build();
    IpPermission::builder().ip_protocol("tcp").from_port(22).to_port(22).ip_ranges(range).build()
}

#[tokio::test]
async fn groups_and_rules_live_their_lives() {
    let Some(bench) = Bench::connect().await else { return };
    let network = network(&bench).await;
    let front = bench.create("alb", &group(&network)).await;
    let back = bench.create("ecs", &SecurityGroup { name_prefix: "t-ecs".into(), ..group(&network) }).await;

    let https = bench.create("https", &rule(&front)).await;
    let changed = SecurityGroupRule { from_port: 80, peer_cidr_ipv4: Some("10.0.0.0/8".into()), ..rule(&front) };
    bench.update("https", &https, &changed).await;
    let changed = SecurityGroupRule { description: "all the web".into(), ..changed };
    bench.update("https", &https, &changed).await;

    let to_tasks = SecurityGroupRule {
        direction: Direction::Egress,
        from_port: 8000,
        to_port: 8000,
        peer_cidr_ipv4: None,
        peer_security_group_id: Some(sg(&back)),
        ..rule(&front)
    };
    let to_tasks_made = bench.create("to-tasks", &to_tasks).await;
    let everything =
        SecurityGroupRule { protocol: "-1".into(), from_port: -1, to_port: -1, description: String::new(), ..to_tasks };
    let everything_made = bench.create("everything", &everything).await;
    assert!(drifted(&bench, "alb", &front, &group(&network)).await.is_empty(), "our own rules are known");

    bench.delete::<SecurityGroupRule>("everything", &everything_made).await;
    bench.delete::<SecurityGroupRule>("to-tasks", &to_tasks_made).await;
    bench.delete::<SecurityGroupRule>("https", &https).await;
    bench.delete::<SecurityGroup>("alb", &front).await;
    bench.delete::<SecurityGroup>("ecs", &back).await;
    bench.delete::<Vpc>("main", &network).await;
}

#[tokio::test]
async fn a_rule_added_by_hand_shows_and_goes() {
    let Some(bench) = Bench::connect().await else { return };
    let network = network(&bench).await;
    let want = group(&network);
    let front = bench.create("alb", &want).await;
    let https = bench.create("https", &rule(&front)).await;

    let ec2 = bench.aws.ec2();
    ec2.authorize_security_group_ingress().group_id(&front.id.0).ip_permissions(ssh()).send().await.unwrap();
    assert_eq!(drifted(&bench, "alb", &front, &want).await, ["unknown_rules"]);
    let live = read::<SecurityGroup>(&bench, "alb", &front.id).await.unwrap();
    assert_eq!(live.inputs.unknown_rules, BTreeSet::from(["ingress tcp 22-22 from 0.0.0.0/0".to_owned()]));

    bench.update("alb", &front, &want).await;
    assert!(read::<SecurityGroupRule>(&bench, "https", &https.id).await.is_some(), "our own rule stays");
    bench.delete::<SecurityGroup>("alb", &front).await;
    bench.delete::<Vpc>("main", &network).await;
}

#[tokio::test]
async fn an_equal_rule_of_somebody_else_is_taken_over() {
    let Some(bench) = Bench::connect().await else { return };
    let network = network(&bench).await;
    let front = bench.create("alb", &group(&network)).await;
    let want = SecurityGroupRule { from_port: 22, to_port: 22, ..rule(&front) };
    let ec2 = bench.aws.ec2();
    ec2.authorize_security_group_ingress().group_id(&front.id.0).ip_permissions(ssh()).send().await.unwrap();

    let found = bench
        .scoped::<SecurityGroupRule, _>("ssh", &bench.token(), None, async |scope| {
            SecurityGroupRule::find(scope, &want).await.unwrap()
        })
        .await;
    let Found::Ours(id) = found else { panic!("{found:?}") };
    let made = Made { id, token: bench.token(), seen: nothing_seen() };
    bench.update("ssh", &made, &want).await;
    assert!(drifted(&bench, "alb", &front, &group(&network)).await.is_empty(), "it is known now");
    bench.delete::<SecurityGroupRule>("ssh", &made).await;
    bench.delete::<SecurityGroup>("alb", &front).await;
    bench.delete::<Vpc>("main", &network).await;
}

#[tokio::test]
async fn a_group_that_a_rule_names_is_not_let_go() {
    let Some(bench) = Bench::connect().await else { return };
    let network = network(&bench).await;
    let front = bench.create("alb", &group(&network)).await;
    let back = bench.create("ecs", &SecurityGroup { name_prefix: "t-ecs".into(), ..group(&network) }).await;
    let by_group = SecurityGroupRule { peer_cidr_ipv4: None, peer_security_group_id: Some(sg(&back)), ..rule(&front) };
    let made = bench.create("from-ecs", &by_group).await;
    let refused = bench
        .scoped::<SecurityGroup, _>("ecs", &back.token, None, async |scope| {
            SecurityGroup::delete(scope, &back.id).await.err()
        })
        .await;
    // Plain moto lets it go.
    if let Some(error) = refused {
        assert_eq!(error.class, Class::Drain, "{error}");
    }
    bench.delete::<SecurityGroupRule>("from-ecs", &made).await;
    bench.delete::<SecurityGroup>("ecs", &back).await;
    bench.delete::<SecurityGroup>("alb", &front).await;
    bench.delete::<Vpc>("main", &network).await;
}

fn nothing_seen() -> Observed {
    Observed { inputs: serde_json::Value::Null, outputs: None, phase: Phase::Ready, tags: None, detail: None }
}

#[tokio::test]
async fn groups_and_rules_are_read_with_two_calls() {
    let Some(bench) = Bench::connect().await else { return };
    let network = network(&bench).await;
    let front = bench.create("alb", &group(&network)).await;
    let back = bench.create("ecs", &SecurityGroup { name_prefix: "t-ecs".into(), ..group(&network) }).await;
    let https = bench.create("https", &rule(&front)).await;
    let http = bench.create("http", &SecurityGroupRule { from_port: 80, to_port: 80, ..rule(&back) }).await;

    let before = bench.aws.calls().len();
    let seen = futures_util::join!(
        read::<SecurityGroupRule>(&bench, "https", &https.id),
        read::<SecurityGroup>(&bench, "alb", &front.id),
        read::<SecurityGroup>(&bench, "ecs", &back.id),
        read::<SecurityGroupRule>(&bench, "http", &http.id),
    );
    assert!(seen.0.is_some() && seen.1.is_some() && seen.2.is_some() && seen.3.is_some());
    let mut calls = bench.aws.calls().split_off(before);
    calls.sort_unstable();
    assert_eq!(calls, ["ec2:DescribeSecurityGroupRules", "ec2:DescribeSecurityGroups"]);
    bench.delete::<SecurityGroup>("alb", &front).await;
    bench.delete::<SecurityGroup>("ecs", &back).await;
    bench.delete::<Vpc>("main", &network).await;
}
