//! Elastic Load Balancing: load balancer, target group, listener.

use crate::resource::Kind;

pub(super) static KINDS: &[&(dyn Kind + Sync)] = &[];
