//! A MariaDB for real servers: the one on PATH, or Debian's packages, unpacked in the cache. Nothing is installed on the machine.

use super::error::tail_of;
use super::{Options, Result, SandboxError, files, lock};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;

const PATIENCE: Duration = Duration::from_secs(10 * 60);
/// What is unpacked: server and system tables, and the small programs that make them. Their libraries are added where the
/// machine lacks them.
const PACKAGES: &[&str] = &["mariadb-server-core", "mariadb-client-core"];
/// Written last.
const MARKER: &str = "hybridctl-complete";

/// Returns the folder of the unpacked packages; `None`: MariaDB is on PATH.
pub(super) async fn ensure(options: &Options, progress: &dyn Fn(&str)) -> Result<Option<PathBuf>> {
    if source(on_path)? == Source::Installed {
        return Ok(None);
    }
    let folder = options.installations().join("mariadb");
    let complete = || folder.join(MARKER).exists();
    if !complete() {
        let waiting = || progress("waiting for another process that is fetching MariaDB");
        let _held = lock::wait(&folder.with_extension("lock"), PATIENCE, waiting).await?;
        if !complete() {
            progress("fetching MariaDB from Debian's packages (about 12 MB, once)");
            fetch(&folder).await?;
        }
    }
    Ok(Some(folder))
}

/// Where MariaDB comes from.
#[derive(Debug, PartialEq)]
enum Source {
    Installed,
    Packages,
}

fn source(has: impl Fn(&str) -> bool) -> Result<Source> {
    match (["mariadbd", "mariadb-install-db"].map(&has), ["apt-get", "dpkg"].map(&has)) {
        ([true, true], _) => Ok(Source::Installed),
        (_, [true, true]) => Ok(Source::Packages),
        _ => Err(SandboxError::NoMariaDb),
    }
}

/// True if a program is on PATH, or where a server's programs are that PATH may leave out.
fn on_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/usr/local/sbin".into()]);
    folders.into_iter().any(|folder| folder.join(program).is_file())
}

async fn fetch(folder: &Path) -> Result<()> {
    let archives = folder.join("archives");
    let apt = Apt { folder: archives.clone(), log: folder.with_extension("log") };
    let _ = std::fs::remove_dir_all(folder);
    std::fs::create_dir_all(&archives).map_err(SandboxError::io(&archives))?;
    File::create(&apt.log).map_err(SandboxError::io(&apt.log))?;
    if apt.download(&[]).await.is_err() {
        // No package lists, or stale ones: lists of our own need no root.
        let own = own_lists(folder)?;
        apt.run("apt-get", &[&own[..], &["update".into()]].concat()).await?;
        apt.download(&own).await?;
    }
    let entries = std::fs::read_dir(&archives).map_err(SandboxError::io(&archives))?;
    for archive in entries.flatten().map(|entry| entry.path()).filter(|path| path.extension() == Some("deb".as_ref())) {
        let words = ["-x".into(), archive.display().to_string(), folder.display().to_string()];
        apt.run("dpkg", &words).await?;
    }
    let _ = std::fs::remove_dir_all(&archives);
    files::write(&folder.join(MARKER), "")
}

/// Options that keep apt's lists and cache in a folder of ours.
fn own_lists(folder: &Path) -> Result<Vec<String>> {
    let apt = folder.join("apt");
    for part in ["lists/partial", "cache/archives/partial"] {
        let path = apt.join(part);
        std::fs::create_dir_all(&path).map_err(SandboxError::io(&path))?;
    }
    let option = |name: &str, part: &str| format!("-oDir::{name}={}", apt.join(part).display());
    Ok(vec![option("State::lists", "lists"), option("Cache", "cache")])
}

/// Debian's package tools, with one log.
struct Apt {
    /// Where archives are downloaded to.
    folder: PathBuf,
    log: PathBuf,
}

impl Apt {
    async fn download(&self, own: &[String]) -> Result<()> {
        let mut wanted: Vec<String> = PACKAGES.iter().map(|name| (*name).to_owned()).collect();
        wanted.extend(self.missing_libraries(own).await?);
        self.run("apt-get", &[own, &["download".into()], &wanted].concat()).await.map(drop)
    }

    /// The libraries that the server depends on and the machine does not have.
    async fn missing_libraries(&self, own: &[String]) -> Result<Vec<String>> {
        let words = [own, &["depends".into(), PACKAGES[0].into()]].concat();
        let depends = self.run("apt-cache", &words).await?;
        let mut missing = vec![];
        for name in libraries(&depends) {
            let query = ["-W".to_owned(), "-f${Status}".to_owned(), name.to_owned()];
            if !self.run("dpkg-query", &query).await.is_ok_and(|status| status.contains("ok installed")) {
                missing.push(name.to_owned());
            }
        }
        Ok(missing)
    }

    /// What a program says, if it succeeds.
    async fn run(&self, program: &str, words: &[String]) -> Result<String> {
        let errors = File::options().append(true).open(&self.log).map_err(SandboxError::io(&self.log))?;
        let mut command = Command::new(program);
        command.args(words).current_dir(&self.folder).env("LC_ALL", "C.UTF-8");
        command.stdin(Stdio::null()).stderr(errors).kill_on_drop(true);
        let ended = match tokio::time::timeout(PATIENCE, command.output()).await {
            Ok(Ok(output)) if output.status.success() => {
                return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
            }
            Ok(Ok(output)) => output.status.to_string(),
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("still running after {} min, ended", PATIENCE.as_secs() / 60),
        };
        let verb = words.iter().find(|word| !word.starts_with('-')).map_or("", String::as_str);
        let hint = "install MariaDB yourself, then try again:\n    sudo apt install mariadb-server-core".to_owned();
        let tail = tail_of(&self.log, 6);
        Err(SandboxError::Install { step: format!("`{program} {verb}` ({ended})"), tail, log: self.log.clone(), hint })
    }
}

/// The libraries among the dependencies that `apt-cache depends` lists.
fn libraries(depends: &str) -> impl Iterator<Item = &str> {
    let names = depends.lines().filter_map(|line| line.trim().strip_prefix("Depends: "));
    names.filter(|name| name.starts_with("lib"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_installed_comes_before_packages_and_without_either_it_says_what_to_install() {
        let of = |present: &'static [&'static str]| source(|program| present.contains(&program));
        assert_eq!(of(&["mariadbd", "mariadb-install-db", "apt-get", "dpkg"]).unwrap(), Source::Installed);
        assert_eq!(of(&["mariadbd", "apt-get", "dpkg"]).unwrap(), Source::Packages);
        let error = of(&["mariadbd"]).unwrap_err();
        assert!(error.hint().unwrap().contains("mariadb-server"), "{error}");
    }

    #[test]
    fn only_libraries_that_are_depended_on_are_looked_for() {
        let depends = "mariadb-server-core\n  Depends: mariadb-common\n  Depends: libaio1\n  Depends: libsystemd0\n    \
                       libelogind0\n |Depends: libpcre2-8-0\n  Breaks: libmariadbd-dev\n  Suggests: libx\n";
        assert_eq!(libraries(depends).collect::<Vec<_>>(), ["libaio1", "libsystemd0"]);
    }
}
