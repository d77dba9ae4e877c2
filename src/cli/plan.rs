//! `plan`: what would change and why.

use super::exit::{CHANGES, DONE, ERROR, Failure, USAGE};
use super::report_file::ReportFile;
use super::session::{self, Access, Session};
use super::{Format, Global, telling, typed};
use crate::config::{Config, Dns, Placeholders, Style};
use crate::model::Address;
use crate::plan::{Given, Observations, Plan, plan};
use crate::report::plan_text::{Meta, Place};
use crate::report::{plan_json, plan_markdown, plan_text};
use crate::resource::{Consents, Provided};
use crate::stack::facts::PlaceFacts;
use crate::stack::{Facts, stack};
use crate::state::State;
use clap::{Args, ValueEnum};
use std::path::PathBuf;
use uuid::Uuid;

/// Show what would change and why; never writes anything but `--out` and `--report`
#[derive(Debug, Args)]
pub(crate) struct PlanVerb {
    /// Save the plan, to be carried out by `hybridctl apply FILE`
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Plan the destroy; `apply` of the saved plan asks for no other consent
    #[arg(long)]
    destroy: bool,
    /// Plan the first run on an empty account, without credentials
    #[arg(long, conflicts_with_all = ["destroy", "out", "target", "refresh"])]
    offline: bool,
    /// Read what exists; with `--refresh=false` the record alone is planned against
    #[arg(long, value_name = "BOOL", default_value_t = true, action = clap::ArgAction::Set)]
    refresh: bool,
    /// Only this resource and what it needs (can be repeated)
    #[arg(long, value_name = "ADDRESS")]
    target: Vec<Address>,
    /// Also write the plan to a file, for example `markdown=comment.md`; `-` is stdout, instead of the text
    #[arg(long, value_name = "KIND=PATH")]
    report: Vec<ReportFile<Kind>>,
    /// Exit with 2 if anything would change
    #[arg(long)]
    detailed_exitcode: bool,
}

/// What a report looks like.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Kind {
    /// For the comment on a pull request
    Markdown,
    /// As `--format json` prints it
    Json,
    /// As it is printed
    Text,
}

impl PlanVerb {
    pub(crate) async fn run(self, global: &Global) -> Result<u8, Failure> {
        if self.offline {
            let config = session::load(global, Placeholders::Accept)?;
            let (plan, meta) = offline(&config)?;
            return self.show(global, &plan, &meta);
        }
        let mut session = Session::open(global, Access::Read).await?;
        session.consents.disable_protection = self.destroy;
        let mut plan = if self.destroy {
            session.consent_to_lose();
            session.command = typed::command(global, "destroy");
            let stamp = session::stamp();
            match self.refresh {
                true => super::destroy::planning::plan_of(&session, true, &stamp).await?.0,
                false => {
                    let desired = crate::stack::destroy::destroy_graph(&session.state, true, &stamp);
                    session.plan_unseen(&desired).await?
                }
            }
        } else {
            let desired = session.desired()?;
            if self.refresh { session.plan(&desired).await?.0 } else { session.plan_unseen(&desired).await? }
        };
        if let Some(unknown) = self.target.iter().find(|target| !plan.steps.contains_key(*target)) {
            let known = plan.steps.keys().map(Address::to_string).max_by(|a, b| {
                let near = |known: &String| strsim::jaro_winkler(known, &unknown.to_string());
                near(a).total_cmp(&near(b))
            });
            let failure = Failure::new(USAGE, format!("--target {unknown}: there is no such resource"));
            return Err(known
                .into_iter()
                .fold(failure, |failure, known| failure.hint(format!("did you mean `{known}`?"))));
        }
        plan.narrow(&self.target, &session.state);
        if !self.destroy {
            super::cautions::tell(global, &session, &plan);
        }
        let code = self.show(global, &plan, &session.meta())?;
        if let Some(out) = &self.out {
            let saved = crate::plan::saved::Saved::new(
                &session.state,
                &session.config_hash(global)?,
                self.destroy,
                &self.target,
                plan,
            );
            saved.write(out).map_err(|error| Failure::new(ERROR, format!("--out {}: {error}", out.display())))?;
            telling::say(
                global,
                &format!("saved: carry it out with\n    {} {}", typed::command(global, "apply"), out.display()),
            );
        }
        Ok(code)
    }

    fn show(&self, global: &Global, plan: &Plan, meta: &Meta) -> Result<u8, Failure> {
        for file in &self.report {
            file.write(&match file.kind {
                Kind::Markdown => plan_markdown(plan, meta),
                Kind::Json => format!("{:#}\n", plan_json(plan, meta)),
                Kind::Text => plan_text(plan, meta, Style::Plain),
            })?;
        }
        if !self.report.iter().any(ReportFile::is_stdout) {
            print(global, plan, meta);
        }
        Ok(if self.detailed_exitcode && !plan.is_empty() { CHANGES } else { DONE })
    }
}

/// Prints a plan to stdout.
pub(crate) fn print(global: &Global, plan: &Plan, meta: &Meta) {
    match global.format {
        Format::Json => out!("{:#}\n", plan_json(plan, meta)),
        Format::Text => out!("{}", plan_text(plan, meta, telling::style_of_data(global))),
    }
}

/// The first plan on an empty account: what the golden files in `plans/` hold.
///
/// # Errors
/// A mistake in `stack/`.
pub(crate) fn offline(config: &Config) -> Result<(Plan, Meta), Failure> {
    let zone = match &config.ingress.dns {
        Dns::Route53 { zone } => Some(zone.as_str()),
        Dns::External => None,
    };
    let place = PlaceFacts::offline(&config.region, &config.network.zones, zone);
    let fingerprint = Provided::default().fingerprint(crate::stack::OAUTH2);
    let desired = stack(config, &Facts::new(place, None, fingerprint));
    let given = Given {
        desired: &desired,
        recorded: &State::new(&config.name, Uuid::nil()),
        seen: &Observations::default(),
        kinds: &crate::aws::kinds(),
        user_tags: &config.tags,
        consents: &Consents::default(),
    };
    let plan = plan(&given).map_err(|problems| {
        Failure::new(ERROR, crate::report::problems_text(&problems, "hybridctl plan", crate::config::Style::Plain))
    })?;
    let meta = Meta { deployment: config.name.clone(), region: config.region.clone(), place: Place::Offline };
    Ok((plan, meta))
}
