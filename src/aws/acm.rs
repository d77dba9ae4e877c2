//! ACM certificates.

use crate::resource::Kind;

pub(super) static KINDS: &[&(dyn Kind + Sync)] = &[];
