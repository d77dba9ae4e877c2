//! ACM certificates.

pub mod certificate;

mod survey;

pub(super) use survey::tagged;

use crate::resource::{Kind, Of};

pub(super) static KINDS: &[&(dyn Kind + Sync)] = &[&Of::<certificate::Certificate>::KIND];
