//! A store in memory, for tests and for plans that must not touch a disk.

use super::{State, StateStore, StoreError};
use std::cell::RefCell;

/// Keeps the document as the text that a file would hold, so that what cannot be written is noticed.
#[derive(Debug, Default, Clone)]
pub struct MemoryStore(RefCell<Option<(u64, String)>>);

impl StateStore for MemoryStore {
    async fn load(&self) -> Result<Option<State>, StoreError> {
        let document = self.0.borrow().clone();
        document.map(|(_, text)| serde_json::from_str(&text).map_err(|e| StoreError::Damaged(e.to_string()))).transpose()
    }

    async fn save(&self, next: &State) -> Result<(), StoreError> {
        let found = self.0.borrow().as_ref().map_or(0, |(serial, _)| *serial);
        if next.serial != found + 1 {
            return Err(StoreError::Moved { expected: next.serial - 1, found });
        }
        next.verify_integrity().map_err(|e| StoreError::Damaged(e.to_string()))?;
        let text = serde_json::to_string(next).map_err(|e| StoreError::Damaged(e.to_string()))?;
        *self.0.borrow_mut() = Some((next.serial, text));
        Ok(())
    }
}
