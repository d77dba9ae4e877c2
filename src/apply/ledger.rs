//! The record of a run in progress: every change is on disk before the run goes on.
//!
//! Saves are group commits: whatever changed while one save was under way goes into the next, so durability costs a few saves a
//! wave instead of three a resource, and a store at 40 ms a write does not lengthen the critical path.

use crate::state::{State, StateStore, StoreError};
use std::cell::{Cell, RefCell};

/// The state document of this run.
pub struct Ledger<'a, S> {
    store: &'a S,
    state: RefCell<State>,
    changed: Cell<u64>,
    durable: Cell<u64>,
    gate: tokio::sync::Mutex<()>,
}

impl<'a, S: StateStore> Ledger<'a, S> {
    /// Goes on from `state`, which is what the store holds.
    pub fn new(store: &'a S, state: State) -> Self {
        Self {
            store,
            // Why somebody pushed it says nothing of what this run makes of it.
            state: RefCell::new(State { note: None, ..state }),
            changed: Cell::new(0),
            durable: Cell::new(0),
            gate: tokio::sync::Mutex::new(()),
        }
    }

    /// Looks at the record.
    pub fn read<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.state.borrow())
    }

    /// Changes the record; returns when the change is durable.
    ///
    /// # Errors
    /// The store's. The run must end then: it does not know any more what is on record.
    pub async fn commit<T>(&self, change: impl FnOnce(&mut State) -> T) -> Result<T, StoreError> {
        let result = change(&mut self.state.borrow_mut());
        let mine = self.changed.get() + 1;
        self.changed.set(mine);
        let _turn = self.gate.lock().await;
        if self.durable.get() < mine {
            let covered = self.changed.get();
            let mut next = self.state.borrow().clone();
            next.serial += 1;
            self.store.save(&next).await?;
            self.state.borrow_mut().serial = next.serial;
            self.durable.set(covered);
        }
        Ok(result)
    }

    /// The record at the end.
    pub fn into_state(self) -> State {
        self.state.into_inner()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::memory::MemoryStore;
    use uuid::Uuid;

    struct Slow(MemoryStore, Cell<u32>);
    impl StateStore for Slow {
        async fn load(&self) -> Result<Option<State>, StoreError> {
            self.0.load().await
        }
        async fn save(&self, next: &State) -> Result<(), StoreError> {
            tokio::task::yield_now().await;
            self.1.set(self.1.get() + 1);
            self.0.save(next).await
        }
    }

    #[tokio::test]
    async fn changes_that_wait_for_a_save_share_the_next_one() {
        let store = Slow(MemoryStore::default(), Cell::new(0));
        let ledger = Ledger::new(&store, State::new("t", Uuid::nil()));
        let commits = (0..20).map(|_| ledger.commit(|state| state.incarnations += 1));
        futures_util::future::join_all(commits).await.into_iter().for_each(|saved| saved.unwrap());
        assert_eq!(ledger.read(|state| state.incarnations), 20);
        assert_eq!(store.load().await.unwrap().unwrap().incarnations, 20);
        assert_eq!(store.1.get(), 2, "one save for the first change, one for the other nineteen");
    }
}
