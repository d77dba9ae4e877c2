//! CloudWatch Logs.

pub mod log_group;

use crate::resource::{Kind, Of};

pub(super) static KINDS: &[&(dyn Kind + Sync)] = &[&Of::<log_group::LogGroup>::KIND];
