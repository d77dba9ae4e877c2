//! `validate`: every problem of the config at once; no AWS, no state.

use super::super::exit::{CONFIG, DONE, Failure};
use super::super::{Format, Global, session, telling};
use crate::config::{self, Placeholders, Severity};
use clap::Args;

/// Check hybrid.toml: every problem at once, each with its position and a fix
#[derive(Debug, Args)]
pub(crate) struct Validate {}

impl Validate {
    /// Shows what is wrong: to people on stderr, to programs as JSON on stdout.
    ///
    /// # Errors
    /// If the file cannot be read or used.
    pub(crate) fn run(self, global: &Global) -> Result<u8, Failure> {
        let placeholders = if global.sandbox { Placeholders::Accept } else { Placeholders::Warn };
        match global.format {
            Format::Text => {
                session::load(global, placeholders)?;
                telling::say(global, &format!("{} is valid", global.config.display()));
                Ok(DONE)
            }
            Format::Json => json(global, placeholders),
        }
    }
}

fn json(global: &Global, placeholders: Placeholders) -> Result<u8, Failure> {
    let path = global.config.display().to_string();
    let text = session::read(&global.config)?;
    let found = match config::load(&path, &text) {
        Ok((_, found)) | Err(found) => config::settle_placeholders(found, placeholders),
    };
    super::print(format!("{:#}\n", config::to_json(&path, &text, &found)))?;
    if found.iter().any(|one| one.severity == Severity::Error) {
        return Ok(CONFIG);
    }
    // What is left to refuse is not in the file: that `--region` says another one.
    session::load(&Global { quiet: true, ..global.clone() }, Placeholders::Accept)?;
    Ok(DONE)
}
