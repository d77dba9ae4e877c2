//! `up`: the main job.

use super::apply::{How, carry_out};
use super::exit::{DONE, Failure, INCOMPLETE};
use super::session::{Access, Session};
use super::{Format, Global, confirm, output, telling};
use crate::config::Dns;
use clap::Args;

/// Bring the deployment to what the file says: plan, ask, apply, verify
#[derive(Debug, Args)]
pub(crate) struct Up {
    #[command(flatten)]
    how: How,
    /// Do not verify at the end
    #[arg(long)]
    no_verify: bool,
}

impl Up {
    pub(crate) async fn run(self, global: &Global) -> Result<u8, Failure> {
        let mut session = Session::open(global, Access::Write("up")).await?;
        self.how.settle(&mut session);
        let desired = session.desired()?;
        let (plan, _) = session.plan(&desired).await?;
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
            confirm::yes("Carry out this plan?", self.how.yes)?;
            carry_out(global, &mut session, &plan).await?;
        }
        let code = if self.no_verify { DONE } else { self.verify(global, &session).await? };
        output::print(global, &session);
        Ok(code)
    }

    async fn verify(&self, global: &Global, session: &Session) -> Result<u8, Failure> {
        let report = super::verify::patiently(session).await;
        if global.format == Format::Text && !global.quiet {
            err!("{}", report.text());
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
