//! `apply`: carries out a saved plan that is still true, or plans and asks.

use super::carry_out::{Ended, How, carry_out};
use super::destroy::planning;
use super::exit::{DONE, ERROR, Failure, INCOMPLETE, STALE};
use super::preflight::{Beforehand, of_no_plan};
use super::session::{Access, Session};
use super::{Global, confirm, telling, typed};
use crate::plan::saved::{Saved, Stale};
use crate::plan::{Observations, Plan};
use crate::report::codes;
use clap::Args;
use std::path::PathBuf;

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
        let since = session.state.since();
        let ended = carry_out(global, &mut session, &plan).await?;
        if ended == Ended::AwaitsGrant {
            return Ok(INCOMPLETE);
        }
        if destroys && targets.is_empty() {
            return super::destroy::finish(global, &session, &plan, since).await;
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
    session.consents.disable_protection = saved.plan.steps.values().any(|step| step.release);
    session.consent_to_lose();
    // One that was only begun, and is not of this destroy, is taken on record by the same plan: nothing wants it, so it is no
    // step of the guide.
    let mut wanted = saved.plan.steps.values().filter(|step| step.makes() && !step.guide.is_empty());
    let snapshot = wanted.find(|step| step.address.kind == "rds.snapshot").map(|step| step.address.name.clone());
    let stamp = snapshot
        .as_deref()
        .and_then(|name| name.strip_prefix("final-"))
        .map(|rest| rest.rsplit_once('-').map_or(rest, |(stamp, _)| stamp).to_owned());
    planning::plan_of(session, snapshot.is_some(), &stamp.unwrap_or_default()).await
}

fn stale(error: Stale, saved: Option<&Saved>) -> Failure {
    let code = if matches!(error, Stale::Unreadable(_)) { ERROR } else { STALE };
    Failure::new(code, error.to_string())
        .known_as(codes::STALE)
        .hint(format!("make a new plan with `{}`", plan_again(saved)))
}
