//! Starts the simulator in the background, and finds it again.
//!
//! The server's standard input is the locked file `server.lock`: the lock belongs to the open file and is gone when the
//! process is gone, however it ended. So "the lock is free" is the proof that no server lives in this data folder, and
//! two commands at once start one.

use super::error::tail_of;
use super::real_server::RealServer;
use super::{Options, Result, Sandbox, SandboxError, control, files, lock};
use std::fs::File;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};
use tokio::process::{Child, Command};

/// A start takes about 5 s, and longer on a machine that compiles meanwhile.
const START: Duration = Duration::from_secs(120);
/// An end takes about 0.3 s.
const END: Duration = Duration::from_secs(30);
const PACE: Duration = Duration::from_millis(50);

/// What the server gets of our environment: it outlives this command, so no credentials, and nothing that moto would read.
const INHERITED: &[&str] = &["PATH", "HOME", "TMPDIR", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH"];

/// See [`super::running`].
pub(super) async fn running(options: &Options) -> Result<Option<Sandbox>> {
    // More than once: between a reset and its record, the two name different worlds for an instant.
    for _ in 0..5 {
        let Some(recorded) = recorded(options)? else { return Ok(None) };
        let address = control::loopback(&recorded.endpoint)?;
        match control::status(address).await {
            Ok(live) if live.world == recorded.world && live.endpoint == recorded.endpoint => return Ok(Some(live)),
            Ok(live) if live.pid == recorded.pid => tokio::time::sleep(PACE).await,
            Err(trouble @ control::Trouble::Silent(_)) => return Err(trouble.explain(&recorded.endpoint, "status")),
            // Another program has the port by now: the record is stale.
            Ok(_) | Err(_) => return Ok(None),
        }
    }
    Ok(None)
}

/// The record; `None` if there is none, or one that makes no sense.
fn recorded(options: &Options) -> Result<Option<Sandbox>> {
    let path = options.record();
    match std::fs::read(&path) {
        Ok(content) => Ok(serde_json::from_slice(&content).ok()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(SandboxError::io(&path)(error)),
    }
}

/// Returns the running sandbox, or starts one, or waits for the one that another process is starting.
pub(super) async fn ensure(
    options: &Options,
    python: &Path,
    real: Option<&RealServer>,
    progress: &dyn Fn(&str),
) -> Result<Sandbox> {
    let started = Instant::now();
    let mut told = false;
    while started.elapsed() < START {
        if let Some(found) = running(options).await? {
            return Ok(found);
        }
        if let Some(held) = lock::attempt(&options.server_lock())? {
            return start(options, python, real, held, progress).await;
        }
        if !told {
            progress("waiting for the sandbox that another process is starting or ending");
            told = true;
        }
        tokio::time::sleep(PACE).await;
    }
    Err(SandboxError::Busy { lock: options.server_lock(), waited_secs: START.as_secs() })
}

async fn start(
    options: &Options,
    python: &Path,
    real: Option<&RealServer>,
    held: File,
    progress: &dyn Fn(&str),
) -> Result<Sandbox> {
    progress("starting the sandbox (about 5 s)");
    let sources = files::unpack(options).await?;
    let record = options.record();
    match std::fs::remove_file(&record) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(SandboxError::io(&record)(error)),
        _ => {}
    }
    // The last words of a sandbox that crashed are kept once.
    let _ = std::fs::rename(options.log(), options.data.join("sandbox.previous.log"));
    files::write(&options.source_mark(), &files::version())?;
    let mut child = spawn(options, python, real, &sources, held)?;
    let started = Instant::now();
    loop {
        if let Some(found) = running(options).await? {
            return Ok(found);
        }
        if let Some(status) = child.try_wait().map_err(SandboxError::io(python))? {
            return Err(failed(options, python, format!("it ended with {status}")));
        }
        if started.elapsed() > START {
            let _ = child.start_kill();
            return Err(failed(options, python, format!("it was not ready in {} s", START.as_secs())));
        }
        tokio::time::sleep(PACE).await;
    }
}

/// Starts the process. If this command ends before the sandbox is ready, it stays, and the next command waits for it.
fn spawn(options: &Options, python: &Path, real: Option<&RealServer>, sources: &Path, held: File) -> Result<Child> {
    let log = options.log();
    let output = File::options().append(true).create(true).open(&log).map_err(SandboxError::io(&log))?;
    let errors = output.try_clone().map_err(SandboxError::io(&log))?;
    let mut command = Command::new(python);
    command.args(["-m", "simulator", "--port", "0", "--data"]).arg(&options.data);
    command.arg("--step").arg(options.step_secs.to_string());
    command.arg("--idle-hours").arg(options.idle_hours.to_string());
    if let Some(parent) = options.parent {
        command.arg("--parent").arg(parent.to_string());
    }
    if let Some(real) = real {
        command.arg("--real-server").arg(&real.version).arg("--programs").arg(&real.programs);
        command.args(real.mariadb.iter().flat_map(|folder| [Path::new("--mariadb"), folder]));
    }
    command.current_dir(sources).env_clear();
    command.envs(INHERITED.iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
    // A process group of its own: the terminal's Ctrl-C is not meant for it.
    command.process_group(0).stdin(Stdio::from(held)).stdout(output).stderr(errors);
    command.spawn().map_err(SandboxError::io(python))
}

fn failed(options: &Options, python: &Path, why: String) -> SandboxError {
    let log = options.log();
    let tail = tail_of(&log, 8);
    let hint = if tail.iter().any(|line| line.contains("ModuleNotFoundError") || line.contains("ImportError")) {
        let environment = python.parent().and_then(Path::parent).unwrap_or(python);
        format!("its installation is damaged; remove it and try again:\n    rm -r {}", environment.display())
    } else {
        "read the output, then try again:\n    hybridctl sandbox start".to_owned()
    };
    SandboxError::Start { why, tail, log, hint }
}

/// See [`super::stop`].
pub(super) async fn stop(options: &Options) -> Result<bool> {
    let Some(found) = running(options).await? else { return Ok(false) };
    let address = control::loopback(&found.endpoint)?;
    match control::post::<serde_json::Value>(address, "stop", None).await {
        Ok(_) | Err(control::Trouble::Absent) => {}
        Err(trouble) => return Err(trouble.explain(&found.endpoint, "stop")),
    }
    let started = Instant::now();
    while started.elapsed() < END {
        let silent = matches!(control::status(address).await, Err(control::Trouble::Absent));
        if silent && lock::attempt(&options.server_lock())?.is_some() {
            return Ok(true);
        }
        tokio::time::sleep(PACE).await;
    }
    Err(SandboxError::NotEnding { pid: found.pid })
}

/// Says so when the running sandbox was started by another version of hybridctl; its world is worth more than the version.
pub(super) fn warn_of_other_version(options: &Options, progress: &dyn Fn(&str)) {
    let mark = std::fs::read_to_string(options.source_mark());
    if mark.is_ok_and(|version| version != files::version()) {
        progress("the running sandbox is of another version of hybridctl; `hybridctl sandbox stop` ends it");
    }
}
