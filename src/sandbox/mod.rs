//! A local AWS to rehearse and test on: made, started, found again, emptied and ended.
//!
//! The AWS API itself is the Python program in `python/`, embedded in this binary. Nothing here talks to AWS, and nothing
//! but a loopback address is ever accepted as a sandbox.
//!
//! A newcomer would get this wrong: one data folder holds one server, and the proof is a file lock that the *server* holds
//! (it inherits the locked file as its standard input), not `sandbox.json`, which a killed server leaves behind.

mod control;
mod error;
mod files;
mod install;
mod interpreter;
mod lock;
mod mariadb;
mod options;
mod real_server;
mod server;

pub use control::loopback;
pub use error::SandboxError;
pub use options::Options;

use serde::{Deserialize, Serialize};
use serde_json::json;
use std::path::PathBuf;

/// The result of a sandbox action.
pub type Result<T> = std::result::Result<T, SandboxError>;

/// A running sandbox: where it is, and which world it holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sandbox {
    /// The AWS API, `http://127.0.0.1:40213`; always a loopback address.
    pub endpoint: String,
    /// Id of what it holds. A reset or a new start gives another.
    pub world: String,
    /// Port of the load balancers' HTTPS listeners on 127.0.0.1, instead of 443.
    pub https_port: u16,
    /// Port of the load balancers' HTTP listeners on 127.0.0.1, instead of 80.
    pub http_port: u16,
    /// Port of its DNS resolver (UDP and TCP) on 127.0.0.1.
    pub dns_port: u16,
    /// PEM file with the authority that signs every certificate of this sandbox.
    pub ca_file: PathBuf,
    /// The server's process id.
    pub pid: u32,
    /// The version of the ZenML server that tasks run as processes; `None`: tasks are only simulated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub real_server: Option<String>,
}

/// What an account would have before a deployment.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Seeded {
    /// Id of the public hosted zone.
    pub zone_id: String,
    /// ARN of an issued certificate for the host.
    pub certificate_arn: String,
}

impl Sandbox {
    /// Asks the sandbox at an endpoint who it is, `http://127.0.0.1:5000`.
    ///
    /// # Errors
    /// The endpoint is not a loopback address, nothing answers there, or what answers is no sandbox.
    pub async fn at(endpoint: &str) -> Result<Self> {
        control::status(loopback(endpoint)?).await.map_err(|trouble| trouble.explain(endpoint, "status"))
    }

    /// Makes the hosted zone `zone` and an issued certificate for `host` in `region`, unless they exist.
    ///
    /// # Errors
    /// The sandbox does not answer or refuses.
    pub async fn seed(&self, zone: &str, host: &str, region: &str) -> Result<Seeded> {
        let wanted = json!({"zone": zone, "host": host, "region": region});
        let answer = control::post(loopback(&self.endpoint)?, "seed", Some(&wanted)).await;
        answer.map_err(|trouble| trouble.explain(&self.endpoint, "seed"))
    }

    /// Makes a CNAME, as whoever looks after the domain would.
    ///
    /// # Errors
    /// The sandbox does not answer or refuses: no zone of it contains the name.
    pub async fn point(&self, name: &str, target: &str) -> Result<()> {
        let wanted = json!({"name": name, "target": target});
        let answer = control::post::<serde_json::Value>(loopback(&self.endpoint)?, "record", Some(&wanted)).await;
        answer.map(drop).map_err(|trouble| trouble.explain(&self.endpoint, "record"))
    }
}

/// Returns the running sandbox, and starts one if there is none: also installs it, the first time.
///
/// `progress` is told what takes long, one line each. Several processes may do this at once: one server comes of it.
///
/// # Errors
/// No usable Python, the installation or the start failed, or the recorded sandbox or the proxy before it is not on a
/// loopback address. Real servers are wanted, and there is no MariaDB for them, or a sandbox without them is running.
pub async fn ensure(options: &Options, progress: &dyn Fn(&str)) -> Result<Sandbox> {
    let found = match server::running(options).await? {
        Some(found) if options.real_server && found.real_server.is_none() => return Err(SandboxError::OnlySimulated),
        Some(found) => {
            server::warn_of_other_version(options, progress);
            found
        }
        None => start(options, progress).await?,
    };
    let Some(proxy) = &options.proxy else { return Ok(found) };
    loopback(proxy)?;
    Ok(Sandbox { endpoint: proxy.clone(), ..found })
}

async fn start(options: &Options, progress: &dyn Fn(&str)) -> Result<Sandbox> {
    let python = install::ensure(options, progress).await?;
    let real = match options.real_server {
        true => Some(real_server::ensure(options, progress).await?),
        false => None,
    };
    server::ensure(options, &python, real.as_ref(), progress).await
}

/// The running sandbox, or `None`. A record that a killed sandbox left behind counts as `None`.
///
/// # Errors
/// The record names an address that is not loopback, or the sandbox accepts connections and does not answer.
pub async fn running(options: &Options) -> Result<Option<Sandbox>> {
    server::running(options).await
}

/// Ends the sandbox and all it holds. `false`: none was running.
///
/// # Errors
/// It does not answer, or does not end in time.
pub async fn stop(options: &Options) -> Result<bool> {
    server::stop(options).await
}

/// Empties the sandbox: the same process and ports, a new world.
///
/// # Errors
/// None is running, or it does not answer.
pub async fn reset(options: &Options) -> Result<Sandbox> {
    let Some(found) = server::running(options).await? else { return Err(SandboxError::NotRunning) };
    let answer = control::post(loopback(&found.endpoint)?, "reset", None).await;
    answer.map_err(|trouble| trouble.explain(&found.endpoint, "reset"))
}

/// The interpreter of the sandbox's own virtual environment, installed if need be; it has moto and boto3.
///
/// # Errors
/// No usable Python, or the installation failed.
pub async fn python(options: &Options, progress: &dyn Fn(&str)) -> Result<PathBuf> {
    install::ensure(options, progress).await
}
