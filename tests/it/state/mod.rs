//! The state in a bucket: conditions, lost answers, leases.

mod bucket;
mod lease;
mod save;
