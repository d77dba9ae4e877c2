//! Secrets Manager: values that were given to hybridctl, made by it, or composed from others.

pub mod database_url;
pub mod generated;
pub mod given;

mod secret;
mod survey;

pub use secret::{Outputs, SecretArn, holds};

pub(super) use secret::value;

pub(super) use survey::tagged;

use crate::resource::{Kind, Of};

pub(super) static KINDS: &[&(dyn Kind + Sync)] =
    &[&Of::<database_url::DatabaseUrl>::KIND, &Of::<generated::GeneratedSecret>::KIND, &Of::<given::GivenSecret>::KIND];
