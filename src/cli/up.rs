//! `up`: the main job.

use super::carry_out::{Ended, How, attempt, carry_out, conclude};
use super::exit::{DONE, Failure, INCOMPLETE};
use super::preflight::{Beforehand, of_no_plan};
use super::session::{Access, Session};
use super::typed::as_typed;
use super::{Format, Global, confirm, grant, output, telling};
use crate::config::Dns;
use clap::Args;
use std::time::{Duration, Instant};

/// Bring the deployment to what the file says: preflight, plan, ask, apply, verify
#[derive(Debug, Args)]
pub(crate) struct Up {
    #[command(flatten)]
    how: How,
    #[command(flatten)]
    beforehand: Beforehand,
    /// If the execution role may not pull the image yet, try again for this long, for example `2h`
    #[arg(long, value_name = "DURATION", value_parser = super::verify::duration)]
    wait_for_grant: Option<Duration>,
    /// Do not verify at the end
    #[arg(long)]
    no_verify: bool,
    /// Do not wait for what nothing else waits for, as the rollout of the service; nothing is verified then
    #[arg(long)]
    no_wait: bool,
}

impl Up {
    pub(crate) async fn run(self, global: &Global) -> Result<u8, Failure> {
        let mut session = Session::open(global, Access::Write("up")).await?;
        self.how.settle(&mut session);
        session.leave_last = self.no_wait;
        let desired = session.desired()?;
        let (plan, seen) = session.plan(&desired).await.map_err(of_no_plan)?;
        if plan.is_empty() {
            super::cautions::tell(global, &session, &plan);
            carry_out(global, &mut session, &plan).await?;
            telling::say(global, "no changes: the deployment is as the file says");
        } else {
            if global.format == Format::Text && !global.quiet {
                super::plan::print(global, &plan, &session.meta());
            }
            super::cautions::tell(global, &session, &plan);
            session.require_secret(&plan)?;
            self.beforehand.check(global, &session, &desired, &plan, &seen).await?;
            confirm::yes("Carry out this plan?", self.how.yes)?;
            let mut ended = carry_out(global, &mut session, &plan).await?;
            if let (Ended::AwaitsGrant, Some(limit)) = (&ended, self.wait_for_grant) {
                ended = wait_for_grant(global, &mut session, limit).await?;
            }
            if ended == Ended::AwaitsGrant {
                return Ok(INCOMPLETE);
            }
        }
        let code = if self.no_verify || self.no_wait { DONE } else { self.verify(global, &session).await? };
        output::print(global, &session);
        Ok(code)
    }

    async fn verify(&self, global: &Global, session: &Session) -> Result<u8, Failure> {
        let report = super::verify::patiently(session).await;
        let width = super::telling::columns(&console::Term::stderr());
        match (global.quiet || global.format == Format::Json, report.passed()) {
            (true, true) => {}
            (true, false) => err!("{}", as_typed(global, &report.brief())),
            (false, _) => err!("{}", as_typed(global, &report.text_within(width))),
        }
        if report.passed() {
            return Ok(DONE);
        }
        // The record that only the user can create is not there yet: everything else is done.
        let external = session.config.ingress.dns == Dns::External
            && report.verdict.as_ref().is_some_and(|cause| cause.id == "VF-DNS");
        Ok(if external { INCOMPLETE } else { super::exit::VERIFY })
    }
}

/// Tries again until the image can be pulled, something else goes wrong, or the time is up. Nobody but ECS can try the pull, so
/// waiting means running the migration task again at a pace.
///
/// # Errors
/// As [`conclude`], and if there can be no plan.
async fn wait_for_grant(global: &Global, session: &mut Session, limit: Duration) -> Result<Ended, Failure> {
    let pause = Duration::from_secs(if session.sandbox.is_some() { 1 } else { 60 });
    let end = Instant::now() + limit;
    // What is the matter has been told: only the last try is told again.
    let hushed = Global { quiet: true, events: None, ..global.clone() };
    telling::say(global, &format!("waiting for the grant: the image is tried every {} s", pause.as_secs()));
    while Instant::now() + pause < end {
        tokio::time::sleep(pause).await;
        let desired = session.desired()?;
        let (plan, _) = session.plan(&desired).await?;
        let tried = attempt(&hushed, session, &plan).await?;
        if !grant::is_all_that_is_missing(&tried.outcome) {
            return conclude(global, session, &plan, tried).await;
        }
        telling::say(global, "not granted yet");
    }
    telling::say(global, "the grant did not come in time");
    Ok(Ended::AwaitsGrant)
}
