//! A refused delete: who holds the object is asked now and then, told, and decides whether waiting helps.

use super::{Engine, Halt, Run, Surroundings};
use crate::resource::holder::{self, Holder};
use crate::resource::{Class, Error, Id, Kind, Scope};
use crate::state::StateStore;
use std::cell::{Cell, RefCell};
use std::time::{Duration, Instant};

/// Who holds it is asked again after this time.
const LOOK: Duration = Duration::from_secs(30);
/// A stranger's hold must be seen twice, this long apart: something that is just being detached is not reported.
const SECOND_LOOK: Duration = Duration::from_secs(8);

impl<S: StateStore> Run<'_, '_, S> {
    /// Deletes, and waits while others hold the object; not for strangers, who do not let go because we wait. Reads and calls
    /// lag: that there is nothing to delete is believed the second time, as a plan believes that an object is gone.
    pub(super) async fn delete_call(&self, kind: &dyn Kind, around: &Surroundings, id: &Id) -> Result<(), Halt> {
        let (watch, missed) = (RefCell::new(Watch::default()), Cell::new(false));
        self.call(around, async |engine, note| {
            let scope = engine.scope(around, note);
            let mut deleted = kind.delete(&scope, id).await;
            if not_found(&deleted) && !missed.replace(true) {
                // Asked to stop, it is asked again at once: a delete that is in flight is seen out.
                engine.stop.sleep(engine.limits.second_reading).await;
                deleted = kind.delete(&scope, id).await;
            }
            match deleted {
                Err(error) if error.class == Class::NotFound => Ok(()),
                Err(error) if matches!(error.class, Class::Drain | Class::Busy) => {
                    Err(refused(engine, kind, &scope, id, &watch, error).await)
                }
                deleted => deleted,
            }
        })
        .await
    }
}

fn not_found(result: &Result<(), Error>) -> bool {
    result.as_ref().is_err_and(|error| error.class == Class::NotFound)
}

/// What was seen so far.
#[derive(Default)]
struct Watch {
    looked: Option<Instant>,
    holders: Vec<Holder>,
}

async fn refused<S>(
    engine: &Engine<'_, S>,
    kind: &dyn Kind,
    scope: &Scope<'_>,
    id: &Id,
    watch: &RefCell<Watch>,
    error: Error,
) -> Error {
    let strangers = |holders: &[Holder]| holders.iter().filter(|one| one.is_stranger()).cloned().collect::<Vec<_>>();
    let before = strangers(&watch.borrow().holders);
    let pause = engine.limits.pause(if before.is_empty() { LOOK } else { SECOND_LOOK });
    let due = watch.borrow().looked.is_none_or(|looked| looked.elapsed() >= pause);
    if due {
        // Listing is for show: the refusal is what happened, whether the holders can be listed or not.
        match kind.holders(scope, id).await {
            Ok(holders) => *watch.borrow_mut() = Watch { looked: Some(Instant::now()), holders },
            Err(unlisted) => tracing::debug!(%id, error = %unlisted, "who holds it could not be listed"),
        }
    }
    let watch = watch.borrow();
    let held_by = Some(holder::list(&watch.holders)).filter(|text| !text.is_empty());
    let error = Error { held_by, ..error };
    let staying: Vec<_> =
        strangers(&watch.holders).into_iter().filter(|one| before.iter().any(|known| known.what == one.what)).collect();
    if !due || staying.is_empty() {
        return error;
    }
    // Who it is says more than where to look for them.
    let error = Error { hints: vec![], ..error.in_class(Class::Held) };
    let error = staying.iter().filter_map(|one| one.remove.clone()).fold(error, Error::hint);
    error.hint("hybridctl deletes nothing that is not of this deployment: remove it, then run the same command again")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::apply::Limits;

    /// The first refusal is looked into at once; the tries after it are the moments for a second look.
    #[test]
    fn a_strangers_hold_is_certain_within_half_a_minute() {
        let pause = |tries: u32| {
            let (first, longest) = Class::Drain.pace();
            first.saturating_mul(1 << (tries - 1)).min(longest)
        };
        let mut waited = Duration::ZERO;
        let tries = (1..).find(|tries| {
            waited += pause(*tries);
            waited >= Limits::AWS.pause(SECOND_LOOK)
        });
        assert!(waited <= Duration::from_secs(30), "{tries:?} tries, {waited:?}");
    }
}
