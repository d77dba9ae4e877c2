//! Ways to break a deployment, with what AWS and the endpoint show then.

use super::super::Facts;
use super::super::probe::Endpoint;
use super::super::probe::dns::NameFailure;
use super::super::probe::http::Answer;
use super::super::probe::tls::{Broken, Trust};
use super::super::samples::{self, NOW};
use super::super::world::Recorded;
use crate::aws::look::access::{Access, Secret};
use crate::aws::look::front::Target;
use crate::aws::look::logs::{Line, TaskLog};
use crate::aws::look::network::{Network, Rule};
use crate::aws::look::service::{Definition, Rollout, Service, Task};

pub(super) const PULL: &str = "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref \
                    715803424590.dkr.ecr.eu-central-1.amazonaws.com/zenml-pro-server:0.98.0";
pub(super) const ASM: &str = "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: \
                   unable to retrieve secret from asm";
pub(super) const EXITED: &str = "Essential container in task exited";
pub(super) const ELB: &str =
    "Task failed ELB health checks in (target-group arn:aws:elasticloadbalancing:r:1:targetgroup/x/1)";
pub(super) const START: &str = "Waiting for application startup.";
pub(super) const STARTED: &str = "Application startup complete.";
pub(super) const NEW: &str = "arn:aws:ecs:r:1:task-definition/x:2";
pub(super) const FAILED: &str = "Application startup failed. Exiting.";

pub(super) fn service(facts: &mut Facts) -> &mut Service {
    facts.look.service.as_mut().unwrap().as_mut().unwrap()
}

pub(super) fn definition(facts: &mut Facts) -> &mut Definition {
    facts.look.definition.as_mut().unwrap().as_mut().unwrap()
}

pub(super) fn newest(facts: &mut Facts) -> &mut Task {
    &mut facts.look.stopped.as_mut().unwrap()[0]
}

pub(super) fn secrets(facts: &mut Facts, change: impl FnOnce(&mut Option<Secret>)) {
    change(facts.look.secrets.as_mut().unwrap().values_mut().next().unwrap());
}

/// Takes the inbound rules for a port out of a group.
pub(super) fn rules(facts: &mut Facts, group: &str, port: u16) {
    let inbound = &mut facts.look.groups.as_mut().unwrap().get_mut(group).unwrap().inbound;
    inbound.retain(|rule: &Rule| !rule.covers(port));
}

pub(super) fn lines(texts: &[&str], age: i64) -> Vec<Line> {
    texts.iter().map(|text| Line { at: NOW - age, text: (*text).to_owned() }).collect()
}

/// The load balancer answers 503 in the place of a server that is not there.
pub(super) fn without_tasks(reason: &str, exit_code: Option<i32>) -> Facts {
    let mut facts = samples::good();
    stop_tasks(&mut facts, reason, exit_code);
    facts
}

/// The same in a deployment that may be broken already.
pub(super) fn stop_tasks(facts: &mut Facts, reason: &str, exit_code: Option<i32>) {
    let running = facts.look.running.as_mut().unwrap().remove(0);
    let stopped =
        Task { status: "STOPPED".into(), stopped_at: Some(NOW - 20_000), reason: reason.into(), exit_code, ..running };
    facts.look.stopped = Ok(vec![Task { id: "t2".into(), ..stopped.clone() }, stopped]);
    facts.look.logs = Ok(vec![]);
    facts.look.targets.as_mut().unwrap().as_mut().unwrap().targets.clear();
    service(facts).running = 0;
    for answer in facts.endpoint.answers.values_mut() {
        let headers = [("server".to_owned(), "awselb/2.0".to_owned())].into();
        *answer = Ok(Answer { status: 503, headers, body: "<html>".into() });
    }
}

/// The task of an applied revision is to take the place of one that has run for long.
pub(super) fn rolling() -> Facts {
    let mut facts = samples::good();
    let rollout = |status: &str, state: &str, revision: &str| Rollout {
        status: status.into(),
        state: state.into(),
        task_definition_arn: revision.into(),
        ..Rollout::default()
    };
    let old = service(&mut facts).task_definition_arn.clone();
    service(&mut facts).rollouts = vec![rollout("PRIMARY", "IN_PROGRESS", NEW), rollout("ACTIVE", "COMPLETED", &old)];
    facts.recorded.task_definition_arn = Some(NEW.into());
    facts
}

