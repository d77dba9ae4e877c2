//! What the suites share.

pub mod lifecycle;
