//! The simulator's Python sources, carried in the binary and written to the cache when they are needed.

use super::{Options, Result, SandboxError, lock};
use sha2::{Digest, Sha256};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

macro_rules! embedded {
    ($($path:literal),* $(,)?) => { &[$(($path, include_str!(concat!("python/", $path)))),*] };
}

/// What pip installs.
pub(super) const REQUIREMENTS: &str = "requirements.txt";
/// The exact versions of everything that brings.
pub(super) const CONSTRAINTS: &str = "constraints.txt";

/// What pip installs for real servers.
pub(super) const SERVER_REQUIREMENTS: &str = "server-requirements.txt";
/// The exact versions of everything that brings.
pub(super) const SERVER_CONSTRAINTS: &str = "server-constraints.txt";

/// Every file that the simulator needs: path below `python/`, content.
pub(super) const FILES: &[(&str, &str)] = embedded![
    "requirements.txt",
    "constraints.txt",
    "server-requirements.txt",
    "server-constraints.txt",
    "simulator/__init__.py",
    "simulator/__main__.py",
    "simulator/account.py",
    "simulator/application.py",
    "simulator/authority.py",
    "simulator/balancing.py",
    "simulator/buckets.py",
    "simulator/certificates.py",
    "simulator/children.py",
    "simulator/clock.py",
    "simulator/compute.py",
    "simulator/conditions.py",
    "simulator/control.py",
    "simulator/controlplane.py",
    "simulator/database.py",
    "simulator/database_groups.py",
    "simulator/database_rules.py",
    "simulator/definitions.py",
    "simulator/deployments.py",
    "simulator/dns.py",
    "simulator/doors.py",
    "simulator/duplicate.py",
    "simulator/gateways.py",
    "simulator/health.py",
    "simulator/identity.py",
    "simulator/logs.py",
    "simulator/mariadb.py",
    "simulator/metrics.py",
    "simulator/network.py",
    "simulator/patching.py",
    "simulator/placement.py",
    "simulator/realserver.py",
    "simulator/resolver.py",
    "simulator/scaling.py",
    "simulator/scheduler.py",
    "simulator/schema.py",
    "simulator/secrets.py",
    "simulator/server.py",
    "simulator/serverhttp.py",
    "simulator/serverlog.py",
    "simulator/startup.py",
    "simulator/store.py",
    "simulator/tagging.py",
    "simulator/tasks.py",
    "simulator/workspace.py",
];

/// The content of one embedded file.
pub(super) fn content(name: &str) -> &'static str {
    FILES.iter().find(|(path, _)| *path == name).map_or("", |(_, content)| content)
}

/// Short name of a version of the sources: 12 hexadecimal digits.
pub(super) fn version() -> String {
    digest(FILES.iter().flat_map(|(path, content)| [*path, *content]))
}

/// The first 12 hexadecimal digits of a hash over parts, which cannot run into each other.
pub(super) fn digest<'a>(parts: impl IntoIterator<Item = &'a str>) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hash.finalize().iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}

/// Writes the sources to the cache, unless they are there unchanged, and returns their folder.
pub(super) async fn unpack(options: &Options) -> Result<PathBuf> {
    let name = version();
    let folder = options.installations().join(&name);
    let missing = || FILES.iter().filter(|(path, content)| !holds(&folder.join(path), content));
    if missing().next().is_none() {
        return Ok(folder);
    }
    let lock = options.installations().join(format!("{name}.lock"));
    let _held = lock::wait(&lock, Duration::from_secs(60), || {}).await?;
    for (path, content) in missing() {
        write(&folder.join(path), content)?;
    }
    Ok(folder)
}

fn holds(path: &Path, content: &str) -> bool {
    std::fs::read(path).is_ok_and(|found| found == content.as_bytes())
}

/// Replaces a file in one step: a reader sees the old content or the new, never half.
pub(super) fn write(path: &Path, content: &str) -> Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let written = || {
        std::fs::create_dir_all(folder)?;
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(content.as_bytes())?;
        file.persist(path).map_err(|error| error.error)
    };
    written().map(drop).map_err(SandboxError::io(path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn source() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("src/sandbox/python")
    }

    fn cache(folder: &Path) -> Options {
        let folder = folder.to_owned();
        Options::from_lookup(&|name| (name == "HYBRIDCTL_CACHE").then(|| folder.clone().into_os_string())).unwrap()
    }

    #[test]
    fn every_file_of_the_simulator_is_embedded() {
        let lists = [REQUIREMENTS, CONSTRAINTS, SERVER_REQUIREMENTS, SERVER_CONSTRAINTS];
        let mut expected: BTreeSet<String> = lists.iter().map(|name| (*name).to_owned()).collect();
        for entry in std::fs::read_dir(source().join("simulator")).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            if name != "__pycache__" {
                expected.insert(format!("simulator/{name}"));
            }
        }
        let embedded: BTreeSet<String> = FILES.iter().map(|(path, _)| (*path).to_owned()).collect();
        assert_eq!(embedded, expected, "the list in src/sandbox/files.rs and the folder differ");
        for (path, content) in FILES {
            assert!(holds(&source().join(path), content), "{path} differs from the embedded text");
        }
    }

    #[tokio::test]
    async fn a_damaged_copy_is_written_again() {
        let folder = tempfile::tempdir().unwrap();
        let options = cache(folder.path());
        let copy = unpack(&options).await.unwrap();
        std::fs::write(copy.join("simulator/clock.py"), "half of i").unwrap();
        std::fs::remove_file(copy.join("simulator/server.py")).unwrap();
        assert_eq!(unpack(&options).await.unwrap(), copy);
        assert!(FILES.iter().all(|(path, content)| holds(&copy.join(path), content)));
    }

    #[tokio::test]
    async fn several_may_unpack_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let options = cache(folder.path());
        let all = futures_util::future::join_all((0..8).map(|_| unpack(&options))).await;
        let copies: BTreeSet<PathBuf> = all.into_iter().map(|copy| copy.unwrap()).collect();
        assert_eq!(copies.len(), 1);
    }

    #[test]
    fn parts_do_not_run_into_each_other() {
        assert_ne!(digest(["ab", "c"]), digest(["a", "bc"]));
    }
}
