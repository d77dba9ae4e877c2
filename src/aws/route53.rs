//! Route 53 records.

use crate::resource::Kind;

pub(super) static KINDS: &[&(dyn Kind + Sync)] = &[];
