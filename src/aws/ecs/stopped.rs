//! Why tasks stopped: ECS's own words, exit codes, and the last lines of their logs, fit to be shown.
//!
//! ECS forgets stopped tasks after about an hour, so the story is told when the failure is met. Log lines leave this file
//! only through [`redact`].

use super::redact::redact;
use crate::aws::Aws;
use crate::resource::Result;
use crate::resource::error::OrGone;
use crate::verify::log_classes;
use aws_sdk_ecs::types::{self, DesiredStatus, TaskStopCode};
use std::collections::BTreeMap;

/// How many log lines are shown.
const LINES: usize = 15;

/// What is known of a task that stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stopped {
    /// The task's ARN.
    pub arn: String,
    /// The revision that it ran.
    pub task_definition_arn: String,
    /// ECS's `stoppedReason`.
    pub reason: String,
    /// The container that this is about: the one named, else the one that failed.
    pub container: String,
    /// ECS's reason of the container (`OutOfMemoryError: …`), if it gave one.
    pub container_reason: Option<String>,
    /// `None`: the container never ran.
    pub exit_code: Option<i32>,
    /// Seconds since 1970.
    pub stopped_at: i64,
    /// True if ECS stopped it to bring the number of tasks down.
    pub scaled_in: bool,
}

impl Stopped {
    /// Reads a described task; `container` names the one that matters.
    pub(super) fn of(task: &types::Task, container: Option<&str>) -> Self {
        let containers = task.containers();
        let named = containers.iter().find(|c| container.is_some() && c.name() == container);
        let failed = || containers.iter().find(|c| c.exit_code().is_some_and(|code| code != 0) || c.reason().is_some());
        let container = named.or_else(failed).or(containers.first());
        let reason = task.stopped_reason().unwrap_or("ECS gave no reason");
        Self {
            arn: task.task_arn().unwrap_or_default().to_owned(),
            task_definition_arn: task.task_definition_arn().unwrap_or_default().to_owned(),
            reason: reason.to_owned(),
            container: container.and_then(|c| c.name()).unwrap_or_default().to_owned(),
            container_reason: container.and_then(|c| c.reason()).map(str::to_owned),
            exit_code: container.and_then(|c| c.exit_code()),
            stopped_at: task.stopped_at().map_or(0, |at| at.secs()),
            scaled_in: task.stop_code() == Some(&TaskStopCode::ServiceSchedulerInitiated)
                && reason.starts_with("Scaling activity"),
        }
    }

    /// Last part of the ARN, which log streams end with.
    pub fn task_id(&self) -> &str {
        self.arn.rsplit('/').next().unwrap_or_default()
    }

    /// `Essential container in task exited (exit code 3)`: equal for tasks that failed alike.
    pub fn cause(&self) -> String {
        let mut cause = self.reason.clone();
        match self.container_reason.as_deref() {
            Some(why) if why.starts_with(&cause) => why.clone_into(&mut cause),
            Some(why) if !cause.contains(why) => cause.push_str(&format!(": {why}")),
            _ => {}
        }
        if let Some(code) = self.exit_code {
            cause.push_str(&format!(" (exit code {code})"));
        }
        cause
    }
}

/// The service's stopped tasks of this revision, newest first, without those that ECS did not need any more.
///
/// # Errors
/// Those of ListTasks and DescribeTasks; a cluster that is gone has none.
pub async fn of_service(aws: &Aws, cluster: &str, service: &str, task_definition_arn: &str) -> Result<Vec<Stopped>> {
    let call = aws.ecs().list_tasks().cluster(cluster).service_name(service).desired_status(DesiredStatus::Stopped);
    let listed = aws.call("ecs:ListTasks", call.send()).await.or_gone()?;
    let arns = listed.and_then(|listed| listed.task_arns).unwrap_or_default();
    if arns.is_empty() {
        return Ok(vec![]);
    }
    let call = aws.ecs().describe_tasks().cluster(cluster).set_tasks(Some(arns));
    let described = aws.call("ecs:DescribeTasks", call.send()).await?;
    let mut stopped: Vec<_> = described
        .tasks()
        .iter()
        .map(|task| Stopped::of(task, None))
        .filter(|task| task.task_definition_arn == task_definition_arn && !task.scaled_in)
        .collect();
    stopped.sort_by_key(|task| -task.stopped_at);
    Ok(stopped)
}

