//! The state in a folder beside the config file: `state.json`, its previous versions, the lock, and the key for fingerprints.
//!
//! A save is a temporary file, fsync, rename, fsync of the folder: after a power cut there is the old document or the new
//! one, never a torn one. The lock is the operating system's and dies with the process. Everything is readable by the owner
//! only.

use super::{LockInfo, State, StateStore, StoreError};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Previous versions kept in `history/`.
const KEPT: usize = 50;

/// A state folder.
#[derive(Debug, Clone)]
pub struct FileStore {
    folder: PathBuf,
}

/// Holds the lock until it is dropped or the process ends.
#[derive(Debug)]
pub struct Locked {
    _file: File,
}

impl FileStore {
    /// The store in this folder, which need not exist yet.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
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
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(StoreError::Locked(holder(&mut file))),
            Err(TryLockError::Error(source)) => return Err(io(&path)(source)),
        }
        let text = serde_json::to_string(who).map_err(|e| StoreError::Damaged(e.to_string()))?;
        file.set_len(0).map_err(io(&path))?;
        file.write_all(text.as_bytes()).map_err(io(&path))?;
        Ok(Locked { _file: file })
    }

    /// The key for fingerprints of secrets, 32 random bytes made on first use.
    ///
    /// # Errors
    /// If the file can be neither read nor made.
    pub fn fingerprint_key(&self) -> Result<Vec<u8>, StoreError> {
        let path = self.folder.join("fingerprint.key");
        match fs::read(&path) {
            Ok(key) if key.len() == 32 => return Ok(key),
            Ok(_) => return Err(StoreError::Damaged(format!("{}: not a key of 32 bytes", path.display()))),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(io(&path)(error)),
        }
        make_folder(&self.folder)?;
        let mut key = vec![0; 32];
        getrandom::fill(&mut key).map_err(|e| StoreError::Damaged(format!("no random numbers: {e}")))?;
        write_durably(&self.folder, &path, &key)?;
        Ok(key)
    }

    /// The previous versions, oldest first: serial and file.
    ///
    /// # Errors
    /// If the folder cannot be read.
    pub fn history(&self) -> Result<Vec<(u64, PathBuf)>, StoreError> {
        let folder = self.folder.join("history");
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(vec![]),
            Err(error) => return Err(io(&folder)(error)),
        };
        let serial = |path: &Path| path.file_stem()?.to_str()?.parse::<u64>().ok();
        let mut versions: Vec<(u64, PathBuf)> = entries
            .filter_map(|entry| entry.ok().map(|entry| entry.path()))
            .filter_map(|path| serial(&path).map(|serial| (serial, path)))
            .collect();
        versions.sort();
        Ok(versions)
    }

    /// Moves the document aside (a sandbox world that is gone); the next load finds nothing. Returns where it went.
    ///
    /// # Errors
    /// If it cannot be renamed.
    pub fn set_aside(&self, why: &str) -> Result<PathBuf, StoreError> {
        let stamp = jiff::Timestamp::now().as_second();
        let aside = self.folder.join(format!("state.{why}-{stamp}.json"));
        fs::rename(self.path(), &aside).map_err(io(&self.path()))?;
        let history = self.folder.join("history");
        if history.exists() {
            fs::rename(&history, self.folder.join(format!("history.{why}-{stamp}"))).map_err(io(&history))?;
        }
        Ok(aside)
    }

    fn read(&self) -> Result<Option<State>, StoreError> {
        let path = self.path();
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(io(&path)(error)),
        };
        super::upgrade::parse(&text).map(Some).map_err(|why| {
            StoreError::Damaged(format!(
                "{}: {why}\nhint: earlier versions are in {}; copy the newest good one over it",
                path.display(),
                self.folder.join("history").display()
            ))
        })
    }

    fn write(&self, next: &State) -> Result<(), StoreError> {
        next.verify_integrity().map_err(|e| StoreError::Damaged(e.to_string()))?;
        let found = self.read()?.map_or(0, |state| state.serial);
        if found + 1 != next.serial {
            return Err(StoreError::Moved { expected: next.serial.saturating_sub(1), found });
        }
        make_folder(&self.folder)?;
        self.keep_previous(found)?;
        let mut text = serde_json::to_vec_pretty(next).map_err(|e| StoreError::Damaged(e.to_string()))?;
        text.push(b'\n');
        write_durably(&self.folder, &self.path(), &text)
    }

    fn keep_previous(&self, serial: u64) -> Result<(), StoreError> {
        let (current, folder) = (self.path(), self.folder.join("history"));
        if !current.exists() {
            return Ok(());
        }
        make_folder(&folder)?;
        // A second name for the same file: the current document is never missing.
        match fs::hard_link(&current, folder.join(format!("{serial:08}.json"))) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(io(&folder)(error)),
        }
        let versions = self.history()?;
        for (_, path) in versions.iter().take(versions.len().saturating_sub(KEPT)) {
            fs::remove_file(path).map_err(io(path))?;
        }
        Ok(())
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
    })
}

