//! The service and its tasks.

use super::{Judged, UP, seen};
use crate::aws::ecs::redact::redact;
use crate::aws::look::service::{Service, Task};
use crate::report::words::count;
use crate::verify::Facts;
use crate::verify::log_classes::{self, Class};
use crate::verify::report::{Fail, Status};

/// Stops longer ago than this say nothing of now.
const RECENT: i64 = 15 * 60 * 1000;
/// A task that has run for so long has passed its health checks.
const PROVEN: i64 = 2 * 60 * 1000;
/// Class of a revision that is not the applied one because that did not stay up.
pub(in crate::verify) const WENT_BACK: &str = "rollback";
pub(super) const WAIT: &str = "hybridctl verify --wait 10m";

/// The service; without one nothing behind it can be judged.
pub(super) fn service_of(facts: &Facts) -> Result<&Service, Status> {
    seen(&facts.look.service, facts)?.as_ref().ok_or_else(no_service)
}

fn no_service() -> Status {
    Status::Skip("there is no service: see VF-SERVICE".into())
}

pub(super) fn service(facts: &Facts) -> Judged {
    let Some(service) = seen(&facts.look.service, facts)? else {
        if is_absent(facts) {
            let why = "nothing of this deployment is there";
            return Err(Fail::new(why).next("make it with `hybridctl up`").class("service.absent").into());
        }
        let why = format!("there is no service {} in cluster {}", facts.expect.service, facts.expect.cluster);
        return Err(Fail::new(why).next(UP).class("service.none").into());
    };
    if service.status != "ACTIVE" {
        return Err(Fail::new(format!("the service is {}", service.status)).next(UP).class("service.inactive").into());
    }
    let events = service.events.iter().map(|event| format!("ECS: {}", log_classes::short(&redact(event))));
    if service.desired == 0 {
        let why = "the service wants no tasks (desired count 0)";
        return Err(Fail::new(why).next(UP).class("service.zero").into());
    }
    let rollout = service.rollouts.first();
    if let Some(failed) = rollout.filter(|rollout| rollout.state == "FAILED") {
        let why = "the last rollout failed";
        return Err(Fail::new(why)
            .next("look at VF-TASKS and VF-LOGS")
            .class("service.failed")
            .seen([failed.reason.clone()])
            .seen(events)
            .into());
    }
    if service.running != service.desired {
        let why = format!("{} of {} running", service.running, count(service.desired.unsigned_abs() as usize, "task"));
        return Err(Fail::new(why).next(WAIT).class("service.short").seen(events).into());
    }
    if service.rollouts.len() > 1 || rollout.is_some_and(|rollout| rollout.state == "IN_PROGRESS") {
        let fail = Fail::new("a rollout is under way").next(WAIT).class("service.rollout");
        return Err(fail.seen(events).into());
    }
    Ok(format!("ACTIVE, {} of {} running", service.running, count(service.desired.unsigned_abs() as usize, "task")))
}

/// Nothing was made yet, or all of it was taken down.
fn is_absent(facts: &Facts) -> bool {
    let look = &facts.look;
    facts.recorded.is_empty && matches!((&look.service, &look.database, &look.balancer), (Ok(None), Ok(None), Ok(None)))
}

/// Where tasks run, or will once there is a service.
pub(super) fn place_of(facts: &Facts) -> Result<Place<'_>, Status> {
    let place = |subnet_ids, group_ids, has_public_ip| Place { subnet_ids, group_ids, has_public_ip };
    Ok(match seen(&facts.look.service, facts)?.as_ref() {
        Some(service) => place(&service.subnet_ids, &service.group_ids, service.has_public_ip),
        None if facts.recorded.subnet_ids.is_empty() => return Err(no_service()),
        None => place(&facts.recorded.subnet_ids, &facts.recorded.group_ids, false),
    })
}

/// Where tasks run.
pub(super) struct Place<'f> {
    pub subnet_ids: &'f [String],
    pub group_ids: &'f [String],
    pub has_public_ip: bool,
}

pub(super) fn revision(facts: &Facts) -> Judged {
    let service = service_of(facts)?;
    let live = service.rollouts.first().map_or(&service.task_definition_arn, |rollout| &rollout.task_definition_arn);
    let short = |arn: &str| arn.rsplit('/').next().unwrap_or_default().to_owned();
    let Some(recorded) = &facts.recorded.task_definition_arn else {
        return Err(Status::Skip(format!(
            "{} runs; nothing is on record to compare it with: `hybridctl state rebuild`",
            short(live)
        )));
    };
    if live != recorded {
        return Err(match died_as(recorded, facts).as_slice() {
            [] => {
                let why = format!("{} runs, {} was applied", short(live), short(recorded));
                Fail::new(why)
                    .next("it was changed by hand, or ECS went back to it: `hybridctl diff`, then `hybridctl up`")
                    .class("revision.other")
            }
            died => went_back(&short(live), &short(recorded), died, facts),
        }
        .into());
    }
    Ok(short(live))
}