/// Tells of tasks that failed: each cause once with its number, then the log of the newest that ran. Never fails: what cannot
/// be read is left out.
pub async fn story(aws: &Aws, stopped: &[Stopped]) -> String {
    let mut causes: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    for (age, task) in stopped.iter().enumerate() {
        causes.entry(task.cause()).or_insert((age, 0)).1 += 1;
    }
    let mut causes: Vec<_> = causes.into_iter().collect();
    causes.sort_by_key(|(_, (age, _))| *age);
    let mut lines: Vec<String> = causes
        .into_iter()
        .take(3)
        .map(|(cause, (_, count))| match count {
            1 => format!("a task stopped: {cause}"),
            _ => format!("{count} tasks stopped: {cause}"),
        })
        .collect();
    let ran = stopped.iter().find(|task| task.exit_code.is_some());
    let log = match ran {
        Some(ran) => tail(aws, ran).await.unwrap_or_default(),
        None => vec![],
    };
    let class = stopped.first().and_then(|newest| class_of(&newest.cause(), &log));
    lines.extend(class.map(|class| format!("  {}", meaning(class))));
    lines.extend(ran.into_iter().flat_map(|ran| log_story(&log, ran)));
    lines.join("\n")
}

/// What a stop is, by the table that `verify` judges by; `None`: nothing that is known. What the server said itself counts more
/// than ECS's words.
pub(super) fn class_of(cause: &str, log: &[String]) -> Option<&'static log_classes::Class> {
    // Once it had started, such words were about somebody's request.
    let started = log.iter().any(|line| line.contains(log_classes::STARTED));
    let said = log_classes::cause_in(&log.join("\n")).filter(|class| !started || !class.is_of_requests());
    said.or_else(|| log_classes::of_stop(cause))
}

/// What that means and what to do.
pub(super) fn meaning(class: &log_classes::Class) -> String {
    format!("{} ({}): {}", class.cause, class.id, class.fix)
}

fn log_story(tail: &[String], task: &Stopped) -> Vec<String> {
    let mut lines: Vec<String> = cause(tail).map(|cause| format!("  {cause}")).into_iter().collect();
    if !tail.is_empty() {
        lines.push(format!("  last log lines of {} in task {}:", task.container, task.task_id()));
        lines.extend(tail.iter().map(|line| format!("    {line}")));
    }
    lines
}

/// The last lines that the task's container logged, redacted, oldest first; none if it has no stream.
///
/// # Errors
/// Those of DescribeTaskDefinition and GetLogEvents, except "not found".
pub async fn tail(aws: &Aws, task: &Stopped) -> Result<Vec<String>> {
    let call = aws.ecs().describe_task_definition().task_definition(&task.task_definition_arn);
    let Some(found) = aws.call("ecs:DescribeTaskDefinition", call.send()).await.or_gone()? else { return Ok(vec![]) };
    let containers = found.task_definition.and_then(|definition| definition.container_definitions).unwrap_or_default();
    let container = containers.iter().find(|container| container.name() == Some(&task.container));
    let options = container.and_then(|c| c.log_configuration()).and_then(|logs| logs.options());
    let option = |name: &str| options.and_then(|options| options.get(name));
    let (Some(group), Some(prefix)) = (option("awslogs-group"), option("awslogs-stream-prefix")) else {
        return Ok(vec![]);
    };
    let stream = format!("{prefix}/{}/{}", task.container, task.task_id());
    let call = aws
        .logs()
        .get_log_events()
        .log_group_name(group)
        .log_stream_name(stream)
        .start_from_head(false)
        .limit(4 * LINES as i32);
    let Some(found) = aws.call("logs:GetLogEvents", call.send()).await.or_gone()? else { return Ok(vec![]) };
    Ok(last_lines(found.events().iter().filter_map(|event| event.message())))
}

