//! `sandbox`: the local AWS.

use super::exit::{DONE, ERROR, Failure};
use super::{Format, Global, session, telling};
use crate::sandbox::{self, Options, Sandbox};
use clap::{Args, Subcommand};

/// Start, stop or reset the local AWS to rehearse on
#[derive(Debug, Args)]
pub(crate) struct SandboxVerb {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Start it, and install it on first use
    Start {
        /// Run real ZenML servers on a real MariaDB instead of simulating them; both are installed on first use (about 90 s)
        #[arg(long)]
        real_server: bool,
    },
    /// Stop it and forget what is in it
    Stop,
    /// Say whether it runs, and where
    Status,
    /// Forget what is in it
    Reset,
    /// Make a CNAME as whoever looks after the domain would, for `dns = "external"`
    Record {
        /// The host, `zenml.mycompany.com`
        name: String,
        /// Where it leads
        target: String,
    },
}

impl SandboxVerb {
    pub(crate) async fn run(self, global: &Global) -> Result<u8, Failure> {
        let mut options = Options::from_env()?;
        match self.what {
            What::Start { real_server } => {
                options.real_server = real_server;
                let sandbox = sandbox::ensure(&options, &|line| telling::say(global, line)).await?;
                // Without a file, or with one that has mistakes, the first command with it does this.
                if let Ok(text) = session::read(&global.config)
                    && let Ok((config, _)) = crate::config::load(&global.config.display().to_string(), &text)
                {
                    session::seed(&sandbox, &config).await?;
                }
                show(global, &sandbox);
            }
            What::Reset => show(global, &sandbox::reset(&options).await?),
            What::Record { name, target } => match sandbox::running(&options).await? {
                Some(sandbox) => {
                    sandbox.point(&name, &target).await?;
                    telling::say(global, &format!("{name} leads to {target}"));
                }
                None => return Err(Failure::new(ERROR, "the sandbox is not running")),
            },
            What::Stop => match sandbox::stop(&options).await? {
                true => telling::say(global, "stopped"),
                false => telling::say(global, "it was not running"),
            },
            What::Status => match sandbox::running(&options).await? {
                Some(sandbox) => show(global, &sandbox),
                None => out!("not running; `hybridctl sandbox start` starts it\n"),
            },
        }
        Ok(DONE)
    }
}

fn show(global: &Global, sandbox: &Sandbox) {
    if global.format == Format::Json {
        return out!("{:#}\n", serde_json::to_value(sandbox).expect("because it is plain data"));
    }
    out!("endpoint  {}\n", sandbox.endpoint);
    out!("world     {}\n", sandbox.world);
    out!("https     127.0.0.1:{}\n", sandbox.https_port);
    out!("dns       127.0.0.1:{}\n", sandbox.dns_port);
    out!("process   {}\n", sandbox.pid);
    match &sandbox.real_server {
        Some(version) => out!("servers   real, of version {version}\n"),
        None => out!("servers   simulated\n"),
    }
    out!("use it with `hybridctl up --sandbox`, or set AWS_ENDPOINT_URL={}\n", sandbox.endpoint);
}
