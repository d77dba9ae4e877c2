//! The service and its tasks.

use super::{Judged, UP, counted, seen};
use crate::aws::ecs::redact::redact;
use crate::aws::look::service::{Service, Task};
use crate::verify::Facts;
use crate::verify::log_classes::{self, Class};
use crate::verify::report::{Fail, Status};

/// Stops longer ago than this say nothing of now.
const RECENT: i64 = 15 * 60 * 1000;
/// A task that has run for so long has passed its health checks.
const PROVEN: i64 = 2 * 60 * 1000;
const WAIT: &str = "hybridctl verify --wait 10m";

/// The service; without one nothing behind it can be judged.
pub(super) fn service_of(facts: &Facts) -> Result<&Service, Status> {
    let service = seen(&facts.look.service, facts)?.as_ref();
    service.ok_or_else(|| Status::Skip("there is no service: see VF-SERVICE".into()))
}

pub(super) fn service(facts: &Facts) -> Judged {
    let Some(service) = seen(&facts.look.service, facts)? else {
        let why = format!("there is no service {} in cluster {}", facts.expect.service, facts.expect.cluster);
        return Err(Fail::new(why).next(UP).into());
    };
    if service.status != "ACTIVE" {
        return Err(Fail::new(format!("the service is {}", service.status)).next(UP).into());
    }
    let events = service.events.iter().map(|event| format!("ECS: {}", log_classes::short(&redact(event))));
    if service.desired == 0 {
        let next = "hybridctl up";
        return Err(Fail::new("the service wants no tasks (desired count 0)").next(next).into());
    }
    let rollout = service.rollouts.first();
    if let Some(failed) = rollout.filter(|rollout| rollout.state == "FAILED") {
        let why = "the last rollout failed";
        return Err(Fail::new(why)
            .next("look at VF-TASKS and VF-LOGS")
            .seen([failed.reason.clone()])
            .seen(events)
            .into());
    }
    if service.running != service.desired {
        let why =
            format!("{} of {} running", service.running, counted(service.desired.unsigned_abs() as usize, "task"));
        return Err(Fail::new(why).next(WAIT).seen(events).into());
    }
    if service.rollouts.len() > 1 || rollout.is_some_and(|rollout| rollout.state == "IN_PROGRESS") {
        return Err(Fail::new("a rollout is under way").next(WAIT).seen(events).into());
    }
    Ok(format!("ACTIVE, {} of {} running", service.running, counted(service.desired.unsigned_abs() as usize, "task")))
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
        let why = format!("{} runs, {} was applied", short(live), short(recorded));
        let next = "it was rolled back by ECS or changed by hand: `hybridctl diff`, then `hybridctl up`";
        return Err(Fail::new(why).next(next).into());
    }
    Ok(short(live))
}

pub(super) fn tasks(facts: &Facts) -> Judged {
    let service = service_of(facts)?;
    let (running, stopped) = (seen(&facts.look.running, facts)?, seen(&facts.look.stopped, facts)?);
    let up: Vec<&Task> = running.iter().filter(|task| task.status == "RUNNING").collect();
    let failed: Vec<&Task> = stopped
        .iter()
        .filter(|task| !task.was_unneeded && task.stopped_at.is_none_or(|at| facts.now - at < RECENT))
        .collect();
    let proven = up.iter().filter(|task| task.started_at.is_some_and(|at| facts.now - at >= PROVEN)).count();
    let wanted = usize::try_from(service.desired).unwrap_or_default();
    // A replaced task of a rollout that succeeded is no failure, whatever ECS wrote; tasks that keep dying are.
    if up.len() >= wanted && (failed.is_empty() || proven >= wanted || is_settled(service)) {
        return Ok(format!("{} up", counted(up.len(), "task")));
    }
    let Some(newest) = failed.first() else {
        let starting = running.len() - up.len();
        let why = format!("{} of {} up, {starting} starting", up.len(), counted(wanted, "task"));
        return Err(Fail::new(why).next(WAIT).into());
    };
    let mut causes: Vec<String> = failed.iter().map(|task| cause(task)).collect();
    causes.dedup();
    let known = log_classes::of_stop(&newest.reason);
    let why = match known {
        Some(Class { cause, .. }) => format!("tasks do not start: {cause}"),
        None => format!("tasks stop again ({} lately)", failed.len()),
    };
    let next = known.map_or("look at VF-LOGS", |class| class.fix);
    Err(Fail::new(why).next(next).seen(causes.into_iter().take(3)).into())
}

fn is_settled(service: &Service) -> bool {
    service.rollouts.len() == 1 && service.rollouts[0].state == "COMPLETED" && service.pending == 0
}

fn cause(task: &Task) -> String {
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
        facts.look.stopped = Ok(vec![stop("CannotPullContainerError: x: 403 Forbidden", false)]);
        assert!(failed(tasks(&facts)).next.contains("image grant"));
        facts.look.stopped = Ok(vec![stop("Essential container in task exited", false)]);
        assert_eq!(failed(tasks(&facts)).next, "look at VF-LOGS");
        let mut facts = samples::good();
        facts.look.stopped =
            Ok(vec![stop("Scaling activity initiated by (deployment x)", true), stop("whatever", false)]);
        assert_eq!(tasks(&facts).unwrap(), "1 task up");
    }
}
