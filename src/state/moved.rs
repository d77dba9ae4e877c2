//! The mark that a state leaves where it was, so that a config that still names the old place cannot begin a second deployment.

use super::LockInfo;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Stands in the document's place after it was moved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mark {
    /// The document's format, for versions of hybridctl that do not know marks: they refuse it.
    pub version: u32,
    /// Where the state is now, as `state migrate --to` takes it.
    pub moved_to: String,
    /// Of the document that was moved.
    pub lineage: Uuid,
    /// Its last serial here.
    pub serial: u64,
    /// Who moved it, and when.
    pub by: LockInfo,
}

impl Mark {
    /// The mark, if this text is one.
    pub(super) fn parse(text: &[u8]) -> Option<Self> {
        serde_json::from_slice(text).ok()
    }

    pub(super) fn text(&self) -> Vec<u8> {
        let mut text = serde_json::to_vec_pretty(self).expect("because a mark is plain data");
        text.push(b'\n');
        text
    }
}
