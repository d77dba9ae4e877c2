//! Lifting protection and deleting. The intent comes first here too: what is gone afterwards was not deleted by somebody else.

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
}
