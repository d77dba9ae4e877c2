//! What happened, and the many ways of telling it.
//!
//! The engine emits [`Event`]s and prints nothing. Terminal, plain lines and JSON lines are readers of the same events. Plans and
//! outcomes become text by pure functions.

pub mod board;
pub mod codes;
pub mod errors;
pub mod event;
pub mod human;
pub mod json;
pub mod many;
pub mod plain;
pub mod plan_json;
pub mod plan_markdown;
pub mod plan_order;
pub mod plan_step;
pub mod plan_summary;
pub mod plan_text;
pub mod problems;
pub mod timings;
pub mod value_text;
pub mod words;

pub use errors::{error_text, hint_text, outcome_text};
pub use event::{Event, Reporter, Silent, Totals};
pub use human::Human;
pub use json::{EVENTS_SCHEMA, Json, error_json, event_json};
pub use many::Many;
pub use plain::Plain;
pub use plan_json::{PLAN_SCHEMA, plan_json};
pub use plan_markdown::plan_markdown;
pub use plan_text::{Meta, Place, plan_text};
pub use problems::problems_text;
pub use timings::timings_text;

#[cfg(test)]
pub(crate) mod samples;
