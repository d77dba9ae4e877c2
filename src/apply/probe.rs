//! Looking, without touching: reads what is on record, and looks for what may exist.
//!
//! Two waves at most: everything on record or interrupted is read at once (and the reads coalesce); what is on no record is
//! looked up after that, because its key may be an output of what was just read.

use super::{Engine, Surroundings};
use crate::model::input::{is_known, substitute};
use crate::model::{Address, Graph, Node, OutputRef};
use crate::plan::{Observations, Seen};
use crate::resource::{Class, Found, Id, Kind, Observed, Result};
use crate::state::{Intent, Recorded, State, StateStore, Verb};
use futures_util::future::join_all;
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

impl<S: StateStore> Engine<'_, S> {
    /// Reads everything that the plan needs.
    ///
    /// # Errors
    /// The first call that failed for another reason than "not found".
    pub async fn probe(&self, desired: &Graph, state: &State) -> Result<Observations> {
        let recorded = state.resources.iter().map(|(address, recorded)| self.read_recorded(state, address, recorded));
        let pending = state.intents.iter().filter(|(_, intent)| intent.verb == Verb::Create);
        let pending = pending.map(|(address, intent)| self.read_pending(state, address, intent));
        let (recorded, pending) = futures_util::future::join(join_all(recorded), join_all(pending)).await;
        let mut observations = Observations {
            seen: recorded.into_iter().collect::<Result<_>>()?,
            pending: pending.into_iter().collect::<Result<_>>()?,
        };
        let outputs = known_outputs(state, &observations);
        let unrecorded = desired.nodes.iter().filter(|(address, _)| {
            !state.resources.contains_key(*address)
                && !matches!(observations.pending.get(*address), Some(Seen::Live(..)))
        });
        let found = join_all(unrecorded.map(|(address, node)| self.look_up(state, address, node, &outputs))).await;
        for found in found {
            let (address, seen) = found?;
            observations.seen.insert(address, seen);
        }
        Ok(observations)
    }

    /// Reads one object of the kind of `address`, whatever is on record.
    ///
    /// # Errors
    /// The call's.
    pub async fn look_at(&self, state: &State, address: &Address, id: &Id) -> Result<Option<Observed>> {
        let kind = self.kinds.get(&address.kind)?;
        let around = looking(state, address, "", None, vec![]);
        self.patiently(async || kind.read(&self.scope(&around, &|_| {}), id).await).await
    }

    async fn read_recorded(&self, state: &State, address: &Address, recorded: &Recorded) -> Result<(Address, Seen)> {
        let kind = self.kinds.get(&address.kind)?;
        let around = looking(state, address, &recorded.token, Some(recorded.clone()), vec![]);
        // One reading is not enough to call something gone: describes lag.
        for reading in 0..2 {
            if reading > 0 {
                self.stop.sleep(self.limits.second_reading).await;
            }
            let read = self.patiently(async || kind.read(&self.scope(&around, &|_| {}), &recorded.id).await).await;
            if let Some(observed) = read? {
                return Ok((address.clone(), Seen::Live(recorded.id.clone(), observed)));
            }
        }
        let found = self.patiently(async || kind.find(&self.scope(&around, &|_| {}), &recorded.inputs).await).await;
        Ok((
            address.clone(),
            match found {
                Ok(Found::Restorable(id)) => Seen::Restorable(id),
                Ok(Found::Foreign(whose)) => Seen::Foreign(whose),
                _ => Seen::Gone,
            },
        ))
    }

    async fn read_pending(&self, state: &State, address: &Address, intent: &Intent) -> Result<(Address, Seen)> {
        let kind = self.kinds.get(&address.kind)?;
        let recorded = state.resources.get(address);
        let known: Vec<Id> = recorded.iter().flat_map(|r| r.deposed.iter().chain([&r.id]).cloned()).collect();
        let around = looking(state, address, &intent.token, recorded.cloned(), known);
        let id = match &intent.id {
            Some(id) => Some(id.clone()),
            None => self.find_interrupted(kind, &around, &intent.inputs).await?,
        };
        let Some(id) = id else { return Ok((address.clone(), Seen::Gone)) };
        let read = self.patiently(async || kind.read(&self.scope(&around, &|_| {}), &id).await).await?;
        Ok((address.clone(), read.map_or(Seen::Gone, |observed| Seen::Live(id, observed))))
    }

    /// Repeats where a describe that lags behind the interrupted create would mean a second object.
    async fn find_interrupted(&self, kind: &dyn Kind, around: &Surroundings, want: &Value) -> Result<Option<Id>> {
        let patience = match kind.spec().repeat {
            crate::resource::Repeat::Duplicates => self.limits.find_patience,
            _ => Duration::ZERO,
        };
        let since = Instant::now();
        loop {
            let found = self.patiently(async || kind.find(&self.scope(around, &|_| {}), want).await).await?;
            match found {
                Found::Ours(id) => return Ok(Some(id)),
                _ if since.elapsed() >= patience => return Ok(None),
                _ => tokio::time::sleep(self.limits.pause(Duration::from_secs(5))).await,
            }
        }
    }

    async fn look_up(
        &self,
        state: &State,
        address: &Address,
        node: &Node,
        outputs: &BTreeMap<Address, Value>,
    ) -> Result<(Address, Seen)> {
        let kind = self.kinds.get(&address.kind)?;
        let want = substitute(&node.inputs, &|reference: &OutputRef| {
            outputs.get(&reference.address)?.get(&reference.output).filter(|value| !value.is_null()).cloned()
        });
        let mut around = looking(state, address, "", None, vec![]);
        around.label.clone_from(&node.label);
        let found = self.patiently(async || kind.find(&self.scope(&around, &|_| {}), &want).await).await;
        let seen = match found {
            Ok(Found::Ours(id)) => {
                let read = self.patiently(async || kind.read(&self.scope(&around, &|_| {}), &id).await).await?;
                read.map_or(Seen::Gone, |observed| Seen::Live(id, observed))
            }
            Ok(Found::Restorable(id)) => Seen::Restorable(id),
            Ok(Found::Foreign(whose)) => Seen::Foreign(whose),
            Ok(Found::None) => Seen::Gone,
            // Part of the key is an output of something that does not exist yet.
            Err(error) if error.is(crate::resource::error::UNRESOLVED) => Seen::Unknown,
            Err(error) if !is_known(&want) && error.class == Class::NotFound => Seen::Unknown,
            Err(error) => return Err(error),
        };
        Ok((address.clone(), seen))
    }

    /// Throttled reads are repeated; everything else is the caller's business.
    async fn patiently<T>(&self, mut read: impl AsyncFnMut() -> Result<T>) -> Result<T> {
        for tries in 1..=10 {
            match read().await {
                Err(error) if error.class == Class::Throttle && tries < 10 => {
                    tokio::time::sleep(self.limits.backoff(Class::Throttle, tries)).await;
                }
                result => return result,
            }
        }
        unreachable!("because the last try returns")
    }
}

fn known_outputs(state: &State, observations: &Observations) -> BTreeMap<Address, Value> {
    let mut outputs: BTreeMap<Address, Value> =
        state.resources.iter().map(|(address, recorded)| (address.clone(), recorded.outputs.clone())).collect();
    for (address, seen) in observations.seen.iter().chain(&observations.pending) {
        match seen {
            Seen::Live(_, observed) => {
                if let Some(live) = &observed.outputs {
                    outputs.insert(address.clone(), live.clone());
                }
            }
            Seen::Gone if !observations.pending.contains_key(address) => drop(outputs.remove(address)),
            _ => {}
        }
    }
    outputs
}

fn looking(
    state: &State,
    address: &Address,
    token: &str,
    recorded: Option<Recorded>,
    known_ids: Vec<Id>,
) -> Surroundings {
    Surroundings {
        address: address.clone(),
        token: token.to_owned(),
        label: format!("{}-{}", state.deployment, address.name),
        lineage: state.lineage,
        deployment: state.deployment.clone(),
        recorded,
        want: None,
        known_ids,
    }
}
