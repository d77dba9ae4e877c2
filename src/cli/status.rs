//! `status`: one screen.

use super::exit::{DONE, Failure};
use super::session::{Access, Session};
use super::typed::as_typed;
use super::{Format, Global, output};
use crate::model::Address;
use crate::plan::{Observations, Seen};
use crate::resource::Phase;
use crate::state::{LockInfo, Verb};
use clap::Args;
use serde_json::{Value, json};

/// Show what exists and how it is
#[derive(Debug, Args)]
pub(crate) struct Status {}

impl Status {
    pub(crate) async fn run(self, global: &Global) -> Result<u8, Failure> {
        let session = Session::open(global, Access::Read).await?;
        session.refuse_if_lost().await?;
        let nothing = crate::model::Graph::new(&session.config.name);
        let seen = session.engine().probe(&nothing, &session.state).await;
        let seen = seen.map_err(|error| Failure::aws("look at what exists", &error))?;
        let holder = session.store.holder().await?;
        match global.format {
            Format::Json => out!("{:#}\n", as_json(&session, &seen, holder.as_ref())),
            Format::Text => out!("{}", as_typed(global, &as_text(&session, &seen, holder.as_ref()))),
        }
        Ok(DONE)
    }
}

fn phase(session: &Session, address: &Address, seen: Option<&Seen>) -> String {
    let deleting = session.state.intents.get(address).is_some_and(|intent| intent.verb == Verb::Delete);
    match seen {
        Some(Seen::Gone) if deleting => "deleted".to_owned(),
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

fn as_json(session: &Session, seen: &Observations, holder: Option<&LockInfo>) -> Value {
    let resource = |(address, recorded): (&Address, &crate::state::Recorded)| {
        let detail = match seen.seen.get(address) {
            Some(Seen::Live(_, observed)) => observed.detail.clone(),
            _ => None,
        };
        json!({ "address": address, "id": recorded.id, "phase": phase(session, address, seen.seen.get(address)), "detail": detail })
    };
    json!({
        "schema": "hybridctl.status/1",
        "deployment": session.config.name,
        "serial": session.state.serial,
        "locked_by": holder,
        "interrupted": session.state.intents.keys().collect::<Vec<_>>(),
        "resources": session.state.resources.iter().map(resource).collect::<Vec<_>>(),
        "outputs": output::values(session),
    })
}

fn as_text(session: &Session, seen: &Observations, holder: Option<&LockInfo>) -> String {
    use std::fmt::Write;
    let mut text = String::new();
    let state = &session.state;
    if let Some(holder) = holder {
        let _ = writeln!(text, "being changed just now by {holder}\n");
    }
    if state.is_empty() {
        let _ = writeln!(text, "{}: nothing exists yet; `hybridctl up` makes it", session.config.name);
        return text;
    }
    let widest = |lengths: &mut dyn Iterator<Item = usize>| lengths.max().unwrap_or_default();
    let address = widest(&mut state.resources.keys().map(|address| address.to_string().len()));
    for (at, recorded) in &state.resources {
        let at_text = at.to_string();
        let _ = writeln!(text, "{at_text:<address$}  {:<12}  {}", phase(session, at, seen.seen.get(at)), recorded.id);
    }
    for (at, intent) in &state.intents {
        let goes_on = match intent.verb {
            _ if holder.is_some() => "is under way",
            // The copy of the data that a destroy takes.
            _ if at.kind == "rds.snapshot" && at.name.starts_with("final-") => {
                "was interrupted; `hybridctl destroy` goes on, and an `hybridctl up` deletes it"
            }
            // An `up` deletes too; what was meant only the person at the keyboard knows.
            Verb::Delete => "was interrupted; `hybridctl destroy` or `hybridctl up`, whichever it was, goes on",
            _ => "was interrupted; `hybridctl up` goes on",
        };
        let what = format!("{:?}", intent.verb).to_lowercase();
        let _ = writeln!(text, "{at}: the {what} since {} {goes_on}", intent.since);
    }
    let _ = writeln!(text, "\n{}", output::text(session));
    let _ = writeln!(text, "state: serial {} in {}", state.serial, session.store.root());
    text
}
