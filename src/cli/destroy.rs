//! `destroy`: a plan against what should be left, a typed confirmation, and the list of what is kept.

use super::apply::{How, carry_out};
use super::exit::{DONE, Failure};
use super::session::{self, Access, Session};
use super::{Format, Global, confirm, telling};
use crate::config::SecretSource;
use crate::model::{Address, Keep};
use crate::plan::Seen;
use crate::stack::destroy::destroy_graph;
use clap::Args;
use serde_json::{Value, json};

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
        session.command = command(global, &self);
        session.consent_to_lose();
        if self.delete_execution_role
            && let Some(role) = session.state.resources.get_mut(&Address::new("iam.role", "execution"))
        {
            role.keep = Keep::Never;
        }
        let desired = destroy_graph(&session.state, !self.skip_final_snapshot, &session::stamp());
        if session.state.is_empty() {
            return nothing_on_record(global, &mut session).await;
        }
        let (mut plan, seen) = session.plan(&desired).await?;
        if seen.seen.get(&Address::new("rds.instance", "main")) == Some(&Seen::Gone) {
            // Of a database that is gone already no snapshot can be taken.
            let desired = destroy_graph(&session.state, false, &session::stamp());
            plan = session.plan(&desired).await?.0;
        }
        if plan.is_empty() {
            telling::say(global, "nothing to do: nothing of this deployment is left but what is kept");
            print_kept(global, &session);
            return Ok(DONE);
        }
        if self.plan || (global.format == Format::Text && !global.quiet) {
            super::plan::print(global, &plan, &session.meta());
        }
        if self.plan {
            return Ok(DONE);
        }
        confirm::typed(&session.config.name.clone(), self.how.yes, self.confirm.as_deref())?;
        carry_out(global, &mut session, &plan).await?;
        sweep(global, &session).await?;
        print_kept(global, &session);
        Ok(DONE)
    }
}

/// Without a record nothing is deleted. But if something with our names exists, the record was lost: that is no success.
async fn nothing_on_record(global: &Global, session: &mut Session) -> Result<u8, Failure> {
    let desired = session.desired()?;
    match session.plan(&desired).await {
        // What carries a lineage was made by hybridctl; other names that are taken are no business of a destroy.
        Err(failure) if failure.text.contains("with lineage") => Err(failure),
        _ => {
            telling::say(global, "nothing to do: nothing of this deployment is on record");
            Ok(DONE)
        }
    }
}

fn command(global: &Global, destroy: &Destroy) -> String {
    let mut command = super::session::command(global, "destroy");
    for (flag, on) in [
        (" --disable-protection", destroy.disable_protection),
        (" --skip-final-snapshot", destroy.skip_final_snapshot),
        (" --delete-execution-role", destroy.delete_execution_role),
    ] {
        command.push_str(if on { flag } else { "" });
    }
    command
}

/// Log groups come back when their last writer was still alive: one more look at the end.
async fn sweep(global: &Global, session: &Session) -> Result<(), Failure> {
    let groups = [session.config.log_group(), format!("/aws/rds/instance/{}/", session.config.db_instance_id())];
    for prefix in groups {
        let swept = crate::aws::logs::sweep(&session.aws, &prefix, session.state.lineage).await;
        let swept = swept.map_err(|error| Failure::aws("look for log groups that came back", &error))?;
        for group in swept {
            telling::say(global, &format!("the log group {group} had come back and was deleted again"));
        }
    }
    Ok(())
}

/// What is left, why, what it costs, and how to remove it.
struct Kept {
    what: String,
    why: String,
    monthly: &'static str,
    remove: String,
}

fn kept(session: &Session) -> Vec<Kept> {
    let mut kept: Vec<Kept> =
        session.state.resources.iter().filter_map(|(address, recorded)| of(address, recorded)).collect();
    let names = &session.config.secrets;
    let zenml = &session.config.zenml;
    let ours = |kind: &str| match kind {
        "secrets.given" => !matches!(zenml.oauth2_client_secret, SecretSource::SecretArn(_)),
        "secrets.database_url" => zenml.guide_variables,
        _ => true,
    };
    let gone = |kind: &str, name: &str| ours(kind) && !session.state.resources.contains_key(&Address::new(kind, name));
    let window = [
        ("secrets.given", "oauth2", &names.oauth2_client_secret),
        ("secrets.generated", "database-password", &names.database_password),
        ("secrets.database_url", "guide-url", &names.database_url),
        ("secrets.generated", "jwt-key", &names.jwt_key),
        ("secrets.generated", "encryption-key", &names.encryption_key),
    ];
    let listed: Vec<&str> =
        window.iter().filter(|(kind, name, _)| gone(kind, name)).map(|(_, _, secret)| secret.as_str()).collect();
    if !listed.is_empty() {
        kept.push(Kept {
            what: format!("secrets in their 7-day window: {}", listed.join(", ")),
            why: "the next `hybridctl up` restores them; afterwards AWS deletes them".into(),
            monthly: "nothing",
            remove: "aws secretsmanager delete-secret --force-delete-without-recovery --secret-id NAME".into(),
        });
    }
    kept.push(Kept {
        what: "service-linked roles of ECS, RDS and Elastic Load Balancing".into(),
        why: "the account shares them".into(),
        monthly: "nothing",
        remove: "aws iam delete-service-linked-role --role-name NAME".into(),
    });
    kept
}

fn of(address: &Address, recorded: &crate::state::Recorded) -> Option<Kept> {
    let why = match &recorded.keep {
        Keep::Always(why) => why.clone(),
        Keep::WhileSnapshotOf(_) => "the data in the snapshot cannot be read without it".into(),
        Keep::Never => return None,
    };
    let id = recorded.id.to_string();
    let (monthly, remove) = match address.kind.as_str() {
        "rds.snapshot" => {
            ("about 0.10 USD per GiB of data", format!("aws rds delete-db-snapshot --db-snapshot-identifier {id}"))
        }
        kind if kind.starts_with("secrets.") => {
            ("0.40 USD", format!("aws secretsmanager delete-secret --secret-id {id}"))
        }
        "iam.role" => ("nothing", "hybridctl destroy --delete-execution-role".into()),
        _ => ("see the AWS price list", String::new()),
    };
    Some(Kept { what: format!("{address} ({id})"), why, monthly, remove })
}

fn print_kept(global: &Global, session: &Session) {
    let mut kept = kept(session);
    for Kept { remove, .. } in &mut kept {
        // Pasted after a rehearsal, a bare `aws` would aim at the real account.
        if let Some(sandbox) = session.sandbox.as_ref().filter(|_| remove.starts_with("aws ")) {
            *remove = format!("aws --endpoint-url {} {}", sandbox.endpoint, remove.trim_start_matches("aws "));
        }
        if remove.starts_with("hybridctl destroy") {
            *remove = format!("{} --delete-execution-role", session::command(global, "destroy"));
        }
    }
    if global.format == Format::Json {
        let one =
            |kept: &Kept| json!({ "what": kept.what, "why": kept.why, "monthly": kept.monthly, "remove": kept.remove });
        out!("{:#}\n", json!({ "schema": "hybridctl.kept/1", "kept": kept.iter().map(one).collect::<Vec<Value>>() }));
        return;
    }
    out!("kept:\n");
    for Kept { what, why, monthly, remove } in kept {
        out!("  {what}\n    why: {why}\n    a month: {monthly}\n    remove: {remove}\n");
    }
}
