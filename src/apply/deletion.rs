//! Lifting protection and deleting. The intent comes first here too: what is gone afterwards was not deleted by somebody else.

use super::settle::Until;
use super::{Halt, Run};
use crate::plan::{Action, Step};
use crate::resource::{Error, Id, Life};
use crate::state::{Intent, StateStore, Verb};
use serde_json::Value;
use std::collections::BTreeSet;
use std::time::Instant;

type Result<T> = std::result::Result<T, Halt>;

impl<S: StateStore> Run<'_, '_, S> {
    /// Lifts the protection against deletion.
    pub(super) async fn release(&self, step: &Step, started: Instant) -> Result<()> {
        let kind = self.engine.kinds.get(&step.address.kind)?;
        let field =
            kind.spec().protected_by.ok_or_else(|| Error::bug(format!("{} has no protection", step.address)))?;
        let id = step.id.clone().ok_or_else(|| Error::bug(format!("{} has no id", step.address)))?;
        // What an interrupted create made has no record, only its intent.
        let known = self.ledger.read(|state| {
            let recorded = state.resources.get(&step.address).map(|recorded| (&recorded.token, &recorded.inputs));
            let begun = || state.intents.get(&step.address).map(|intent| (&intent.token, &intent.inputs));
            recorded.or_else(begun).map(|(token, inputs)| (token.clone(), inputs.clone()))
        });
        let (token, mut want) = known.ok_or_else(|| Error::bug(format!("{} is not on record", step.address)))?;
        want[field] = Value::Bool(false);
        let around = self.surroundings(step, token, None);
        let changed = crate::resource::Changed { fields: [field.to_owned()].into(), tags: None };
        self.call(&around, async |engine, note| kind.update(&engine.scope(&around, note), &id, &want, &changed).await)
            .await?;
        self.wait(kind, &around, &id, started, Until::Deletable).await.map(drop)
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
        if !whole {
            // The name of a predecessor that had to go first is the new object's now: what has it is not to be deleted.
            let recorded = || self.ledger.read(|state| state.resources.get(&step.address).map(|r| r.id.clone()));
            let current = if step.makes() { recorded() } else { step.id.clone() };
            targets.retain(|id| Some(id) != current.as_ref());
        }
        self.begin_delete(step, whole).await?;
        let token =
            self.ledger.read(|state| state.resources.get(&step.address).map(|r| r.token.clone())).unwrap_or_default();
        let around = self.surroundings(step, token, None);
        if kind.spec().life == Life::Own {
            for id in &targets {
                self.delete_call(kind, &around, id).await?;
                self.wait(kind, &around, id, started, Until::Gone).await?;
            }
        }
        self.ledger
            .commit(|state| {
                if whole {
                    state.resources.remove(&step.address);
                    state.intents.remove(&step.address);
                    return;
                }
                let intent = state.intents.remove(&step.address);
                let Some(recorded) = state.resources.get_mut(&step.address) else { return };
                recorded.deposed.retain(|id| !targets.contains(id));
                // What an interrupted create made in the place of the recorded object is the one that is kept.
                let kept = step.id.clone().filter(|id| step.action == Action::Retain && *id != recorded.id);
                let made = intent.filter(|intent| intent.verb == Verb::Create);
                if let (Some(id), Some(Intent { token, inputs, since, .. })) = (kept, made) {
                    (recorded.id, recorded.token, recorded.inputs, recorded.made) = (id, token, inputs, Some(since));
                }
            })
            .await?;
        Ok(())
    }

    async fn begin_delete(&self, step: &Step, whole: bool) -> Result<()> {
        if !whole || step.action == Action::Forget {
            return Ok(());
        }
        let recorded = self.ledger.read(|state| {
            // Made in the place of the recorded one, which is gone: only the intent knows of it.
            let begun = state.intents.get(&step.address).is_some_and(|intent| intent.verb == Verb::Create);
            let recorded = state.resources.get(&step.address);
            recorded.filter(|recorded| !begun || step.id.as_ref() == Some(&recorded.id)).cloned()
        });
        let Some(recorded) = recorded else { return self.begin_delete_of_unfinished(step).await };
        self.ledger
            .commit(|state| {
                let intent = Intent {
                    verb: Verb::Delete,
                    token: recorded.token,
                    inputs: recorded.inputs,
                    after: recorded.after,
                    keep: recorded.keep,
                    holds_data: recorded.holds_data,
                    id: Some(recorded.id),
                    deposed: step.deposed.iter().cloned().collect(),
                    since: jiff::Timestamp::now(),
                };
                state.intents.insert(step.address.clone(), intent);
            })
            .await?;
        Ok(())
    }

    /// What an interrupted create made has no record. With its id, the next run waits for its end too: it is not found any more.
    async fn begin_delete_of_unfinished(&self, step: &Step) -> Result<()> {
        self.ledger
            .commit(|state| {
                if let Some(intent) = state.intents.get_mut(&step.address) {
                    intent.id.clone_from(&step.id);
                }
            })
            .await?;
        Ok(())
    }
}
