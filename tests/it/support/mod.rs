//! What the suites share.

pub mod cli;
pub mod deployment;
pub mod fake;
pub mod lifecycle;
pub mod sandbox;
pub mod templates;
