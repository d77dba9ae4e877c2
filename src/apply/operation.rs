//! One operation. The rules that make a kill at any instant harmless:
//!
//! 1. The intent is durable before the call.
//! 2. The id is durable before anything waits for it.
//! 3. The end is durable before a dependent begins.
//! 4. Independent operations interleave; saves are serial.

use super::{Halt, Run, Surroundings};
use crate::aws::tags;
use crate::model::input::{is_known, substitute};
use crate::model::{Address, OutputRef};
use crate::plan::diff::{self, Sides};
use crate::plan::{Action, Reason, Step};
use crate::report::Event;
use crate::resource::{Class, Effect, Error, Found, Id, Kind, Life, Observed, Phase, Repeat, TagChange, Tags};
use crate::state::{Intent, Recorded, StateStore, Verb};
use serde_json::Value;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

type Result<T> = std::result::Result<T, Halt>;

/// How often a create whose answer was lost is made again, after looking for its result each time.
const CREATES: u32 = 3;
/// How often what differs is changed before it is called a contradiction.
const ROUNDS: u32 = 4;

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

    /// Settles, changes what differs, settles again.
    async fn converge(
        &self,
        step: &Step,
        kind: &dyn Kind,
        around: &Surroundings,
        id: &Id,
        before: Before,
        started: Instant,
    ) -> Result<Observed> {
        let want = around.want.as_ref().ok_or_else(|| Error::bug("nothing is wanted"))?;
        let (tags, mut recorded_tags) = self.tags(around);
        // What the last change of an existing object came to does not judge the coming one: the first reading is not told
        // what is wanted. And what AWS never returns is compared once, in that first round.
        let mut first = !matches!(before, Before::New);
        for _ in 0..ROUNDS {
            let blind = Surroundings { want: None, ..around.clone() };
            let observed = self.settle(kind, if first { &blind } else { around }, id, started).await?;
            let sides = Sides {
                fields: kind.fields(),
                want,
                live: &observed,
                recorded: before.inputs().filter(|_| first),
                tags: &tags,
                recorded_tags: recorded_tags.as_ref().filter(|_| first || observed.tags.is_some()),
            };
            let changes = if kind.spec().life == Life::Account { vec![] } else { diff::changes(&sides) };
            if let Some(fixed) = changes.iter().find(|change| change.effect == Effect::Replace) {
                return Err(contradiction(&step.address, fixed).into());
            }
            let mut changed = diff::changed(&sides, &changes);
            if first && matches!(before, Before::Unknown) {
                changed.fields.extend(unread_updates(kind, want));
                if observed.tags.is_none() {
                    changed.tags = Some(TagChange { set: tags.clone(), remove: vec![] });
                }
            }
            if !kind.spec().tagged {
                changed.tags = None;
            }
            if changed.is_empty() && !first {
                return Ok(observed);
            }
            if !changed.is_empty() {
                self.call(around, async |engine, note| {
                    kind.update(&engine.scope(around, note), id, want, &changed).await
                })
                .await?;
                // Where tags are not read, what has just been set is what there is.
                recorded_tags =
                    recorded_tags.map(|recorded| if changed.tags.is_some() { tags.clone() } else { recorded });
            }
            first = false;
        }
        Err(Error::terminal("it does not become as wanted: AWS accepts the change and then reports the old value")
            .hint("run `hybridctl diff` to see which field differs")
            .into())
    }

    fn tags(&self, around: &Surroundings) -> (Tags, Option<Tags>) {
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

    /// Lifts the protection against deletion.
    pub(super) async fn release(&self, step: &Step, started: Instant) -> Result<()> {
        let kind = self.engine.kinds.get(&step.address.kind)?;
        let field =
            kind.spec().protected_by.ok_or_else(|| Error::bug(format!("{} has no protection", step.address)))?;
        let id = step.id.clone().ok_or_else(|| Error::bug(format!("{} has no id", step.address)))?;
        let recorded = self.ledger.read(|state| state.resources.get(&step.address).cloned());
        let recorded = recorded.ok_or_else(|| Error::bug(format!("{} is not on record", step.address)))?;
        let mut want = recorded.inputs.clone();
        want[field] = Value::Bool(false);
        let around = self.surroundings(step, recorded.token, None);
        let changed = crate::resource::Changed { fields: [field.to_owned()].into(), tags: None };
        self.call(&around, async |engine, note| kind.update(&engine.scope(&around, note), &id, &want, &changed).await)
            .await?;
        self.settle(kind, &around, &id, started).await.map(drop)
    }

    /// Deletes the object, its replaced predecessors, or both; or strikes it off the record.
    pub(super) async fn delete(&self, step: &Step, started: Instant) -> Result<()> {
        let kind = self.engine.kinds.get(&step.address.kind)?;
        let whole = matches!(step.action, Action::Delete | Action::Forget)
            || (step.action == Action::Replace && !step.create_first);
        let mut targets: BTreeSet<Id> = step.deposed.clone();
        if step.action == Action::Delete || step.action == Action::Replace {
            targets.extend(step.id.clone());
        }
        self.begin_delete(step, whole).await?;
        let token =
            self.ledger.read(|state| state.resources.get(&step.address).map(|r| r.token.clone())).unwrap_or_default();
        let around = self.surroundings(step, token, None);
        if kind.spec().life == Life::Own {
            for id in &targets {
                self.call(&around, async |engine, note| kind.delete(&engine.scope(&around, note), id).await).await?;
                self.wait_until_gone(kind, &around, id, started).await?;
            }
        }
        self.ledger
            .commit(|state| {
                if whole {
                    state.resources.remove(&step.address);
                    state.intents.remove(&step.address);
                } else if let Some(recorded) = state.resources.get_mut(&step.address) {
                    recorded.deposed.retain(|id| !targets.contains(id));
                    state.intents.remove(&step.address);
                }
            })
            .await?;
        Ok(())
    }

    async fn begin_delete(&self, step: &Step, whole: bool) -> Result<()> {
        let recorded = self.ledger.read(|state| state.resources.get(&step.address).cloned());
        let Some(recorded) = recorded.filter(|_| whole && step.action != Action::Forget) else { return Ok(()) };
        self.ledger
            .commit(|state| {
                let intent = Intent {
                    verb: Verb::Delete,
                    token: recorded.token,
                    inputs: recorded.inputs,
                    after: recorded.after,
                    id: Some(recorded.id),
                    deposed: step.deposed.iter().cloned().collect(),
                    since: jiff::Timestamp::now(),
                };
                state.intents.insert(step.address.clone(), intent);
            })
            .await?;
        Ok(())
    }

    fn surroundings(&self, step: &Step, token: String, want: Option<Value>) -> Surroundings {
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

/// What is known of fields that AWS never returns.
enum Before {
    /// The object was just made from what is wanted.
    New,
    /// It was made, or last changed, with these inputs.
    Inputs(Value),
    /// Nothing: it was found by its tags or restored, so those fields are set again.
    Unknown,
}

impl Before {
    fn inputs(&self) -> Option<&Value> {
        match self {
            Self::Inputs(inputs) => Some(inputs),
            Self::New | Self::Unknown => None,
        }
    }
}

fn unread_updates(kind: &dyn Kind, want: &Value) -> impl Iterator<Item = String> {
    let unread = kind.fields().iter().filter(|field| field.unread && field.effect == Effect::Update);
    unread.filter(|field| !want[field.name].is_null()).map(|field| field.name.to_owned())
}

fn contradiction(address: &Address, change: &diff::Change) -> Error {
    Error::terminal(format!(
        "`{}` is {} instead of {} and cannot change in place",
        change.field, change.from, change.to
    ))
    .hint(format!("see what changed with `hybridctl diff`, then plan {address} again"))
}
