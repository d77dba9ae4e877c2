//! `completions`: a script that completes `hybridctl` in a shell.

use super::super::Cli;
use super::super::exit::Failure;
use clap::{Args, CommandFactory};
use clap_complete::Shell;

/// Print a script that completes the command line in a shell
///
/// For bash: `hybridctl completions bash > ~/.local/share/bash-completion/completions/hybridctl`
#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

impl Completions {
    /// Prints the script to stdout.
    ///
    /// # Errors
    /// If stdout cannot be written.
    pub(crate) fn run(self) -> Result<u8, Failure> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "hybridctl", &mut script);
        super::print(script)
    }
}
