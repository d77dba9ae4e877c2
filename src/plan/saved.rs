//! A plan on disk: what was approved is what is applied.
//!
//! It says which state and which config it was made from. `apply` plans again and compares: a plan that is not true any more
//! is refused, naming what moved.

use super::{Plan, Step};
use crate::resource::NO_FINGERPRINT;
use crate::state::State;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::path::Path;
use uuid::Uuid;

/// Format of the file.
pub const SCHEMA: &str = "hybridctl.saved-plan/1";

/// A plan with what it was made from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Saved {
    /// [`SCHEMA`].
    pub schema: String,
    /// The deployment's name.
    pub deployment: String,
    /// The state document's lineage.
    pub lineage: Uuid,
    /// True if nothing was recorded yet: the lineage is then new with every run.
    pub first: bool,
    /// SHA-256 of the config file, hex.
    pub config: String,
    /// True for a plan of a destroy.
    pub destroy: bool,
    /// Only these resources and what they need; empty for everything.
    #[serde(default)]
    pub targets: Vec<crate::model::Address>,
    /// The plan.
    pub plan: Plan,
}

/// Why a saved plan is not carried out.
#[derive(Debug, thiserror::Error)]
pub enum Stale {
    /// The file cannot be read or understood.
    #[error("{0}")]
    Unreadable(String),
    /// It was made for something else.
    #[error("the plan is of the deployment `{0}`")]
    Elsewhere(String),
    /// It is not true any more.
    #[error("the plan is stale: {0}")]
    Moved(String),
}

impl Saved {
    /// Of this plan, made from this state and a config file with this hash.
    pub fn new(state: &State, config: &str, destroy: bool, targets: &[crate::model::Address], plan: Plan) -> Self {
        Self {
            schema: SCHEMA.into(),
            deployment: state.deployment.clone(),
            lineage: state.lineage,
            first: state.serial == 0,
            config: config.to_owned(),
            destroy,
            targets: targets.to_vec(),
            plan,
        }
    }

    /// Writes it.
    ///
    /// # Errors
    /// The system's.
    pub fn write(&self, path: &Path) -> std::io::Result<()> {
        let text = serde_json::to_string_pretty(self).map_err(std::io::Error::other)?;
        std::fs::write(path, text + "\n")
    }

    /// Reads one.
    ///
    /// # Errors
    /// If there is none, or it is of another format.
    pub fn read(path: &Path) -> Result<Self, Stale> {
        let unreadable = |why: String| Stale::Unreadable(format!("{}: {why}", path.display()));
        let text = std::fs::read_to_string(path).map_err(|error| unreadable(error.to_string()))?;
        let saved: Self =
            serde_json::from_str(&text).map_err(|error| unreadable(format!("not a saved plan: {error}")))?;
        if saved.schema != SCHEMA {
            return Err(unreadable(format!("format `{}`, this version knows `{SCHEMA}`", saved.schema)));
        }
        Ok(saved)
    }

    /// Compares with a plan made just now.
    ///
    /// # Errors
    /// Names what moved.
    pub fn still_true(&self, state: &State, config: &str, now: &Plan) -> Result<(), Stale> {
        if self.deployment != state.deployment {
            return Err(Stale::Elsewhere(self.deployment.clone()));
        }
        if self.lineage != state.lineage && !(self.first && state.serial == 0) {
            let first = "it was made for the first run, and there is a record by now";
            return Err(Stale::Moved(if self.first { first } else { "the state document is another one" }.into()));
        }
        if self.config != config {
            return Err(Stale::Moved("the config file changed since".into()));
        }
        let (old, new) = (acting(&self.plan), acting(now));
        for (address, step) in &old {
            match new.iter().find(|(other, _)| other == address) {
                None => return Err(Stale::Moved(format!("{address} needs no change any more"))),
                Some((_, now)) => same(step, now)?,
            }
        }
        match new.iter().find(|(address, _)| old.iter().all(|(other, _)| other != address)) {
            Some((address, step)) => {
                let field = step.changes.first().map(|change| format!(": `{}` is {}", change.field, change.from));
                Err(Stale::Moved(format!("{address} has to be changed too{}", field.unwrap_or_default())))
            }
            None => Ok(()),
        }
    }
}

fn acting(plan: &Plan) -> Vec<(&crate::model::Address, &Step)> {
    plan.steps.iter().filter(|(_, step)| step.acts()).collect()
}

fn same(old: &Step, new: &Step) -> Result<(), Stale> {
    let moved = |what: String| Err(Stale::Moved(format!("{}: {what}", old.address)));
    if old.action != new.action {
        return moved(format!("it was to be `{:?}` and is now to be `{:?}`", old.action, new.action).to_lowercase());
    }
    for change in &new.changes {
        match old.changes.iter().find(|known| known.field == change.field) {
            Some(known) if known == change => {}
            _ => return moved(format!("`{}` is {} now", change.field, change.from)),
        }
    }
    for change in &old.changes {
        if !new.changes.iter().any(|known| known.field == change.field) {
            return moved(format!("`{}` is as wanted now", change.field));
        }
    }
    if new.release && !old.release {
        return moved("it is protected against deletion now".into());
    }
    if (old.restore, old.create_first, &old.deposed) != (new.restore, new.create_first, &new.deposed) {
        return moved("it would be done in another way now".into());
    }
    if !same_inputs(&old.inputs, &new.inputs) || old.id != new.id {
        return moved("what is wanted of it moved".into());
    }
    Ok(())
}

/// A first plan has no fingerprints: their key is made by the first run that writes.
fn same_inputs(old: &Value, new: &Value) -> bool {
    let (Some(before), Some(after)) = (old.as_object(), new.as_object()) else { return old == new };
    before.len() == after.len()
        && before.iter().all(|(field, value)| {
            after.get(field).is_some_and(|now| now == value || (value == NO_FINGERPRINT && now.is_string()))
        })
}
