//! `verify`: is it really working, and if not why.

use super::exit::{DONE, Failure, USAGE, VERIFY};
use super::report_file::ReportFile;
use super::session::{Access, Session};
use super::typed::as_typed;
use super::{Format, Global, telling};
use crate::verify::{CHECKS, Report, World, verify, verify_within};
use clap::{Args, ValueEnum};
use std::time::Duration;

/// Pause between two looks of `--watch`.
const WATCH: Duration = Duration::from_secs(5);

/// Check that it really works, layer by layer, and name the cause if it does not
#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// Go on for this long before giving up, for example `5m`
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    wait: Option<Duration>,
    /// Only this check (can be repeated)
    #[arg(long, value_name = "ID")]
    only: Vec<String>,
    /// Verify again and again, and tell what changed, until Ctrl-C
    #[arg(long, conflicts_with_all = ["wait", "report"])]
    watch: bool,
    /// Also write the report to a file, for example `junit=report.xml`; `-` is stdout, instead of the text
    #[arg(long, value_name = "KIND=PATH")]
    report: Vec<ReportFile<Kind>>,
}

/// What a report looks like.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Kind {
    Junit,
    Json,
    Text,
}

impl Verify {
    pub(crate) async fn run(self, global: &Global) -> Result<u8, Failure> {
        let session = Session::open(global, Access::Read).await?;
        self.check_ids()?;
        let world = world(&session);
        if self.watch {
            return self.keep_watching(global, &world).await;
        }
        let report = match self.wait {
            None => verify(&world).await.narrowed(&self.only),
            Some(limit) => {
                verify_within(&world, &self.only, limit, |report| {
                    let cause = report.verdict.as_ref().map(|cause| cause.fail.why.clone()).unwrap_or_default();
                    telling::say(global, &format!("not yet: {cause}"));
                })
                .await
            }
        };
        for file in &self.report {
            file.write(&match file.kind {
                Kind::Json => format!("{:#}\n", report.json()),
                Kind::Junit => report.junit(),
                Kind::Text => report.text(),
            })?;
        }
        match global.format {
            _ if self.report.iter().any(ReportFile::is_stdout) => {}
            Format::Json => out!("{:#}\n", report.json()),
            Format::Text if global.quiet => out!("{}", as_typed(global, &report.brief())),
            Format::Text => out!("{}", as_typed(global, &report.text_within(columns()))),
        }
        Ok(if report.passed() { DONE } else { VERIFY })
    }

    fn check_ids(&self) -> Result<(), Failure> {
        let known = |id: &&String| CHECKS.iter().any(|check| check.id.eq_ignore_ascii_case(id));
        match self.only.iter().find(|id| !known(id)) {
            None => Ok(()),
            Some(id) => Err(Failure::new(USAGE, format!("there is no check `{id}`"))
                .hint("`hybridctl verify` without `--only` lists them all")),
        }
    }

    /// The first report whole, then a line for each check that changed and for each new verdict.
    async fn keep_watching(&self, global: &Global, world: &World<'_>) -> Result<u8, Failure> {
        let mut before: Option<Report> = None;
        loop {
            let report = verify(world).await.narrowed(&self.only);
            match (global.format, &before) {
                (Format::Json, Some(before)) if *before == report => {}
                (Format::Json, _) => out!("{}\n", report.json()),
                (Format::Text, None) => out!("{}", as_typed(global, &report.text_within(columns()))),
                (Format::Text, Some(before)) => out!("{}", as_typed(global, &report.changes_since(before))),
            }
            before = Some(report);
            tokio::time::sleep(WATCH).await;
        }
    }
}

fn world(session: &Session) -> World<'_> {
    World::new(&session.config, &session.state, &session.aws, session.reach())
}

fn columns() -> usize {
    telling::columns(&console::Term::stdout())
}

/// The verification at the end of an `up`: DNS and target health may lag some seconds behind the rollout.
pub(crate) async fn patiently(session: &Session) -> Report {
    let world = world(session);
    let simulated = session.sandbox.as_ref().is_some_and(|sandbox| sandbox.real_server.is_none());
    let limit = Duration::from_secs(if simulated { 10 } else { 120 });
    verify_within(&world, &[], limit, |_| {}).await
}

/// `5m`, `1h30m`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let span: jiff::SignedDuration = text.parse().map_err(|error: jiff::Error| error.to_string())?;
    Duration::try_from(span).map_err(|error| error.to_string())
}