/// The tasks of a revision that lately did not stay up, newest first.
fn died_as<'f>(revision: &str, facts: &'f Facts) -> Vec<&'f Task> {
    let stopped = facts.look.stopped.as_deref().unwrap_or_default();
    stopped.iter().filter(|task| is_failure(task, facts) && task.task_definition_arn == revision).collect()
}

/// What was applied did not stay up, and ECS went back to what did.
fn went_back(live: &str, recorded: &str, died: &[&Task], facts: &Facts) -> Fail {
    let logs = facts.look.logs.as_deref().unwrap_or_default();
    let log = logs.iter().find(|log| died.iter().any(|task| task.id == log.task.id));
    let text: Vec<String> =
        log.iter().flat_map(|log| &log.tail).map(|line| log_classes::message(&line.text).0).collect();
    let text = text.join("\n");
    let said = log_classes::cause_in(&text);
    let known = said.or_else(|| log_classes::of_stop(&died[0].reason));
    let because = known.map_or_else(|| cause(died[0]), |class| format!("{} ({})", class.cause, class.id));
    let fix = known.map_or("correct what its tasks stopped for", |class| class.fix);
    let mut causes: Vec<String> = died.iter().map(|task| cause(task)).collect();
    causes.dedup();
    let next = match fix.contains("hybridctl up") {
        true => fix.to_owned(),
        false => format!("{fix}, then `hybridctl up`"),
    };
    Fail::new(format!("{recorded} was applied, and ECS went back to {live}, for its tasks stopped: {because}"))
        .next(next)
        .seen(causes.into_iter().take(3))
        .seen(said.map(|class| log_classes::quote(&text, class)))
        .classes([WENT_BACK].into_iter().chain(said.map(|class| class.id)).chain(died.iter().map(|task| kind(task))))
}

/// A task that ended lately although it was needed.
fn is_failure(task: &Task, facts: &Facts) -> bool {
    !task.was_unneeded && task.stopped_at.is_none_or(|at| facts.now - at < RECENT)
}

pub(super) fn tasks(facts: &Facts) -> Judged {
    let service = service_of(facts)?;
    let (running, stopped) = (seen(&facts.look.running, facts)?, seen(&facts.look.stopped, facts)?);
    let up: Vec<&Task> = running.iter().filter(|task| task.status == "RUNNING").collect();
    let failed: Vec<&Task> = stopped.iter().filter(|task| is_failure(task, facts)).collect();
    let proven = up.iter().filter(|task| task.started_at.is_some_and(|at| facts.now - at >= PROVEN)).count();
    let wanted = usize::try_from(service.desired).unwrap_or_default();
    // Tasks of before prove nothing for those of a rollout that goes on.
    let proves = proven >= wanted && !failed.iter().any(|task| is_of_rollout(task, service));
    // A replaced task of a rollout that succeeded is no failure, whatever ECS wrote; tasks that keep dying are.
    if up.len() >= wanted && (failed.is_empty() || proves || stays_up(service, facts)) {
        return Ok(format!("{} up", count(up.len(), "task")));
    }
    let Some(newest) = failed.first() else {
        let starting = running.len() - up.len();
        let why = format!("{} of {} up, {starting} starting", up.len(), count(wanted, "task"));
        return Err(Fail::new(why).next(WAIT).class("starting").into());
    };
    let mut causes: Vec<String> = failed.iter().map(|task| cause(task)).collect();
    causes.dedup();
    let known = log_classes::of_stop(&newest.reason);
    let fail = match known {
        Some(Class { id, cause, fix, .. }) => {
            Fail::new(format!("tasks do not start: {cause} ({id})")).next(*fix).class(id)
        }
        None => {
            Fail::new(format!("tasks stop again ({} lately)", failed.len())).next("look at VF-LOGS").class(kind(newest))
        }
    };
    Err(fail.seen(causes.into_iter().take(3)).into())
}

/// True if every running task has run for long enough to have passed its health checks.
pub(super) fn are_proven(facts: &Facts) -> bool {
    let running = facts.look.running.as_deref().unwrap_or_default();
    running.iter().all(|task| task.started_at.is_some_and(|at| facts.now - at >= PROVEN))
}