/// A task of this revision that stopped a moment ago.
pub(super) fn ended(revision: &str, reason: &str, exit_code: Option<i32>) -> Task {
    let (id, status) = ("t3".into(), "STOPPED".into());
    let revision = revision.into();
    Task {
        id,
        status,
        task_definition_arn: revision,
        stopped_at: Some(NOW - 20_000),
        reason: reason.into(),
        exit_code,
        ..Task::default()
    }
}

/// The task never ran, so it never logged.
pub(super) fn never_started(reason: &str) -> Facts {
    without_tasks(reason, None)
}

/// The server ended itself; this was its last word.
pub(super) fn exits(code: i32, word: &str) -> Facts {
    let mut facts = samples::good();
    exit_tasks(&mut facts, code, word);
    facts
}

/// The same in a deployment that may be broken already.
pub(super) fn exit_tasks(facts: &mut Facts, code: i32, word: &str) {
    stop_tasks(facts, EXITED, Some(code));
    let said =
        if word.is_empty() { vec![START] } else { vec![START, "Traceback (most recent call last):", word, FAILED] };
    let task = newest(facts).clone();
    facts.look.logs = Ok(vec![TaskLog { task, head: lines(&said, 25_000), tail: lines(&said, 25_000) }]);
}

/// As [`exits`], at a moment when the next task runs and has not come far.
pub(super) fn starting_again(reason: &str, word: &str) -> Facts {
    let mut facts = exits(3, word);
    newest(&mut facts).reason = reason.into();
    let next = Task { started_at: Some(NOW - 5000), ..samples::good().look.running.unwrap().remove(0) };
    let said = lines(&[START], 4000);
    facts.look.logs.as_mut().unwrap().insert(0, TaskLog { task: next.clone(), head: said.clone(), tail: said });
    facts.look.running = Ok(vec![next]);
    service(&mut facts).running = 1;
    facts
}

/// The migration of an applied revision stopped.
pub(super) fn migration_stops(facts: &mut Facts, reason: &str, exit_code: Option<i32>, said: &[&str]) {
    facts.recorded.is_migrated = false;
    let task = ended(NEW, reason, exit_code);
    facts.look.migration = Ok(Some(TaskLog { task, head: lines(said, 25_000), tail: lines(said, 25_000) }));
}

/// The first `up` went as far as the service: its load balancer has nobody to lead to.
pub(super) fn without_service() -> Facts {
    let mut facts = without_tasks("", None);
    (facts.look.service, facts.look.stopped) = (Ok(None), Ok(vec![]));
    facts
}

/// Nothing is there, and nothing on record.
pub(super) fn nothing() -> Facts {
    let mut facts = without_service();
    let look = &mut facts.look;
    (look.definition, look.targets, look.balancer, look.database) = (Ok(None), Ok(None), Ok(None), Ok(None));
    (look.log_group, look.secrets, look.access) = (Ok(false), Ok([].into()), Ok(Access::default()));
    (look.groups, look.network) = (Ok([].into()), Ok(Network::default()));
    facts.recorded = Recorded { is_empty: true, ..Recorded::default() };
    facts.endpoint = Endpoint { name: Some(Err(NameFailure::Absent)), ..Endpoint::default() };
    facts
}

/// The load balancer never got a good answer, and ECS ended the task for it.
pub(super) fn fails_health_checks(reason: &str, said: &[&str]) -> Facts {
    let mut facts = without_tasks(ELB, Some(137));
    let task = newest(&mut facts).clone();
    facts.look.logs = Ok(vec![TaskLog { task, head: lines(said, 50_000), tail: lines(said, 50_000) }]);
    let target = Target { address: "10.0.128.5".into(), port: 8000, state: "unhealthy".into(), reason: reason.into() };
    facts.look.targets.as_mut().unwrap().as_mut().unwrap().targets = vec![target];
    facts
}

/// Nobody gets a connection.
pub(super) fn unreachable() -> Facts {
    let mut facts = samples::good();
    facts.endpoint.handshakes[0].1 = Err(Broken::Unreachable("no answer within 5 seconds".into()));
    facts.endpoint.plain = Some(Err("no answer within 5 seconds".into()));
    facts.endpoint.answers.clear();
    facts
}

pub(super) fn certificate(trust: Trust) -> Facts {
    let mut facts = samples::good();
    facts.endpoint.handshakes[0].1.as_mut().unwrap().trust = trust;
    facts
}
