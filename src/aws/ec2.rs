//! EC2: the network.

pub mod security_group;
pub mod security_group_rule;
pub mod subnet;
pub mod vpc;

mod rules;
mod tagging;

use crate::resource::{Kind, Of};

pub(super) static KINDS: &[&(dyn Kind + Sync)] = &[
    &Of::<security_group::SecurityGroup>::KIND,
    &Of::<security_group_rule::SecurityGroupRule>::KIND,
    &Of::<subnet::Subnet>::KIND,
    &Of::<vpc::Vpc>::KIND,
];
