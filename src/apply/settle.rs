//! Waiting: the engine asks, the kind answers, and the clock decides.

use super::{Engine, Halt, Run, Surroundings};
use crate::report::Event;
use crate::resource::{Class, Error, Id, Kind, Observed, Phase, Result};
use crate::state::StateStore;
use std::time::{Duration, Instant};

/// What is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Until {
    /// Ready, in as many readings as the kind asks for.
    Settled,
    /// Not there any more.
    Gone,
}

impl<S: StateStore> Run<'_, '_, S> {
    /// Reads until the object has settled.
    pub(super) async fn settle(
        &self,
        kind: &dyn Kind,
        around: &Surroundings,
        id: &Id,
        started: Instant,
    ) -> std::result::Result<Observed, Halt> {
        match self.wait(kind, around, id, started, Until::Settled).await? {
            Some(observed) => Ok(observed),
            None => Err(Error::terminal(format!("`{id}` disappeared while it was being waited for")).into()),
        }
    }

    /// Reads until the object is gone.
    pub(super) async fn wait_until_gone(
        &self,
        kind: &dyn Kind,
        around: &Surroundings,
        id: &Id,
        started: Instant,
    ) -> std::result::Result<(), Halt> {
        self.wait(kind, around, id, started, Until::Gone).await.map(drop)
    }

    async fn wait(
        &self,
        kind: &dyn Kind,
        around: &Surroundings,
        id: &Id,
        started: Instant,
        until: Until,
    ) -> std::result::Result<Option<Observed>, Halt> {
        let spec = kind.spec();
        let mut readings = 0;
        let mut word: Option<String> = None;
        // The limit starts again whenever AWS's word changes: a slow database that makes progress is not stuck.
        let mut since = Instant::now();
        loop {
            let seen =
                self.call(around, async |engine, scope| kind.read(&engine.scope(around, scope), id).await).await?;
            let now = match (&seen, until) {
                (None, Until::Gone) => return Ok(None),
                (None, Until::Settled) if since.elapsed() > self.engine.limits.visibility => return Ok(None),
                (None, Until::Settled) => "not visible yet".to_owned(),
                (Some(observed), Until::Gone) => format!("{} (still there)", observed.phase.word()),
                (Some(observed), Until::Settled) => {
                    self.notice_outputs(around, observed);
                    match &observed.phase {
                        Phase::Ready => {
                            readings += 1;
                            if readings >= spec.ready_readings {
                                return Ok(seen);
                            }
                            "ready, reading again".to_owned()
                        }
                        // Nothing is being applied: what went wrong earlier is what the coming change mends, and an object
                        // that can be used can be changed.
                        Phase::Refused(_) | Phase::Usable(_) if around.want.is_none() => return Ok(seen),
                        Phase::Failed(why) | Phase::Refused(why) => return Err(Error::terminal(why.clone()).into()),
                        phase => {
                            readings = 0;
                            phase.word().to_owned()
                        }
                    }
                }
            };
            if word.as_ref() != Some(&now) {
                since = Instant::now();
            }
            if since.elapsed() > self.engine.limits.patience(spec.settle_limit) {
                return Err(Halt::TimedOut(too_long(&now, spec.settle_limit)));
            }
            let waited = started.elapsed();
            self.tell(&Event::Settling { address: around.address.clone(), word: now.clone(), waited });
            word = Some(now);
            if !self.engine.stop.sleep(self.engine.limits.pause(spec.poll)).await {
                return Err(Halt::Stopped);
            }
        }
    }

    /// Outputs that others may use before this object has settled.
    fn notice_outputs(&self, around: &Surroundings, observed: &Observed) {
        let usable = matches!(observed.phase, Phase::Ready | Phase::Usable(_));
        if let (true, Some(outputs)) = (usable, &observed.outputs) {
            let known = self.usable.borrow_mut().insert(around.address.clone(), outputs.clone());
            if known.as_ref() != Some(outputs) {
                self.became_usable.notify_waiters();
            }
        }
    }

    /// Makes one call of a kind, again and again while its class says that this helps.
    pub(super) async fn call<T>(
        &self,
        around: &Surroundings,
        mut attempt: impl AsyncFnMut(&Engine<'_, S>, &dyn Fn(String)) -> Result<T>,
    ) -> std::result::Result<T, Halt> {
        let note = |line| self.tell(&Event::Note { address: around.address.clone(), line });
        let started = Instant::now();
        for tries in 1.. {
            let error = match attempt(self.engine, &note).await {
                Ok(value) => return Ok(value),
                Err(error) => error,
            };
            let class = self.class_here(around, &error);
            let Some(budget) = class.budget() else { return Err(error.into()) };
            if started.elapsed() > self.engine.limits.patience(budget) {
                return Err(Halt::TimedOut(
                    error.hint(format!("given up after {} tries; the next run goes on", tries)),
                ));
            }
            let word = format!("waiting: {}", error.code.as_deref().unwrap_or(&error.message));
            self.tell(&Event::Settling { address: around.address.clone(), word, waited: started.elapsed() });
            tracing::debug!(address = %around.address, %error, ?class, tries, "trying again");
            if !self.engine.stop.sleep(self.engine.limits.backoff(class, tries)).await {
                return Err(Halt::Stopped);
            }
        }
        unreachable!("because the tries are not counted out")
    }

    /// "Not found" of something that this run has just made is a matter of time.
    fn class_here(&self, around: &Surroundings, error: &Error) -> Class {
        let made = self.made.borrow();
        let fresh = || self.plan.steps[&around.address].after.keys().any(|used| made.contains(used));
        if error.class == Class::NotFound && fresh() { Class::Propagation } else { error.class }
    }
}

fn too_long(word: &str, limit: Duration) -> Error {
    Error {
        code: Some("Timeout".into()),
        ..Error::terminal(format!("still `{word}` after {} min without any progress", limit.as_secs() / 60))
    }
    .hint("nothing is lost: run the same command again to go on waiting")
}
