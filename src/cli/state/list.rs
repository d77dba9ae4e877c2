//! `state list`: what is on record, and what was interrupted.

use crate::cli::exit::{DONE, Failure};
use crate::cli::{Format, Global};
use clap::Args;
use serde_json::json;

/// List what is on record
#[derive(Debug, Args)]
pub(super) struct List {}

impl List {
    pub(super) async fn run(self, global: &Global) -> Result<u8, Failure> {
        let state = super::document(global).await?;
        if global.format == Format::Json {
            let rows =
                state.resources.iter().map(|(address, recorded)| json!({ "address": address, "id": recorded.id }));
            out!("{:#}\n", serde_json::Value::Array(rows.collect()));
            return Ok(DONE);
        }
        let width = state.resources.keys().map(|address| address.to_string().len()).max().unwrap_or_default();
        for (address, recorded) in &state.resources {
            out!("{:<width$}  {}\n", address.to_string(), recorded.id);
        }
        for (address, intent) in &state.intents {
            out!("{address}: interrupted, {:?} since {}\n", intent.verb, intent.since);
        }
        Ok(DONE)
    }
}
