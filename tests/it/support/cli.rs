//! The real binary on a world of its own: a project folder, a sandbox, and boto3 to look and to meddle independently of
//! our code.

use super::sandbox::options;
use hybridctl::sandbox::{Options, Sandbox, SandboxError, ensure, python};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// Of our environment, only what finds programs and the installation of the sandbox: no credentials, no AWS settings.
const INHERITED: &[&str] =
    &["PATH", "HOME", "TMPDIR", "LANG", "LC_ALL", "XDG_CACHE_HOME", "HYBRIDCTL_CACHE", "HYBRIDCTL_PYTHON"];

/// What a boto3 script finds: `client("ec2")`, `out(value)` to answer with JSON, `argv` with its arguments.
const PRELUDE: &str = r#"
import boto3, json, os, sys, time
argv = json.loads(os.environ["ARGV"])
def client(service, region="eu-central-1"):
    return boto3.client(service, region_name=region, endpoint_url=os.environ["ENDPOINT"],
                        aws_access_key_id="testing", aws_secret_access_key="testing")
def out(value):
    print(json.dumps(value, default=str))
"#;

/// How a command ended.
#[derive(Debug)]
pub struct Output {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Output {
    /// Both streams, for a failing test.
    pub fn text(&self) -> String {
        format!("exit code {}\n--- stdout\n{}\n--- stderr\n{}", self.code, self.stdout, self.stderr)
    }

    /// It ended with this code.
    #[track_caller]
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{}", self.text());
        self
    }

    /// Stdout as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}\n{}", self.text()))
    }

    /// The AWS operations that `-vv` named, `ec2:DescribeVpcs`, one for each call.
    pub fn operations(&self) -> Vec<String> {
        let named = self.stderr.lines().filter_map(|line| line.split_once("operation=\"")?.1.split_once('"'));
        named.map(|(operation, _)| operation.to_owned()).collect()
    }

    /// Those that may change something.
    pub fn mutations(&self) -> Vec<String> {
        let reads = |operation: &String| {
            let verb = operation.split_once(':').map_or("", |(_, verb)| verb);
            ["Describe", "List", "Get"].iter().any(|reading| verb.starts_with(reading))
        };
        self.operations().into_iter().filter(|operation| !reads(operation)).collect()
    }
}

/// A project folder with a `hybrid.toml`, and a sandbox of its own.
pub struct Rehearsal {
    /// Removed at the end.
    pub dir: TempDir,
    /// Where it runs.
    pub sandbox: Sandbox,
    /// More variables for every command.
    pub variables: Vec<(String, String)>,
    options: Options,
    python: PathBuf,
}

impl Rehearsal {
    /// The quickstart template in a fresh world.
    pub fn new() -> Self {
        Self::of("quickstart")
    }

    /// Another template.
    pub fn of(template: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("templates/{template}.toml"));
        let project = dir.path().join("project");
        std::fs::create_dir(&project).unwrap();
        std::fs::copy(source, project.join("hybrid.toml")).unwrap();
        let options = options(&dir.path().join("sandbox"));
        let (sandbox, python) = start(&options);
        Self { dir, sandbox, variables: vec![], options, python }
    }

    /// Folder with the config, the state, and what a test writes.
    pub fn project(&self) -> PathBuf {
        self.dir.path().join("project")
    }

    /// The config file.
    pub fn config(&self) -> PathBuf {
        self.project().join("hybrid.toml")
    }

    /// Replaces text in the config, which must be there.
    #[track_caller]
    pub fn edit(&self, from: &str, to: &str) {
        let text = std::fs::read_to_string(self.config()).unwrap();
        assert!(text.contains(from), "`{from}` is not in\n{text}");
        std::fs::write(self.config(), text.replacen(from, to, 1)).unwrap();
    }

    /// The command with these arguments, not started.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hybridctl"));
        command.args(arguments).arg("--sandbox").arg("--config").arg(self.config());
        command.current_dir(self.project()).env_clear().stdin(Stdio::null());
        command.envs(INHERITED.iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
        command.env("AWS_EC2_METADATA_DISABLED", "true").env("CI", "true");
        command.env("HYBRIDCTL_SANDBOX_DIR", &self.options.data);
        command.env("HYBRIDCTL_SANDBOX_PARENT", std::process::id().to_string());
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs it to its end.
    pub fn run(&self, arguments: &[&str]) -> Output {
        finished(self.command(arguments).output().unwrap())
    }

    /// Starts it; its output is captured by [`wait`].
    pub fn start(&self, arguments: &[&str]) -> Child {
        self.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// `up --yes`.
    pub fn up(&self) -> Output {
        self.run(&["up", "--yes"])
    }

    /// `diff --exit-code`.
    pub fn diff(&self) -> Output {
        self.run(&["diff", "--exit-code"])
    }

    /// Runs a Python script that has `client`, `out` and `argv`, and returns what it gave to `out` (the last time).
    #[track_caller]
    pub fn boto(&self, script: &str, argv: &[&str]) -> Value {
        let mut command = Command::new(&self.python);
        command.arg("-c").arg(format!("{PRELUDE}\n{script}"));
        command.env_clear().env("AWS_EC2_METADATA_DISABLED", "true").env("PATH", std::env::var_os("PATH").unwrap());
        command.env("ENDPOINT", &self.sandbox.endpoint).env("ARGV", serde_json::to_string(argv).unwrap());
        let output = finished(command.stdin(Stdio::null()).output().unwrap());
        assert_eq!(output.code, 0, "{}", output.text());
        let answer = output.stdout.lines().last().unwrap_or("null");
        serde_json::from_str(answer).unwrap_or_else(|error| panic!("{error}: {answer}"))
    }

    /// The newest state document.
    pub fn state(&self) -> Value {
        self.run(&["state", "show"]).expect(0).json()
    }
}

/// Waits for what [`Rehearsal::start`] started.
pub fn wait(child: Child) -> Output {
    finished(child.wait_with_output().unwrap())
}

fn finished(output: std::process::Output) -> Output {
    use std::os::unix::process::ExitStatusExt;
    // A process that a signal ended counts as shells count it.
    let code = output.status.code().or_else(|| Some(128 + output.status.signal()?)).unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Output { code, stdout: text(output.stdout), stderr: text(output.stderr) }
}

fn start(options: &Options) -> (Sandbox, PathBuf) {
    let work = async || {
        let sandbox = ensure(options, &|line| eprintln!("{line}")).await;
        let python = python(options, &|line| eprintln!("{line}")).await;
        (sandbox.unwrap_or_else(tell), python.unwrap_or_else(tell))
    };
    let work = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work());
    // On a thread of its own, so that asynchronous tests can use it too.
    std::thread::scope(|scope| scope.spawn(work).join().unwrap())
}

fn tell<T>(error: SandboxError) -> T {
    panic!("{error}\nhint: {}", error.hint().unwrap_or_default())
}

impl Drop for Rehearsal {
    /// Its sandbox ends with it: many tests in one process would otherwise leave one each.
    fn drop(&mut self) {
        let mut command = self.command(&["sandbox", "stop", "--quiet"]);
        let _ = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
    }
}
