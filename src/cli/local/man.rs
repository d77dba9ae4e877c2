//! stub
use crate::cli::exit::Failure;
/// stub
#[derive(Debug, clap::Args)]
pub(crate) struct Man {}
impl Man {
    pub(crate) fn run(self) -> Result<u8, Failure> {
        Ok(0)
    }
}
