//! One operation. The rules that make a kill at any instant harmless:
//!
//! 1. The intent is durable before the call.
//! 2. The id is durable before anything waits for it.
//! 3. The end is durable before a dependent begins.
//! 4. Independent operations interleave; saves are serial.

use super::converge::Before;
use super::{Halt, Run, Surroundings};
use crate::aws::tags;
use crate::model::OutputRef;
use crate::model::input::{is_known, substitute};
use crate::plan::{Action, Step};
use crate::report::Event;
use crate::resource::{Effect, Error, Id, Kind, Memo, Observed, Tags};
use crate::state::{Intent, Recorded, StateStore, Verb};
use serde_json::Value;
use std::collections::BTreeSet;
use std::time::Instant;

type Result<T> = std::result::Result<T, Halt>;

impl<S: StateStore> Run<'_, '_, S> {
    /// Creates, adopts or updates.
    pub(super) async fn make(&self, step: &Step, started: Instant) -> Result<()> {
        let kind = self.engine.kinds.get(&step.address.kind)?;
        let want = kind.canonical(&self.resolve(&step.inputs)?)?;
        let (id, around, observed) = match step.action {
            Action::Update => self.update(step, kind, want, started).await?,
            Action::Adopt => self.adopt(step, kind, want, started).await?,
            _ => self.create(step, kind, want, started).await?,
        };
        self.end(step, kind, id, around, observed).await
    }

    async fn adopt(
        &self,
        step: &Step,
        kind: &dyn Kind,
        want: Value,
        started: Instant,
    ) -> Result<(Id, Surroundings, Observed)> {
        let id = step.id.clone().ok_or_else(|| Error::bug(format!("{} has nothing to adopt", step.address)))?;
        let intent = self.ledger.read(|state| state.intents.get(&step.address).cloned());
        let recorded = self.ledger.read(|state| state.resources.get(&step.address).map(|r| r.token.clone()));
        let token = intent.as_ref().map(|intent| intent.token.clone()).or(recorded);
        // The intent goes on saying what the object was made with: a kill before the end must not make that what is wanted.
        let (made_with, before) = match intent {
            Some(intent) if !step.restore => (intent.inputs.clone(), Before::Inputs(intent.inputs)),
            _ => (unknown_inputs(kind, &want), Before::Unknown),
        };
        let token = self.begin_create(step, token, &made_with, Some(id.clone())).await?;
        self.tell(&Event::Made { address: step.address.clone(), id: id.clone() });
        let around = self.surroundings(step, token, Some(want));
        if step.restore {
            self.call(&around, async |engine, note| kind.restore(&engine.scope(&around, note), &id).await).await?;
        }
        let observed = self.converge(step, kind, &around, &id, before, started).await?;
        Ok((id, around, observed))
    }

    async fn update(
        &self,
        step: &Step,
        kind: &dyn Kind,
        want: Value,
        started: Instant,
    ) -> Result<(Id, Surroundings, Observed)> {
        let id = step.id.clone().ok_or_else(|| Error::bug(format!("{} has nothing to update", step.address)))?;
        let recorded = self.ledger.read(|state| state.resources.get(&step.address).cloned());
        let Recorded { token, inputs, .. } =
            recorded.ok_or_else(|| Error::bug(format!("{} is not on record", step.address)))?;
        self.ledger
            .commit(|state| {
                let intent = Intent {
                    verb: Verb::Update,
                    token: token.clone(),
                    inputs: want.clone(),
                    after: step.after.clone(),
                    keep: step.keep.clone(),
                    holds_data: step.holds_data,
                    id: Some(id.clone()),
                    deposed: vec![],
                    since: jiff::Timestamp::now(),
                };
                state.intents.insert(step.address.clone(), intent);
            })
            .await?;
        let around = self.surroundings(step, token.clone(), Some(want));
        let observed = self.converge(step, kind, &around, &id, Before::Inputs(inputs), started).await?;
        Ok((id, around, observed))
    }

