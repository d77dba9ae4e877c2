//! The only place where effects are ordered: ready operations run together, up to a limit, longest remaining path first.
//!
//! One task, no spawn, no locks but the gate of the ledger. A failure skips what depends on it and lets the rest finish.
//! Nothing is ever unwound: what was made is on record, and the next run goes on from there.

mod converge;
mod creation;
mod deletion;
mod holders;
pub mod ledger;
pub mod limits;
mod operation;
mod outcome;
mod probe;
mod rebuild;
pub(crate) mod settle;
pub mod stop;

pub use limits::Limits;
pub use outcome::Outcome;
pub use stop::Stop;

use crate::aws::Aws;
use crate::model::{Address, Edge};
use crate::plan::{OpId, Operations, Plan, Verb, Wait, lower};
use crate::report::{Event, Reporter, Totals};
use crate::resource::{Class, Consents, Error, Id, Kinds, Memo, Provided, Scope, Tags};
use crate::state::{Recorded, State, StateStore, StoreError};
use futures_util::StreamExt;
use futures_util::future::{FutureExt, LocalBoxFuture};
use futures_util::stream::FuturesUnordered;
use ledger::Ledger;
use outcome::Halt;
use serde_json::Value;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// Everything a run works with.
pub struct Engine<'a, S> {
    /// The kinds.
    pub kinds: &'a Kinds<'a>,
    /// The AWS clients.
    pub aws: &'a Aws,
    /// Where the state lives.
    pub store: &'a S,
    /// Paces and budgets.
    pub limits: Limits,
    /// The request to stop.
    pub stop: Stop,
    /// The config's own tags.
    pub user_tags: &'a Tags,
    /// Secret values that the user gave.
    pub provided: &'a Provided,
    /// What the user agreed to.
    pub consents: &'a Consents,
    /// Told why a look takes long. An apply has its reporter; what looks before has nobody else.
    pub tell: &'a dyn Fn(&str),
}

/// One apply.
struct Run<'r, 'a, S> {
    engine: &'r Engine<'a, S>,
    plan: &'r Plan,
    ledger: Ledger<'a, S>,
    reporter: RefCell<&'r mut dyn Reporter>,
    /// Operations whose outputs are known although they have not ended.
    usable: RefCell<BTreeMap<Address, Value>>,
    became_usable: Notify,
    /// What this run has made: its dependents may find it invisible for a while.
    made: RefCell<BTreeSet<Address>>,
}

/// What a [`Scope`] borrows from.
#[derive(Clone)]
struct Surroundings {
    address: Address,
    token: String,
    label: String,
    lineage: uuid::Uuid,
    deployment: String,
    since: Option<jiff::Timestamp>,
    recorded: Option<Recorded>,
    want: Option<Value>,
    known_ids: Vec<Id>,
    memo: Memo,
}

impl<'a, S: StateStore> Engine<'a, S> {
    /// Carries out a plan that was made from `state`.
    pub async fn apply(&self, plan: &Plan, state: State, reporter: &mut dyn Reporter) -> Outcome {
        let operations = lower(plan, &state);
        let run = Run {
            engine: self,
            plan,
            ledger: Ledger::new(self.store, state),
            reporter: RefCell::new(reporter),
            usable: RefCell::default(),
            became_usable: Notify::new(),
            made: RefCell::default(),
        };
        let mut outcome = Outcome::default();
        match run.refresh_edges().await {
            Ok(()) => run.work_off(operations, &mut outcome).await,
            Err(error) => outcome.lost = Some(error),
        }
        run.finish(outcome)
    }

    fn scope<'s>(&'s self, surroundings: &'s Surroundings, notes: &'s dyn Fn(String)) -> Scope<'s> {
        Scope {
            aws: self.aws,
            deployment: &surroundings.deployment,
            lineage: surroundings.lineage,
            since: surroundings.since,
            address: &surroundings.address,
            token: &surroundings.token,
            label: &surroundings.label,
            user_tags: self.user_tags,
            recorded: surroundings.recorded.as_ref(),
            want: surroundings.want.as_ref(),
            known_ids: &surroundings.known_ids,
            provided: self.provided,
            consents: self.consents,
            memo: &surroundings.memo,
            notes,
        }
    }
}

/// So often a reporter may explain a silence.
const TICK: Duration = Duration::from_secs(1);

type Flight<'f> = LocalBoxFuture<'f, (OpId, Result<Duration, Halt>)>;

