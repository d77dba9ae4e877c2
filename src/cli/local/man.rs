//! `man`: the manual as man pages, made from the same doc comments as `--help`.

use super::super::Cli;
use super::super::exit::{DONE, ERROR, Failure};
use clap::{Args, CommandFactory};
use std::path::{Path, PathBuf};

/// Print the man page, or write one for every verb
#[derive(Debug, Args)]
pub(crate) struct Man {
    /// Write hybridctl.1 and a page for every verb into this folder
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

impl Man {
    /// Prints the page of `hybridctl` to stdout, or writes all of them.
    ///
    /// # Errors
    /// If a page cannot be written.
    pub(crate) fn run(self) -> Result<u8, Failure> {
        match &self.dir {
            None => {
                let mut page = Vec::new();
                let rendered = clap_mangen::Man::new(Cli::command()).render(&mut page);
                rendered.expect("because memory takes every write");
                super::print(page)
            }
            Some(folder) => write_all(folder),
        }
    }
}

fn write_all(folder: &Path) -> Result<u8, Failure> {
    let written = std::fs::create_dir_all(folder).and_then(|()| clap_mangen::generate_to(Cli::command(), folder));
    written.map_err(|error| Failure::new(ERROR, format!("{}: {error}", folder.display())))?;
    Ok(DONE)
}
