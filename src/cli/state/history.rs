//! `state history`: the versions of the document that are kept.

use crate::cli::exit::{DONE, Failure};
use crate::cli::session::store::OpenStore;
use crate::cli::{Format, Global, telling};
use clap::Args;
use serde_json::{Value, json};

/// List the versions of the document: serial, time, where it is, and in a bucket who wrote it
#[derive(Debug, Args)]
pub(super) struct History {}

impl History {
    pub(super) async fn run(self, global: &Global) -> Result<u8, Failure> {
        let versions = OpenStore::open(global).await?.store.history().await?;
        if global.format == Format::Json {
            let row = |past: &crate::state::place::Past| json!({ "serial": past.serial, "written": past.written, "who": past.who, "version": past.handle, "current": past.current });
            out!("{:#}\n", Value::Array(versions.iter().map(row).collect()));
            return Ok(DONE);
        }
        if versions.is_empty() {
            telling::say(global, "nothing is on record, and no earlier version is kept");
        }
        for past in versions {
            let written = past.written.strftime("%Y-%m-%d %H:%M:%SZ");
            let who = past.who.map(|who| format!("{who}  ")).unwrap_or_default();
            let current = if past.current { " (current)" } else { "" };
            out!("{:>6}  {written}  {who}{}{current}\n", past.serial, past.handle);
        }
        Ok(DONE)
    }
}
