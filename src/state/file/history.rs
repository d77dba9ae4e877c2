//! Earlier versions of the document: which are kept, and where they go when the document itself is set aside.

use super::{FileStore, io, make_folder};
use crate::state::StoreError;
use crate::state::place::{Document, Past};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// Previous versions kept in `history/`.
pub(super) const KEPT: usize = 50;
/// The newest of them, whatever their time.
const RECENT: usize = 25;
/// Time between two of the others.
const APART: Duration = Duration::from_secs(600);

impl FileStore {
    /// The document's versions, oldest first, the current one last.
    ///
    /// # Errors
    /// If the folder cannot be read.
    pub fn history(&self) -> Result<Vec<Past>, StoreError> {
        let earlier = self.earlier_files()?.into_iter().map(|(serial, path)| past(serial, &path, false));
        let mut versions = earlier.collect::<Result<Vec<Past>, StoreError>>()?;
        match self.current() {
            // The earlier ones are what somebody needs who asks then.
            Err(StoreError::Damaged(_)) => {}
            current => versions.extend(current?),
        }
        Ok(versions)
    }

    /// The version that is current.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn current(&self) -> Result<Option<Past>, StoreError> {
        match self.document()? {
            Some(Document::State(state)) => past(state.serial, &self.path(), true).map(Some),
            _ => Ok(None),
        }
    }

    /// The text of an earlier version.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn earlier(&self, past: &Past) -> Result<Vec<u8>, StoreError> {
        let path = Path::new(&past.handle);
        fs::read(path).map_err(io(path))
    }

    pub(super) fn earlier_files(&self) -> Result<Vec<(u64, PathBuf)>, StoreError> {
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
        self.set_history_aside(why, stamp)?;
        Ok(aside)
    }

    pub(super) fn set_history_aside(&self, why: &str, stamp: i64) -> Result<(), StoreError> {
        let history = self.folder.join("history");
        match fs::rename(&history, self.folder.join(format!("history.{why}-{stamp}"))) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(io(&history)(error)),
            _ => Ok(()),
        }
    }

    pub(super) fn keep_previous(&self, serial: u64) -> Result<(), StoreError> {
        let (current, folder) = (self.path(), self.folder.join("history"));
        if !current.exists() {
            return Ok(());
        }
        make_folder(&folder)?;
        // A second name for the same file: the current document is never missing.
        match fs::hard_link(&current, folder.join(format!("{serial:08}.json"))) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(StoreError::Gone { expected: serial });
            }
            Err(error) => return Err(io(&folder)(error)),
        }
        for path in superfluous(&self.earlier_files()?)? {
            fs::remove_file(path).map_err(io(path))?;
        }
        Ok(())
    }
}

/// A run saves hundreds of times, and what was before it is what somebody wants back: of the older versions, oldest first, the first
/// of every ten minutes is enough.
fn superfluous(versions: &[(u64, PathBuf)]) -> Result<Vec<&Path>, StoreError> {
    let (mut kept, mut superfluous) = (vec![], vec![]);
    let mut last: Option<SystemTime> = None;
    for (_, path) in versions.iter().take(versions.len().saturating_sub(RECENT)) {
        let written = fs::metadata(path).and_then(|found| found.modified()).map_err(io(path))?;
        if last.is_none_or(|last| written.duration_since(last).is_ok_and(|apart| apart >= APART)) {
            last = Some(written);
            kept.push(path.as_path());
        } else {
            superfluous.push(path.as_path());
        }
    }
    superfluous.extend(kept.iter().take(kept.len().saturating_sub(KEPT - RECENT)));
    Ok(superfluous)
}

fn past(serial: u64, path: &Path, current: bool) -> Result<Past, StoreError> {
    let written = fs::metadata(path).and_then(|found| found.modified()).map_err(io(path))?;
    let written = jiff::Timestamp::try_from(written).unwrap_or_default();
    Ok(Past { serial, written, who: None, handle: path.display().to_string(), current })
}
