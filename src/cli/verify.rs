//! `verify`: is it really working, and if not why.

use super::exit::{DONE, Failure, VERIFY};
use super::session::{Access, Session};
use super::{Format, Global, telling};
use crate::verify::{Report, World, verify, verify_within};
use clap::Args;
use std::time::Duration;

/// Check that it really works, layer by layer, and name the cause if it does not
#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// Go on for this long before giving up, for example `5m`
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    wait: Option<Duration>,
    /// Only this check (can be repeated)
    #[arg(long, value_name = "ID")]
    only: Vec<String>,
}

impl Verify {
    pub(crate) async fn run(self, global: &Global) -> Result<u8, Failure> {
        let session = Session::open(global, Access::Read).await?;
        let world = World::new(&session.config, &session.state, &session.aws, session.reach());
        let mut report = match self.wait {
            None => verify(&world).await,
            Some(limit) => {
                verify_within(&world, limit, |report| {
                    let cause = report.verdict.as_ref().map(|cause| cause.fail.why.clone()).unwrap_or_default();
                    telling::say(global, &format!("not yet: {cause}"));
                })
                .await
            }
        };
        if !self.only.is_empty() {
            report = report.only(&self.only);
        }
        match global.format {
            Format::Json => out!("{:#}\n", report.json()),
            Format::Text => out!("{}", report.text()),
        }
        Ok(if report.passed() { DONE } else { VERIFY })
    }
}

/// The verification at the end of an `up`: DNS and target health may lag some seconds behind the rollout.
pub(crate) async fn patiently(session: &Session) -> Report {
    let world = World::new(&session.config, &session.state, &session.aws, session.reach());
    let limit = Duration::from_secs(if session.sandbox.is_some() { 10 } else { 120 });
    verify_within(&world, limit, |_| {}).await
}

fn duration(text: &str) -> Result<Duration, String> {
    let span: jiff::SignedDuration = text.parse().map_err(|error: jiff::Error| error.to_string())?;
    Duration::try_from(span).map_err(|error| error.to_string())
}
