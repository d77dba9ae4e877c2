//! What happened, and the many ways of telling it.
//!
//! The engine emits [`Event`]s and prints nothing. Terminal, plain lines and JSON lines are readers of the same events.

pub mod event;

pub use event::{Event, Reporter, Totals};
