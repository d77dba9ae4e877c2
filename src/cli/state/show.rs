//! `state show`: one record, or the whole document.

use super::pretty;
use crate::cli::Global;
use crate::cli::exit::{DONE, Failure, USAGE};
use crate::model::Address;
use clap::Args;

/// Show one record, or the whole document
#[derive(Debug, Args)]
pub(super) struct Show {
    /// `kind/name`, for example `ec2.vpc/main`
    address: Option<Address>,
}

impl Show {
    pub(super) async fn run(self, global: &Global) -> Result<u8, Failure> {
        let state = super::document(global).await?;
        let Some(address) = self.address else {
            out!("{}\n", pretty(&state));
            return Ok(DONE);
        };
        let recorded = state.resources.get(&address).ok_or_else(|| {
            Failure::new(USAGE, format!("{address} is not on record")).hint("see `hybridctl state list`")
        })?;
        out!("{}\n", pretty(recorded));
        Ok(DONE)
    }
}
