//! Lost answers, throttling and the number of calls, counted where they arrive.

use super::world::{counts, quickstart, world};
use crate::support::cli::Rehearsal;
use crate::support::proxy::{Fault, Faults, Log, first, nth, share};
use std::time::Duration;

/// Creates, by what a repeated call would do: a second object (neither token nor unique name), nothing (a token), a refusal
/// (a unique name or key), the same object (what ELB and ECS do).
const CREATES: &[&str] = &[
    "ec2:CreateVpc",
    "ec2:AllocateAddress",
    "ec2:CreateInternetGateway",
    "ecs:RegisterTaskDefinition",
    "ec2:CreateNatGateway",
    "ec2:CreateRouteTable",
    "ecs:RunTask",
    "ecs:CreateService",
    "ec2:CreateSubnet",
    "ec2:CreateSecurityGroup",
    "ec2:CreateRoute",
    "ec2:AttachInternetGateway",
    "rds:CreateDBInstance",
    "rds:CreateDBSubnetGroup",
    "iam:CreateRole",
    "secretsmanager:CreateSecret",
    "logs:CreateLogGroup",
    "ecs:CreateCluster",
    "elasticloadbalancing:CreateLoadBalancer",
    "elasticloadbalancing:CreateTargetGroup",
    "elasticloadbalancing:CreateListener",
    "route53:ChangeResourceRecordSets",
];

#[test]
fn a_lost_answer_of_any_create_makes_exactly_one_object() {
    let mut rehearsal = Rehearsal::new();
    let faults = CREATES.iter().fold(Faults::none(), |faults, create| faults.on(create, nth(1), Fault::Drop));
    let proxy = rehearsal.disturbed(faults);
    let up = rehearsal.up().expect(0);
    let log = proxy.take_log();
    for create in CREATES {
        assert!(log.of(create).next().is_some_and(|entry| entry.took_effect()), "{create}\n{}", log.text());
    }
    let found = world(&rehearsal);
    assert_eq!(counts(&found), quickstart(&[]), "{found:#}\n{}\n{}", up.text(), log.text());
    rehearsal.run(&["plan", "--detailed-exitcode"]).expect(0);
}

/// The first three answers, so that finding what was made is disturbed as well.
#[test]
fn lost_answers_to_what_looks_for_the_object_change_nothing_of_it() {
    let mut rehearsal = Rehearsal::new();
    let (vpc, address) = ("ec2:CreateVpc", "ec2:AllocateAddress");
    let faults = Faults::none().on(vpc, nth(1), Fault::Drop).on(address, nth(1), Fault::Drop);
    let faults = faults.on("ec2:DescribeVpcs", first(3), Fault::Drop).on("ec2:DescribeAddresses", first(3), Fault::Cut);
    let proxy = rehearsal.disturbed(faults);
    let first = rehearsal.up();
    let second = rehearsal.up().expect(0);
    let log = proxy.take_log();
    assert_eq!((log.effects(vpc), log.effects(address)), (1, 1), "{}\n{}\n{}", first.text(), second.text(), log.text());
    assert_eq!(counts(&world(&rehearsal)), quickstart(&[]));
}

/// Describes lag behind creates: what is not seen is waited for, or looked for again, and not made again.
#[test]
fn objects_that_describes_do_not_show_yet_are_not_made_again() {
    const LATE: &[&str] = &[
        "ec2:CreateSubnet",
        "ec2:CreateNatGateway",
        "ec2:CreateRouteTable",
        "ec2:CreateSecurityGroup",
        "ec2:CreateVpcEndpoint",
        "rds:CreateDBInstance",
        "ecs:CreateCluster",
        "ecs:CreateService",
    ];
    // Neither token nor unique name: if the answer is lost as well, only looking again helps.
    const LOST: &[&str] = &["ec2:CreateVpc", "ec2:AllocateAddress", "ec2:CreateInternetGateway"];
    let mut rehearsal = Rehearsal::new();
    let hide = |faults: Faults, create: &&str| faults.hide(create, Duration::from_secs(1));
    let faults = LATE.iter().fold(Faults::none(), hide);
    let lose =
        |faults: Faults, create: &&str| faults.on(create, nth(1), Fault::Drop).hide(create, Duration::from_millis(300));
    let proxy = rehearsal.disturbed(LOST.iter().fold(faults, lose));
    let up = rehearsal.up().expect(0);
    let log = proxy.take_log();
    for create in LOST {
        assert_eq!(log.effects(create), 1, "{create}\n{}", log.text());
    }
    let found = world(&rehearsal);
    assert_eq!(counts(&found), quickstart(&[]), "{found:#}\n{}\n{}", up.text(), log.text());
}

fn calls_of_up(faults: Faults) -> Log {
    let mut rehearsal = Rehearsal::new();
    let proxy = rehearsal.disturbed(faults);
    let up = rehearsal.up().expect(0);
    let log = proxy.take_log();
    let found = world(&rehearsal);
    assert_eq!(counts(&found), quickstart(&[]), "{found:#}\n{}", up.text());
    proxy.disturb(Faults::none());
    rehearsal.run(&["plan", "--detailed-exitcode"]).expect(0);
    let plan = proxy.take_log();
    eprintln!("calls of a plan without changes: {}", plan.0.len());
    assert_eq!(plan.mutations(), Vec::<&str>::new());
    assert!(plan.0.len() <= 45, "{} calls of a plan without changes\n{}", plan.0.len(), plan.text());
    log
}

#[test]
fn an_up_with_a_third_of_its_calls_throttled_converges_with_a_bounded_number_of_calls() {
    let clean = calls_of_up(Faults::none());
    let throttled = calls_of_up(Faults::none().on("*", share(0.3, 42), Fault::Throttle));
    let (before, after) = (clean.0.len(), throttled.0.len());
    eprintln!("calls of an up: {before} undisturbed, {after} with 30 % throttled");
    assert!(after * 2 <= before * 5, "{after} calls, and {before} undisturbed\n{}", throttled.text());
}

/// What reads a deployment makes more calls than an `up`, and each reading needs several: none of them may begin anew for ever.
#[test]
fn plans_a_verification_and_a_destroy_come_to_their_end_with_a_third_of_their_calls_throttled() {
    let mut rehearsal = Rehearsal::new();
    let proxy = rehearsal.disturbed(Faults::none());
    rehearsal.up().expect(0);
    for seed in 0..4 {
        proxy.disturb(Faults::none().on("*", share(0.3, seed), Fault::Throttle));
        rehearsal.run(&["plan", "--detailed-exitcode"]).expect(0);
        rehearsal.run(&["verify"]).expect(0);
        rehearsal.run(&["preflight"]).expect(0);
    }
    let destroyed = rehearsal.run(&["destroy", "--yes", "--confirm", "zenml-hybrid", "--disable-protection"]).expect(0);
    assert!(!destroyed.text().contains("could not be read"), "{}", destroyed.text());
}
