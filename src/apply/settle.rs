//! Waiting: the engine asks, the kind answers, and the clock decides.

use super::{Engine, Halt, Run, Surroundings};
use crate::model::Address;
use crate::report::Event;
use crate::resource::error::TIMEOUT;
use crate::resource::{Class, Error, Id, Kind, Observed, Phase, Result};
use crate::state::{Intent, StateStore, Verb};
use std::time::{Duration, Instant};

/// What is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Until {
    /// Ready, in as many readings as the kind asks for.
    Settled,
    /// At rest, as ready or as broken as it may be: it is about to be deleted.
    Deletable,
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

    /// Reads until then. `None`: it is gone.
    pub(super) async fn wait(
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
                (None, Until::Gone | Until::Deletable) => return Ok(None),
                (None, Until::Settled) if since.elapsed() > self.engine.limits.visibility => return Ok(None),
                (None, Until::Settled) => "not visible yet".to_owned(),
                (Some(observed), Until::Gone) => format!("{} (still there)", observed.phase.word()),
                (Some(observed), Until::Settled | Until::Deletable) => {
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
                        Phase::Failed(_) if until == Until::Deletable => return Ok(seen),
                        Phase::Failed(why) | Phase::Refused(why) => return Err(Error::terminal(why.clone()).into()),
                        phase if until == Until::Settled && self.is_left(around) => {
                            return Err(Halt::Left(phase.word().to_owned()));
                        }
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

    /// True if it was asked for and nothing is made after it, in a run that leaves such things to AWS.
    fn is_left(&self, around: &Surroundings) -> bool {
        let used = || self.plan.steps.values().any(|step| step.makes() && step.after.contains_key(&around.address));
        self.engine.limits.leave_last && around.want.is_some() && !used()
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

    /// Makes one call of a kind, again and again while its class says that this helps. The call must bear being carried out
    /// twice: it is also made again when its answer was lost.
    pub(super) async fn call<T>(
        &self,
        around: &Surroundings,
        attempt: impl AsyncFnMut(&Engine<'_, S>, &dyn Fn(String)) -> Result<T>,
    ) -> std::result::Result<T, Halt> {
        self.persist(around, attempt, |_| true).await
    }

    /// As [`Run::call`], for a call that might make a second object: when its answer was lost, that is the caller's business.
    pub(super) async fn call_unless_ambiguous<T>(
        &self,
        around: &Surroundings,
        attempt: impl AsyncFnMut(&Engine<'_, S>, &dyn Fn(String)) -> Result<T>,
    ) -> std::result::Result<T, Halt> {
        self.persist(around, attempt, |class| class != Class::Ambiguous).await
    }

    async fn persist<T>(
        &self,
        around: &Surroundings,
        mut attempt: impl AsyncFnMut(&Engine<'_, S>, &dyn Fn(String)) -> Result<T>,
        may_repeat: impl Fn(Class) -> bool,
    ) -> std::result::Result<T, Halt> {
        let note = |line| self.tell(&Event::Note { address: around.address.clone(), line });
        let started = Instant::now();
        let mut refused = Refused::default();
        loop {
            // After a pause, somebody else may be at work here.
            self.engine.store.hold().await?;
            let credentials = self.engine.aws.credentials_in_use();
            let error = match attempt(self.engine, &note).await {
                Ok(value) => return Ok(value),
                Err(error) => error,
            };
            let class = self.class_here(around, &error);
            if class == Class::Credentials && self.engine.aws.renew_credentials(credentials).await {
                continue;
            }
            let Some(budget) = class.budget().filter(|_| may_repeat(class)) else { return Err(error.into()) };
            let (tries, since) = refused.again(class);
            if since.elapsed() > self.engine.limits.patience(budget) {
                return Err(Halt::TimedOut(given_up(error, class, tries)));
            }
            let holders = error.held_by.iter().map(|holders| format!(", held by {holders}")).collect::<String>();
            let word = format!("waiting: {}{holders}", error.code.as_deref().unwrap_or(&error.message));
            self.tell(&Event::Settling { address: around.address.clone(), word, waited: started.elapsed() });
            tracing::debug!(address = %around.address, %error, ?class, tries, "trying again");
            if !self.engine.stop.sleep(self.engine.limits.backoff(class, tries)).await {
                return Err(Halt::Stopped);
            }
        }
    }

    /// "Not found" of something that has just been made is a matter of time: of what the object is made from, and of the object
    /// itself while it is brought into its shape.
    fn class_here(&self, around: &Surroundings, error: &Error) -> Class {
        if error.class != Class::NotFound {
            return error.class;
        }
        let used = self.plan.steps[&around.address].after.keys();
        let itself = around.want.as_ref().map(|_| &around.address);
        if used.chain(itself).any(|address| self.is_fresh(address)) { Class::Propagation } else { error.class }
    }

    /// True if not all of AWS may know of it yet: this run made it, or one that ended not long ago. What has no id was not made.
    fn is_fresh(&self, address: &Address) -> bool {
        let since = self.ledger.read(|state| {
            let created = |intent: &&Intent| intent.verb == Verb::Create && intent.id.is_some();
            let begun = state.intents.get(address).filter(created);
            let made = state.resources.get(address).and_then(|recorded| recorded.made);
            made.max(begun.map(|intent| intent.since))
        });
        let now = jiff::Timestamp::now();
        let young = |since| !self.engine.limits.young_for(since, now).is_zero();
        self.made.borrow().contains(address) || since.is_some_and(young)
    }
}

/// How often, and since when, a call has been refused with the same class. Another class is another wait with a budget of its
/// own: a delete that was held for half an hour may still be throttled for a while.
#[derive(Default)]
struct Refused(Option<(Class, u32, Instant)>);

impl Refused {
    fn again(&mut self, class: Class) -> (u32, Instant) {
        let (tries, since) = match self.0 {
            Some((before, tries, since)) if before == class => (tries + 1, since),
            _ => (1, Instant::now()),
        };
        self.0 = Some((class, tries, since));
        (tries, since)
    }
}

/// What is told when trying again did not help within the budget of the class.
pub(crate) fn given_up(error: Error, class: Class, tries: u32) -> Error {
    error.in_class(class).hint(format!("given up after {tries} tries; the next run goes on"))
}

fn too_long(word: &str, limit: Duration) -> Error {
    Error {
        code: Some(TIMEOUT.into()),
        ..Error::terminal(format!("still `{word}` after {} min without any progress", limit.as_secs() / 60))
    }
    .hint("nothing is lost: run the same command again to go on waiting")
}
