//! The private virtual environments that the simulator and real servers run in: made once per Python and set of requirements.
//!
//! A virtual environment cannot be moved after it was made, so it is made in place, and a marker file, written last, says
//! that it is whole. One without its marker (an installation that was killed) is thrown away and made again.

use super::error::tail_of;
use super::files::{self, CONSTRAINTS, REQUIREMENTS, SERVER_CONSTRAINTS, SERVER_REQUIREMENTS};
use super::interpreter::{self, Python};
use super::{Options, Result, SandboxError, lock};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};
use tokio::process::Command;

/// Longer than the slowest installation that still makes sense.
const PATIENCE: Duration = Duration::from_secs(15 * 60);
/// Written last.
const MARKER: &str = "hybridctl-complete";

/// What an environment is for.
struct Purpose {
    /// How progress and errors call it.
    name: &'static str,
    /// How its folder's name begins.
    folder: &'static str,
    /// Seconds that it takes to install.
    secs: u64,
    requirements: &'static str,
    constraints: &'static str,
}

const SIMULATOR: Purpose =
    Purpose { name: "the sandbox", folder: "python", secs: 35, requirements: REQUIREMENTS, constraints: CONSTRAINTS };
const SERVER: Purpose = Purpose {
    name: "the ZenML server",
    folder: "zenml",
    secs: 60,
    requirements: SERVER_REQUIREMENTS,
    constraints: SERVER_CONSTRAINTS,
};

/// Returns the simulator's interpreter; installs it first if need be.
pub(super) async fn ensure(options: &Options, progress: &dyn Fn(&str)) -> Result<PathBuf> {
    ensure_for(&SIMULATOR, options, progress).await
}

/// Returns the interpreter of the environment with the ZenML server; installs it first if need be.
pub(super) async fn ensure_server(options: &Options, progress: &dyn Fn(&str)) -> Result<PathBuf> {
    ensure_for(&SERVER, options, progress).await
}

async fn ensure_for(purpose: &'static Purpose, options: &Options, progress: &dyn Fn(&str)) -> Result<PathBuf> {
    let base = interpreter::find(options.python.as_deref()).await?;
    let key = files::digest([
        files::content(purpose.requirements),
        files::content(purpose.constraints),
        base.version.as_str(),
        base.home.as_str(),
    ]);
    let environment = Environment::new(purpose, options, &base, key);
    if environment.complete() {
        return Ok(environment.python());
    }
    let waiting = || progress(&format!("waiting for another process that is installing {}", purpose.name));
    let held = lock::wait(&environment.beside("lock"), PATIENCE, waiting).await?;
    if !environment.complete() {
        let sources = files::unpack(options).await?;
        environment.make(&base, &sources, &held, progress).await?;
    }
    Ok(environment.python())
}

struct Environment {
    purpose: &'static Purpose,
    folder: PathBuf,
    key: String,
}

impl Environment {
    fn new(purpose: &'static Purpose, options: &Options, base: &Python, key: String) -> Self {
        let folder = options.installations().join(format!("{}-{}-{key}", purpose.folder, base.version));
        Self { purpose, folder, key }
    }

    fn python(&self) -> PathBuf {
        self.folder.join("bin/python")
    }

    /// A file next to the environment, which survives when it is made again.
    fn beside(&self, extension: &str) -> PathBuf {
        let mut name = self.folder.clone().into_os_string();
        name.push(format!(".{extension}"));
        name.into()
    }

    /// True if it was finished and the Python it was made from is still there (`exists` follows the link).
    fn complete(&self) -> bool {
        let marked = std::fs::read_to_string(self.folder.join(MARKER)).is_ok_and(|found| found == self.key);
        marked && self.python().exists()
    }

    async fn make(&self, base: &Python, sources: &Path, held: &File, progress: &dyn Fn(&str)) -> Result<()> {
        if self.folder.exists() {
            progress(&format!("an earlier installation of {} was not finished: making it again", self.purpose.name));
            std::fs::remove_dir_all(&self.folder).map_err(SandboxError::io(&self.folder))?;
        }
        let Purpose { name, secs, .. } = self.purpose;
        progress(&format!("installing {name} (about {secs} s, once)"));
        let started = Instant::now();
        let log = self.beside("log");
        File::create(&log).map_err(SandboxError::io(&log))?;

        let mut venv = Command::new(&base.program);
        venv.args(["-m", "venv"]).arg(&self.folder);
        self.run("python -m venv", venv, held, &log).await?;

        let mut pip = Command::new(self.python());
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input", "-r"]);
        pip.arg(sources.join(self.purpose.requirements)).arg("-c").arg(sources.join(self.purpose.constraints));
        self.run("pip install", pip, held, &log).await?;

        files::write(&self.folder.join(MARKER), &self.key)?;
        progress(&format!("installed {name} in {} s", started.elapsed().as_secs()));
        Ok(())
    }

    async fn run(&self, step: &str, mut command: Command, held: &File, log: &Path) -> Result<()> {
        let output = File::options().append(true).open(log).map_err(SandboxError::io(log))?;
        let errors = output.try_clone().map_err(SandboxError::io(log))?;
        // Holding the lock as its input, a pip that outlives a killed hybridctl keeps the next one waiting.
        let input = held.try_clone().map_err(SandboxError::io(log))?;
        command.stdin(Stdio::from(input)).stdout(output).stderr(errors).kill_on_drop(true);
        // Either would make pip install somewhere else than into the environment.
        for name in ["PYTHONHOME", "PYTHONPATH", "PIP_TARGET", "PIP_PREFIX", "PIP_USER", "PIP_PYTHON"] {
            command.env_remove(name);
        }
        let ended = match tokio::time::timeout(PATIENCE, command.status()).await {
            Ok(Ok(status)) if status.success() => return Ok(()),
            Ok(Ok(status)) => status.to_string(),
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("still running after {} min, ended", PATIENCE.as_secs() / 60),
        };
        let tail = tail_of(log, 6);
        let hint = advice(&tail.join("\n"));
        Err(SandboxError::Install { step: format!("`{step}` ({ended})"), tail, log: log.to_owned(), hint })
    }
}

/// What usually mends an installation that ended with these words.
fn advice(output: &str) -> String {
    let has = |words: &[&str]| words.iter().any(|word| output.contains(word));
    if has(&["ensurepip", "python3-venv"]) {
        return "on Debian and Ubuntu install the missing part, then try again:\n    sudo apt install python3-venv"
            .into();
    }
    if has(&["No space left"]) {
        return "the sandbox needs about 320 MB, a real server as much again; free some, or keep it elsewhere with:\n    export HYBRIDCTL_CACHE=/some/folder".into();
    }
    if has(&["CERTIFICATE_VERIFY_FAILED", "SSLError"]) {
        return "if your network re-signs TLS, give pip its authority, then try again:\n    export PIP_CERT=/path/to/ca.pem".into();
    }
    if has(&[
        "Connection",
        "connection",
        "No matching distribution",
        "Could not find a version",
        "ProxyError",
        "timed out",
    ]) {
        return "the sandbox's packages come from the Python package index: check network and proxy, \
                or name a mirror, then try again:\n    export PIP_INDEX_URL=https://mirror.example/simple"
            .into();
    }
    "read the output, then try again:\n    hybridctl sandbox start".into()
}
