//! Progress for machines: `hybridctl.events/1`, one JSON object per line.
//!
//! Every line names the format, the time and the type, so that a cut log can still be read. Durations are seconds.

use super::event::{Event, Reporter};
use crate::plan::Verb;
use crate::resource::{Class, Error};
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use std::io::Write;
use std::time::Duration;

/// Name and version of the format. A reader ignores keys and types that it does not know and refuses another number.
pub const EVENTS_SCHEMA: &str = "hybridctl.events/1";

/// Writes a JSON object per event.
pub struct Json<W> {
    out: W,
    clock: fn() -> Timestamp,
    broken: Option<std::io::Error>,
}

impl<W: Write> Json<W> {
    /// A reporter that writes here.
    pub fn new(out: W) -> Self {
        Self::with_clock(out, Timestamp::now)
    }

    /// A reporter with a clock of its own.
    pub fn with_clock(out: W, clock: fn() -> Timestamp) -> Self {
        Self { out, clock, broken: None }
    }

    /// The first failure to write; nothing is written after it. An apply goes on all the same.
    pub fn broken(&self) -> Option<&std::io::Error> {
        self.broken.as_ref()
    }
}

impl<W: Write> Reporter for Json<W> {
    fn event(&mut self, event: &Event) {
        if self.broken.is_some() {
            return;
        }
        let line = event_json(event, (self.clock)());
        self.broken = writeln!(self.out, "{line}").and_then(|()| self.out.flush()).err();
    }
}

/// Returns one event as JSON.
pub fn event_json(event: &Event, time: Timestamp) -> Value {
    let (kind, body) = body(event);
    let mut line = Map::new();
    line.insert("schemaVersion".into(), EVENTS_SCHEMA.into());
    line.insert("time".into(), format!("{time:.3}").into());
    line.insert("type".into(), kind.into());
    if let Value::Object(body) = body {
        line.extend(body);
    }
    Value::Object(line)
}

fn body(event: &Event) -> (&'static str, Value) {
    match event {
        Event::Planned { operations } => {
            let operation = operations.iter().map(
                |(address, verb, waits)| json!({"address": address, "verb": verb_code(*verb), "waits_for": waits}),
            );
            ("planned", json!({"operations": operation.collect::<Vec<_>>()}))
        }
        Event::Started { address, verb, action, expected } => (
            "started",
            json!({
                "address": address, "verb": verb_code(*verb), "action": action, "expected_secs": seconds(*expected)
            }),
        ),
        Event::Made { address, id } => ("made", json!({"address": address, "id": id})),
        Event::Settling { address, word, waited } => {
            ("settling", json!({"address": address, "word": word, "waited_secs": seconds(*waited)}))
        }
        Event::Note { address, line } => ("note", json!({"address": address, "line": line})),
        Event::Finished { address, verb, action, took } => (
            "finished",
            json!({"address": address, "verb": verb_code(*verb), "action": action, "took_secs": seconds(*took)}),
        ),
        Event::Failed { address, verb, error } => {
            ("failed", json!({"address": address, "verb": verb_code(*verb), "error": error_json(error)}))
        }
        Event::Skipped { address, because } => ("skipped", json!({"address": address, "because": because})),
        Event::Left { address, word } => ("left", json!({"address": address, "word": word})),
        Event::Stopping => ("stopping", json!({})),
        Event::Done(totals) => (
            "done",
            json!({
                "done": totals.done, "failed": totals.failed, "skipped": totals.skipped, "stopped": totals.stopped > 0
            }),
        ),
    }
}

/// Returns an error as JSON, for events and for `--format json`.
pub fn error_json(error: &Error) -> Value {
    json!({
        "id": super::codes::of_error(error).id,
        "class": class_code(error.class),
        "operation": Some(&error.operation).filter(|operation| !operation.is_empty()),
        "code": error.code,
        "message": error.message,
        "request_id": error.request_id,
        "held_by": error.held_by,
        "hints": error.hints,
    })
}

fn verb_code(verb: Verb) -> &'static str {
    match verb {
        Verb::Make => "make",
        Verb::Release => "release",
        Verb::Delete => "delete",
    }
}

fn class_code(class: Class) -> &'static str {
    match class {
        Class::Throttle => "throttle",
        Class::Propagation => "propagation",
        Class::Drain => "drain",
        Class::Held => "held",
        Class::Busy => "busy",
        Class::Ambiguous => "ambiguous",
        Class::Credentials => "credentials",
        Class::NotFound => "not_found",
        Class::Exists => "exists",
        Class::Terminal => "terminal",
    }
}

/// Seconds with milliseconds.
fn seconds(duration: Duration) -> f64 {
    duration.as_millis() as f64 / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples::an_apply;

    #[test]
    fn an_apply_is_one_object_per_line() {
        let mut out = vec![];
        let mut json = Json::with_clock(&mut out, || Timestamp::from_millisecond(1_789_000_000_000).unwrap());
        an_apply().iter().for_each(|event| json.event(event));
        assert!(json.broken().is_none());
        let out = String::from_utf8(out).unwrap();
        let head = r#"{"schemaVersion":"hybridctl.events/1","time":"2026-09-10T00:26:40.000Z","type":"#;
        let lines: Vec<&str> = out.lines().map(|line| line.strip_prefix(head).unwrap()).collect();
        insta::assert_snapshot!(lines.join("\n"), @r#"
        "planned","operations":[{"address":"rds.instance/main","verb":"make","waits_for":[]},{"address":"elb.listener/https","verb":"make","waits_for":[]},{"address":"ecs.service/zenml","verb":"make","waits_for":["rds.instance/main","elb.listener/https"]},{"address":"route53.record/server","verb":"make","waits_for":["ecs.service/zenml"]}]}
        "started","address":"rds.instance/main","verb":"make","action":"create","expected_secs":330.0}
        "made","address":"rds.instance/main","id":"zenml-hybrid-db"}
        "settling","address":"rds.instance/main","word":"backing-up","waited_secs":1.0}
        "started","address":"elb.listener/https","verb":"make","action":"create","expected_secs":2.0}
        "settling","address":"rds.instance/main","word":"backing-up","waited_secs":20.0}
        "finished","address":"elb.listener/https","verb":"make","action":"create","took_secs":2.0}
        "settling","address":"rds.instance/main","word":"backing-up","waited_secs":31.0}
        "note","address":"rds.instance/main","line":"the first backup is being made"}
        "failed","address":"rds.instance/main","verb":"make","error":{"id":"HC2016","class":"terminal","operation":"rds:CreateDBInstance","code":"StorageFull","message":"no room left\nin this zone","request_id":"7f3c","held_by":null,"hints":[]}}
        "skipped","address":"ecs.service/zenml","because":"rds.instance/main"}
        "skipped","address":"route53.record/server","because":"rds.instance/main"}
        "stopping"}
        "done","done":1,"failed":1,"skipped":2,"stopped":false}
        "#);
    }

    struct Full;

    impl Write for Full {
        fn write(&mut self, _bytes: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::StorageFull.into())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_full_disk_is_remembered_and_ends_nothing() {
        let mut json = Json::new(Full);
        json.event(&Event::Stopping);
        json.event(&Event::Stopping);
        assert_eq!(json.broken().unwrap().kind(), std::io::ErrorKind::StorageFull);
    }
}
