//! The command line: one verb per file, whose doc comments are the help.
//!
//! A verb opens a [`session::Session`] (config, place, state, facts), calls the library and prints. Data goes to stdout,
//! everything else to stderr.

/// Writes data to stdout. A reader that has gone is no reason to stop half-way, so nothing here panics as `println!` does.
macro_rules! out {
    ($($arg:tt)*) => { $crate::cli::telling::data(format_args!($($arg)*)) };
}

/// Writes a message to stderr, likewise.
macro_rules! err {
    ($($arg:tt)*) => { $crate::cli::telling::write_to(&mut std::io::stderr(), format_args!($($arg)*)) };
}

mod apply;
mod carry_out;
mod cautions;
mod confirm;
mod destroy;
mod diff;
mod exit;
mod grant;
mod local;
mod output;
mod panics;
mod plan;
mod preflight;
mod report_file;
mod rolled_back;
mod sandbox;
mod session;
mod signals;
mod state;
mod status;
mod telling;
mod typed;
mod up;
mod verify;

use crate::verify::Reach;
use clap::{Args, Parser, Subcommand, ValueEnum};
use exit::Failure;
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

/// Takes a ZenML Pro Hybrid workspace on AWS ECS from one short file to a running, verified server, and down again
#[derive(Debug, Parser)]
#[command(name = "hybridctl", version, max_term_width = 100, disable_help_subcommand = true)]
pub struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    verb: Verb,
}

/// Flags of every verb.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Global {
    /// Read the deployment from this file
    #[arg(short, long, global = true, value_name = "FILE", default_value = "hybrid.toml", env = "HYBRIDCTL_CONFIG")]
    config: PathBuf,
    /// Use this profile of the AWS config files
    #[arg(long, global = true, value_name = "NAME")]
    profile: Option<String>,
    /// Refuse to work unless the file says this region
    #[arg(long, global = true, value_name = "REGION")]
    region: Option<String>,
    /// Print data as text or JSON
    #[arg(long, global = true, value_enum, default_value = "text")]
    format: Format,
    /// Write every event of up, apply or destroy as a line of JSON to this file (`-` for stdout)
    #[arg(long, global = true, value_name = "PATH")]
    events: Option<String>,
    /// Colour the output
    #[arg(long, global = true, value_enum, default_value = "auto")]
    color: Color,
    /// Say more; twice shows every AWS call
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    verbose: u8,
    /// Say only what went wrong
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    quiet: bool,
    /// Use the local AWS to rehearse on, and start it if it is not running
    #[arg(long, global = true)]
    sandbox: bool,
    /// Let preflight and verify ask this DNS server (`1.1.1.1`, `127.0.0.1:5353`) instead of the system's
    #[arg(long, global = true, value_name = "ADDRESS", value_parser = server, env = "HYBRIDCTL_RESOLVER")]
    resolver: Option<SocketAddr>,
}

impl Global {
    /// How the internet is reached.
    fn reach(&self) -> Reach {
        Reach { resolver: self.resolver, ..Reach::internet() }
    }
}

/// `1.1.1.1`, `127.0.0.1:5353`, `[2606:4700::1111]:53`.
fn server(text: &str) -> Result<SocketAddr, String> {
    let address = text.parse().or_else(|_| text.parse().map(|ip| SocketAddr::new(ip, 53)));
    address.map_err(|_| "write an IP address, with a port if it is not 53: `1.1.1.1`, `127.0.0.1:5353`".to_owned())
}

/// How data is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people
    Text,
    /// For programs
    Json,
}

/// When to colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal, unless NO_COLOR is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Init(Box<local::init::Init>),
    Validate(local::validate::Validate),
    Preflight(preflight::Preflight),
    Plan(plan::PlanVerb),
    Apply(apply::Apply),
    Up(up::Up),
    Diff(diff::Diff),
    Verify(verify::Verify),
    Status(status::Status),
    Destroy(destroy::Destroy),
    Output(output::OutputVerb),
    State(state::StateVerb),
    Graph(local::graph::GraphVerb),
    Explain(local::explain::Explain),
    Schema(local::schema::Schema),
    Completions(local::completions::Completions),
    Man(local::man::Man),
    Sandbox(sandbox::SandboxVerb),
}

/// Runs one command line.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { exit::USAGE } else { exit::DONE });
        }
    };
    let style = telling::style(&cli.global);
    ExitCode::from(panics::guard(|| run_to_its_end(cli), style).unwrap_or(exit::ERROR))
}

fn run_to_its_end(cli: Cli) -> u8 {
    telling::start_log(&cli.global);
    signals::listen();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("because the system gives a process an event queue");
    let applies = matches!(cli.verb, Verb::Up(_) | Verb::Apply(_) | Verb::Destroy(_));
    match cli.global.events.as_deref() {
        Some(_) if !applies => {
            let failure =
                Failure::new(exit::USAGE, "`--events` is for up, apply and destroy: the others have no events");
            failure.print(&cli.global);
            return exit::USAGE;
        }
        Some("-") => telling::keep_stdout_for_events(),
        _ => {}
    }
    let quiet = cli.global.clone();
    let code = match runtime.block_on(signals::ending(dispatch(cli))) {
        Err(signal) => signal.code(),
        Ok(Ok(code)) => code,
        Ok(Err(failure)) => {
            failure.print(&quiet);
            failure.code
        }
    };
    // A blocked read of a question must not hold the process back.
    runtime.shutdown_background();
    match telling::lost_data() {
        Some(why) if code == exit::DONE => {
            Failure::new(exit::ERROR, format!("stdout: {why}")).print(&quiet);
            exit::ERROR
        }
        _ => code,
    }
}

async fn dispatch(cli: Cli) -> Result<u8, Failure> {
    let global = &cli.global;
    match cli.verb {
        Verb::Init(verb) => verb.run(global),
        Verb::Validate(verb) => verb.run(global),
        Verb::Preflight(verb) => verb.run(global).await,
        Verb::Plan(verb) => verb.run(global).await,
        Verb::Apply(verb) => verb.run(global).await,
        Verb::Up(verb) => verb.run(global).await,
        Verb::Diff(verb) => verb.run(global).await,
        Verb::Verify(verb) => verb.run(global).await,
        Verb::Status(verb) => verb.run(global).await,
        Verb::Destroy(verb) => verb.run(global).await,
        Verb::Output(verb) => verb.run(global).await,
        Verb::State(verb) => verb.run(global).await,
        Verb::Graph(verb) => verb.run(global).await,
        Verb::Explain(verb) => verb.run(global),
        Verb::Schema(verb) => verb.run(),
        Verb::Completions(verb) => verb.run(),
        Verb::Man(verb) => verb.run(),
        Verb::Sandbox(verb) => verb.run(global).await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resolver_of_ones_own_is_asked_instead_of_the_systems() {
        let reach = |arguments: &[&str]| {
            let arguments = [&["hybridctl", "verify"], arguments].concat();
            Cli::try_parse_from(arguments).map(|cli| cli.global.reach())
        };
        assert_eq!(reach(&[]).unwrap(), Reach::internet());
        for (given, address) in [("1.1.1.1", "1.1.1.1:53"), ("127.0.0.1:5353", "127.0.0.1:5353"), ("::1", "[::1]:53")] {
            let reach = reach(&["--resolver", given]).unwrap();
            assert_eq!((reach.resolver, reach.https_port), (Some(address.parse().unwrap()), 443));
        }
        let named = reach(&["--resolver", "dns.mycompany.com"]).unwrap_err().to_string();
        assert!(named.contains("write an IP address"), "{named}");
    }
}
