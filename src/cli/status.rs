//! `status`: one screen.

use super::exit::{DONE, Failure};
use super::session::{Access, Session};
use super::{Format, Global, output};
use crate::plan::{Observations, Seen};
use crate::resource::Phase;
use clap::Args;
use serde_json::{Value, json};

/// Show what exists and how it is
#[derive(Debug, Args)]
pub(crate) struct Status {}

impl Status {
    pub(crate) async fn run(self, global: &Global) -> Result<u8, Failure> {
        let session = Session::open(global, Access::Read).await?;
        let nothing = crate::model::Graph::new(&session.config.name);
        let seen = session.engine().probe(&nothing, &session.state).await;
        let seen = seen.map_err(|error| Failure::aws("look at what exists", &error))?;
        match global.format {
            Format::Json => out!("{:#}\n", as_json(&session, &seen)),
            Format::Text => out!("{}", as_text(&session, &seen)),
        }
        Ok(DONE)
    }
}

fn phase(seen: Option<&Seen>) -> String {
    match seen {
        Some(Seen::Live(_, observed)) => match &observed.phase {
            Phase::Ready => "ready".to_owned(),
            phase => phase.word().to_owned(),
        },
        Some(Seen::Gone) => "deleted outside hybridctl".to_owned(),
        Some(Seen::Restorable(_)) => "deleted, can be restored".to_owned(),
        Some(Seen::Foreign(whose)) => whose.clone(),
        Some(Seen::Unknown) | None => "not looked at".to_owned(),
    }
}

fn as_json(session: &Session, seen: &Observations) -> Value {
    let resource = |(address, recorded): (&crate::model::Address, &crate::state::Recorded)| {
        let detail = match seen.seen.get(address) {
            Some(Seen::Live(_, observed)) => observed.detail.clone(),
            _ => None,
        };
        json!({ "address": address, "id": recorded.id, "phase": phase(seen.seen.get(address)), "detail": detail })
    };
    json!({
        "schema": "hybridctl.status/1",
        "deployment": session.config.name,
        "serial": session.state.serial,
        "interrupted": session.state.intents.keys().collect::<Vec<_>>(),
        "resources": session.state.resources.iter().map(resource).collect::<Vec<_>>(),
        "outputs": output::values(session),
    })
}

fn as_text(session: &Session, seen: &Observations) -> String {
    use std::fmt::Write;
    let mut text = String::new();
    let state = &session.state;
    if state.is_empty() {
        return format!("{}: nothing exists yet; `hybridctl up` makes it\n", session.config.name);
    }
    let widest = |lengths: &mut dyn Iterator<Item = usize>| lengths.max().unwrap_or_default();
    let address = widest(&mut state.resources.keys().map(|address| address.to_string().len()));
    for (at, recorded) in &state.resources {
        let at_text = at.to_string();
        let _ = writeln!(text, "{at_text:<address$}  {:<12}  {}", phase(seen.seen.get(at)), recorded.id);
    }
    for (at, intent) in &state.intents {
        let _ = writeln!(text, "{at}: interrupted ({:?} since {}); `hybridctl up` goes on", intent.verb, intent.since);
    }
    let _ = writeln!(text, "\n{}", output::text(session));
    let _ = writeln!(text, "state: serial {} in {}", state.serial, session.store.folder().display());
    text
}