impl<S: StateStore> Run<'_, '_, S> {
    fn tell(&self, event: &Event) {
        self.reporter.borrow_mut().event(event);
    }

    /// What stays is recorded with today's edges, which a later delete follows, and with the outputs that the plan knows.
    async fn refresh_edges(&self) -> Result<(), StoreError> {
        let moved = |recorded: &Recorded, after: &BTreeMap<Address, Edge>| recorded.after != *after;
        let stale: Vec<_> = self.ledger.read(|state| {
            let kept = self.plan.steps.values().filter(|step| step.action == crate::plan::Action::Keep);
            let stale = kept.filter(|step| {
                let recorded = state.resources.get(&step.address);
                recorded
                    .is_some_and(|r| moved(r, &step.after) || r.keep != step.keep || r.holds_data != step.holds_data)
            });
            stale.cloned().collect()
        });
        if stale.is_empty() && self.plan.moved.is_empty() {
            return Ok(());
        }
        self.ledger
            .commit(|state| {
                for (address, outputs) in &self.plan.moved {
                    if let Some(recorded) = state.resources.get_mut(address) {
                        recorded.outputs = outputs.clone();
                    }
                }
                for step in stale {
                    if let Some(recorded) = state.resources.get_mut(&step.address) {
                        recorded.after = step.after;
                        recorded.keep = step.keep;
                        recorded.holds_data = step.holds_data;
                    }
                }
            })
            .await
    }

    async fn work_off(&self, mut waiting: Operations, outcome: &mut Outcome) {
        self.announce(&waiting);
        let rank = self.rank(&waiting);
        let mut ended: BTreeSet<OpId> = BTreeSet::new();
        let mut flying: FuturesUnordered<Flight<'_>> = FuturesUnordered::new();
        let mut told_stop = false;
        loop {
            while flying.len() < self.engine.limits.parallelism
                && !self.engine.stop.requested()
                && outcome.lost.is_none()
            {
                let Some(op) = self.next_ready(&waiting, &ended, &rank) else { break };
                waiting.remove(&op);
                flying.push(self.fly(op).boxed_local());
            }
            if flying.is_empty() {
                break;
            }
            if self.engine.stop.requested() && !told_stop {
                told_stop = true;
                if outcome.lost.is_none() {
                    self.tell(&Event::Stopping);
                }
            }
            let became_usable = self.became_usable.notified();
            tokio::select! {
                Some((op, result)) = flying.next() => self.land(op, result, &mut waiting, &mut ended, outcome),
                () = became_usable => {}
                () = tokio::time::sleep(TICK) => self.reporter.borrow_mut().tick(),
                () = self.engine.stop.wait(), if !told_stop => {}
            }
        }
        outcome.stopped |= outcome.lost.is_none() && self.engine.stop.requested() && !waiting.is_empty();
        if !waiting.is_empty() && !outcome.stopped && outcome.lost.is_none() {
            let stuck = waiting.keys().next().expect("because it is not empty");
            let error = Error::bug(format!("the operations wait for each other, among them {}", stuck.address));
            outcome.failed.insert(stuck.address.clone(), error);
        }
    }

    fn announce(&self, operations: &Operations) {
        let operations = operations
            .iter()
            .map(|(op, waits)| (op.address.clone(), op.verb, waits.keys().map(|op| op.address.clone()).collect()))
            .collect();
        self.tell(&Event::Planned { operations });
    }

    /// Expected time from the start of each operation to the end of the last one that waits for it.
    fn rank(&self, operations: &Operations) -> BTreeMap<OpId, Duration> {
        let mut users: BTreeMap<&OpId, Vec<&OpId>> = BTreeMap::new();
        for (op, waits) in operations {
            waits.keys().for_each(|used| users.entry(used).or_default().push(op));
        }
        let mut rank = BTreeMap::new();
        for op in operations.keys() {
            self.rank_of(op, &users, &mut rank);
        }
        rank
    }

    fn rank_of(&self, op: &OpId, users: &BTreeMap<&OpId, Vec<&OpId>>, rank: &mut BTreeMap<OpId, Duration>) -> Duration {
        if let Some(known) = rank.get(op) {
            return *known;
        }
        // A cycle must not recurse for ever; the loop that works off the operations reports it.
        rank.insert(op.clone(), Duration::ZERO);
        let after = users.get(op).into_iter().flatten().map(|user| self.rank_of(user, users, rank)).max();
        let total = self.expected(op) + after.unwrap_or_default();
        rank.insert(op.clone(), total);
        total
    }

