//! What happened, and the many ways of telling it.
//!
//! The engine emits [`Event`]s and prints nothing. Terminal, plain lines and JSON lines are readers of the same events. Plans and
//! outcomes become text by pure functions.

pub mod event;
pub mod plan_json;
pub mod plan_order;
pub mod plan_step;
pub mod plan_summary;
pub mod plan_text;
pub mod value_text;
pub mod words;

pub use event::{Event, Reporter, Silent, Totals};
pub use plan_json::{PLAN_SCHEMA, plan_json};
pub use plan_text::{Meta, Place, plan_text};

#[cfg(test)]
mod samples;
