//! Route 53 records.

pub mod record;

mod names;
mod survey;

pub(super) use survey::tagged;

use crate::resource::{Kind, Of};

pub(super) static KINDS: &[&(dyn Kind + Sync)] = &[&Of::<record::Record>::KIND];