/// True if the last rollout has ended well: its tasks started and passed their health checks.
pub(super) fn is_settled(service: &Service) -> bool {
    service.rollouts.len() == 1 && service.rollouts[0].state == "COMPLETED" && service.pending == 0
}

/// True if a rollout beside the one of before started it.
fn is_of_rollout(task: &Task, service: &Service) -> bool {
    let [newest, _, ..] = service.rollouts.as_slice() else { return false };
    let is_later = newest.created_at.is_none_or(|begun| task.stopped_at.is_none_or(|at| at >= begun));
    is_later && task.task_definition_arn == newest.task_definition_arn
}

/// The same, and its tasks answer: between two deaths a task that keeps dying looks settled for a moment. A target group that
/// nobody uses says nothing of its tasks.
pub(super) fn stays_up(service: &Service, facts: &Facts) -> bool {
    let Ok(Some(group)) = &facts.look.targets else { return is_settled(service) };
    let mut states =
        group.targets.iter().map(|target| target.state.as_str()).filter(|state| *state != "draining").peekable();
    is_settled(service) && states.peek().is_some() && states.all(|state| matches!(state, "healthy" | "unused"))
}

/// What kind of end it was. A container that ended itself has told why in its log (`exit`); of one that never ran only ECS
/// tells (`stop`).
pub(super) fn kind(task: &Task) -> &'static str {
    let unknown = if task.exit_code.is_some() { "exit" } else { "stop" };
    log_classes::of_stop(&task.reason).map_or(unknown, |class| class.id)
}

pub(super) fn cause(task: &Task) -> String {
    let code = task.exit_code.map(|code| format!(" (exit code {code})")).unwrap_or_default();
    format!("{}{code}", log_classes::short(&redact(&task.reason)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verify::samples;

    fn failed(judged: Judged) -> Fail {
        match judged {
            Err(Status::Fail(fail)) => fail,
            other => panic!("{other:?}"),
        }
    }

    fn change(with: impl FnOnce(&mut Service)) -> Facts {
        let mut facts = samples::good();
        with(facts.look.service.as_mut().unwrap().as_mut().unwrap());
        facts
    }

    #[test]
    fn the_service_must_be_active_with_all_tasks_and_no_rollout_under_way() {
        for (facts, word) in [
            (change(|s| s.status = "DRAINING".into()), "DRAINING"),
            (change(|s| s.running = 0), "0 of 1 task running"),
            (change(|s| s.desired = 0), "desired count 0"),
            (change(|s| s.rollouts[0].state = "FAILED".into()), "rollout failed"),
            (change(|s| s.rollouts[0].state = "IN_PROGRESS".into()), "under way"),
        ] {
            let fail = failed(service(&facts));
            assert!(fail.why.contains(word), "{fail:?}");
        }
        let mut facts = samples::good();
        facts.look.service = Ok(None);
        assert!(failed(service(&facts)).why.contains("there is no service"));
        assert!(matches!(tasks(&facts), Err(Status::Skip(_))));
    }

    #[test]
    fn a_revision_that_nobody_applied_is_told() {
        let facts = change(|s| s.rollouts[0].task_definition_arn = "arn:aws:ecs:r:1:task-definition/x:9".into());
        assert_eq!(failed(revision(&facts)).why, "x:9 runs, x:1 was applied");
    }

    #[test]
    fn tasks_that_stop_are_told_with_their_cause_and_replaced_ones_are_not() {
        let stop = |reason: &str, unneeded: bool| Task {
            reason: reason.into(),
            was_unneeded: unneeded,
            stopped_at: Some(samples::NOW - 1000),
            ..Task::default()
        };
        let mut facts = change(|s| s.running = 0);
        facts.look.running = Ok(vec![]);
        facts.look.stopped = Ok(vec![stop("CannotPullContainerError: 715803424590.dkr.ecr.x: 403 Forbidden", false)]);
        assert!(failed(tasks(&facts)).next.contains("image grant"));
        facts.look.stopped = Ok(vec![stop("Essential container in task exited", false)]);
        assert_eq!(failed(tasks(&facts)).next, "look at VF-LOGS");
        let mut facts = samples::good();
        facts.look.stopped =
            Ok(vec![stop("Scaling activity initiated by (deployment x)", true), stop("whatever", false)]);
        assert_eq!(tasks(&facts).unwrap(), "1 task up");
    }
}