/// One event is one line or, in JSON layout, a whole traceback. Answers to health checks say nothing.
fn last_lines<'m>(messages: impl Iterator<Item = &'m str>) -> Vec<String> {
    let texts = messages.map(|message| {
        let parsed: Option<serde_json::Value> = serde_json::from_str(message).ok();
        parsed.and_then(|json| json.get("message")?.as_str().map(str::to_owned)).unwrap_or_else(|| message.to_owned())
    });
    let mut lines: Vec<String> = texts
        .flat_map(|text| text.lines().map(redact).collect::<Vec<_>>())
        .filter(|line| !line.trim().is_empty() && !line.contains("GET /health"))
        .collect();
    lines.drain(..lines.len().saturating_sub(LINES));
    lines
}

/// The last `SomeError: …` of a log, from the error's name on.
pub fn cause(lines: &[String]) -> Option<&str> {
    lines.iter().rev().find_map(|line| {
        let ends = ["Error: ", "Exception: "].iter().filter_map(|end| line.find(end)).min()?;
        let name = line[..ends]
            .rfind(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '.')
            .map_or(0, |at| at + line[at..].chars().next().map_or(1, char::len_utf8));
        Some(&line[name..])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_json_event_is_a_whole_traceback() {
        let event = r#"{"level":"ERROR","message":"Traceback (most recent call last):\n  File \"x.py\"\nsqlalchemy.exc.OperationalError: (1045, \"Access denied\")"}"#;
        let lines = last_lines(["INFO: 1.2.3.4 - \"GET /health HTTP/1.1\" 200", event].into_iter());
        assert_eq!(lines.len(), 3, "{lines:?}");
        assert_eq!(cause(&lines), Some("sqlalchemy.exc.OperationalError: (1045, \"Access denied\")"));
    }

    #[test]
    fn only_the_last_lines_are_shown_and_the_last_error_is_the_cause() {
        let messages: Vec<String> = (0..40).map(|n| format!("ValueError: number {n}")).collect();
        let lines = last_lines(messages.iter().map(String::as_str));
        assert_eq!((lines.len(), cause(&lines)), (LINES, Some("ValueError: number 39")));
        assert_eq!(cause(&["all is well".to_owned()]), None);
        let prefixed = ["2026 | ERROR | x:y:1 | RuntimeError: 401 Client Error: no".to_owned()];
        assert_eq!(cause(&prefixed), Some("RuntimeError: 401 Client Error: no"));
    }

    #[test]
    fn a_stop_is_explained_by_the_log_and_else_by_ecs() {
        let said = ["RuntimeError: Error fetching auth token from the Cloud API: 401 Client Error".to_owned()];
        let exited = "Essential container in task exited (exit code 3)";
        assert!(
            class_of(exited, &said).map(meaning).is_some_and(|means| means.contains("(cp.auth): check `zenml.oauth2"))
        );
        let memory = "OutOfMemoryError: Container killed due to memory usage (exit code 137)";
        let means = "the container used more memory than it has (memory): raise `service.memory`";
        assert_eq!(class_of(memory, &["INFO: all is well".to_owned()]).map(meaning).as_deref(), Some(means));
        assert_eq!(class_of(exited, &[]), None);
        let missing = "1 validation error: Field required [type=missing".to_owned();
        let id = |log: &[String]| class_of(memory, log).map(|class| class.id);
        assert_eq!(id(std::slice::from_ref(&missing)), Some("cfg.missing"));
        assert_eq!(id(&[log_classes::STARTED.to_owned(), missing]), Some("memory"), "that was about a request");
    }

    #[test]
    fn the_cause_of_a_stop_is_ecs_own_text_with_the_exit_code() {
        let cause = |code, why: Option<&str>, reason: &str| {
            let container = types::Container::builder().name("zenml").set_exit_code(code);
            let container = container.set_reason(why.map(str::to_owned)).build();
            Stopped::of(&types::Task::builder().containers(container).stopped_reason(reason).build(), None).cause()
        };
        let exited = "Essential container in task exited";
        assert_eq!(cause(Some(3), None, exited), "Essential container in task exited (exit code 3)");
        assert_eq!(
            cause(Some(137), Some("OutOfMemoryError: killed"), "OutOfMemoryError"),
            "OutOfMemoryError: killed (exit code 137)"
        );
        let refused = "CannotPullContainerError: 403 Forbidden";
        assert_eq!(cause(None, Some(refused), refused), refused);
    }
}
