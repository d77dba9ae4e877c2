//! The screen of `status`, whole.

use super::*;
use crate::aws::look::service::{Definition, Rollout};
use crate::resource::{Error, Id};
use std::sync::LazyLock;

const REVISION: &str = "arn:aws:ecs:eu-central-1:123456789012:task-definition/zenml-hybrid-server:2";

fn serving(image: &str) -> Serving {
    let rollout = Rollout {
        state: "COMPLETED".into(),
        task_definition_arn: REVISION.into(),
        created_at: Some(1000),
        ..Rollout::default()
    };
    let service = Service { desired: 2, running: 2, rollouts: vec![rollout], ..Service::default() };
    let target = |last: u8| Target {
        address: format!("10.0.128.{last}"),
        port: 8000,
        state: "healthy".into(),
        reason: String::new(),
    };
    Serving {
        service: Ok(Some(service)),
        definition: Ok(Some(Definition { image: image.into(), ..Definition::default() })),
        running: Ok(vec![]),
        stopped: Ok(vec![]),
        targets: Ok(Some(TargetGroup { targets: vec![target(4), target(5)], ..TargetGroup::default() })),
    }
}

fn row(address: &str, id: &str, phase: &str) -> Row {
    Row { address: address.parse().unwrap(), id: Id::from(id), phase: phase.into(), detail: None }
}

static PAST: LazyLock<Past> = LazyLock::new(|| Past {
    serial: 71,
    written: "2026-11-20T17:15:00Z".parse().unwrap(),
    who: Some("alice@laptop".into()),
    handle: "version".into(),
    current: true,
});
static NO_INTENTS: BTreeMap<Address, Intent> = BTreeMap::new();

fn screen<'a>(resources: &'a [Row], serving: &'a Serving) -> Screen<'a> {
    Screen {
        deployment: "zenml-hybrid",
        place: "eu-central-1, account 123456789012".into(),
        endpoint: Some("https://zenml.mycompany.com".into()),
        wanted: "0.98.0".into(),
        resources,
        intents: &NO_INTENTS,
        serving,
        holder: None,
        last_change: Some(&PAST),
        root: "s3://state/prod".into(),
        only_kept: false,
        notes: vec![],
        all: false,
    }
}

fn intent(verb: Verb) -> Intent {
    Intent {
        verb,
        token: "token".into(),
        inputs: Value::Null,
        after: BTreeMap::new(),
        keep: Default::default(),
        holds_data: false,
        id: None,
        deposed: vec![],
        since: "2026-11-27T01:02:53.682058519Z".parse().unwrap(),
    }
}

#[test]
fn a_deployment_in_order_is_a_dozen_lines_whatever_its_size() {
    let resources = [row("ec2.vpc/main", "vpc-1", READY), row("ecs.service/server", "arn", READY)];
    let serving = serving("repository/zenml:0.98.0");
    let text = screen(&resources, &serving).text();
    let expected = "\
zenml-hybrid: eu-central-1, account 123456789012

resources    2 of 2 ready
last change  2026-11-20 17:15:00Z by alice@laptop, serial 71 in s3://state/prod
rollout      completed, 2 of 2 tasks running, revision zenml-hybrid-server:2
targets      2 of 2 healthy
version      0.98.0
endpoint     https://zenml.mycompany.com

more: `hybridctl verify`, `hybridctl output`, `hybridctl status --all`
";
    assert_eq!(text, expected);
    let all = Screen { all: true, ..screen(&resources, &serving) }.text();
    assert!(all.contains("  ec2.vpc/main        ready  vpc-1\n"), "{all}");
}