    fn expected(&self, op: &OpId) -> Duration {
        self.engine.kinds.get(&op.address.kind).map(|kind| kind.spec().expected).unwrap_or_default()
    }

    fn next_ready(
        &self,
        waiting: &Operations,
        ended: &BTreeSet<OpId>,
        rank: &BTreeMap<OpId, Duration>,
    ) -> Option<OpId> {
        let usable = self.usable.borrow();
        let satisfied = |(op, how): (&OpId, &Wait)| {
            ended.contains(op) || (*how == Wait::Usable && usable.contains_key(&op.address))
        };
        let ready = waiting.iter().filter(|(_, waits)| waits.iter().all(satisfied)).map(|(op, _)| op);
        ready.max_by_key(|op| rank[*op]).cloned()
    }

    async fn fly(&self, op: OpId) -> (OpId, Result<Duration, Halt>) {
        let step = &self.plan.steps[&op.address];
        let started = Instant::now();
        let expected = self.expected(&op);
        self.tell(&Event::Started { address: op.address.clone(), verb: op.verb, action: step.action, expected });
        let result = match op.verb {
            Verb::Make => self.make(step, started).await,
            Verb::Release => self.release(step, started).await,
            Verb::Delete => self.delete(step, started).await,
        };
        (op, result.map(|()| started.elapsed()))
    }

    fn land(
        &self,
        op: OpId,
        result: Result<Duration, Halt>,
        waiting: &mut Operations,
        ended: &mut BTreeSet<OpId>,
        outcome: &mut Outcome,
    ) {
        let OpId { address, verb } = op.clone();
        let error = match result {
            Ok(took) => {
                let action = self.plan.steps[&address].action;
                self.tell(&Event::Finished { address: address.clone(), verb, action, took });
                *outcome.done.entry(address).or_default() += took;
                ended.insert(op);
                return;
            }
            Err(Halt::Stopped) => {
                outcome.stopped |= outcome.lost.is_none();
                waiting.clear();
                return;
            }
            Err(Halt::Left(word)) => {
                // Only deletes wait for it, and others for those: predecessors, which the next run takes away.
                let mut left = vec![op];
                while let Some(op) = left.pop() {
                    let users = waiting.iter().filter(|(_, waits)| waits.contains_key(&op));
                    left.extend(users.map(|(op, _)| op.clone()).collect::<Vec<_>>());
                    waiting.retain(|_, waits| !waits.contains_key(&op));
                }
                self.tell(&Event::Left { address: address.clone(), word: word.clone() });
                outcome.left.insert(address, word);
                return;
            }
            Err(Halt::Lost(error)) => {
                // What the others do now could not be recorded either: no wait goes on, and nothing more is changed.
                outcome.lost.get_or_insert(error);
                self.engine.stop.request();
                return;
            }
            Err(Halt::TimedOut(error)) => {
                outcome.timed_out = true;
                error
            }
            Err(Halt::Failed(error)) => {
                // Nothing else would get any further: what is in flight is recorded, and nothing new is begun.
                if error.class == Class::Credentials {
                    self.engine.stop.request();
                }
                error
            }
        };
        self.tell(&Event::Failed { address: address.clone(), verb, error: error.clone() });
        outcome.failed.insert(address.clone(), error);
        self.skip_dependents(&op, &address, waiting, outcome);
    }

    fn skip_dependents(&self, op: &OpId, because: &Address, waiting: &mut Operations, outcome: &mut Outcome) {
        let dependents: Vec<OpId> =
            waiting.iter().filter(|(_, waits)| waits.contains_key(op)).map(|(op, _)| op.clone()).collect();
        for dependent in dependents {
            if waiting.remove(&dependent).is_none() {
                continue;
            }
            let address = dependent.address.clone();
            if !outcome.failed.contains_key(&address) && !outcome.skipped.contains_key(&address) {
                self.tell(&Event::Skipped { address: address.clone(), because: because.clone() });
                outcome.skipped.insert(address, because.clone());
            }
            self.skip_dependents(&dependent, because, waiting, outcome);
        }
    }

    fn finish(self, mut outcome: Outcome) -> Outcome {
        let totals = Totals {
            done: outcome.done.len(),
            failed: outcome.failed.len(),
            skipped: outcome.skipped.len(),
            stopped: usize::from(outcome.stopped),
        };
        self.tell(&Event::Done(totals));
        outcome.state = Some(self.ledger.into_state());
        outcome
    }
}
