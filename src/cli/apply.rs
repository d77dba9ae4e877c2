//! `apply`: carries out a plan, and how an apply is told and ends, for every verb that changes something.

use super::exit::{DONE, ERROR, Failure, INCOMPLETE, STALE};
use super::session::{Access, Session};
use super::{Global, confirm, signals, telling};
use crate::apply::Outcome;
use crate::model::{Address, Graph};
use crate::plan::Plan;
use crate::plan::saved::{Saved, Stale};
use crate::report::{outcome_text, timings_text};
use crate::resource::Class;
use clap::Args;
use std::path::PathBuf;
use std::time::Instant;

/// Carry out a saved plan, or plan and ask
#[derive(Debug, Args)]
pub(crate) struct Apply {
    /// A plan saved by `hybridctl plan --out`
    plan: Option<PathBuf>,
    #[command(flatten)]
    how: How,
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
        let saved = self.plan.as_deref().map(Saved::read).transpose().map_err(stale)?;
        let mut session = Session::open(global, Access::Write("apply")).await?;
        self.how.settle(&mut session);
        let destroys = saved.as_ref().is_some_and(|saved| saved.destroy);
        let desired = if destroys { saved_destroy(&mut session, saved.as_ref()) } else { session.desired()? };
        let (mut plan, _) = session.plan(&desired).await?;
        plan.narrow(saved.as_ref().map(|saved| saved.targets.as_slice()).unwrap_or_default());
        super::cautions::tell(global, &session, &plan);
        session.require_secret(&plan)?;
        match &saved {
            Some(saved) => {
                let hash = session.config_hash(global)?;
                saved.still_true(&session.state, &hash, &plan).map_err(stale)?;
            }
            None => {
                super::plan::print(global, &plan, &session.meta());
                if !plan.is_empty() {
                    confirm::yes("Carry out this plan?", self.how.yes)?;
                }
            }
        }
        if carry_out(global, &mut session, &plan).await?.is_none() {
            telling::say(global, "no changes: the deployment is as the file says");
        }
        Ok(DONE)
    }
}

/// The graph that a saved plan of a destroy was made against: its final snapshot keeps its name.
fn saved_destroy(session: &mut Session, saved: Option<&Saved>) -> Graph {
    session.consents.disable_protection = true;
    session.consent_to_lose();
    let snapshot = saved.and_then(|saved| {
        let mut snapshots =
            saved.plan.steps.values().filter(|step| step.makes() && step.address.kind == "rds.snapshot");
        snapshots.next().map(|step| step.address.name.clone())
    });
    let stamp = snapshot
        .as_deref()
        .and_then(|name| name.strip_prefix("final-"))
        .map(|rest| rest.rsplit_once('-').map_or(rest, |(stamp, _)| stamp).to_owned());
    crate::stack::destroy::destroy_graph(&session.state, snapshot.is_some(), &stamp.unwrap_or_default())
}

fn stale(error: Stale) -> Failure {
    let code = if matches!(error, Stale::Unreadable(_)) { ERROR } else { STALE };
    Failure::new(code, error.to_string()).hint("make a new plan with `hybridctl plan --out FILE`")
}

/// Applies a plan and tells how it went. `None` if there was nothing to do.
///
/// # Errors
/// If not everything was done; the text has been told.
pub(crate) async fn carry_out(global: &Global, session: &mut Session, plan: &Plan) -> Result<Option<Outcome>, Failure> {
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
    if plan.is_empty() && outcome.complete() {
        return Ok(None);
    }
    if outcome.complete() {
        if !global.quiet {
            err!("{}", timings_text(&outcome.done, started.elapsed(), usize::MAX));
        }
        return Ok(Some(outcome));
    }
    let style = telling::style(global);
    err!("{}", outcome_text(&outcome, plan, &session.command, style));
    if let Some(warning) = super::rolled_back::warning(session, &outcome).await {
        err!("\n{warning}");
    }
    if let Some(lost) = outcome.lost.take() {
        return Err(lost.into());
    }
    Err(Failure::told(code_of(&outcome, signal)))
}

fn code_of(outcome: &Outcome, signal: Option<signals::Signal>) -> u8 {
    if let Some(signal) = signal.filter(|_| outcome.stopped) {
        return signal.code();
    }
    let resumable = |error: &crate::resource::Error| error.class == Class::Credentials || error.is("Timeout");
    let only_time = !outcome.failed.is_empty() && outcome.failed.values().all(resumable);
    if only_time || (outcome.failed.is_empty() && outcome.timed_out) { INCOMPLETE } else { ERROR }
}
