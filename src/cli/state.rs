//! `state`: look at the record.

use super::exit::{DONE, Failure, USAGE};
use super::session;
use super::{Format, Global};
use crate::config::Placeholders;
use crate::model::Address;
use crate::state::{State, StateStore};
use clap::{Args, Subcommand};
use serde_json::json;

/// Look at the record of the deployment
#[derive(Debug, Args)]
pub(crate) struct StateVerb {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// List what is on record
    List,
    /// Show one record, or the whole document
    Show {
        /// `kind/name`, for example `ec2.vpc/main`
        address: Option<Address>,
    },
    /// List the earlier versions of the document
    History,
}

impl StateVerb {
    pub(crate) async fn run(self, global: &Global) -> Result<u8, Failure> {
        let config = session::load(global, Placeholders::Accept)?;
        let store = session::store(global, &config)?;
        let state = store.load().await?;
        if let What::History = self.what {
            for (serial, path) in store.history()? {
                out!("{serial:>6}  {}\n", path.display());
            }
            if let Some(state) = state {
                out!("{:>6}  {} (current)\n", state.serial, store.path().display());
            }
            return Ok(DONE);
        }
        let state = state.ok_or_else(|| {
            Failure::new(USAGE, format!("there is no state in {}", store.folder().display()))
                .hint("`hybridctl up` makes it")
        })?;
        match self.what {
            What::List => list(global, &state),
            What::Show { address: None } => out!("{}\n", pretty(&state)),
            What::Show { address: Some(address) } => match state.resources.get(&address) {
                Some(recorded) => out!("{}\n", pretty(recorded)),
                None => {
                    return Err(
                        Failure::new(USAGE, format!("{address} is not on record")).hint("see `hybridctl state list`")
                    );
                }
            },
            What::History => {}
        }
        Ok(DONE)
    }
}

fn list(global: &Global, state: &State) {
    if global.format == Format::Json {
        let rows = state.resources.iter().map(|(address, recorded)| json!({ "address": address, "id": recorded.id }));
        return out!("{:#}\n", serde_json::Value::Array(rows.collect()));
    }
    let width = state.resources.keys().map(|address| address.to_string().len()).max().unwrap_or_default();
    for (address, recorded) in &state.resources {
        out!("{:<width$}  {}\n", address.to_string(), recorded.id);
    }
    for (address, intent) in &state.intents {
        out!("{address}: interrupted, {:?} since {}\n", intent.verb, intent.since);
    }
}

fn pretty(value: &impl serde::Serialize) -> String {
    serde_json::to_string_pretty(value).expect("because the state is plain data")
}
