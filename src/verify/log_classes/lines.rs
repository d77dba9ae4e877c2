//! One event of the server's log: its message, how loud it is, and what of it may be shown.

use super::Class;
use crate::aws::ecs::redact::redact;
use serde_json::Value;

/// How loud a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Everything else.
    Quiet,
    /// ERROR.
    Error,
    /// CRITICAL.
    Critical,
}

/// Message and level of a log event, in either layout of the server. What was thrown stands beside the message in JSON.
pub fn message(event: &str) -> (String, Level) {
    let level = |word: &str| match word.trim() {
        "CRITICAL" | "FATAL" => Level::Critical,
        "ERROR" => Level::Error,
        _ => Level::Quiet,
    };
    if let Ok(Value::Object(fields)) = serde_json::from_str::<Value>(event)
        && let Some(text) = fields.get("message").and_then(Value::as_str)
    {
        let thrown = fields.get("exception").map(|thrown| ["type", "message"].map(|key| thrown[key].as_str()));
        let text = match thrown {
            Some([Some(kind), Some(why)]) => format!("{text}\n{kind}: {why}"),
            _ => text.to_owned(),
        };
        return (text, level(fields.get("level").and_then(Value::as_str).unwrap_or_default()));
    }
    let plain = console::strip_ansi_codes(event);
    let loudness = plain.split(" | ").nth(1).map_or(Level::Quiet, level);
    (plain.into_owned(), loudness)
}

/// The line of a text that carries a class's first mark, fit to be shown.
pub fn quote(text: &str, class: &Class) -> String {
    let line = text.lines().rev().find(|line| class.marks.iter().any(|mark| line.contains(mark)));
    short(&redact(line.or(text.lines().last()).unwrap_or_default()))
}

/// At most 200 characters.
pub fn short(line: &str) -> String {
    let line = line.trim();
    match line.char_indices().nth(200) {
        None => line.to_owned(),
        Some((end, _)) => format!("{}…", &line[..end]),
    }
}

#[cfg(test)]
mod tests {
    use super::super::of_log;
    use super::*;

    #[test]
    fn both_layouts_of_a_line_are_read() {
        let json = r#"{"level":"ERROR","message":"Traceback:\nRuntimeError: x"}"#;
        assert_eq!(message(json), ("Traceback:\nRuntimeError: x".to_owned(), Level::Error));
        let thrown = r#"{"level":"ERROR","message":"API error","exception":{"type":"RuntimeError","message":"(2003, x)","stacktrace":"y"}}"#;
        assert_eq!(message(thrown), ("API error\nRuntimeError: (2003, x)".to_owned(), Level::Error));
        let line = "2026-11-20 10:00:00,123 | CRITICAL | a:b:1 | boom";
        assert_eq!(message(line), (line.to_owned(), Level::Critical));
        assert_eq!(message("plain").1, Level::Quiet);
    }

    #[test]
    fn a_quoted_line_holds_no_password() {
        let text = "Traceback\nTypeError: No store implementation found for URL: mysql+x://admin:hunter2@h/d";
        let class = of_log(text).unwrap();
        let quoted = quote(text, class);
        assert!(quoted.contains("No store implementation") && !quoted.contains("hunter2"), "{quoted}");
        assert_eq!(short(&"x".repeat(300)).chars().count(), 201);
    }
}
