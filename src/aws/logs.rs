//! CloudWatch Logs.

pub mod log_group;

mod survey;
mod sweep;

pub use sweep::sweep;

pub(super) use survey::tagged;

use crate::resource::{Kind, Of};

pub(super) static KINDS: &[&(dyn Kind + Sync)] = &[&Of::<log_group::LogGroup>::KIND];
