//! `apply`: carries out a plan, and how an apply is told and ends, for every verb that changes something.

use super::exit::{DONE, ERROR, Failure, INCOMPLETE, STALE};
use super::preflight::{Beforehand, of_no_plan};
use super::session::{Access, Session};
use super::typed::as_typed;
use super::{Global, confirm, grant, signals, telling, typed};
use crate::apply::Outcome;
use crate::model::Address;
use crate::plan::saved::{Saved, Stale};
use crate::plan::{Observations, Plan};
use crate::report::{codes, outcome_text, timings_text};
use crate::resource::Error;
use clap::Args;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Carry out a saved plan, or plan and ask
#[derive(Debug, Args)]
pub(crate) struct Apply {
    /// A plan saved by `hybridctl plan --out`
    plan: Option<PathBuf>,
    #[command(flatten)]
    how: How,
    #[command(flatten)]
    beforehand: Beforehand,
}

/// Flags of every verb that applies.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct How {
    /// Do not ask
    #[arg(short, long)]
    pub(crate) yes: bool,
    /// Work on this many resources at once
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64))]
    pub(crate) parallelism: Option<u16>,
    /// Agree that the data of this resource may be lost (can be repeated)
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) allow_data_loss: Vec<Address>,
}

impl How {
    pub(crate) fn settle(&self, session: &mut Session) {
        session.parallelism = self.parallelism.map(usize::from);
        session.consents.data_loss.extend(self.allow_data_loss.iter().cloned());
    }
}

impl Apply {
    pub(crate) async fn run(self, global: &Global) -> Result<u8, Failure> {
        let saved = self.plan.as_deref().map(Saved::read).transpose().map_err(|error| stale(error, None))?;
        let mut session = Session::open(global, Access::Write("apply")).await?;
        self.how.settle(&mut session);
        let destroys = saved.as_ref().is_some_and(|saved| saved.destroy);
        let targets = saved.as_ref().map(|saved| saved.targets.clone()).unwrap_or_default();
        if let Some(saved) = &saved {
            session.command = go_on(global, saved);
        }
        let (mut plan, seen, desired) = match &saved {
            Some(saved) if saved.destroy => {
                let (plan, seen) = saved_destroy(&mut session, saved).await?;
                (plan, seen, None)
            }
            _ => {
                let desired = session.desired()?;
                let (plan, seen) = session.plan(&desired).await.map_err(of_no_plan)?;
                (plan, seen, Some(desired))
            }
        };
        plan.narrow(&targets, &session.state);
        if !destroys {
            super::cautions::tell(global, &session, &plan);
            session.require_secret(&plan)?;
        }
        match &saved {
            Some(saved) => {
                let hash = session.config_hash(global)?;
                saved.still_true(&session.state, &hash, &plan).map_err(|error| stale(error, Some(saved)))?;
            }
            None => super::plan::print(global, &plan, &session.meta()),
        }
        if let Some(desired) = &desired {
            self.beforehand.check(global, &session, desired, &plan, &seen).await?;
        }
        if saved.is_none() && !plan.is_empty() {
            confirm::yes("Carry out this plan?", self.how.yes)?;
        }
        let ended = carry_out(global, &mut session, &plan).await?;
        if ended == Ended::AwaitsGrant {
            return Ok(INCOMPLETE);
        }
        if destroys && targets.is_empty() {
            return super::destroy::finish(global, &session, &plan).await;
        }
        if ended == Ended::Unchanged {
            let what = if targets.is_empty() { "the deployment is" } else { "what was asked for is" };
            telling::say(global, &format!("no changes: {what} as the file says"));
        }
        Ok(DONE)
    }
}

/// The command that finishes what a saved plan began: that plan itself is not true any more.
fn go_on(global: &Global, saved: &Saved) -> String {
    match (saved.destroy, saved.targets.is_empty()) {
        (false, true) => typed::command(global, "up"),
        (true, true) => typed::command(global, "destroy"),
        _ => plan_again(Some(saved)),
    }
}

/// The command that makes such a plan anew.
fn plan_again(saved: Option<&Saved>) -> String {
    let mut command = "hybridctl plan".to_owned();
    if saved.is_some_and(|saved| saved.destroy) {
        command.push_str(" --destroy");
    }
    for target in saved.iter().flat_map(|saved| &saved.targets) {
        command.push_str(&format!(" --target {target}"));
    }
    command + " --out FILE"
}

/// The plan of a saved destroy, made anew: its final snapshot keeps its name.
async fn saved_destroy(session: &mut Session, saved: &Saved) -> Result<(Plan, Observations), Failure> {
    session.consents.disable_protection = true;
    session.consent_to_lose();
    let mut snapshots = saved.plan.steps.values().filter(|step| step.makes() && step.address.kind == "rds.snapshot");
    let snapshot = snapshots.next().map(|step| step.address.name.clone());
    let stamp = snapshot
        .as_deref()
        .and_then(|name| name.strip_prefix("final-"))
        .map(|rest| rest.rsplit_once('-').map_or(rest, |(stamp, _)| stamp).to_owned());
    super::destroy::plan_of(session, snapshot.is_some(), &stamp.unwrap_or_default()).await
}

