//! `hybrid.toml` to `Config`: every problem reported at once, each with its position and a fix.
//!
//! It makes no AWS call and reads no file: text in, `Config` or diagnostics out.
//! The way: `fields.rs` (one table of every key) → `read.rs` (syntax, unknown keys, types) → `validate.rs` (rules) →
//! `build.rs` (defaults, types). A newcomer would add a key to a struct only: it starts in `fields.rs`.

mod build;
mod codes;
mod diagnostic;
mod enrollment;
mod fields;
mod init;
mod load;
mod names;
mod problems;
mod rds_ca;
mod read;
mod schema;
mod templates;
mod types;
mod validate;

pub use codes::{CODES, Code};
pub use diagnostic::{
    Diagnostic, Placeholders, Severity, Style, line_and_column, render, settle_placeholders, summary, to_json,
};
pub use enrollment::{Enrollment, EnrollmentError, enrollment};
pub use init::{Answers, render_template};
pub use load::load;
pub use names::version_of_image;
pub use rds_ca::{rds_ca, regions};
pub use schema::schema;
pub use templates::{Template, templates};
pub use types::*;

#[cfg(test)]
mod tests;
