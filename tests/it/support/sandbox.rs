//! The sandbox that the suites share: one world per run of this binary, which ends when the binary does.
//!
//! `HYBRIDCTL_TEST_ENDPOINT=http://127.0.0.1:PORT` uses a sandbox that is already running instead.

use hybridctl::sandbox::{Options, Sandbox, ensure};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use tokio::sync::OnceCell;

static SHARED: OnceCell<Sandbox> = OnceCell::const_new();

/// The shared sandbox, started (and installed) when first asked for.
pub async fn sandbox() -> &'static Sandbox {
    SHARED
        .get_or_init(async || {
            let found = match std::env::var("HYBRIDCTL_TEST_ENDPOINT") {
                Ok(endpoint) => Sandbox::at(&endpoint).await,
                Err(_) => ensure(&options(&shared_folder()), &|line| eprintln!("{line}")).await,
            };
            found.unwrap_or_else(|error| panic!("{error}\nhint: {}", error.hint().unwrap_or_default()))
        })
        .await
}

/// Options of a sandbox with its files in `data`, which ends with this process. The installation is the user's own.
pub fn options(data: &Path) -> Options {
    let mut options = Options::from_env().unwrap();
    options.data = data.to_owned();
    options.step_secs = 0.1;
    options.idle_hours = 1.0;
    options.parent = Some(std::process::id());
    options
}

/// Data folder of the shared sandbox, for `HYBRIDCTL_SANDBOX_DIR` of a command that a test runs. Removes those of earlier runs.
pub fn shared_folder() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let ours = entry.file_name().to_string_lossy().starts_with("sandbox-");
        let modified = entry.metadata().and_then(|metadata| metadata.modified()).unwrap_or(SystemTime::now());
        let old = modified.elapsed().is_ok_and(|age| age > Duration::from_secs(6 * 3600));
        if ours && old {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
    folder.join(format!("sandbox-{}", std::process::id()))
}
