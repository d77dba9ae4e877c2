//! What real servers need beyond the simulator: the ZenML server from Python's package index, and a MariaDB.

use super::files::{self, SERVER_REQUIREMENTS};
use super::{Options, Result, install, mariadb};
use std::path::{Path, PathBuf};

/// What the simulator starts in its tasks.
#[derive(Debug)]
pub(super) struct RealServer {
    /// `0.98.0`.
    pub(super) version: String,
    /// Folder with `zenml` and `uvicorn`.
    pub(super) programs: PathBuf,
    /// Folder with MariaDB's unpacked packages; `None`: it is installed on this machine.
    pub(super) mariadb: Option<PathBuf>,
}

/// Finds or installs everything.
pub(super) async fn ensure(options: &Options, progress: &dyn Fn(&str)) -> Result<RealServer> {
    // First what may be missing for good: the other takes a minute.
    let mariadb = mariadb::ensure(options, progress).await?;
    let python = install::ensure_server(options, progress).await?;
    let programs = python.parent().map(Path::to_owned).unwrap_or_default();
    Ok(RealServer { version: version().to_owned(), programs, mariadb })
}

/// The version that is installed.
fn version() -> &'static str {
    let pinned = files::content(SERVER_REQUIREMENTS).lines().find_map(|line| line.strip_prefix("zenml[server]=="));
    pinned.map_or("", str::trim)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_version_is_the_one_that_the_templates_deploy() {
        let template = include_str!("../../templates/quickstart.toml");
        assert!(template.contains(&format!("\"{}\"", super::version())), "{}", super::version());
    }
}
