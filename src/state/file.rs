//! The state in a folder beside the config file: `state.json`, its previous versions, the lock, and the key for fingerprints.
//!
//! A save is a temporary file, fsync, rename, fsync of the folder: after a power cut there is the old document or the new
//! one, never a torn one. The lock is the operating system's and dies with the process. Everything is readable by the owner
//! only.

mod history;

use super::moved::Mark;
use super::place::Document;
use super::{LockInfo, State, StateStore, StoreError};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tempfile::NamedTempFile;

/// Beginning of the names of files that are being written.
const HALF_WRITTEN: &str = ".half-written-";

/// A state folder.
#[derive(Debug, Clone)]
pub struct FileStore {
    folder: PathBuf,
    /// Whether the lock was taken.
    writes: Arc<AtomicBool>,
}

/// Holds the lock until it is dropped or the process ends.
#[derive(Debug)]
pub struct Locked {
    _file: File,
}

impl FileStore {
    /// The store in this folder, which need not exist yet.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into(), writes: Arc::default() }
    }

    /// Where it is.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The document's file.
    pub fn path(&self) -> PathBuf {
        self.folder.join("state.json")
    }

    /// Takes the lock.
    ///
    /// # Errors
    /// [`StoreError::Locked`] names who holds it.
    pub fn lock(&self, who: &LockInfo) -> Result<Locked, StoreError> {
        make_folder(&self.folder)?;
        let path = self.folder.join("lock");
        let options = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(&path);
        let mut file = options.map_err(io(&path))?;
        let mut tries = 0;
        loop {
            match file.try_lock() {
                Ok(()) => break,
                // Who only asks for the holder has it for an instant.
                Err(TryLockError::WouldBlock) if tries < 3 => {
                    tries += 1;
                    std::thread::sleep(Duration::from_millis(10));
                }
                Err(TryLockError::WouldBlock) => return Err(StoreError::Locked(holder(&mut file))),
                Err(TryLockError::Error(source)) => return Err(io(&path)(source)),
            }
        }
        let text = serde_json::to_string(who).map_err(|e| StoreError::Damaged(e.to_string()))?;
        file.set_len(0).map_err(io(&path))?;
        file.write_all(text.as_bytes()).map_err(io(&path))?;
        self.writes.store(true, Ordering::Relaxed);
        self.keep_out_of_git();
        self.clear_away();
        Ok(Locked { _file: file })
    }

    /// A `git add .` must not take the key for fingerprints, nor a state that the next clone would believe.
    fn keep_out_of_git(&self) {
        let ignore = OpenOptions::new().write(true).create_new(true).open(self.folder.join(".gitignore"));
        // It is there already, or its absence is the user's to see in `git status`.
        drop(ignore.and_then(|mut file| file.write_all(b"*\n")));
    }

    /// Files that a run which was killed was writing. Whoever holds the lock is the only one who writes.
    fn clear_away(&self) {
        let entries = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let half_written = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(HALF_WRITTEN));
        // One that cannot be removed is in nobody's way.
        half_written.for_each(|entry| drop(fs::remove_file(entry.path())));
    }

    /// Who holds the lock, if anybody does.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn holder(&self) -> Result<Option<LockInfo>, StoreError> {
        let path = self.folder.join("lock");
        let mut file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(io(&path)(error)),
        };
        match file.try_lock_shared() {
            Ok(()) => Ok(None),
            Err(TryLockError::WouldBlock) => Ok(Some(holder(&mut file))),
            Err(TryLockError::Error(source)) => Err(io(&path)(source)),
        }
    }

    /// The key for fingerprints of secrets, 32 random bytes made by the first who holds the lock.
    ///
    /// # Errors
    /// If the file can be neither read nor made.
    pub fn fingerprint_key(&self) -> Result<Option<Vec<u8>>, StoreError> {
        let path = self.folder.join("fingerprint.key");
        match fs::read(&path) {
            Ok(key) => return fingerprint_key_from(key, &path.display().to_string()).map(Some),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(io(&path)(error)),
        }
        if !self.writes.load(Ordering::Relaxed) {
            return Ok(None);
        }
        let key = new_fingerprint_key()?;
        self.keep_fingerprint_key(&key)?;
        Ok(Some(key))
    }

    /// Stores the key.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn keep_fingerprint_key(&self, key: &[u8]) -> Result<(), StoreError> {
        make_folder(&self.folder)?;
        write_durably(&self.folder, &self.folder.join("fingerprint.key"), key)
    }

    /// The text in the document's place, whatever it is.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn text(&self) -> Result<Option<Vec<u8>>, StoreError> {
        let path = self.path();
        match fs::read(&path) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(io(&path)(error)),
        }
    }

    /// What stands in the document's place.
    ///
    /// # Errors
    /// If it cannot be read or understood.
    pub fn document(&self) -> Result<Option<Document>, StoreError> {
        let Some(text) = self.text()? else { return Ok(None) };
        Document::parse(&text).map(Some).map_err(|why| {
            StoreError::Damaged(format!(
                "{}: {why}\nhint: make the record again from what exists with `hybridctl state rebuild --replace`\nhint: or put an \
                 earlier version back: they are in {}, and `hybridctl state history` lists them",
                self.path().display(),
                self.folder.join("history").display()
            ))
        })
    }

    /// Replaces whatever stands in the document's place.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn put_over(&self, document: &Document) -> Result<(), StoreError> {
        let text = match document {
            Document::State(state) => text_of(state)?,
            Document::Moved(mark) => mark.text(),
        };
        make_folder(&self.folder)?;
        // What cannot be read is kept beside the history, which goes by serials.
        match self.document() {
            Ok(Some(Document::State(state))) => self.keep_previous(state.serial)?,
            Err(_) => drop(self.set_aside("damaged")?),
            Ok(_) => {}
        }
        write_durably(&self.folder, &self.path(), &text)
    }

    /// Names of other deployments of the same sort with something on record beside this folder.
    pub fn neighbours(&self) -> Vec<String> {
        let rehearsed = |folder: &Path| folder.extension().is_some_and(|extension| extension == "sandbox");
        let parent = self.folder.parent().filter(|parent| parent.is_dir());
        let entries = parent.and_then(|parent| fs::read_dir(parent).ok()).into_iter().flatten().flatten();
        let folders = entries.map(|entry| entry.path()).filter(|path| *path != self.folder);
        let states = folders.filter(|path| rehearsed(path) == rehearsed(&self.folder));
        let states = states.filter_map(|path| match Self::new(path).document() {
            Ok(Some(Document::State(state))) if !state.is_empty() => Some(state.deployment),
            _ => None,
        });
        states.collect()
    }

    fn read(&self) -> Result<Option<State>, StoreError> {
        match self.document()? {
            Some(Document::State(state)) => Ok(Some(*state)),
            Some(Document::Moved(Mark { moved_to: to, .. })) => {
                Err(StoreError::MovedAway { from: self.folder.display().to_string(), to })
            }
            None => Ok(None),
        }
    }

    fn write(&self, next: &State) -> Result<(), StoreError> {
        let text = text_of(next)?;
        let expected = next.serial.saturating_sub(1);
        let found = match self.read()? {
            Some(state) => state.serial,
            None if expected > 0 => return Err(StoreError::Gone { expected }),
            None => {
                // Serials begin anew: those of a document that was lost would stand among them as the newest.
                self.set_history_aside("lost", jiff::Timestamp::now().as_second())?;
                0
            }
        };
        if found != expected {
            return Err(StoreError::Moved { expected, found });
        }
        make_folder(&self.folder)?;
        self.keep_previous(found)?;
        let file = written(&self.folder, &text)?;
        // Somebody may have deleted it meanwhile: it must not come back as if nothing had happened.
        if expected > 0 && !self.path().exists() {
            return Err(StoreError::Gone { expected });
        }
        put(&self.folder, &self.path(), file)
    }
}

