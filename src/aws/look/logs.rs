//! What the tasks log: their first lines, which hold the start, and their last ones.
//!
//! The lines are raw and may hold secrets: they leave `verify` only through its redaction.

use super::service::{Definition, Task};
use crate::aws::Aws;
use crate::resource::Result;
use crate::resource::error::OrGone;
use aws_sdk_cloudwatchlogs::types::OutputLogEvent;

/// How many lines of the start are read. The marker of a finished start comes within the first fifty.
const HEAD: i32 = 200;
/// How many of the last lines are read: at four health checks a minute more than an hour.
const TAIL: i32 = 500;
/// Running tasks whose logs are read.
const RUNNING: usize = 4;
/// Stopped tasks whose logs are read.
const STOPPED: usize = 2;

/// What one task logged.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct TaskLog {
    /// The task.
    pub task: Task,
    /// First lines, oldest first.
    pub head: Vec<Line>,
    /// Last lines, oldest first; overlaps with `head` when the log is short.
    pub tail: Vec<Line>,
}

/// One log event: a line, or in the JSON layout possibly a whole traceback.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Line {
    /// Milliseconds since 1970.
    pub at: i64,
    /// As logged.
    pub text: String,
}

// The text may hold a secret: neither is shown by a derived Debug.
impl std::fmt::Debug for TaskLog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TaskLog({}, {} and {} lines)", self.task.id, self.head.len(), self.tail.len())
    }
}

impl std::fmt::Debug for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Line(at {}, {} bytes)", self.at, self.text.len())
    }
}

/// The tasks whose logs say most.
pub(super) fn tasks_to_tell_of(running: &[Task], stopped: &[Task]) -> Vec<Task> {
    let failed = stopped.iter().filter(|task| !task.was_unneeded).take(STOPPED);
    running.iter().take(RUNNING).chain(failed).cloned().collect()
}

pub(super) async fn group_exists(aws: &Aws, definition: Option<&Definition>) -> Result<bool> {
    let Some(group) = definition.and_then(|definition| definition.log_group.as_deref()) else { return Ok(false) };
    let call = aws.logs().describe_log_groups().log_group_name_prefix(group);
    let found = aws.read("logs:DescribeLogGroups", || call.clone().send()).await?;
    Ok(found.log_groups().iter().any(|found| found.log_group_name() == Some(group)))
}

pub(super) async fn read(aws: &Aws, definition: Option<&Definition>, tasks: &[Task]) -> Result<Vec<TaskLog>> {
    let Some(definition) = definition else { return Ok(vec![]) };
    let (Some(group), Some(prefix)) = (&definition.log_group, &definition.log_prefix) else { return Ok(vec![]) };
    let all = tasks.iter().map(async |task| {
        let stream = format!("{prefix}/{}/{}", definition.container, task.id);
        let (head, tail) =
            tokio::join!(lines(aws, group, &stream, true, HEAD), lines(aws, group, &stream, false, TAIL));
        Ok(TaskLog { task: task.clone(), head: head?, tail: tail? })
    });
    futures_util::future::join_all(all).await.into_iter().collect()
}

/// A stream that is not there yet has no lines.
async fn lines(aws: &Aws, group: &str, stream: &str, from_head: bool, limit: i32) -> Result<Vec<Line>> {
    let call = aws
        .logs()
        .get_log_events()
        .log_group_name(group)
        .log_stream_name(stream)
        .start_from_head(from_head)
        .limit(limit);
    let found = aws.read("logs:GetLogEvents", || call.clone().send()).await.or_gone()?;
    let line = |event: &OutputLogEvent| {
        Some(Line { at: event.timestamp().unwrap_or_default(), text: event.message()?.to_owned() })
    };
    Ok(found.map(|found| found.events().iter().filter_map(line).collect()).unwrap_or_default())
}
