//! `status`: one screen.

mod screen;

use super::exit::{DONE, Failure};
use super::session::{Access, Session};
use super::typed::as_typed;
use super::{Format, Global, output};
use crate::aws::look::{self, Serving};
use crate::model::Address;
use crate::plan::{Observations, Seen};
use crate::resource::{Id, Phase};
use crate::state::place::Past;
use crate::state::{LockInfo, Verb};
use crate::verify::World;
use clap::Args;
use screen::Screen;
use serde_json::{Value, json};

/// Show on one screen what exists, what is served, and when it was changed last
#[derive(Debug, Args)]
pub(crate) struct Status {
    /// List every resource, not only those that are not ready
    #[arg(long)]
    all: bool,
}

/// What is shown.
struct Shown<'a> {
    session: &'a Session,
    resources: Vec<Row>,
    serving: Serving,
    holder: Option<LockInfo>,
    last_change: Option<Past>,
}

/// One resource on record.
#[derive(Debug, Clone)]
struct Row {
    address: Address,
    id: Id,
    /// AWS's word, or what became of it.
    phase: String,
    detail: Option<Value>,
}

impl Status {
    pub(crate) async fn run(self, global: &Global) -> Result<u8, Failure> {
        let session = Session::open(global, Access::Read).await?;
        session.refuse_if_lost().await?;
        let shown = Shown::of(&session).await?;
        match global.format {
            Format::Json => out!("{:#}\n", shown.json()),
            Format::Text => out!("{}", as_typed(global, &shown.screen(self.all).text())),
        }
        Ok(DONE)
    }
}

impl<'a> Shown<'a> {
    async fn of(session: &'a Session) -> Result<Self, Failure> {
        let nothing = crate::model::Graph::new(&session.config.name);
        let names = World::new(&session.config, &session.state, &session.aws, session.reach()).names();
        let engine = session.engine();
        let (seen, serving) = tokio::join!(engine.probe(&nothing, &session.state), look::serving(&session.aws, &names));
        let seen = seen.map_err(|error| Failure::aws("look at what exists", &error))?;
        let holder = session.store.holder().await?;
        let last_change = session.store.current().await?;
        Ok(Self { session, resources: rows(session, &seen), serving, holder, last_change })
    }

    fn screen(&self, all: bool) -> Screen<'_> {
        Screen {
            deployment: &self.session.config.name,
            place: format!("{}, {}", self.session.config.region, self.session.meta().place),
            endpoint: output::values(self.session).get("endpoint").and_then(Value::as_str).map(str::to_owned),
            wanted: self.session.config.image_version().to_string(),
            resources: &self.resources,
            intents: &self.session.state.intents,
            serving: &self.serving,
            holder: self.holder.as_ref(),
            last_change: self.last_change.as_ref(),
            root: self.session.store.root(),
            only_kept: self.session.state.is_only_what_is_kept(),
            notes: output::notes(self.session),
            all,
        }
    }

    fn json(&self) -> Value {
        let resource =
            |row: &Row| json!({ "address": row.address, "id": row.id, "phase": row.phase, "detail": row.detail });
        let state = &self.session.state;
        json!({
            "schema": "hybridctl.status/1",
            "deployment": self.session.config.name,
            "serial": state.serial,
            "last_change": self.last_change.as_ref().map(|past| json!({ "at": past.written, "who": past.who })),
            "locked_by": self.holder,
            "under_way": state.intents.keys().filter(|_| self.holder.is_some()).collect::<Vec<_>>(),
            "interrupted": state.intents.keys().filter(|_| self.holder.is_none()).collect::<Vec<_>>(),
            "rollout": screen::rollout_json(&self.serving),
            "targets": screen::targets_json(&self.serving),
            "version": screen::version(&self.serving),
            "resources": self.resources.iter().map(resource).collect::<Vec<_>>(),
            "outputs": output::values(self.session),
        })
    }
}

fn rows(session: &Session, seen: &Observations) -> Vec<Row> {
    let row = |(address, recorded): (&Address, &crate::state::Recorded)| {
        let seen = seen.seen.get(address);
        let detail = match seen {
            Some(Seen::Live(_, observed)) => observed.detail.clone(),
            _ => None,
        };
        Row { address: address.clone(), id: recorded.id.clone(), phase: phase(session, address, seen), detail }
    };
    session.state.resources.iter().map(row).collect()
}

fn phase(session: &Session, address: &Address, seen: Option<&Seen>) -> String {
    let deleting = session.state.intents.get(address).is_some_and(|intent| intent.verb == Verb::Delete);
    match seen {
        Some(Seen::Gone) if deleting => "deleted".to_owned(),
        Some(Seen::Live(_, observed)) => match &observed.phase {
            Phase::Ready => screen::READY.to_owned(),
            phase => phase.word().to_owned(),
        },
        Some(Seen::Gone) => "deleted outside hybridctl".to_owned(),
        Some(Seen::Restorable(_)) => "deleted, can be restored".to_owned(),
        Some(Seen::Foreign(whose)) => whose.clone(),
        Some(Seen::Unknown) | None => "not looked at".to_owned(),
    }
}
