//! Signals while nothing is in flight: every verb ends at once, with the code of the signal.

use super::world::{counts, signal, start_until, world};
use crate::support::cli::{Rehearsal, wait};
use crate::support::proxy::{Fault, Faults, always};
use serde_json::json;
use std::process::Stdio;
use std::time::{Duration, Instant};

#[track_caller]
fn at_once(asked: Instant, story: &str) {
    assert!(asked.elapsed() < Duration::from_secs(3), "{story}: {:?}", asked.elapsed());
}

#[test]
fn one_signal_ends_every_verb_that_only_looks() {
    let mut rehearsal = Rehearsal::new();
    let slow = |pattern: &str| Faults::none().on(pattern, always(), Fault::Delay(Duration::from_secs(60)));
    let proxy = rehearsal.disturbed(Faults::none());
    // Each waits for an answer to a call of this kind.
    let verbs: [(&[&str], &str, &str, i32); 8] = [
        (&["plan"], "ec2:Describe*", "INT", 130),
        (&["plan"], "sts:*", "TERM", 143),
        (&["diff"], "ec2:Describe*", "TERM", 143),
        (&["up", "--yes"], "ec2:Describe*", "INT", 130),
        (&["destroy", "--yes", "--confirm", "zenml-hybrid"], "ec2:Describe*", "TERM", 143),
        (&["verify", "--wait", "5m"], "ecs:*", "INT", 130),
        (&["status"], "sts:*", "TERM", 143),
        (&["output"], "sts:*", "INT", 130),
    ];
    for (arguments, pattern, name, code) in verbs {
        proxy.disturb(slow(pattern));
        proxy.take_log();
        let child = rehearsal.start(arguments);
        let started = Instant::now();
        while proxy.log().count(pattern) == 0 {
            assert!(started.elapsed() < Duration::from_secs(30), "{arguments:?} never calls {pattern}");
            std::thread::sleep(Duration::from_millis(5));
        }
        let asked = Instant::now();
        signal(name, child.id());
        let output = wait(child).expect(code);
        at_once(asked, &format!("{arguments:?}"));
        assert!(output.stderr.contains("stopped\n"), "{arguments:?}\n{}", output.text());
    }
    assert_eq!(proxy.log().mutations(), Vec::<&str>::new());
}

/// On a terminal of its own, with Ctrl-C instead of an answer.
const AT_THE_QUESTION: &str = r#"
import pty, signal, subprocess
program = json.loads(argv[0])
terminal, inside = pty.openpty()
command = subprocess.Popen(program["argv"], env=program["env"], cwd=program["cwd"], stdin=inside,
                           stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
said = b""
while b"[y/N]" not in said:
    part = os.read(command.stderr.fileno(), 4096)
    if not part:
        break
    said += part
command.send_signal(getattr(signal, argv[1]))
out({"code": command.wait(5), "said": said.decode()})
"#;

const BUCKET: &str = "\n[state]\nbucket = \"acme-state\"\nprefix = \"team/prod\"\n";

/// The lock in the bucket, which would keep the next run waiting for a minute, goes as well.
#[test]
fn a_signal_at_the_question_is_no_answer_and_changes_nothing() {
    let rehearsal = Rehearsal::new();
    let text = std::fs::read_to_string(rehearsal.config()).unwrap();
    std::fs::write(rehearsal.config(), text + BUCKET).unwrap();
    let command = rehearsal.command(&["up"]);
    let text = |text: &std::ffi::OsStr| text.to_string_lossy().into_owned();
    let argv: Vec<String> = std::iter::once(command.get_program()).chain(command.get_args()).map(text).collect();
    let env = command.get_envs().filter_map(|(name, value)| Some((text(name), text(value?).into())));
    let env: serde_json::Map<String, serde_json::Value> = env.collect();
    let program = json!({ "argv": argv, "env": env, "cwd": rehearsal.project() }).to_string();
    for (name, code) in [("SIGINT", 130), ("SIGTERM", 143)] {
        let ended = rehearsal.boto(AT_THE_QUESTION, &[&program, name]);
        assert_eq!(ended["code"], code, "{ended}");
        let list = "out([o['Key'] for o in client('s3').list_objects_v2(Bucket='acme-state').get('Contents', [])])";
        let keys = rehearsal.boto(list, &[]);
        assert!(!keys.to_string().contains("lock"), "{keys}");
    }
    assert_eq!(counts(&world(&rehearsal))["vpc"], 0);
}

#[test]
fn a_signal_ends_the_start_of_a_sandbox() {
    let dir = tempfile::tempdir().unwrap();
    let rehearsal = Rehearsal::new();
    let mut command = rehearsal.command(&["sandbox", "start"]);
    command.env("HYBRIDCTL_SANDBOX_DIR", dir.path().join("another")).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    let started = Instant::now();
    while !dir.path().join("another").exists() {
        assert!(started.elapsed() < Duration::from_secs(30), "it does not begin");
        std::thread::sleep(Duration::from_millis(1));
    }
    let asked = Instant::now();
    signal("TERM", child.id());
    wait(child).expect(143);
    at_once(asked, "sandbox start");
    // What the killed one left behind is no obstacle, and ends here.
    for verb in ["start", "stop"] {
        let mut command = rehearsal.command(&["sandbox", verb]);
        command.env("HYBRIDCTL_SANDBOX_DIR", dir.path().join("another"));
        assert!(command.output().unwrap().status.success(), "sandbox {verb}");
    }
}

#[test]
fn calls_in_flight_are_waited_for_half_a_minute_and_not_longer() {
    let rehearsal = Rehearsal::new();
    let child = start_until(&rehearsal, &["up", "--yes"], |steps| steps.len() >= 50).unwrap();
    signal("STOP", rehearsal.sandbox.pid);
    let asked = Instant::now();
    signal("INT", child.id());
    let output = wait(child);
    signal("CONT", rehearsal.sandbox.pid);
    let output = output.expect(130);
    assert!(asked.elapsed() < Duration::from_secs(35), "{:?}\n{}", asked.elapsed(), output.text());
    rehearsal.up().expect(0);
}
