//! RDS: subnet group, parameter group, instance, snapshot.

use crate::resource::Kind;

pub(super) static KINDS: &[&(dyn Kind + Sync)] = &[];
