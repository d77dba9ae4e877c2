//! RDS: subnet group, parameter group, instance, snapshot.

pub mod instance;
pub mod parameter_group;
pub mod snapshot;
pub mod subnet_group;

mod events;
mod holders;
mod reading;
mod requests;
mod restorable;
mod survey;
mod tagging;

pub use restorable::{lasting, restorable};

pub(super) use survey::tagged;

use crate::resource::{Kind, Of};

pub(super) static KINDS: &[&(dyn Kind + Sync)] = &[
    &Of::<instance::Instance>::KIND,
    &Of::<parameter_group::ParameterGroup>::KIND,
    &Of::<snapshot::Snapshot>::KIND,
    &Of::<subnet_group::SubnetGroup>::KIND,
];
