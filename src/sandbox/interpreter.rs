//! Finds a Python that the sandbox can be installed with.

use super::{Result, SandboxError};
use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

/// The oldest version that moto runs on.
const NEEDED: (u32, u32) = (3, 10);
/// Names to try, in this order: the usual one first, then the newest.
const NAMES: &[&str] = &["python3", "python3.14", "python3.13", "python3.12", "python3.11", "python3.10"];
/// Debian and Ubuntu ship Python without these; then they cannot be found, though `import venv` may still work.
const PROBE: &str = "import json, sys
from importlib.util import find_spec
print(json.dumps({'version': list(sys.version_info[:3]), 'home': sys.base_prefix,
                  'complete': all(find_spec(name) for name in ('venv', 'ensurepip'))}))";

/// A Python that works.
#[derive(Debug, Clone)]
pub(super) struct Python {
    /// How to call it.
    pub(super) program: PathBuf,
    /// `3.11.7`.
    pub(super) version: String,
    /// The folder it is installed in: two Pythons of one version are still two.
    pub(super) home: String,
}

#[derive(Deserialize)]
struct Probed {
    version: (u32, u32, u32),
    home: String,
    complete: bool,
}

enum Seen {
    Absent,
    Unusable(String),
    TooOld(String),
    Incomplete(String),
    Usable(Python),
}

/// Returns the first Python that works; with `chosen`, only that one is tried.
pub(super) async fn find(chosen: Option<&Path>) -> Result<Python> {
    let names: Vec<&Path> = chosen.map_or_else(|| NAMES.iter().map(Path::new).collect(), |name| vec![name]);
    let mut found = vec![];
    let mut incomplete = None;
    for name in &names {
        match probe(name).await {
            Seen::Usable(python) => return Ok(python),
            Seen::Absent => {}
            Seen::Unusable(why) => found.push(format!("{} does not run: {why}", name.display())),
            Seen::TooOld(version) => found.push(format!("{} is version {version}", name.display())),
            Seen::Incomplete(version) => {
                found.push(format!("{} is version {version}, without venv and ensurepip", name.display()));
                incomplete.get_or_insert(version);
            }
        }
    }
    if found.is_empty() {
        let names: Vec<String> = names.iter().map(|name| name.display().to_string()).collect();
        found.push(format!("there is no {}", names.join(", ")));
    }
    Err(SandboxError::NoPython { needed: format!("{}.{}", NEEDED.0, NEEDED.1), found, hint: hint(incomplete) })
}

fn hint(incomplete: Option<String>) -> String {
    let Some(version) = incomplete else {
        return "install Python from your system's packages, or name one with:\n    export HYBRIDCTL_PYTHON=/path/to/python3".into();
    };
    let minor = version.rsplit_once('.').map_or(version.as_str(), |(minor, _)| minor);
    format!("on Debian and Ubuntu install the missing part with:\n    sudo apt install python{minor}-venv")
}

async fn probe(program: &Path) -> Seen {
    let mut command = tokio::process::Command::new(program);
    command.args(["-c", PROBE]).stdin(Stdio::null()).kill_on_drop(true);
    command.env_remove("PYTHONHOME").env_remove("PYTHONPATH");
    let output = match tokio::time::timeout(Duration::from_secs(60), command.output()).await {
        Err(_) => return Seen::Unusable("no answer in 60 s".into()),
        Ok(Err(error)) if error.kind() == std::io::ErrorKind::NotFound => return Seen::Absent,
        Ok(Err(error)) => return Seen::Unusable(error.to_string()),
        Ok(Ok(output)) => output,
    };
    let Ok(probed) = serde_json::from_slice::<Probed>(&output.stdout) else {
        let complaint = String::from_utf8_lossy(&output.stderr);
        let first = complaint.lines().find(|line| !line.trim().is_empty());
        return Seen::Unusable(first.map_or_else(|| output.status.to_string(), |line| line.trim().to_owned()));
    };
    let (major, minor, patch) = probed.version;
    let version = format!("{major}.{minor}.{patch}");
    if (major, minor) < NEEDED {
        return Seen::TooOld(version);
    }
    if !probed.complete {
        return Seen::Incomplete(version);
    }
    Seen::Usable(Python { program: program.to_owned(), version, home: probed.home })
}
