//! A store in memory, for tests and for plans that must not touch a disk.

use super::{State, StateStore, StoreError, upgrade};
use std::cell::RefCell;

/// Keeps the document. A load goes through the text that a file would hold, so that what cannot be written is noticed.
#[derive(Debug, Default, Clone)]
pub struct MemoryStore(RefCell<Option<State>>);

impl StateStore for MemoryStore {
    async fn load(&self) -> Result<Option<State>, StoreError> {
        let text = self.0.borrow().as_ref().map(serde_json::to_string).transpose();
        let text = text.map_err(|e| StoreError::Damaged(e.to_string()))?;
        text.map(|text| upgrade::parse(&text).map_err(StoreError::Damaged)).transpose()
    }

    async fn save(&self, next: &State) -> Result<(), StoreError> {
        let found = self.0.borrow().as_ref().map_or(0, |state| state.serial);
        if next.serial != found + 1 {
            return Err(StoreError::Moved { expected: next.serial - 1, found });
        }
        next.verify_integrity().map_err(|e| StoreError::Damaged(e.to_string()))?;
        *self.0.borrow_mut() = Some(next.clone());
        Ok(())
    }
}
