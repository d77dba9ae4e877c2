//! Verbs that need no AWS.

pub(super) mod completions;
pub(super) mod explain;
pub(super) mod graph;
pub(super) mod init;
pub(super) mod man;
pub(super) mod schema;
pub(super) mod validate;
