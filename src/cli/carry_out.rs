//! How a plan is carried out, told, and ended, for every verb that changes something.

use super::exit::{ERROR, Failure, INCOMPLETE};
use super::session::Session;
use super::typed::as_typed;
use super::{Global, grant, signals, telling};
use crate::apply::Outcome;
use crate::model::Address;
use crate::plan::Plan;
use crate::report::{outcome_text, timings_text};
use crate::resource::Error;
use clap::Args;
use std::time::{Duration, Instant};

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

/// How carrying out a plan ended, if it did not fail.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// There was nothing to do.
    Unchanged,
    /// Everything was done.
    Done,
    /// Everything was asked for, and some of it goes on in AWS by itself.
    Left,
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
        if outcome.left.is_empty() {
            return Ok(Ended::Done);
        }
        telling::say(global, &left_text(global, &outcome));
        return Ok(Ended::Left);
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

/// What was not waited for, and how to learn what became of it.
fn left_text(global: &Global, outcome: &Outcome) -> String {
    let left = outcome.left.iter().map(|(address, word)| format!("{address} ({word})")).collect::<Vec<_>>().join(", ");
    let [verify, up] = ["verify", "up"].map(|verb| super::typed::command(global, verb));
    format!(
        "not waited for: {left}\nwhat becomes of it is told by\n    {verify} --wait 15m\nand the next run goes on with it:\n    {up}"
    )
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
