//! What the suites share.

pub mod deployment;
pub mod fake;
pub mod lifecycle;
pub mod templates;
pub mod sandbox;
