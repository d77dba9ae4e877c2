//! Making an object: looking before calling, and never calling blindly twice.
//!
//! What came out unusable by chance is made once more; what an interrupted run may have made is looked for first.

use super::converge::Before;
use super::limits::used_up;
use super::operation::unknown_inputs;
use super::settle::Until;
use super::{Engine, Halt, Run, Surroundings};
use crate::plan::{Action, Reason, Step};
use crate::report::Event;
use crate::resource::{Class, Error, Found, Id, Kind, Observed, Phase, Repeat};
use crate::state::{Intent, StateStore, Verb};
use serde_json::Value;
use std::time::{Duration, Instant};

type Result<T> = std::result::Result<T, Halt>;

/// How often a create whose answer was lost is made again, after looking for its result each time.
const CREATES: u32 = 3;

impl<S: StateStore> Run<'_, '_, S> {
    /// One that came out unusable by chance is deleted and made once more.
    pub(super) async fn create(
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
        let (id, around, before) = self.create_one(step, kind, &want, resumed, looked_at, started).await?;
        match self.converge(step, kind, &around, &id, before, started).await {
            Err(Halt::Failed(error)) if by_chance(kind, &error) => {
                let line = format!("{}: it is deleted and made once more", error.message);
                self.tell(&Event::Note { address: step.address.clone(), line });
                self.delete_call(kind, &around, &id).await?;
                self.wait(kind, &around, &id, started, Until::Gone).await?;
            }
            observed => return Ok((id, around, observed?)),
        }
        let (id, around, before) = self.create_one(step, kind, &want, None, false, started).await?;
        let observed = self.converge(step, kind, &around, &id, before, started).await?;
        Ok((id, around, observed))
    }

    /// The create call with all that makes it safe to repeat; the id is on record afterwards.
    async fn create_one(
        &self,
        step: &Step,
        kind: &dyn Kind,
        want: &Value,
        resumed: Option<String>,
        looked_at: bool,
        started: Instant,
    ) -> Result<(Id, Surroundings, Before)> {
        let again = resumed.is_some();
        let before = self.surroundings(step, String::new(), None);
        if step.action == Action::Create {
            // The intent of a delete of ours stays until then: a kill meanwhile must not make it somebody else's.
            self.clear_the_place(step, kind, &before, started).await?;
        }
        let token = self.begin_create(step, resumed, want, None).await?;
        let around = Surroundings { token, want: Some(want.clone()), ..before };
        let found = if looked_at || kind.spec().repeat == Repeat::ReturnsExisting {
            self.find(kind, &around, want, self.find_patience(kind)).await?
        } else {
            None
        };
        let (id, before) = match found {
            Some(Met::Ours(id)) if again => (id, Before::New),
            Some(Met::Ours(id) | Met::Restored(id)) => (id, Before::Unknown),
            None => self.create_call(kind, &around, want).await?,
        };
        self.made.borrow_mut().insert(step.address.clone());
        let made_with = if matches!(before, Before::New) { want.clone() } else { unknown_inputs(kind, want) };
        self.note_id(step, &id, made_with).await?;
        Ok((id, around, before))
    }

    /// What was gone or on its way out when the plan was made has to be gone before its name is used again.
    async fn clear_the_place(
        &self,
        step: &Step,
        kind: &dyn Kind,
        around: &Surroundings,
        started: Instant,
    ) -> Result<()> {
        let token = around.recorded.as_ref().map(|recorded| recorded.token.clone()).unwrap_or_default();
        let namesakes = step.deposed.iter().filter(|_| !kind.spec().coexists);
        for old in around.recorded.iter().map(|recorded| &recorded.id).chain(namesakes) {
            self.see_it_out(kind, &Surroundings { token: token.clone(), ..around.clone() }, old, started).await?;
        }
        Ok(())
    }

    async fn see_it_out(&self, kind: &dyn Kind, around: &Surroundings, old: &Id, started: Instant) -> Result<()> {
        let seen = self.call(around, async |engine, note| kind.read(&engine.scope(around, note), old).await).await?;
        match seen.map(|observed| observed.phase) {
            None => Ok(()),
            Some(Phase::Deleting(_)) => {
                // Deleting may have stopped half-way (a task definition that was only deregistered).
                self.delete_call(kind, around, old).await?;
                self.wait(kind, around, old, started, Until::Gone).await.map(drop)
            }
            Some(_) => {
                Err(Error::terminal(format!("`{old}` is there again although it was gone when the plan was made"))
                    .hint("run the command again to plan with it")
                    .into())
            }
        }
    }

