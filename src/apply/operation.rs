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
use crate::plan::{Action, Reason, Step};
use crate::report::Event;
use crate::resource::{Class, Error, Found, Id, Kind, Observed, Phase, Repeat, Tags};
use crate::state::{Intent, Recorded, StateStore, Verb};
use serde_json::Value;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

type Result<T> = std::result::Result<T, Halt>;

/// How often a create whose answer was lost is made again, after looking for its result each time.
const CREATES: u32 = 3;

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

    async fn create(
        &self,
        step: &Step,
        kind: &dyn Kind,
        want: Value,
        started: Instant,
    ) -> Result<(Id, Surroundings, Observed)> {
        let resumed = self.ledger.read(|state| match state.intents.get(&step.address) {
            Some(intent) if intent.verb == Verb::Create && intent.inputs == want && intent.id.is_none() => {
                Some(intent.token.clone())
            }
            _ => None,
        });
        let looked_at = resumed.is_some() || step.reason == Reason::LookedUpAtApply;
        let token = self.begin_create(step, resumed, &want).await?;
        let around = self.surroundings(step, token, Some(want.clone()));
        if let Some(old) = around.recorded.as_ref().filter(|_| step.action == Action::Create) {
            self.see_it_out(kind, &Surroundings { want: None, ..around.clone() }, &old.id, started).await?;
        }
        let found = if looked_at || kind.spec().repeat == Repeat::ReturnsExisting {
            self.find(kind, &around, &want).await?
        } else {
            None
        };
        let id = match found {
            Some(id) => id,
            None => self.create_call(kind, &around, &want).await?,
        };
        self.made.borrow_mut().insert(step.address.clone());
        self.note_id(step, &id).await?;
        let observed = self.converge(step, kind, &around, &id, Before::New, started).await?;
        Ok((id, around, observed))
    }

    /// The recorded object was gone or on its way out when the plan was made; its name is free only when it is gone.
    async fn see_it_out(&self, kind: &dyn Kind, around: &Surroundings, old: &Id, started: Instant) -> Result<()> {
        let seen = self.call(around, async |engine, note| kind.read(&engine.scope(around, note), old).await).await?;
        match seen.map(|observed| observed.phase) {
            None => Ok(()),
            Some(Phase::Deleting(_)) => {
                // Deleting may have stopped half-way (a task definition that was only deregistered).
                self.call(around, async |engine, note| kind.delete(&engine.scope(around, note), old).await).await?;
                self.wait_until_gone(kind, around, old, started).await
            }
            Some(_) => {
                Err(Error::terminal(format!("`{old}` is there again although it was gone when the plan was made"))
                    .hint("run the command again to plan with it")
                    .into())
            }
        }
    }

    async fn begin_create(&self, step: &Step, resumed: Option<String>, want: &Value) -> Result<String> {
        let deposed = self.predecessors(step);
        let token = self
            .ledger
            .commit(|state| {
                let token = resumed.unwrap_or_else(|| state.next_token(&step.address));
                let intent = Intent {
                    verb: Verb::Create,
                    token: token.clone(),
                    inputs: want.clone(),
                    after: step.after.clone(),
                    id: None,
                    deposed,
                    since: jiff::Timestamp::now(),
                };
                state.intents.insert(step.address.clone(), intent);
                token
            })
            .await?;
        Ok(token)
    }

    /// What is deleted once the new object stands.
    fn predecessors(&self, step: &Step) -> Vec<Id> {
        let mut ids = step.deposed.clone();
        if step.action == Action::Replace && step.create_first {
            ids.extend(step.id.clone());
        }
        ids.into_iter().collect()
    }

    async fn create_call(&self, kind: &dyn Kind, around: &Surroundings, want: &Value) -> Result<Id> {
        for tries in 1.. {
            let made =
                self.call(around, async |engine, note| kind.create(&engine.scope(around, note), want).await).await;
            let error = match made {
                Ok(id) => return Ok(id),
                Err(Halt::Failed(error)) => error,
                Err(halt) => return Err(halt),
            };
            if !matches!(error.class, Class::Ambiguous | Class::Exists) {
                return Err(error.into());
            }
            // The answer was lost, or an earlier try got through: look before calling again.
            if let Some(id) = self.find(kind, around, want).await? {
                return Ok(id);
            }
            if error.class == Class::Exists || tries == CREATES {
                return Err(error.into());
            }
        }
        unreachable!("because the tries are not counted out")
    }

    /// Looks for the object; repeats for a while where a describe that lags would otherwise mean a duplicate.
    async fn find(&self, kind: &dyn Kind, around: &Surroundings, want: &Value) -> Result<Option<Id>> {
        let patience = match kind.spec().repeat {
            Repeat::Duplicates => self.engine.limits.find_patience,
            _ => Duration::ZERO,
        };
        let since = Instant::now();
        loop {
            let found =
                self.call(around, async |engine, note| kind.find(&engine.scope(around, note), want).await).await?;
            match found {
                Found::Ours(id) => return Ok(Some(id)),
                Found::Foreign(whose) => {
                    let hint = "nothing was changed; rename this deployment or that object, then run the command again";
                    return Err(Error::terminal(whose).hint(hint).into());
                }
                Found::Restorable(id) => {
                    self.call(around, async |engine, note| kind.restore(&engine.scope(around, note), &id).await)
                        .await?;
                    return Ok(Some(id));
                }
                Found::None if since.elapsed() >= patience => return Ok(None),
                Found::None => {
                    if !self.engine.stop.sleep(self.engine.limits.pause(Duration::from_secs(5))).await {
                        return Err(Halt::Stopped);
                    }
                }
            }
        }
    }

    async fn note_id(&self, step: &Step, id: &Id) -> Result<()> {
        self.ledger
            .commit(|state| {
                if let Some(intent) = state.intents.get_mut(&step.address) {
                    intent.id = Some(id.clone());
                }
            })
            .await?;
        self.tell(&Event::Made { address: step.address.clone(), id: id.clone() });
        Ok(())
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
        let token = self.begin_create(step, token, &want).await?;
        let before = match intent {
            Some(intent) if !step.restore => Before::Inputs(intent.inputs),
            _ => Before::Unknown,
        };
        self.note_id(step, &id).await?;
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
        let recorded = Recorded {
            id,
            token: around.token,
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
                recorded,
                want,
                known_ids,
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

impl Clone for Surroundings {
    fn clone(&self) -> Self {
        Self {
            address: self.address.clone(),
            token: self.token.clone(),
            label: self.label.clone(),
            lineage: self.lineage,
            deployment: self.deployment.clone(),
            recorded: self.recorded.clone(),
            want: self.want.clone(),
            known_ids: self.known_ids.clone(),
        }
    }
}
