//! Looking, without touching: reads what is on record, and looks for what may exist.
//!
//! Two waves at most: everything on record or interrupted is read at once (and the reads coalesce); what is on no record is
//! looked up after that, because its key may be an output of what was just read.

use super::limits::used_up;
use super::{Engine, Surroundings};
use crate::model::input::{is_known, substitute};
use crate::model::{Address, Graph, Node, OutputRef};
use crate::plan::{Observations, Seen};
use crate::resource::{Class, Error, Found, Id, Kind, Memo, Observed, Repeat, Result};
use crate::state::{Intent, Recorded, State, StateStore, Verb};
use futures_util::future::join_all;
use jiff::Timestamp;
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// A silence of this length wants an explanation.
const LONG: Duration = Duration::from_secs(3);

impl<S: StateStore> Engine<'_, S> {
    /// Reads everything that the plan needs.
    ///
    /// # Errors
    /// The first call that failed for another reason than "not found".
    pub async fn probe(&self, desired: &Graph, state: &State) -> Result<Observations> {
        let recorded = state.resources.iter().map(|(address, recorded)| {
            let wanted = desired.nodes.contains_key(address);
            self.read_recorded(state, address, recorded, wanted)
        });
        let pending = state.intents.iter().filter(|(_, intent)| intent.verb == Verb::Create);
        let pending = pending.map(|(address, intent)| self.read_pending(state, desired, address, intent));
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
        self.aws.patiently(async || kind.read(&self.scope(&around, &|_| {}), id).await).await
    }

    async fn read_recorded(
        &self,
        state: &State,
        address: &Address,
        recorded: &Recorded,
        wanted: bool,
    ) -> Result<(Address, Seen)> {
        let kind = self.kinds.get(&address.kind)?;
        let around = looking(state, address, &recorded.token, Some(recorded.clone()), vec![]);
        // What an interrupted run was deleting may well be gone.
        let deleting = state.intents.get(address).is_some_and(|intent| intent.verb == Verb::Delete);
        let made = recorded.made.filter(|_| !deleting);
        let read = self.read_surely(kind, &around, &recorded.id, made).await?;
        let find = async || kind.find(&self.scope(&around, &|_| {}), &recorded.inputs).await;
        if let Some(observed) = read {
            // Asked for only where it matters: tags are a call of their own for each of these.
            let asks = kind.spec().id_from_name && observed.tags.is_none();
            let seen = match asks && (!wanted || observed.inputs != recorded.inputs) {
                true => self.aws.patiently(find).await?,
                false => Found::None,
            };
            let seen = match seen {
                Found::Foreign(whose) => Seen::Foreign(whose),
                _ => Seen::Live(recorded.id.clone(), observed),
            };
            return Ok((address.clone(), seen));
        }
        Ok((
            address.clone(),
            match self.aws.patiently(find).await {
                Ok(Found::Restorable(id)) => Seen::Restorable(id),
                Ok(Found::Foreign(whose)) => Seen::Foreign(whose),
                _ => Seen::Gone,
            },
        ))
    }

    /// What an interrupted create made. Describes lag behind creates, so "not found" is not believed at once.
    async fn read_pending(
        &self,
        state: &State,
        desired: &Graph,
        address: &Address,
        intent: &Intent,
    ) -> Result<(Address, Seen)> {
        let kind = self.kinds.get(&address.kind)?;
        let recorded = state.resources.get(address);
        let before = recorded.iter().flat_map(|recorded| recorded.deposed.iter().chain([&recorded.id]));
        let known: Vec<Id> = before.chain(&intent.deposed).cloned().collect();
        let around = looking(state, address, &intent.token, recorded.cloned(), known);
        if let Some(id) = &intent.id {
            let read = self.read_surely(kind, &around, id, Some(intent.since)).await?;
            return Ok((address.clone(), read.map_or(Seen::Gone, |observed| Seen::Live(id.clone(), observed))));
        }
        let meets = repeat_meets_it(state, desired, address, intent, kind);
        let patience = if meets { Duration::ZERO } else { self.limits.find_patience };
        let since = Instant::now();
        for looks in 1.. {
            if looks == 2 {
                self.explain_long(patience, &format!("{address}: looking for what the interrupted run may have made"));
            }
            if let Some((id, observed)) = self.find_interrupted(kind, &around, &intent.inputs).await? {
                return Ok((address.clone(), Seen::Live(id, observed)));
            }
            let pause = self.limits.pause(Duration::from_secs(5));
            if used_up(patience, since, looks) || !self.stop.sleep(pause).await {
                return Ok((address.clone(), Seen::Gone));
            }
        }
        unreachable!("because the looks are not counted out")
    }

    async fn find_interrupted(
        &self,
        kind: &dyn Kind,
        around: &Surroundings,
        want: &Value,
    ) -> Result<Option<(Id, Observed)>> {
        let find = async || kind.find(&self.scope(around, &|_| {}), want).await;
        let Found::Ours(id) = self.aws.patiently(find).await? else { return Ok(None) };
        let read = self.aws.patiently(async || kind.read(&self.scope(around, &|_| {}), &id).await).await?;
        Ok(read.map(|observed| (id, observed)))
    }

    /// `None` only if the object is gone for sure. Describes lag: one reading is never enough, and nothing is called gone while
    /// it is so young that not all of AWS may know of it. What has no time on record is old.
    async fn read_surely(
        &self,
        kind: &dyn Kind,
        around: &Surroundings,
        id: &Id,
        made: Option<Timestamp>,
    ) -> Result<Option<Observed>> {
        let young = made.map_or(Duration::ZERO, |made| self.limits.young_for(made, Timestamp::now()));
        let since = Instant::now();
        for tries in 1.. {
            let read = self.aws.patiently(async || kind.read(&self.scope(around, &|_| {}), id).await).await?;
            if read.is_some() || (tries > 1 && used_up(young, since, tries)) {
                return Ok(read);
            }
            if tries == 2 {
                let what = format!("{} ({id}): not visible, but too young to be called gone", around.address);
                self.explain_long(young, &what);
            }
            let pause = self.limits.second_reading.max(self.limits.backoff(Class::Propagation, tries));
            if !self.stop.sleep(pause).await {
                return Err(Error::terminal("stopped"));
            }
        }
        unreachable!("because the tries are not counted out")
    }

    /// Says what is looked for if it may take long enough to be taken for a hang.
    fn explain_long(&self, patience: Duration, what: &str) {
        if patience >= LONG {
            let longest = patience.as_secs();
            (self.tell)(&format!("{what}; this takes up to {longest} s, since AWS shows new objects late"));
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
        let found = self.aws.patiently(async || kind.find(&self.scope(&around, &|_| {}), &want).await).await;
        let seen = match found {
            Ok(Found::Ours(id)) => {
                let read = self.read_surely(kind, &around, &id, None).await?;
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
}

/// True if the coming create is the interrupted one again: it meets what that one may have made, visible or not.
fn repeat_meets_it(state: &State, desired: &Graph, address: &Address, intent: &Intent, kind: &dyn Kind) -> bool {
    let Some(node) = desired.nodes.get(address).filter(|_| kind.spec().repeat != Repeat::Duplicates) else {
        return false;
    };
    let want = substitute(&node.inputs, &|reference: &OutputRef| {
        state.resources.get(&reference.address)?.outputs.get(&reference.output).cloned()
    });
    kind.canonical(&want).is_ok_and(|want| want == intent.inputs)
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

pub(super) fn looking(
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
        since: state.since(),
        recorded,
        want: None,
        known_ids,
        memo: Memo::default(),
    }
}
