//! What the suites share.

pub mod cli;
pub mod deployment;
pub mod fake;
pub mod faults;
pub mod lifecycle;
pub mod proxy;
pub mod sandbox;
pub mod templates;
pub mod toys;
