//! Why there is no sandbox, and what to do about it.

use std::path::{Path, PathBuf};

/// Why a sandbox action failed. The text says what happened and why, [`SandboxError::hint`] what to do next.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// No variable says where the user's files are.
    #[error("no folder to keep the sandbox in: none of HYBRIDCTL_CACHE, XDG_CACHE_HOME and HOME is set")]
    NoFolder,
    /// Reading or writing failed.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// There is no Python to run it with.
    #[error("the sandbox needs Python {needed} or newer with the modules venv and ensurepip{}", listed(found))]
    NoPython {
        /// The oldest version that works, `3.10`.
        needed: String,
        /// What was found instead, one line each: `python3 is version 3.9.2`.
        found: Vec<String>,
        /// A command or setting that mends it.
        hint: String,
    },
    /// The private virtual environment could not be made.
    #[error("could not install the sandbox: {step} failed{}\n  the whole output is in {}", listed(tail), log.display())]
    Install {
        /// What was being done, `pip install`.
        step: String,
        /// The last lines of its output.
        tail: Vec<String>,
        /// All of its output.
        log: PathBuf,
        /// What usually mends it.
        hint: String,
    },
    /// The server ended or was not ready in time.
    #[error("could not start the sandbox: {why}{}\n  the whole output is in {}", listed(tail), log.display())]
    Start {
        /// `it ended with exit status: 1`.
        why: String,
        /// The last lines of its output.
        tail: Vec<String>,
        /// All of its output.
        log: PathBuf,
        /// What usually mends it.
        hint: String,
    },
    /// Another process has been at it for too long.
    #[error("another process has held {} for {waited_secs} s", lock.display())]
    Busy {
        /// The lock file.
        lock: PathBuf,
        /// How long this one waited.
        waited_secs: u64,
    },
    /// Only this machine can be a sandbox.
    #[error("{endpoint} is not an address of this machine, so it is not accepted as a sandbox")]
    NotLoopback {
        /// The endpoint, as it was given.
        endpoint: String,
    },
    /// It does not answer, or not as a sandbox does.
    #[error("the sandbox at {endpoint} does not answer `{action}`: {why}")]
    NotAnswering {
        /// Where it was expected.
        endpoint: String,
        /// `status`, `seed`, `reset` or `stop`.
        action: String,
        /// What came instead of an answer.
        why: String,
    },
    /// It was told to end and is still there.
    #[error("the sandbox (process {pid}) does not end")]
    NotEnding {
        /// Its process id.
        pid: u32,
    },
    /// There is no database for real servers.
    #[error("a real server needs MariaDB: there is neither a mariadbd on PATH nor apt-get to fetch it with")]
    NoMariaDb,
    /// Real servers are wanted, and the running sandbox has none.
    #[error("the sandbox that is running only simulates its servers")]
    OnlySimulated,
    /// There is none.
    #[error("no sandbox is running")]
    NotRunning,
}

impl SandboxError {
    /// What to do about it, or `None` when the text already says it.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NoFolder => "name one: HYBRIDCTL_CACHE=/some/folder hybridctl sandbox start".into(),
            Self::NoPython { hint, .. } | Self::Install { hint, .. } | Self::Start { hint, .. } => hint.clone(),
            Self::Busy { lock, .. } => format!("see who holds it, then try again:\n    fuser -v {}", lock.display()),
            Self::NotLoopback { .. } => {
                "for a real account leave out --sandbox; for a sandbox use http://127.0.0.1:PORT".into()
            }
            Self::NotAnswering { .. } => {
                "try again; if it stays silent, see which process listens there and end it:\n    ss -ltnp".into()
            }
            Self::NotEnding { pid } => format!("end it with:\n    kill {pid}"),
            Self::NotRunning => "start one with:\n    hybridctl sandbox start".into(),
            Self::NoMariaDb => "install it, then try again:\n    sudo dnf install mariadb-server\n    brew install mariadb".into(),
            Self::OnlySimulated => {
                "what is in it goes when it ends:\n    hybridctl sandbox stop\n    hybridctl sandbox start --real-server".into()
            }
            Self::Io { .. } => return None,
        })
    }

    /// Turns an I/O error on `path` into ours.
    pub(super) fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { path, source }
    }
}

/// The lines below the headline, indented.
fn listed(lines: &[String]) -> String {
    lines.iter().map(|line| format!("\n  {line}")).collect()
}

/// The last lines of a log that say something, at most `count`.
pub(super) fn tail_of(log: &Path, count: usize) -> Vec<String> {
    let text = std::fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let mut lines: Vec<String> = text
        .lines()
        .rev()
        .filter(|line| !line.trim().is_empty())
        .take(count)
        .map(|line| line.trim_end().to_owned())
        .collect();
    lines.reverse();
    lines
}
