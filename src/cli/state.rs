//! `state`: look after the record. One subcommand per file.

mod history;
mod list;
mod migrate;
mod pull;
mod push;
mod rebuild;
mod show;
mod unlock;

use super::Global;
use super::exit::{ERROR, Failure};
use super::session::store::OpenStore;
use crate::state::{State, StateStore};
use clap::{Args, Subcommand};

/// Look after the record of the deployment
#[derive(Debug, Args)]
pub(crate) struct StateVerb {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    List(list::List),
    Show(show::Show),
    History(history::History),
    Rebuild(rebuild::Rebuild),
    Pull(pull::Pull),
    Push(push::Push),
    Unlock(unlock::Unlock),
    Migrate(migrate::Migrate),
}

impl StateVerb {
    pub(crate) async fn run(self, global: &Global) -> Result<u8, Failure> {
        match self.what {
            What::List(what) => what.run(global).await,
            What::Show(what) => what.run(global).await,
            What::History(what) => what.run(global).await,
            What::Rebuild(what) => what.run(global).await,
            What::Pull(what) => what.run(global).await,
            What::Push(what) => what.run(global).await,
            What::Unlock(what) => what.run(global).await,
            What::Migrate(what) => what.run(global).await,
        }
    }
}

/// The document, which must be there.
async fn document(global: &Global) -> Result<State, Failure> {
    let kept = OpenStore::open(global).await?;
    kept.store.load().await?.ok_or_else(|| nothing(&kept))
}

fn nothing(kept: &OpenStore) -> Failure {
    Failure::new(ERROR, format!("there is no state in {}", kept.store.root()))
        .hint("`hybridctl up` makes it; if it was lost, `hybridctl state rebuild` makes it again from what exists")
}

fn pretty(value: &impl serde::Serialize) -> String {
    serde_json::to_string_pretty(value).expect("because the state is plain data")
}
