//! Elastic Load Balancing: load balancer, target group, listener.

pub mod attributes;
pub mod listener;
pub mod load_balancer;
pub mod target_group;

mod holders;
mod listing;
mod survey;
mod tagging;

pub(super) use survey::tagged;

use crate::resource::{Kind, Of};

pub(super) static KINDS: &[&(dyn Kind + Sync)] = &[
    &Of::<listener::Listener>::KIND,
    &Of::<load_balancer::LoadBalancer>::KIND,
    &Of::<target_group::TargetGroup>::KIND,
];