impl StateStore for FileStore {
    async fn load(&self) -> Result<Option<State>, StoreError> {
        self.read()
    }

    async fn save(&self, next: &State) -> Result<(), StoreError> {
        self.write(next)
    }
}

fn holder(file: &mut File) -> LockInfo {
    let mut text = String::new();
    let read = file.read_to_string(&mut text).ok().and_then(|_| serde_json::from_str(&text).ok());
    // The holder has the lock and has not written its name yet.
    read.unwrap_or_else(|| LockInfo {
        who: "another process".into(),
        pid: 0,
        command: "?".into(),
        since: jiff::Timestamp::now(),
        job: None,
    })
}

/// The text of a document that does not contradict itself.
fn text_of(state: &State) -> Result<Vec<u8>, StoreError> {
    state.verify_integrity().map_err(|e| StoreError::Damaged(e.to_string()))?;
    let mut text = serde_json::to_vec_pretty(state).map_err(|e| StoreError::Damaged(e.to_string()))?;
    text.push(b'\n');
    Ok(text)
}

/// A new key for fingerprints.
pub(super) fn new_fingerprint_key() -> Result<Vec<u8>, StoreError> {
    let mut key = vec![0; 32];
    getrandom::fill(&mut key).map_err(|e| StoreError::Damaged(format!("no random numbers: {e}")))?;
    Ok(key)
}

/// The key that was read from `place`.
pub(super) fn fingerprint_key_from(key: Vec<u8>, place: &str) -> Result<Vec<u8>, StoreError> {
    match key.len() {
        32 => Ok(key),
        _ => Err(StoreError::Damaged(format!("{place}: not a key of 32 bytes"))),
    }
}

fn make_folder(folder: &Path) -> Result<(), StoreError> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(io(folder))
}

fn write_durably(folder: &Path, path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    put(folder, path, written(folder, bytes)?)
}

/// A temporary file beside the real one; those of this crate are readable by the owner only.
fn written(folder: &Path, bytes: &[u8]) -> Result<NamedTempFile, StoreError> {
    let mut file = tempfile::Builder::new().prefix(HALF_WRITTEN).tempfile_in(folder).map_err(io(folder))?;
    file.write_all(bytes).and_then(|()| file.as_file().sync_all()).map_err(io(folder))?;
    Ok(file)
}

fn put(folder: &Path, path: &Path, file: NamedTempFile) -> Result<(), StoreError> {
    file.persist(path).map_err(|error| io(path)(error.error))?;
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(io(folder))
}

fn io(path: &Path) -> impl Fn(std::io::Error) -> StoreError {
    let path = path.display().to_string();
    move |source| StoreError::Io { path: path.clone(), source }
}

#[cfg(test)]
mod tests;
