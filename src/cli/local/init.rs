//! stub
use crate::cli::exit::Failure;
/// stub
#[derive(Debug, clap::Args)]
pub(crate) struct Init {}
impl Init {
    pub(crate) fn run(self, _g: &crate::cli::Global) -> Result<u8, Failure> {
        Ok(0)
    }
}
