//! CloudWatch Logs.

pub mod log_group;

mod sweep;

pub use sweep::sweep;

use crate::resource::{Kind, Of};

pub(super) static KINDS: &[&(dyn Kind + Sync)] = &[&Of::<log_group::LogGroup>::KIND];
