//! The task that migrates the database before the service starts: where it stops, there is no service yet that could tell.

use super::{Judged, compute, seen};
use crate::aws::ecs::redact::redact;
use crate::aws::look::logs::TaskLog;
use crate::verify::Facts;
use crate::verify::log_classes;
use crate::verify::report::{Fail, Status};

pub(super) fn migration(facts: &Facts) -> Judged {
    let Some(log) = seen(&facts.look.migration, facts)? else {
        return match facts.recorded.is_migrated {
            true => Ok("on record".into()),
            false => Err(Status::Skip("no migration is on record, and ECS remembers none".into())),
        };
    };
    if log.task.stopped_at.is_none() {
        return Err(Fail::new("the migration is under way").next(compute::WAIT).class("starting").into());
    }
    match log.task.exit_code {
        Some(0) => Ok("the last one ended well".into()),
        _ => Err(failed(log).into()),
    }
}

/// The migration's own last words count more than ECS's.
fn failed(log: &TaskLog) -> Fail {
    let text: Vec<String> = log.tail.iter().map(|line| log_classes::message(&line.text).0).collect();
    let text = text.join("\n");
    let said = log_classes::cause_in(&text);
    let known = said.or_else(|| log_classes::of_stop(&log.task.reason));
    let stopped = format!("task {}: {}", log.task.id, compute::cause(&log.task));
    let fail = match known {
        Some(class) => {
            Fail::new(format!("the migration failed: {} ({})", class.cause, class.id)).next(class.fix).class(class.id)
        }
        None => Fail::new("the migration failed")
            .next("read the whole log with `aws logs tail`, then `hybridctl up`")
            .class(compute::kind(&log.task)),
    };
    let unknown =
        || text.lines().rev().find(|line| line.contains("Error: ")).map(|line| log_classes::short(&redact(line)));
    fail.seen([stopped]).seen(said.map(|class| log_classes::quote(&text, class)).or_else(unknown))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::look::logs::Line;
    use crate::aws::look::service::Task;
    use crate::verify::samples::{self, NOW};

    fn judged(reason: &str, exit_code: Option<i32>, lines: &[&str]) -> Judged {
        let task = Task { id: "m1".into(), reason: reason.into(), exit_code, stopped_at: Some(NOW), ..Task::default() };
        let tail = lines.iter().map(|text| Line { at: NOW, text: (*text).to_owned() }).collect();
        let mut facts = samples::good();
        facts.look.migration = Ok(Some(TaskLog { task, head: vec![], tail }));
        migration(&facts)
    }

    fn failed(judged: Judged) -> Fail {
        match judged {
            Err(Status::Fail(fail)) => fail,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_migration_tells_why_it_failed_and_one_that_ended_well_is_fine() {
        let exited = "Essential container in task exited";
        assert_eq!(judged(exited, Some(0), &[]), Ok("the last one ended well".into()));
        let denied = "(1045, \"Access denied for user 'zenml'@'h'\") password=hunter2";
        let fail = failed(judged(exited, Some(1), &[denied]));
        assert_eq!(fail.class, Some("db.auth"));
        assert!(!format!("{fail:?}").contains("hunter2"), "{fail:?}");
        let refused = "CannotPullContainerError: 715803424590.dkr.ecr.x: 403 Forbidden";
        assert_eq!(failed(judged(refused, None, &[])).class, Some("image.grant"));
        let fail = failed(judged(exited, Some(1), &["ValueError: x", "ImportError: y"]));
        assert_eq!((fail.class, fail.evidence[1].as_str()), (Some("exit"), "ImportError: y"));
    }

    #[test]
    fn where_none_is_remembered_the_record_decides() {
        let mut facts = samples::good();
        assert_eq!(migration(&facts), Ok("on record".into()));
        facts.recorded.is_migrated = false;
        assert!(matches!(migration(&facts), Err(Status::Skip(_))));
    }
}
