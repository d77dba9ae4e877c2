//! The server's log.

use super::{Judged, compute, seen};
use crate::aws::ecs::redact::redact;
use crate::aws::look::logs::{Line, TaskLog};
use crate::report::words::count;
use crate::verify::Facts;
use crate::verify::log_classes::{self, Class, Level};
use crate::verify::report::{Fail, Status};

/// Lines older than this say nothing of now.
const RECENT: i64 = 15 * 60 * 1000;
/// A start that says nothing for so long is stuck: most likely without a way to the control plane.
const SILENCE: i64 = 60 * 1000;

/// What one log says.
enum Story {
    /// Started, and quiet since; the number of lines at level ERROR lately, and what else it says.
    Fine(usize, Vec<&'static Class>),
    /// Nothing yet, or still starting.
    Starting,
    /// The start hangs.
    Silent,
    /// Something that is known, with the line that says it.
    Known(&'static Class, String),
    /// CRITICAL, or a failed start, for no known reason.
    Loud(String),
    /// The lines of the start are not kept any more.
    Old,
}

pub(super) fn logs(facts: &Facts) -> Judged {
    let service = compute::service_of(facts)?;
    let logs = seen(&facts.look.logs, facts)?;
    let (up, stopped): (Vec<&TaskLog>, Vec<&TaskLog>) = logs.iter().partition(|log| log.task.stopped_at.is_none());
    let up: Vec<&TaskLog> = up.into_iter().filter(|log| log.task.status == "RUNNING").collect();
    let short_of_tasks = service.running < service.desired || service.rollouts.len() > 1;
    let recent = |log: &&&TaskLog| log.task.stopped_at.is_none_or(|at| facts.now - at < RECENT);
    // Why tasks died matters as long as some are missing.
    let died = stopped
        .iter()
        .filter(|_| short_of_tasks || up.is_empty() || !compute::stays_up(service, facts))
        .filter(recent)
        .copied();
    let (mut started, mut errors, mut starting) = (0, 0, 0);
    let mut notes: Vec<&Class> = vec![];
    for log in up.iter().copied().chain(died) {
        match story(log, facts.now) {
            Story::Fine(count, more) => {
                (started, errors) = (started + 1, errors + count);
                notes.extend(more.iter().filter(|note| !notes.contains(note)).copied().collect::<Vec<_>>());
            }
            Story::Old => started += 1,
            Story::Starting => starting += 1,
            story => return Err(told(&story, log)),
        }
    }
    let is_empty = logs.iter().all(|log| log.head.is_empty() && log.tail.is_empty());
    if started == 0 && is_empty && compute::is_settled(service) {
        // The group was made again under a task that runs on: its lines went with the old one, and the awslogs driver does
        // not make the stream a second time.
        let why = "the running tasks have no log, yet they started: was the log group made anew? The next tasks will have one";
        return Err(Status::Skip(why.into()));
    }
    if started == 0 {
        let why = match starting {
            0 => "no task has logged anything",
            _ => "the server has not finished its start",
        };
        let (next, class) = match starting {
            0 => ("look at VF-TASKS", "logs.none"),
            _ => ("hybridctl verify --wait 5m", "logs.start"),
        };
        return Err(Fail::new(why).next(next).class(class).into());
    }
    let noise = if errors == 0 { String::new() } else { format!(", {} at level ERROR lately", count(errors, "line")) };
    let notes: String = notes.iter().map(|note| format!("; {} ({}): {}", note.cause, note.id, note.fix)).collect();
    Ok(format!("{}{noise}{notes}", log_classes::STARTED))
}

fn told(story: &Story, log: &TaskLog) -> Status {
    let task = format!("task {}", log.task.id);
    let fail = match story {
        Story::Known(class, line) => {
            let (id, cause) = (class.id, class.cause);
            Fail::new(format!("{cause} ({id})")).next(class.fix).seen([format!("{task}: {line}")]).class(id)
        }
        Story::Silent => Fail::new("the server hangs in its start, most likely on its way to the control plane")
            .next("look at VF-ROUTE and VF-GROUPS: tasks need a way to the internet on port 443")
            .seen([format!("{task}: nothing after `{}`", log_classes::WAITING)])
            .class("egress"),
        Story::Loud(line) => Fail::new("the log shows a critical error")
            .next("read the whole log with `aws logs tail`")
            .seen([format!("{task}: {line}")])
            .class("crash"),
        Story::Fine(..) | Story::Starting | Story::Old => Fail::new("the log is not understood"),
    };
    fail.into()
}

fn story(log: &TaskLog, now: i64) -> Story {
    let started = log.head.iter().chain(&log.tail).any(|line| line.text.contains(log_classes::STARTED));
    let gone = log.task.stopped_at.is_some();
    // What was written before a start that succeeded was overcome.
    let judged: Vec<&Line> = match started {
        true => since_start(&log.tail).filter(|line| gone || now - line.at < RECENT).collect(),
        false => log.head.iter().chain(&log.tail).collect(),
    };
    let messages: Vec<(String, Level)> = judged.iter().map(|line| log_classes::message(&line.text)).collect();
    // What a server that runs says of a single request is no failure of the server.
    let of_request = |text: &str| started && log_classes::cause_in(text).is_some_and(Class::is_of_requests);
    let (requests, texts): (Vec<&str>, Vec<&str>) =
        messages.iter().map(|(text, _)| text.as_str()).partition(|text| of_request(text));
    let text = texts.join("\n");
    if let Some(class) = log_classes::cause_in(&text) {
        return Story::Known(class, log_classes::quote(&text, class));
    }
    let is_loud = |text: &str, level: Level| level == Level::Critical || text.contains(log_classes::FAILED);
    let loud = messages.iter().rev().find(|(text, level)| is_loud(text, *level) && !of_request(text));
    if let Some((line, _)) = loud {
        let cause = text.lines().rev().find(|line| line.contains("Error: ")).unwrap_or(line);
        return Story::Loud(log_classes::short(&redact(cause)));
    }
    let errors = messages.iter().filter(|(_, level)| *level == Level::Error).count();
    let last = log.tail.last();
    match (started, last) {
        (true, _) => Story::Fine(errors, notes(log, requests.last().copied())),
        // ECS usually ends such a task before the server gives up.
        (false, Some(last)) if has_begun(log) && log.task.stopped_at.unwrap_or(now) - last.at > SILENCE => {
            Story::Silent
        }
        // A log group that keeps lines for a day has lost the start of a task that runs for a week.
        (false, Some(_))
            if log.task.started_at.is_some_and(|at| log.head.first().is_some_and(|line| line.at - at > RECENT)) =>
        {
            Story::Old
        }
        _ => Story::Starting,
    }
}

/// The start was begun. A few lines of no interest may follow.
fn has_begun(log: &TaskLog) -> bool {
    log.head.iter().chain(&log.tail).any(|line| line.text.contains(log_classes::WAITING))
}

/// What is worth knowing of a server that runs: what it said of itself, and of the last request that it refused for a known
/// reason.
fn notes(log: &TaskLog, request: Option<&str>) -> Vec<&'static Class> {
    let text: Vec<&str> = log.head.iter().map(|line| line.text.as_str()).collect();
    let mut notes = log_classes::notes_in(&text.join("\n"));
    notes.extend(request.and_then(log_classes::cause_in));
    notes
}

/// The lines after the marker; all of them if it is not among them.
fn since_start(lines: &[Line]) -> impl Iterator<Item = &Line> {
    let at = lines.iter().rposition(|line| line.text.contains(log_classes::STARTED));
    lines.iter().skip(at.map_or(0, |at| at + 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::look::service::Task;
    use crate::verify::samples::{self, NOW};

    fn log(lines: &[&str], stopped: bool, age: i64) -> TaskLog {
        let line = |text: &&str| Line { at: NOW - age, text: (*text).to_owned() };
        let status = if stopped { "STOPPED" } else { "RUNNING" };
        let task = Task {
            id: "t1".into(),
            status: status.into(),
            started_at: Some(NOW - age),
            stopped_at: stopped.then_some(NOW - 1000),
            ..Task::default()
        };
        TaskLog { task, head: lines.iter().map(line).collect(), tail: lines.iter().map(line).collect() }
    }

    fn judged(logs: Vec<TaskLog>, running: i32) -> Judged {
        let mut facts = samples::good();
        facts.look.service.as_mut().unwrap().as_mut().unwrap().running = running;
        facts.look.logs = Ok(logs);
        super::logs(&facts)
    }

    fn failed(judged: Judged) -> Fail {
        match judged {
            Err(Status::Fail(fail)) => fail,
            other => panic!("{other:?}"),
        }
    }

    const ERROR: &str = "2026 | ERROR    | a:b:1 | (1045, \"Access denied for user 'u'@'h' (using password: YES)\")";

    #[test]
    fn a_finished_start_without_critical_lines_is_fine() {
        let quiet =
            ["Waiting for application startup.", "Application startup complete.", "2026 | ERROR | x | a bad request"];
        let detail = judged(vec![log(&quiet, false, 1000)], 1).unwrap();
        assert!(detail.contains("1 line at level ERROR"), "{detail}");
    }

    #[test]
    fn what_went_wrong_before_a_good_start_or_long_ago_is_over() {
        judged(vec![log(&[ERROR, "Application startup complete."], false, 1000)], 1).unwrap();
        judged(vec![log(&["Application startup complete.", ERROR], false, RECENT + 1)], 1).unwrap();
        failed(judged(vec![log(&["Application startup complete.", ERROR], false, 1000)], 1));
    }

    #[test]
    fn a_task_that_died_tells_why_and_a_replaced_one_is_left_alone() {
        let good = log(&["Application startup complete."], false, 1000);
        let lines = ["Waiting for application startup.", ERROR, "Application startup failed. Exiting."];
        let dead = log(&lines, true, 1000);
        assert!(failed(judged(vec![dead.clone()], 0)).why.contains("db.auth"));
        assert!(judged(vec![good, dead], 1).is_ok());
    }

    #[test]
    fn silence_after_the_start_began_points_to_the_way_out() {
        let lines = [
            "Started server process [7]",
            "Waiting for application startup.",
            "Not writing the global configuration to disk in a ZenML server environment.",
        ];
        assert!(failed(judged(vec![log(&lines, false, SILENCE + 1)], 0)).why.contains("hangs"));
        assert!(failed(judged(vec![log(&lines, false, 1000)], 0)).why.contains("not finished"));
    }

    /// The control plane says no to one user, while all others work on.
    #[test]
    fn what_a_running_server_says_of_a_request_is_a_note_and_at_its_start_the_cause() {
        for (line, id) in [
            ("zenml.exceptions.IllegalOperationError: {'detail': 'no right to create a stack'}", "cp.forbidden"),
            ("zenml.exceptions.SubscriptionUpgradeRequiredError: x", "cp.plan"),
            ("Error fetching user information from external authenticator.", "cp.user"),
        ] {
            let detail = judged(vec![log(&["Application startup complete.", line], false, 1000)], 1).unwrap();
            assert!(detail.contains(id), "{detail}");
            let died = ["Waiting for application startup.", line, "Application startup failed. Exiting."];
            assert_eq!(failed(judged(vec![log(&died, true, 1000)], 0)).class, Some(id));
        }
        // A server that started, said so of a user, and was ended later did not die of that.
        let ended = ["Application startup complete.", "IllegalOperationError: {'detail': 'no'}", "Shutting down"];
        assert!(judged(vec![log(&ended, true, 1000)], 0).unwrap().contains("cp.forbidden"));
    }

    #[test]
    fn a_task_that_was_ended_in_its_silence_points_to_the_way_out_too() {
        let silent = log(&["Waiting for application startup."], true, SILENCE + 2000);
        assert_eq!(failed(judged(vec![silent], 0)).class, Some("egress"));
        let quick = log(&["Waiting for application startup."], true, SILENCE / 2);
        assert_eq!(failed(judged(vec![quick], 0)).class, Some("logs.start"));
    }

    #[test]
    fn a_critical_line_without_a_known_meaning_is_shown_redacted() {
        let lines = ["Application startup complete.", "2026 | CRITICAL | x | password=hunter2 is no good"];
        let fail = failed(judged(vec![log(&lines, false, 1000)], 1));
        assert!(!fail.evidence.join("").contains("hunter2"), "{fail:?}");
    }

    #[test]
    fn a_server_that_runs_may_have_something_to_say() {
        let lines = ["WARNING Unable to load workload manager source.", "Application startup complete."];
        let detail = judged(vec![log(&lines, false, 1000)], 1).unwrap();
        assert!(detail.contains("wl.unavailable"), "{detail}");
    }

    #[test]
    fn an_empty_log_of_a_task_that_started_is_skipped() {
        assert!(matches!(judged(vec![log(&[], false, 1000)], 1), Err(Status::Skip(_))));
    }

    #[test]
    fn the_start_of_an_old_task_may_be_gone() {
        let mut old = log(&["GET /health"], false, 1000);
        old.task.started_at = Some(NOW - 100 * RECENT);
        assert!(judged(vec![old], 1).is_ok());
    }
}
