//! ACM certificates.

pub mod certificate;

use crate::resource::{Kind, Of};

pub(super) static KINDS: &[&(dyn Kind + Sync)] = &[&Of::<certificate::Certificate>::KIND];
