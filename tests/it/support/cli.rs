//! The real binary on a world of its own: a project folder, a sandbox, and boto3 to look and to meddle independently of
//! our code.

use super::proxy::{Faults, Proxy, mutates};
use super::sandbox::options;
use hybridctl::sandbox::{Options, Sandbox, SandboxError, ensure, loopback, python};
use serde_json::{Value, json};
use std::io::{Read, Write};
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

const PROXY: &str = "HYBRIDCTL_SANDBOX_PROXY";

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
        self.operations().into_iter().filter(|operation| mutates(operation)).collect()
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
        Self::staged(template, |_| {})
    }

    /// A template in a world where a step of a lifecycle takes so many seconds.
    pub fn paced(template: &str, step_secs: f64) -> Self {
        Self::staged(template, |options| options.step_secs = step_secs)
    }

    /// The quickstart template in a world with real servers.
    pub fn real() -> Self {
        Self::staged("quickstart", |options| options.real_server = true)
    }

    fn staged(template: &str, change: impl FnOnce(&mut Options)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("templates/{template}.toml"));
        let project = dir.path().join("project");
        std::fs::create_dir(&project).unwrap();
        std::fs::copy(source, project.join("hybrid.toml")).unwrap();
        let mut options = options(&dir.path().join("sandbox"));
        change(&mut options);
        let (sandbox, python) = start(&options);
        Self { dir, sandbox, variables: vec![], options, python }
    }

    /// The same, to the moment, and independent from here on: a copy of the project folder, and a second sandbox process
    /// with the same world.
    pub fn copy(&self) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let project = dir.path().join("project");
        copy_folder(&self.project(), &project);
        let options = Options { data: dir.path().join("sandbox"), ..self.options.clone() };
        let answer = self.ask_sandbox("copy", &json!({"data": options.data}));
        let sandbox = serde_json::from_value(answer).unwrap();
        Self { dir, sandbox, variables: self.variables.clone(), options, python: self.python.clone() }
    }

    /// A request to the sandbox's own interface.
    fn ask_sandbox(&self, action: &str, body: &Value) -> Value {
        let (address, body) = (loopback(&self.sandbox.endpoint).unwrap(), body.to_string());
        let mut stream = std::net::TcpStream::connect(address).unwrap();
        let head = format!("POST /sandbox/{action} HTTP/1.1\r\nHost: sandbox\r\nConnection: close\r\nContent-Length: ");
        write!(stream, "{head}{}\r\n\r\n{body}", body.len()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.split(' ').nth(1) == Some("200"), "{answer}");
        serde_json::from_str(body).unwrap()
    }

    /// A Python that has boto3, to run a script with `client`, `out` and `argv`. Its calls go to `endpoint`.
    pub fn script(&self, endpoint: &str, script: &str, argv: &[&str]) -> Command {
        let mut command = Command::new(&self.python);
        command.arg("-c").arg(format!("{PRELUDE}\n{script}"));
        command.env_clear().env("AWS_EC2_METADATA_DISABLED", "true").env("PATH", std::env::var_os("PATH").unwrap());
        command.env("ENDPOINT", endpoint).env("ARGV", serde_json::to_string(argv).unwrap());
        command
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

    /// Puts a proxy before the sandbox: from now on the command's calls go through it, and [`Self::boto`]'s do not.
    pub fn disturbed(&mut self, faults: Faults) -> Proxy {
        let proxy = Proxy::before(&self.sandbox.endpoint, faults);
        self.variables.retain(|(name, _)| name != PROXY);
        self.variables.push((PROXY.to_owned(), proxy.endpoint()));
        proxy
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
        let mut command = self.script(&self.sandbox.endpoint, script, argv);
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

/// The output of a command that has ended.
pub fn finished(output: std::process::Output) -> Output {
    use std::os::unix::process::ExitStatusExt;
    // A process that a signal ended counts as shells count it.
    let code = output.status.code().or_else(|| Some(128 + output.status.signal()?)).unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Output { code, stdout: text(output.stdout), stderr: text(output.stderr) }
}

fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().flatten() {
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        match source.is_dir() {
            true => copy_folder(&source, &target),
            false => drop(std::fs::copy(source, target).unwrap()),
        }
    }
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
