//! Reads what people wrote. A path may lead to anything: a device has no end.

use crate::cli::exit::{CONFIG, Failure};
use std::io::{ErrorKind, Read};
use std::path::Path;

/// Bytes; a thousand times what anybody writes.
const LARGEST_CONFIG: u64 = 4 << 20;

/// The text of the config file.
pub(crate) fn read(path: &Path) -> Result<String, Failure> {
    let failed = |why: String| Failure::new(CONFIG, format!("{}: {why}", path.display()));
    let text = bounded(path, LARGEST_CONFIG).map_err(|error| {
        let failure = failed(error.to_string());
        match error.kind() {
            ErrorKind::NotFound => failure.hint("write one with `hybridctl init`, or name it with `--config FILE`"),
            _ => failure,
        }
    })?;
    text.ok_or_else(|| failed("more than a configuration can be; name the right file with `--config FILE`".to_owned()))
}

/// The text of a file; `None` if it is longer than that: a device has no end.
pub(crate) fn bounded(path: &Path, longest: u64) -> std::io::Result<Option<String>> {
    let mut text = String::new();
    let read = std::fs::File::open(path)?.take(longest + 1).read_to_string(&mut text)?;
    Ok(Some(text).filter(|_| read as u64 <= longest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_an_end_is_not_read_to_its_end() {
        assert_eq!(bounded(Path::new("/dev/zero"), 100).unwrap(), None);
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("hybrid.toml");
        std::fs::write(&file, "12345").unwrap();
        assert_eq!(bounded(&file, 5).unwrap().as_deref(), Some("12345"));
        assert_eq!(bounded(&file, 4).unwrap(), None);
    }
}