#[test]
fn what_is_not_in_order_is_told_with_its_reason_and_without_secrets() {
    let mut serving = serving("repository/zenml:0.99.0");
    let service = serving.service.as_mut().unwrap().as_mut().unwrap();
    service.running = 1;
    service.pending = 1;
    service.rollouts[0].state = "IN_PROGRESS".into();
    let target = &mut serving.targets.as_mut().unwrap().as_mut().unwrap().targets[1];
    target.state = "unhealthy".into();
    target.reason = "Target.Timeout".into();
    let before = Task { id: "old".into(), stopped_at: Some(999), ..Task::default() };
    let unneeded = Task { id: "scaled".into(), stopped_at: Some(3000), was_unneeded: true, ..Task::default() };
    let stop = Task {
        id: "abc".into(),
        stopped_at: Some(2000),
        exit_code: Some(1),
        reason: "Essential container exited: mysql://zenml:hunter2@db".into(),
        ..Task::default()
    };
    serving.stopped = Ok(vec![unneeded, stop, before]);
    let text = screen(&[row("ec2.vpc/main", "vpc-1", "deleted outside hybridctl")], &serving).text();
    for line in [
        "resources    0 of 1 ready\n",
        "rollout      in progress, 1 of 2 tasks running, 1 starting, revision zenml-hybrid-server:2\n",
        "last stop    00:00:02Z task abc, exit code 1: Essential container exited: ",
        "targets      1 of 2 healthy; 10.0.128.5:8000 unhealthy (Target.Timeout)\n",
        "version      0.99.0; the config says 0.98.0\n",
        "not ready:\n  ec2.vpc/main  deleted outside hybridctl  vpc-1\n",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
    assert!(!text.contains("hunter2"), "{text}");
    serving.service.as_mut().unwrap().as_mut().unwrap().rollouts[0].state = "FAILED".into();
    serving.service.as_mut().unwrap().as_mut().unwrap().rollouts[0].reason = "tasks failed to start".into();
    let text = screen(&[row("ec2.vpc/main", "vpc-1", READY)], &serving).text();
    assert!(text.contains("failed, 1 of 2"), "{text}");
}

#[test]
fn what_is_not_there_and_what_cannot_be_read_are_told_apart() {
    let serving = Serving {
        service: Ok(None),
        definition: Ok(None),
        running: Ok(vec![]),
        stopped: Ok(vec![]),
        targets: Err(Error::terminal("AccessDenied")),
    };
    let text = screen(&[row("ec2.vpc/main", "vpc-1", READY)], &serving).text();
    for line in
        ["rollout      none yet\n", "targets      cannot tell: ", "version      none yet; the config says 0.98.0\n"]
    {
        assert!(text.contains(line), "{line}\n{text}");
    }
    let nothing = screen(&[], &serving).text();
    assert_eq!(nothing.lines().last(), Some("nothing exists yet; `hybridctl up` makes it"));
}

#[test]
fn what_is_under_way_is_counted_and_what_was_interrupted_has_a_way_on() {
    let serving = serving("repository/zenml:0.98.0");
    let intents = BTreeMap::from([
        ("ec2.nat_gateway/nat-a".parse().unwrap(), intent(Verb::Create)),
        ("rds.instance/main".parse().unwrap(), intent(Verb::Create)),
        ("rds.snapshot/final-1".parse().unwrap(), intent(Verb::Create)),
    ]);
    let resources = [row("ec2.vpc/main", "vpc-1", READY)];
    let interrupted = Screen { intents: &intents, ..screen(&resources, &serving) }.text();
    let expected = "
interrupted:
  ec2.nat_gateway/nat-a  create since 2026-11-27 01:02:53Z
  rds.instance/main      create since 2026-11-27 01:02:53Z
  rds.snapshot/final-1   create since 2026-11-27 01:02:53Z
`hybridctl destroy` goes on with the final snapshot, and an `hybridctl up` deletes it
`hybridctl up` goes on with what was being made or changed
";
    assert!(interrupted.contains(expected), "{interrupted}");
    assert!(interrupted.contains("resources    1 of 1 ready, 3 being made\n"), "{interrupted}");
    let since = jiff::Timestamp::UNIX_EPOCH;
    let holder = LockInfo { who: "alice@laptop".into(), pid: 7, command: "up".into(), since, job: None };
    let busy = Screen { intents: &intents, holder: Some(&holder), ..screen(&resources, &serving) }.text();
    assert!(busy.contains("\nunder way:\n") && !busy.contains("goes on"), "{busy}");
    assert!(busy.contains("being changed just now by alice@laptop"), "{busy}");
}

#[test]
fn after_a_destroy_what_is_kept_is_all_that_is_told() {
    let serving = serving("repository/zenml:0.98.0");
    let resources = [row("rds.snapshot/final-1", "final-1", READY)];
    let text = Screen { only_kept: true, ..screen(&resources, &serving) }.text();
    assert!(text.contains("only what `hybridctl destroy` keeps is there"), "{text}");
    assert!(text.contains("  rds.snapshot/final-1  ready  final-1\n") && !text.contains("rollout"), "{text}");
}
