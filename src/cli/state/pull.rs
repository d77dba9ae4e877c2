//! `state pull`: the document as it is stored, byte for byte.

use super::nothing;
use crate::cli::Global;
use crate::cli::exit::{DONE, ERROR, Failure, USAGE};
use crate::cli::session::store::OpenStore;
use clap::Args;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Write the document to stdout or a file
#[derive(Debug, Args)]
pub(super) struct Pull {
    /// Write to this file, which must not exist
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// An earlier version; `hybridctl state history` lists them
    #[arg(long, value_name = "N")]
    serial: Option<u64>,
}

impl Pull {
    pub(super) async fn run(self, global: &Global) -> Result<u8, Failure> {
        let kept = OpenStore::open(global).await?;
        let text = match self.serial {
            None => kept.store.text().await?.ok_or_else(|| nothing(&kept))?,
            Some(serial) => earlier(&kept, serial).await?,
        };
        match &self.out {
            Some(path) => write(path, &text)?,
            None => out!("{}", String::from_utf8_lossy(&text)),
        }
        Ok(DONE)
    }
}

/// The newest version of this serial: after a push by force there may be two.
async fn earlier(kept: &OpenStore, serial: u64) -> Result<Vec<u8>, Failure> {
    let versions = kept.store.history().await?;
    let found = versions.iter().rfind(|past| past.serial == serial).ok_or_else(|| {
        Failure::new(USAGE, format!("there is no version with serial {serial}")).hint("see `hybridctl state history`")
    })?;
    Ok(kept.store.earlier(found).await?)
}

/// Never over a file that is there, and readable by the owner only, as in the state folder.
fn write(path: &Path, text: &[u8]) -> Result<(), Failure> {
    let file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    file.and_then(|mut file| file.write_all(text))
        .map_err(|error| Failure::new(ERROR, format!("{}: {error}", path.display())))
}
