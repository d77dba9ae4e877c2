//! EC2: the network.

pub mod subnet;
pub mod vpc;

mod tagging;

use crate::resource::{Kind, Of};

pub(super) static KINDS: &[&(dyn Kind + Sync)] = &[&Of::<subnet::Subnet>::KIND, &Of::<vpc::Vpc>::KIND];
