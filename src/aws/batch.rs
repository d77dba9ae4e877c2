//! Reads coalesce: what is asked for in one turn of the scheduler goes out as one describe call.
//!
//! A kind asks for its own object only. [`Batch::get`] collects the keys that arrive before the scheduler comes round again
//! and fetches them together, so that four subnets are one DescribeSubnets and a no-op refresh stays within its call budget.

use crate::resource::Result;
use futures_util::future::{FutureExt, LocalBoxFuture, Shared};
use std::any::{Any, TypeId};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;

type Fetched<K, V> = Result<Rc<BTreeMap<K, V>>>;

/// One batch under way: keys may be added until it is sent.
struct Turn<K, V> {
    keys: Rc<RefCell<Option<BTreeSet<K>>>>,
    answer: Shared<LocalBoxFuture<'static, Fetched<K, V>>>,
}

/// Collects keys of one describe call.
pub struct Batch<K, V> {
    open: RefCell<Option<Turn<K, V>>>,
}

impl<K, V> Default for Batch<K, V> {
    fn default() -> Self {
        Self { open: RefCell::new(None) }
    }
}

impl<K: Ord + Clone + 'static, V: Clone + 'static> Batch<K, V> {
    /// The value of this key, or `None` if the service did not return it. `fetch` gets all keys of the turn; whichever caller
    /// opened the turn provides it, so every caller of one batch must pass the same kind of fetch.
    ///
    /// # Errors
    /// Whatever the fetch returned, to every caller of the turn.
    pub async fn get<F, Fut>(&self, key: K, fetch: F) -> Result<Option<V>>
    where
        F: FnOnce(Vec<K>) -> Fut + 'static,
        Fut: Future<Output = Result<BTreeMap<K, V>>> + 'static,
    {
        let answer = self.join(key.clone(), fetch);
        // Every caller waits one round before it polls the shared call, so that all keys of this round are in it.
        tokio::task::yield_now().await;
        Ok(answer.await?.get(&key).cloned())
    }

    fn join<F, Fut>(&self, key: K, fetch: F) -> Shared<LocalBoxFuture<'static, Fetched<K, V>>>
    where
        F: FnOnce(Vec<K>) -> Fut + 'static,
        Fut: Future<Output = Result<BTreeMap<K, V>>> + 'static,
    {
        let mut open = self.open.borrow_mut();
        if let Some(turn) = open.as_ref()
            && let Some(keys) = turn.keys.borrow_mut().as_mut()
        {
            keys.insert(key);
            return turn.answer.clone();
        }
        let keys = Rc::new(RefCell::new(Some(BTreeSet::from([key]))));
        let collected = Rc::clone(&keys);
        let answer = async move {
            let keys = collected.borrow_mut().take().unwrap_or_default();
            fetch(keys.into_iter().collect()).await.map(Rc::new)
        }
        .boxed_local()
        .shared();
        *open = Some(Turn { keys, answer: answer.clone() });
        answer
    }
}

/// The batches of one run, one per marker type. A kind declares `struct Subnets;` next to its describe call and asks for
/// `aws.batches.of::<Subnets, String, types::Subnet>()`.
#[derive(Default)]
pub struct Batches(RefCell<HashMap<TypeId, Rc<dyn Any>>>);

impl Batches {
    /// The batch that this marker type names.
    pub fn of<Marker: 'static, K: Ord + Clone + 'static, V: Clone + 'static>(&self) -> Rc<Batch<K, V>> {
        let mut batches = self.0.borrow_mut();
        let batch = batches.entry(TypeId::of::<Marker>()).or_insert_with(|| Rc::new(Batch::<K, V>::default()));
        Rc::clone(batch).downcast().expect("because one marker type is used with one key and value type")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resource::Error;
    use std::cell::Cell;

    async fn ask(batch: &Batch<u8, u8>, key: u8, sent: Rc<Cell<u32>>) -> Result<Option<u8>> {
        batch
            .get(key, move |keys| async move {
                sent.set(sent.get() + 1);
                Ok(keys.into_iter().filter(|key| *key < 10).map(|key| (key, key * 2)).collect())
            })
            .await
    }

    #[tokio::test]
    async fn what_is_asked_in_one_turn_is_one_call() {
        let (batch, sent) = (Batch::default(), Rc::new(Cell::new(0)));
        let all = futures_util::future::join_all([1, 2, 3, 99].map(|key| ask(&batch, key, Rc::clone(&sent)))).await;
        assert_eq!(all.into_iter().map(Result::unwrap).collect::<Vec<_>>(), [Some(2), Some(4), Some(6), None]);
        assert_eq!(sent.get(), 1);
        assert_eq!(ask(&batch, 4, Rc::clone(&sent)).await.unwrap(), Some(8));
        assert_eq!(sent.get(), 2, "a later turn asks again: nothing is cached");
    }

    #[tokio::test]
    async fn a_failed_call_fails_every_caller_of_the_turn() {
        let batch = Batch::<u8, u8>::default();
        let fail = |key| batch.get(key, |_| async { Err(Error::terminal("no")) });
        let (a, b) = futures_util::future::join(fail(1), fail(2)).await;
        assert!(a.is_err() && b.is_err());
    }
}
