//! `schema`: the JSON Schema of `hybrid.toml`, for editors.

use super::super::exit::Failure;
use clap::Args;

/// Print the JSON Schema of hybrid.toml, for editors and other programs
#[derive(Debug, Args)]
pub(crate) struct Schema {}

impl Schema {
    /// Prints it to stdout.
    ///
    /// # Errors
    /// If stdout cannot be written.
    pub(crate) fn run(self) -> Result<u8, Failure> {
        super::print(format!("{:#}\n", crate::config::schema()))
    }
}