    pub(super) async fn begin_create(
        &self,
        step: &Step,
        resumed: Option<String>,
        inputs: &Value,
        id: Option<Id>,
    ) -> Result<String> {
        let mut deposed = self.predecessors(step);
        if step.action == Action::Create {
            // It is gone. Its id stays known for a while: a describe that lags may show it once more.
            deposed.extend(self.ledger.read(|state| state.resources.get(&step.address).map(|old| old.id.clone())));
        }
        let token = self
            .ledger
            .commit(|state| {
                let token = resumed.unwrap_or_else(|| state.next_token(&step.address));
                let intent = Intent {
                    verb: Verb::Create,
                    token: token.clone(),
                    inputs: inputs.clone(),
                    after: step.after.clone(),
                    keep: step.keep.clone(),
                    holds_data: step.holds_data,
                    id,
                    deposed,
                    since: jiff::Timestamp::now(),
                };
                state.intents.insert(step.address.clone(), intent);
                if step.action == Action::Create {
                    state.resources.remove(&step.address);
                }
                token
            })
            .await?;
        Ok(token)
    }

    /// What is deleted once the new object stands. Where the old goes first, older ones have gone with it.
    pub(super) fn predecessors(&self, step: &Step) -> Vec<Id> {
        if step.action == Action::Replace && !step.create_first {
            return vec![];
        }
        let mut ids = step.deposed.clone();
        if step.action == Action::Replace && step.create_first {
            ids.extend(step.id.clone());
        }
        ids.into_iter().collect()
    }

    async fn create_call(&self, kind: &dyn Kind, around: &Surroundings, want: &Value) -> Result<(Id, Before)> {
        for tries in 1.. {
            let create = async |engine: &Engine<'_, S>, note: &dyn Fn(String)| {
                kind.create(&engine.scope(around, note), want).await
            };
            let error = match self.call_unless_ambiguous(around, create).await {
                Ok(id) => return Ok((id, Before::New)),
                Err(Halt::Failed(error)) => error,
                Err(halt) => return Err(halt),
            };
            if !matches!(error.class, Class::Ambiguous | Class::Exists) {
                return Err(error.into());
            }
            // The answer was lost, or an earlier try got through: look before calling again. What is said to exist already
            // only has to become visible.
            let patience = match error.class {
                Class::Exists => self.engine.limits.find_patience,
                _ => self.find_patience(kind),
            };
            match self.find(kind, around, want, patience).await? {
                Some(Met::Ours(id)) if error.class == Class::Ambiguous => return Ok((id, Before::New)),
                Some(Met::Ours(id) | Met::Restored(id)) => return Ok((id, Before::Unknown)),
                None => {}
            }
            if error.class == Class::Exists || tries == CREATES {
                return Err(error.into());
            }
        }
        unreachable!("because the tries are not counted out")
    }

    /// How long an object is looked for: where a describe that lags would mean a duplicate, a while.
    fn find_patience(&self, kind: &dyn Kind) -> Duration {
        match kind.spec().repeat {
            Repeat::Duplicates => self.engine.limits.find_patience,
            _ => Duration::ZERO,
        }
    }

    async fn find(
        &self,
        kind: &dyn Kind,
        around: &Surroundings,
        want: &Value,
        patience: Duration,
    ) -> Result<Option<Met>> {
        let since = Instant::now();
        for looks in 1.. {
            let found =
                self.call(around, async |engine, note| kind.find(&engine.scope(around, note), want).await).await?;
            match found {
                Found::Ours(id) => return Ok(Some(Met::Ours(id))),
                Found::Foreign(whose) => {
                    let hint = "nothing was changed; rename this deployment or that object, then run the command again";
                    return Err(Error::terminal(whose).in_class(Class::Exists).hint(hint).into());
                }
                Found::Restorable(id) => {
                    self.call(around, async |engine, note| kind.restore(&engine.scope(around, note), &id).await)
                        .await?;
                    return Ok(Some(Met::Restored(id)));
                }
                Found::None if used_up(patience, since, looks) => return Ok(None),
                Found::None => {
                    let word = "looking for what may have been made before".to_owned();
                    let waited = since.elapsed();
                    self.tell(&Event::Settling { address: around.address.clone(), word, waited });
                    if !self.engine.stop.sleep(self.engine.limits.pause(Duration::from_secs(5))).await {
                        return Err(Halt::Stopped);
                    }
                }
            }
        }
        unreachable!("because the looks are not counted out")
    }

    async fn note_id(&self, step: &Step, id: &Id, made_with: Value) -> Result<()> {
        self.ledger
            .commit(|state| {
                if let Some(intent) = state.intents.get_mut(&step.address) {
                    (intent.id, intent.inputs) = (Some(id.clone()), made_with);
                }
            })
            .await?;
        self.tell(&Event::Made { address: step.address.clone(), id: id.clone() });
        Ok(())
    }
}

/// What a look before, or instead of, a create met.
enum Met {
    Ours(Id),
    Restored(Id),
}

/// True if the object came out unusable for a reason that need not meet the next one.
fn by_chance(kind: &dyn Kind, error: &Error) -> bool {
    error.code.is_none() && kind.spec().fails_by_chance.iter().any(|word| error.message.starts_with(word))
}
