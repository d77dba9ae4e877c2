//! Settle, compare, change what differs, settle again: create and update are the same path from here on.

use super::{Halt, Run, Surroundings};
use crate::model::Address;
use crate::plan::Step;
use crate::plan::diff::{self, Sides};
use crate::resource::{Effect, Error, Id, Kind, Life, Observed, TagChange};
use crate::state::StateStore;
use serde_json::Value;
use std::time::Instant;

type Result<T> = std::result::Result<T, Halt>;

/// How often what differs is changed before it is called a contradiction.
const ROUNDS: u32 = 4;

impl<S: StateStore> Run<'_, '_, S> {
    /// Settles, changes what differs, settles again.
    pub(super) async fn converge(
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
}

/// What is known of fields that AWS never returns.
pub(super) enum Before {
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