fn make_folder(folder: &Path) -> Result<(), StoreError> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(io(folder))
}

fn write_durably(folder: &Path, path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    // A temporary file of this crate is readable by the owner only.
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(io(folder))?;
    file.write_all(bytes).and_then(|()| file.as_file().sync_all()).map_err(io(path))?;
    file.persist(path).map_err(|error| io(path)(error.error))?;
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(io(folder))
}

fn io(path: &Path) -> impl Fn(std::io::Error) -> StoreError {
    let path = path.display().to_string();
    move |source| StoreError::Io { path: path.clone(), source }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;
    use uuid::Uuid;

    fn store() -> (tempfile::TempDir, FileStore) {
        let folder = tempfile::tempdir().expect("because /tmp can be written");
        let store = FileStore::new(folder.path().join("t"));
        (folder, store)
    }

    fn version(serial: u64) -> State {
        State { serial, ..State::new("t", Uuid::nil()) }
    }

    fn who(command: &str) -> LockInfo {
        LockInfo { who: "alice@laptop".into(), pid: 7, command: command.into(), since: jiff::Timestamp::UNIX_EPOCH }
    }

    #[tokio::test]
    async fn a_document_comes_back_as_it_was_saved_and_earlier_ones_are_kept() {
        let (_folder, store) = store();
        assert!(store.load().await.unwrap().is_none());
        for serial in 1..=3 {
            store.save(&version(serial)).await.unwrap();
        }
        assert_eq!(store.load().await.unwrap().unwrap(), version(3));
        let serials: Vec<u64> = store.history().unwrap().into_iter().map(|(serial, _)| serial).collect();
        assert_eq!(serials, [1, 2]);
        let mode = |path: PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(store.path()), mode(store.folder().to_owned())), (0o600, 0o700));
    }

    #[tokio::test]
    async fn a_save_on_top_of_somebody_elses_is_refused() {
        let (_folder, store) = store();
        store.save(&version(1)).await.unwrap();
        let error = store.save(&version(1)).await.unwrap_err();
        assert!(matches!(error, StoreError::Moved { expected: 0, found: 1 }), "{error}");
    }

    #[tokio::test]
    async fn only_the_last_fifty_versions_are_kept() {
        let (_folder, store) = store();
        for serial in 1..=60 {
            store.save(&version(serial)).await.unwrap();
        }
        let kept = store.history().unwrap();
        assert_eq!((kept.len(), kept[0].0), (KEPT, 10));
    }

    #[tokio::test]
    async fn a_torn_document_is_reported_with_the_way_back() {
        let (_folder, store) = store();
        store.save(&version(1)).await.unwrap();
        store.save(&version(2)).await.unwrap();
        fs::write(store.path(), "{\"version\": 1,").unwrap();
        let error = store.load().await.unwrap_err().to_string();
        assert!(error.contains("state.json") && error.contains("history"), "{error}");
    }

    #[test]
    fn the_second_locker_learns_who_holds_it_and_the_lock_dies_with_its_holder() {
        let (_folder, store) = store();
        let held = store.lock(&who("up")).unwrap();
        let StoreError::Locked(holder) = store.lock(&who("destroy")).unwrap_err() else { panic!("not locked") };
        assert_eq!(holder, who("up"));
        drop(held);
        store.lock(&who("destroy")).unwrap();
    }

    #[test]
    fn the_fingerprint_key_is_made_once() {
        let (_folder, store) = store();
        let key = store.fingerprint_key().unwrap();
        assert_eq!((key.len(), store.fingerprint_key().unwrap()), (32, key));
    }
}
