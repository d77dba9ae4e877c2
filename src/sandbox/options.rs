//! Where the sandbox keeps its files, and how it runs.

use super::{Result, SandboxError};
use std::ffi::OsString;
use std::path::PathBuf;

/// Where the sandbox keeps its files, and how it runs.
#[derive(Debug, Clone)]
pub struct Options {
    /// Folder of the installation (about 320 MB), shared by all sandboxes of a user: `~/.cache/hybridctl`.
    pub cache: PathBuf,
    /// Folder of one sandbox: its record, log and certificate authority.
    pub data: PathBuf,
    /// The Python to install with, a name or a path; `None` looks for one.
    pub python: Option<PathBuf>,
    /// Seconds that one step of a lifecycle takes (a database takes several to become available); 0 is instant.
    pub step_secs: f64,
    /// Run real ZenML servers in the tasks, as processes.
    pub real_server: bool,
    /// Hours without a request after which the sandbox ends itself.
    pub idle_hours: f64,
    /// A process whose end ends the sandbox too; `None` lets it outlive everybody.
    pub parent: Option<u32>,
    /// Where the AWS calls go instead of straight to the sandbox, `http://127.0.0.1:5001`: a proxy before it that
    /// disturbs them, for tests.
    pub proxy: Option<String>,
}

impl Options {
    /// Reads the environment.
    ///
    /// `HYBRIDCTL_CACHE` moves the cache (default `$XDG_CACHE_HOME/hybridctl` or `~/.cache/hybridctl`),
    /// `HYBRIDCTL_SANDBOX_DIR` the data folder (default `sandbox/run` in the cache), `HYBRIDCTL_PYTHON` names the Python,
    /// `HYBRIDCTL_SANDBOX_PARENT` the process whose end ends the sandbox, and `HYBRIDCTL_SANDBOX_PROXY` what stands before
    /// it (both for tests).
    ///
    /// # Errors
    /// Neither those variables nor `HOME` say where to keep the files, or a path cannot be made absolute.
    pub fn from_env() -> Result<Self> {
        Self::from_lookup(&|name| std::env::var_os(name))
    }

    /// The same, from any source of variables. An empty variable counts as unset.
    ///
    /// # Errors
    /// See [`Options::from_env`].
    pub fn from_lookup(lookup: &dyn Fn(&str) -> Option<OsString>) -> Result<Self> {
        let path = |name: &str| lookup(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let cache = path("HYBRIDCTL_CACHE")
            .or_else(|| path("XDG_CACHE_HOME").map(|folder| folder.join("hybridctl")))
            .or_else(|| path("HOME").map(|folder| folder.join(".cache/hybridctl")))
            .ok_or(SandboxError::NoFolder)?;
        let data = path("HYBRIDCTL_SANDBOX_DIR").unwrap_or_else(|| cache.join("sandbox/run"));
        let absolute = |path: PathBuf| std::path::absolute(&path).map_err(SandboxError::io(&path));
        Ok(Self {
            cache: absolute(cache)?,
            data: absolute(data)?,
            python: path("HYBRIDCTL_PYTHON"),
            step_secs: 0.3,
            real_server: false,
            idle_hours: 4.0,
            parent: path("HYBRIDCTL_SANDBOX_PARENT").and_then(|pid| pid.to_str()?.parse().ok()),
            proxy: path("HYBRIDCTL_SANDBOX_PROXY").map(|endpoint| endpoint.to_string_lossy().into_owned()),
        })
    }

    /// Where the simulator records where it listens.
    pub(super) fn record(&self) -> PathBuf {
        self.data.join("sandbox.json")
    }

    /// Locked by the server for as long as it lives.
    pub(super) fn server_lock(&self) -> PathBuf {
        self.data.join("server.lock")
    }

    /// What the server wrote.
    pub(super) fn log(&self) -> PathBuf {
        self.data.join("sandbox.log")
    }

    /// Hash of the simulator's sources that the server runs on.
    pub(super) fn source_mark(&self) -> PathBuf {
        self.data.join("source")
    }

    /// Folder of the installations.
    pub(super) fn installations(&self) -> PathBuf {
        self.cache.join("sandbox")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folders_follow_the_environment() {
        type Row = (&'static [(&'static str, &'static str)], &'static str, &'static str);
        let table: &[Row] = &[
            (&[("HOME", "/h")], "/h/.cache/hybridctl", "/h/.cache/hybridctl/sandbox/run"),
            (&[("HOME", "/h"), ("XDG_CACHE_HOME", "/x")], "/x/hybridctl", "/x/hybridctl/sandbox/run"),
            (&[("HOME", "/h"), ("XDG_CACHE_HOME", "")], "/h/.cache/hybridctl", "/h/.cache/hybridctl/sandbox/run"),
            (&[("HYBRIDCTL_CACHE", "/c"), ("HYBRIDCTL_SANDBOX_DIR", "/d")], "/c", "/d"),
        ];
        for (variables, cache, data) in table {
            let lookup = |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| value.into());
            let options = Options::from_lookup(&lookup).unwrap();
            assert_eq!((options.cache, options.data), (cache.into(), data.into()));
        }
    }

    #[test]
    fn without_a_home_it_asks_for_a_folder() {
        let error = Options::from_lookup(&|_| None).unwrap_err();
        assert!(matches!(error, SandboxError::NoFolder), "{error}");
    }
}
