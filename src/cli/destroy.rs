//! `destroy`: a plan against what should be left, a typed confirmation, and the list of what is kept.

mod left;
pub(super) mod planning;
mod prices;

use super::carry_out::{How, carry_out};
use super::exit::{DONE, Failure};
use super::session::{self, Access, Session};
use super::{Format, Global, confirm, telling};
use crate::config::Config;
use crate::model::{Address, Keep};
use crate::plan::{Action, Plan};
use clap::Args;
use jiff::Timestamp;
use std::collections::BTreeSet;

/// Take the deployment down, keep the data, and list what is kept and why
#[derive(Debug, Args)]
pub(crate) struct Destroy {
    #[command(flatten)]
    how: How,
    /// The deployment's name, instead of typing it
    #[arg(long, value_name = "NAME")]
    confirm: Option<String>,
    /// Lift the database's protection against deletion
    #[arg(long)]
    disable_protection: bool,
    /// Take no final snapshot: the data is lost
    #[arg(long)]
    skip_final_snapshot: bool,
    /// Delete the execution role too: ZenML has to grant the image anew
    #[arg(long)]
    delete_execution_role: bool,
    /// Delete the endpoint and the security group that GuardDuty put into the VPC, if they stand in the way
    #[arg(long)]
    delete_guardduty_endpoint: bool,
    /// Only show the plan
    #[arg(long)]
    plan: bool,
}

impl Destroy {
    pub(crate) async fn run(self, global: &Global) -> Result<u8, Failure> {
        let access = if self.plan { Access::Read } else { Access::Write("destroy") };
        let mut session = Session::open(global, access).await?;
        self.how.settle(&mut session);
        session.consents.disable_protection = self.disable_protection;
        session.consents.delete_guardduty = self.delete_guardduty_endpoint;
        session.command = command(global, &self);
        session.consent_to_lose();
        if self.delete_execution_role {
            let role = Address::new("iam.role", "execution");
            session.state.resources.get_mut(&role).into_iter().for_each(|recorded| recorded.keep = Keep::Never);
            session.state.intents.get_mut(&role).into_iter().for_each(|intent| intent.keep = Keep::Never);
        }
        if session.state.is_empty() {
            return nothing_on_record(global, &session).await;
        }
        let plan = planning::plan_of(&session, !self.skip_final_snapshot, &session::stamp()).await?.0;
        if plan.is_empty() {
            telling::say(global, "nothing to do: nothing of this deployment is on record but what is kept");
            return Ok(left::prove(&session).await.print(global));
        }
        if self.plan || (global.format == Format::Text && !global.quiet) {
            super::plan::print(global, &plan, &session.meta());
        }
        if self.plan {
            return Ok(DONE);
        }
        confirm::typed(&session.config.name.clone(), self.how.yes, self.confirm.as_deref())?;
        let since = session.state.since();
        carry_out(global, &mut session, &plan).await?;
        finish(global, &session, &plan, since).await
    }
}

/// The last look: what came back goes, and what is left is listed. `since`: when this deployment began.
///
/// # Errors
/// If the log groups cannot be read.
pub(super) async fn finish(
    global: &Global,
    session: &Session,
    plan: &Plan,
    since: Option<Timestamp>,
) -> Result<u8, Failure> {
    sweep(global, session, plan, since).await?;
    Ok(left::prove(session).await.print(global))
}

/// Without a record nothing is deleted. But if something of ours exists, the record was lost: that is no success. Names that are
/// taken by strangers are no business of a destroy.
async fn nothing_on_record(global: &Global, session: &Session) -> Result<u8, Failure> {
    session.refuse_if_lost().await?;
    telling::say(global, "nothing to do: nothing of this deployment is on record");
    // An earlier destroy may have left something behind, or could not look.
    match session.state.serial {
        0 => Ok(DONE),
        _ => Ok(left::prove(session).await.print(global)),
    }
}

fn command(global: &Global, destroy: &Destroy) -> String {
    let mut command = super::typed::command(global, "destroy");
    // Without a terminal the same answers are needed again.
    for (flag, on) in [
        (" --yes", destroy.how.yes),
        (" --disable-protection", destroy.disable_protection),
        (" --skip-final-snapshot", destroy.skip_final_snapshot),
        (" --delete-execution-role", destroy.delete_execution_role),
        (" --delete-guardduty-endpoint", destroy.delete_guardduty_endpoint),
    ] {
        command.push_str(if on { flag } else { "" });
    }
    if let Some(name) = &destroy.confirm {
        command.push_str(&format!(" --confirm {name}"));
    }
    command
}

/// Where log groups of this deployment are, ours and those that RDS and ECS write by themselves, and with what they go.
fn log_groups(config: &Config) -> [(String, Address); 3] {
    [
        (config.log_group(), Address::new("logs.log_group", "ecs")),
        (format!("/aws/rds/instance/{}/", config.db_instance_id()), Address::new("rds.instance", "main")),
        (format!("/aws/ecs/containerinsights/{}/", config.service.cluster), Address::new("ecs.cluster", "main")),
    ]
}

/// Log groups come back when their last writer was still alive: one more look at the end, for those that go with what this plan
/// deleted. What was struck off the record because it is not ours may have no tags either.
async fn sweep(global: &Global, session: &Session, plan: &Plan, since: Option<Timestamp>) -> Result<(), Failure> {
    let deleted = |address: &Address| plan.steps.get(address).is_some_and(|step| step.action == Action::Delete);
    let forgotten = plan.steps.values().filter(|step| step.action == Action::Forget);
    let spared: BTreeSet<&str> = forgotten.filter_map(|step| step.id.as_ref()).map(|id| id.0.as_str()).collect();
    for (prefix, _) in log_groups(&session.config).into_iter().filter(|(_, goes_with)| deleted(goes_with)) {
        let sweep =
            async || crate::aws::logs::sweep(&session.aws, &prefix, session.state.lineage, since, &spared).await;
        let swept = session.aws.patiently(sweep).await;
        let swept = swept.map_err(|error| Failure::aws("look for log groups that came back", &error))?;
        for group in swept {
            telling::say(global, &format!("the log group {group} had come back and was deleted again"));
        }
    }
    Ok(())
}
