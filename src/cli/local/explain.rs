//! stub
use crate::cli::exit::Failure;
/// stub
#[derive(Debug, clap::Args)]
pub(crate) struct Explain {}
impl Explain {
    pub(crate) fn run(self) -> Result<u8, Failure> {
        Ok(0)
    }
}
