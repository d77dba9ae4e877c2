//! `preflight`: what the plan would fail on, before anything is made; and the same as a gate of `up` and `apply`.

use super::exit::{DONE, Failure, PREFLIGHT};
use super::session::{Access, Session};
use super::typed::as_typed;
use super::{Format, Global};
use crate::model::Graph;
use crate::plan::{Observations, Plan, Problem};
use crate::preflight::{CHECKS, Intention, Report, Wish, gather, judge};
use crate::report::codes;
use crate::state::place::Store;
use clap::Args;

/// Check before the first create whether the plan would go through; changes nothing
#[derive(Debug, Args)]
pub(crate) struct Preflight {
    /// Only this check (can be repeated)
    #[arg(long, value_name = "ID", value_parser = known)]
    only: Vec<String>,
    /// Without this check (can be repeated)
    #[arg(long, value_name = "ID", value_parser = known)]
    skip: Vec<String>,
}

/// Flags of the verbs that begin with a preflight.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Beforehand {
    /// Do not check beforehand whether the plan would go through
    #[arg(long)]
    skip_preflight: bool,
    /// Leave out this check of the preflight (can be repeated)
    #[arg(long, value_name = "ID", value_parser = known)]
    skip: Vec<String>,
}

impl Preflight {
    pub(crate) async fn run(self, global: &Global) -> Result<u8, Failure> {
        let session = Session::open(global, Access::Read).await?;
        let desired = session.desired()?;
        let seen = session.look(&desired).await?;
        // Names that are taken are what this is about; every other problem is one of the plan.
        let plan = match session.plan_or_problems(&desired, &seen) {
            Ok(plan) => Some(plan),
            Err(problems) if problems.iter().all(|problem| matches!(problem, Problem::Foreign { .. })) => None,
            Err(problems) => return Err(session.no_plan(&problems).await),
        };
        let report = report(&session, &desired, plan.as_ref(), &seen).await.only(&self.only).without(&self.skip);
        match global.format {
            Format::Json => out!("{:#}\n", report.json()),
            Format::Text if global.quiet => out!("{}", as_typed(global, &report.brief())),
            Format::Text => {
                let width = super::telling::columns(&console::Term::stdout());
                out!("{}", as_typed(global, &report.text_within(width)));
            }
        }
        Ok(if report.passed() { DONE } else { PREFLIGHT })
    }
}

impl Beforehand {
    /// Checks a plan that makes or changes something. What fails stops the verb; what is worth a thought is told in a line.
    ///
    /// # Errors
    /// Preflight, if the plan would fail; the text has been told.
    pub(crate) async fn check(
        &self,
        global: &Global,
        session: &Session,
        desired: &Graph,
        plan: &Plan,
        seen: &Observations,
    ) -> Result<(), Failure> {
        if self.skip_preflight || !plan.steps.values().any(crate::plan::Step::makes) {
            return Ok(());
        }
        let report = report(session, desired, Some(plan), seen).await.without(&self.skip);
        if !report.passed() || !global.quiet {
            err!("{}", report.brief());
        }
        match report.passed() {
            true => Ok(()),
            false => Err(Failure::new(PREFLIGHT, "the plan would fail: nothing was changed")
                .hint("what a check means is told by `hybridctl explain ID`; it is left out with `--skip ID`")),
        }
    }
}

/// Names that are taken end a verb as its preflight would: without a plan there is nothing to check.
pub(crate) fn of_no_plan(mut failure: Failure) -> Failure {
    if failure.id == codes::TAKEN {
        failure.code = PREFLIGHT;
    }
    failure
}

async fn report(session: &Session, desired: &Graph, plan: Option<&Plan>, seen: &Observations) -> Report {
    let wish = Wish::new(&Intention {
        config: &session.config,
        facts: &session.facts,
        state: &session.state,
        desired,
        seen,
        plan,
        kinds: &session.kinds,
        is_sandbox: session.sandbox.is_some(),
        holds_lock: session.store.lease().is_some(),
    });
    let bucket = match &session.store {
        Store::S3(store) => Some(store.bucket()),
        Store::File(_) => None,
    };
    judge(&gather(wish, &session.aws, &session.reach(), bucket).await)
}

/// A check that there is, in any case of letters.
fn known(text: &str) -> Result<String, String> {
    if let Some(check) = CHECKS.iter().find(|check| check.id.eq_ignore_ascii_case(text)) {
        return Ok(check.id.to_owned());
    }
    let near = |id: &str| strsim::jaro_winkler(id, &text.to_uppercase());
    let nearest = CHECKS.iter().map(|check| check.id).max_by(|a, b| near(a).total_cmp(&near(b)));
    Err(format!("there is no such check; did you mean `{}`?", nearest.unwrap_or_default()))
}
