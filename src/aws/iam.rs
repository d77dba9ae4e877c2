//! IAM: roles, policies, service-linked roles.

pub mod policy;
pub mod policy_attachment;
pub mod role;
pub mod role_policy;
pub mod service_linked_role;

mod survey;

pub(super) use survey::tagged;

use crate::resource::{Kind, Of};

pub(super) static KINDS: &[&(dyn Kind + Sync)] = &[
    &Of::<policy_attachment::PolicyAttachment>::KIND,
    &Of::<role::Role>::KIND,
    &Of::<role_policy::RolePolicy>::KIND,
    &Of::<service_linked_role::ServiceLinkedRole>::KIND,
];
