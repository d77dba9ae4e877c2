//! `hybrid.toml` to `Config`: every problem reported at once, each with its position and a fix.
//!
//! It makes no AWS call and reads no file: text in, `Config` or diagnostics out.
//! The way: `fields.rs` (one table of every key) → `read.rs` (syntax, unknown keys, types) → `validate.rs` (rules).

mod names;
mod rds_ca;
mod types;

pub use rds_ca::{rds_ca, regions};
pub use types::*;
