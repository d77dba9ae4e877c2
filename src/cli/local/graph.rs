//! stub
use crate::cli::exit::Failure;
/// stub
#[derive(Debug, clap::Args)]
pub(crate) struct GraphVerb {}
impl GraphVerb {
    pub(crate) async fn run(self, _g: &crate::cli::Global) -> Result<u8, Failure> {
        Ok(0)
    }
}
