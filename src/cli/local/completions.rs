//! stub
use crate::cli::exit::Failure;
/// stub
#[derive(Debug, clap::Args)]
pub(crate) struct Completions {}
impl Completions {
    pub(crate) fn run(self) -> Result<u8, Failure> {
        Ok(0)
    }
}
