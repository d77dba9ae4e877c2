//! ECS: cluster, task definition, one-off task, service.

use crate::resource::Kind;

pub(super) static KINDS: &[&(dyn Kind + Sync)] = &[];