fn stale(error: Stale, saved: Option<&Saved>) -> Failure {
    let code = if matches!(error, Stale::Unreadable(_)) { ERROR } else { STALE };
    Failure::new(code, error.to_string())
        .known_as(codes::STALE)
        .hint(format!("make a new plan with `{}`", plan_again(saved)))
}

/// How carrying out a plan ended, if it did not fail.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// There was nothing to do.
    Unchanged,
    /// Everything was done.
    Done,
    /// Everything was done that does not need the image, which the execution role may not pull yet.
    AwaitsGrant,
}

/// One try of a plan.
pub(crate) struct Attempt {
    pub(crate) outcome: Outcome,
    signal: Option<signals::Signal>,
    took: Duration,
}

/// Applies a plan and tells how it went.
///
/// # Errors
/// If not everything was done; the text has been told.
pub(crate) async fn carry_out(global: &Global, session: &mut Session, plan: &Plan) -> Result<Ended, Failure> {
    let attempt = attempt(global, session, plan).await?;
    conclude(global, session, plan, attempt).await
}

/// Applies a plan. The session has the new record afterwards.
///
/// # Errors
/// If the events file cannot be written.
pub(crate) async fn attempt(global: &Global, session: &mut Session, plan: &Plan) -> Result<Attempt, Failure> {
    // An empty plan is told by one line, not by a report of nothing.
    let mut reporters = telling::reporters(global, plan.is_empty())?;
    let started = Instant::now();
    let stop = session.stop.clone();
    let apply = async { session.engine().apply(plan, session.state.clone(), &mut reporters).await };
    let (mut outcome, signal) = signals::heeding(&stop, apply).await;
    drop(reporters);
    if let Some(state) = outcome.state.take() {
        session.adopt(state);
    }
    Ok(Attempt { outcome, signal, took: started.elapsed() })
}

/// Tells how a try went.
///
/// # Errors
/// If not everything was done.
pub(crate) async fn conclude(
    global: &Global,
    session: &Session,
    plan: &Plan,
    attempt: Attempt,
) -> Result<Ended, Failure> {
    let Attempt { mut outcome, signal, took } = attempt;
    if plan.is_empty() && outcome.complete() {
        return Ok(Ended::Unchanged);
    }
    if outcome.complete() {
        if !global.quiet {
            err!("{}", timings_text(&outcome.done, took, usize::MAX));
        }
        // It came too late to stop anything, and it is not followed by minutes of verification.
        if let Some(signal) = signal {
            telling::say(global, "stopped; every change had been made by then");
            return Err(Failure::told(signal.code()));
        }
        return Ok(Ended::Done);
    }
    let style = telling::style(global);
    err!("{}", as_typed(&session.global, &outcome_text(&outcome, plan, &session.command, style)));
    if let Some(warning) = super::rolled_back::warning(session, &outcome).await {
        err!("\n{warning}");
    }
    if let Some(lost) = outcome.lost.take() {
        return Err(lost.into());
    }
    if grant::is_refused(&outcome) {
        err!("\n{}", grant::text(session));
    }
    if grant::is_all_that_is_missing(&outcome) {
        return Ok(Ended::AwaitsGrant);
    }
    Err(Failure::told(code_of(&outcome, signal)))
}

fn code_of(outcome: &Outcome, signal: Option<signals::Signal>) -> u8 {
    if let Some(signal) = signal.filter(|_| outcome.stopped) {
        return signal.code();
    }
    let only_time = !outcome.failed.is_empty() && outcome.failed.values().all(Error::is_resumable);
    if only_time || (outcome.failed.is_empty() && outcome.timed_out) { INCOMPLETE } else { ERROR }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resource::{Class, Error};

    fn failed(errors: impl IntoIterator<Item = Error>) -> u8 {
        let addresses = (0..).map(|n| Address::new("ec2.subnet", n.to_string()));
        let failed = addresses.zip(errors).collect();
        code_of(&Outcome { failed, ..Outcome::default() }, None)
    }

    #[test]
    fn what_only_takes_time_or_a_hand_is_incomplete_and_not_an_error() {
        let error = || Error::terminal("x");
        let time = Error { code: Some("Timeout".into()), ..error() };
        for resumable in [time.clone(), error().in_class(Class::Held), error().in_class(Class::Drain)] {
            assert_eq!(failed([resumable.clone()]), INCOMPLETE, "{resumable}");
            assert_eq!(failed([resumable, error()]), ERROR);
        }
        assert_eq!(failed([time, error().in_class(Class::Credentials)]), INCOMPLETE);
    }
}