    pub(super) fn tags(&self, around: &Surroundings) -> (Tags, Option<Tags>) {
        let Surroundings { deployment, lineage, address, token, label, .. } = around;
        let wanted = tags::wanted(deployment, *lineage, address, token, label, self.engine.user_tags);
        // A recorded predecessor's tags say nothing of a new incarnation.
        let recorded = around.recorded.as_ref().filter(|recorded| recorded.token == *token);
        (wanted, recorded.map(|recorded| recorded.tags.clone()))
    }

    async fn end(&self, step: &Step, kind: &dyn Kind, id: Id, around: Surroundings, observed: Observed) -> Result<()> {
        let outputs = observed.outputs.ok_or_else(|| Error::bug(format!("{id} settled without outputs")))?;
        let (tags, _) = self.tags(&around);
        let inputs = around.want.unwrap_or_default();
        let deposed: BTreeSet<Id> = self.predecessors(step).into_iter().filter(|old| *old != id).collect();
        // A name that is used again is the id of another incarnation.
        let same = around.recorded.as_ref().filter(|recorded| recorded.id == id && recorded.token == around.token);
        // Since its create began: what it brought with it came before its end.
        let begun = self.ledger.read(|state| state.intents.get(&step.address).map(|intent| intent.since));
        let made = same.map_or_else(|| begun.or_else(|| Some(jiff::Timestamp::now())), |recorded| recorded.made);
        let recorded = Recorded {
            id,
            token: around.token,
            made,
            inputs,
            outputs: outputs.clone(),
            tags,
            after: step.after.clone(),
            keep: step.keep.clone(),
            holds_data: step.holds_data,
            deposed: deposed.into_iter().collect(),
        };
        self.ledger
            .commit(|state| {
                state.resources.insert(step.address.clone(), recorded);
                state.intents.remove(&step.address);
            })
            .await?;
        self.usable.borrow_mut().insert(step.address.clone(), outputs);
        tracing::debug!(address = %step.address, kind = kind.name(), "on record");
        Ok(())
    }

    pub(super) fn surroundings(&self, step: &Step, token: String, want: Option<Value>) -> Surroundings {
        self.ledger.read(|state| {
            let recorded = state.resources.get(&step.address).cloned();
            let mut known_ids: Vec<Id> = step.deposed.iter().cloned().collect();
            // While something new is made, what is on record is not it.
            if matches!(step.action, Action::Create | Action::Replace) {
                known_ids.extend(recorded.iter().flat_map(|r| r.deposed.iter().chain([&r.id]).cloned()));
                known_ids.extend(step.id.clone());
            }
            Surroundings {
                address: step.address.clone(),
                token,
                label: step.label.clone(),
                lineage: state.lineage,
                deployment: state.deployment.clone(),
                since: state.since(),
                recorded,
                want,
                known_ids,
                memo: Memo::default(),
            }
        })
    }

    /// The inputs with every reference replaced by the value that is on record or has just become usable.
    fn resolve(&self, inputs: &Value) -> Result<Value> {
        let usable = self.usable.borrow();
        let resolved = self.ledger.read(|state| {
            substitute(inputs, &|reference: &OutputRef| {
                let recorded = || state.resources.get(&reference.address).map(|recorded| &recorded.outputs);
                usable.get(&reference.address).or_else(recorded)?.get(&reference.output).cloned()
            })
        });
        if is_known(&resolved) {
            return Ok(resolved);
        }
        let mut missing = String::new();
        crate::model::input::references(&resolved, &mut |reference| missing = reference.to_string());
        Err(Error::bug(format!("`{missing}` is not known yet")).into())
    }
}

/// The inputs of an object that others made, or made long ago: what AWS never returns may be anything, so it is set again,
/// by the next run too if this one does not come to its end.
pub(super) fn unknown_inputs(kind: &dyn Kind, want: &Value) -> Value {
    let mut inputs = want.clone();
    for field in kind.fields().iter().filter(|field| field.unread && field.effect == Effect::Update) {
        inputs[field.name] = Value::Null;
    }
    inputs
}
