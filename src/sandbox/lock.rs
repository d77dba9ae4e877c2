//! Locks between processes: an advisory lock on a file, which the kernel drops when its holder is gone, however it went.

use super::{Result, SandboxError};
use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;
use std::time::{Duration, Instant};

/// How often a held lock is tried again.
const PACE: Duration = Duration::from_millis(100);

/// Takes the lock, or returns `None` when someone holds it. Dropping the file gives it back.
pub(super) fn attempt(path: &Path) -> Result<Option<File>> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(SandboxError::io(folder))?;
    }
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path);
    let file = file.map_err(SandboxError::io(path))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(source)) => Err(SandboxError::io(path)(source)),
    }
}

/// Takes the lock, waiting for at most `patience`. Waits by trying, so that Ctrl-C is heard meanwhile.
pub(super) async fn wait(path: &Path, patience: Duration, waiting: impl FnOnce()) -> Result<File> {
    let started = Instant::now();
    if let Some(file) = attempt(path)? {
        return Ok(file);
    }
    waiting();
    while started.elapsed() < patience {
        tokio::time::sleep(PACE).await;
        if let Some(file) = attempt(path)? {
            return Ok(file);
        }
    }
    Err(SandboxError::Busy { lock: path.to_owned(), waited_secs: patience.as_secs() })
}
