//! The sandbox's own life: found again, started once, emptied, ended; and what it says when it cannot be.

use crate::support::cli::Rehearsal;
use crate::support::sandbox::{options, sandbox};
use hybridctl::sandbox::{Options, SandboxError, ensure, python, reset, running, stop};
use serde_json::json;
use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

fn quiet(_: &str) {}

/// Options with the fake Python and a cache of its own in `folder`.
fn faked(folder: &Path) -> Options {
    let mut options = options(&folder.join("run"));
    options.cache = folder.to_owned();
    options.python = Some(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/support/fake-python.sh"));
    options
}

fn pip_calls(folder: &Path) -> usize {
    std::fs::read_to_string(folder.join("sandbox/pip-calls")).unwrap_or_default().lines().count()
}

/// start + start (at once) -> one world; reset -> another, same process; stop -> none; start -> a third
#[tokio::test]
async fn a_world_lasts_until_it_is_reset_or_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let options = options(folder.path());
    assert_eq!(running(&options).await.unwrap(), None);
    let (first, second) = tokio::join!(ensure(&options, &quiet), ensure(&options, &quiet));
    let first = first.unwrap();
    assert_eq!(first, second.unwrap());
    assert_eq!(first, ensure(&options, &|line| panic!("{line}")).await.unwrap());
    assert!(first.ca_file.starts_with(folder.path().canonicalize().unwrap()));

    let seeded = first.seed("example.com", "zenml.example.com", "eu-central-1").await.unwrap();
    assert_eq!(seeded, first.seed("example.com", "zenml.example.com", "eu-central-1").await.unwrap());
    assert!(seeded.certificate_arn.starts_with("arn:aws:acm:eu-central-1:"), "{seeded:?}");

    let emptied = reset(&options).await.unwrap();
    assert_eq!((emptied.pid, &emptied.endpoint), (first.pid, &first.endpoint));
    assert_ne!(emptied.world, first.world);
    assert_eq!(running(&options).await.unwrap().as_ref(), Some(&emptied));
    assert_ne!(seeded.zone_id, first.seed("example.com", "a.example.com", "eu-central-1").await.unwrap().zone_id);

    assert!(stop(&options).await.unwrap());
    assert_eq!(running(&options).await.unwrap(), None);
    assert!(!stop(&options).await.unwrap());
    assert!(matches!(reset(&options).await, Err(SandboxError::NotRunning)));
    let third = ensure(&options, &quiet).await.unwrap();
    assert!(third.world != first.world && third.world != emptied.world);
    assert!(stop(&options).await.unwrap());
}

/// Its world is worth more than the wish.
#[tokio::test]
async fn a_sandbox_that_only_simulates_is_not_replaced_by_one_with_real_servers() {
    let folder = tempfile::tempdir().unwrap();
    let mut options = options(folder.path());
    let first = ensure(&options, &quiet).await.unwrap();
    options.real_server = true;
    let error = ensure(&options, &quiet).await.unwrap_err();
    assert!(matches!(error, SandboxError::OnlySimulated), "{error}");
    assert!(error.hint().unwrap().contains("sandbox stop"), "{error}");
    assert_eq!(running(&options).await.unwrap(), Some(first));
    assert!(stop(&options).await.unwrap());
}

#[tokio::test]
async fn a_killed_sandbox_is_started_anew() {
    let folder = tempfile::tempdir().unwrap();
    let options = options(folder.path());
    let first = ensure(&options, &quiet).await.unwrap();
    assert!(Command::new("kill").args(["-KILL", &first.pid.to_string()]).status().unwrap().success());
    let second = ensure(&options, &quiet).await.unwrap();
    assert_ne!(first.world, second.world);
    assert!(stop(&options).await.unwrap());
}

/// It outlives the command that started it: neither that one's Ctrl-C nor its secrets are meant for it.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn it_has_neither_our_signals_nor_our_environment() {
    let folder = tempfile::tempdir().unwrap();
    let options = options(folder.path());
    let server = ensure(&options, &quiet).await.unwrap();
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", server.pid)).unwrap();
    let group = stat.rsplit(')').next().unwrap().split_whitespace().nth(2).unwrap();
    assert_eq!(group, server.pid.to_string());
    let environment = std::fs::read(format!("/proc/{}/environ", server.pid)).unwrap();
    let environment = String::from_utf8_lossy(&environment);
    assert!(std::env::var("CARGO_MANIFEST_DIR").is_ok() && !environment.contains("CARGO_"), "{environment}");
    assert!(stop(&options).await.unwrap());
}

#[tokio::test]
async fn it_ends_with_its_parent() {
    let folder = tempfile::tempdir().unwrap();
    let mut parent = Command::new("sleep").arg("600").spawn().unwrap();
    let mut options = options(folder.path());
    options.parent = Some(parent.id());
    ensure(&options, &quiet).await.unwrap();
    parent.kill().unwrap();
    parent.wait().unwrap();
    for _ in 0..200 {
        if running(&options).await.unwrap().is_none() && !folder.path().join("sandbox.json").exists() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("it outlives its parent");
}

#[tokio::test]
async fn a_record_of_another_world_or_machine_is_not_followed() {
    let shared = sandbox().await;
    let folder = tempfile::tempdir().unwrap();
    let options = options(folder.path());
    let mut record = serde_json::to_value(shared).unwrap();
    let mut put = |key: &str, value: serde_json::Value| {
        record[key] = value;
        std::fs::write(folder.path().join("sandbox.json"), record.to_string()).unwrap();
    };
    put("world", json!("gone"));
    put("pid", json!(1));
    assert_eq!(running(&options).await.unwrap(), None);
    put("endpoint", json!("http://192.0.2.1:5000"));
    for refusal in [running(&options).await.map(drop), ensure(&options, &quiet).await.map(drop)] {
        let refusal = refusal.unwrap_err();
        assert_eq!(
            refusal.to_string(),
            "http://192.0.2.1:5000 is not an address of this machine, so it is not accepted as a sandbox"
        );
    }
}

#[tokio::test]
async fn a_proxy_before_it_is_on_this_machine() {
    let folder = tempfile::tempdir().unwrap();
    let mut options = options(folder.path());
    let direct = ensure(&options, &quiet).await.unwrap();
    options.proxy = Some("http://127.0.0.1:1".to_owned());
    let through = ensure(&options, &quiet).await.unwrap();
    assert_eq!((through.endpoint.as_str(), through.world), ("http://127.0.0.1:1", direct.world));
    options.proxy = Some("http://192.0.2.1:5000".to_owned());
    let refused = ensure(&options, &quiet).await.unwrap_err();
    assert!(matches!(refused, SandboxError::NotLoopback { .. }), "{refused}");
    assert!(stop(&options).await.unwrap());
}

/// one world -> two that are alike; what happens in one is not seen in the other, and either outlives the other
#[test]
fn a_copy_has_the_same_world_and_a_life_of_its_own() {
    const VPCS: &str = "out(sorted(vpc['VpcId'] for vpc in client('ec2').describe_vpcs()['Vpcs']))";
    let first = Rehearsal::new();
    let made = first.boto("out(client('ec2').create_vpc(CidrBlock='10.0.0.0/16')['Vpc']['VpcId'])", &[]);
    let second = first.copy();
    let third = second.copy();
    assert_eq!(first.sandbox.world, third.sandbox.world);
    let before = first.boto(VPCS, &[]);
    assert!(before.as_array().unwrap().contains(&made), "{before}");
    assert_eq!((&second.boto(VPCS, &[]), &third.boto(VPCS, &[])), (&before, &before));

    second.boto("out(client('ec2').delete_vpc(VpcId=argv[0]))", &[made.as_str().unwrap()]);
    assert_ne!(second.boto(VPCS, &[]), before);
    assert_eq!((&first.boto(VPCS, &[]), &third.boto(VPCS, &[])), (&before, &before));
    drop(second);
    drop(first);
    assert_eq!(third.boto(VPCS, &[]), before);
}

/// install -> whole; marker gone -> made again; offline -> an error that names the log, and the next run starts over
#[tokio::test]
async fn a_half_finished_installation_is_made_again() {
    let folder = tempfile::tempdir().unwrap();
    let options = faked(folder.path());
    let lines = RefCell::new(vec![]);
    let note = |line: &str| lines.borrow_mut().push(line.to_owned());
    let (one, two) = tokio::join!(python(&options, &note), python(&options, &note));
    let installed = one.unwrap();
    assert_eq!(installed, two.unwrap());
    assert_eq!(pip_calls(folder.path()), 1, "{lines:?}");
    assert!(lines.borrow().contains(&"installing the sandbox (about 35 s, once)".to_owned()), "{lines:?}");
    assert_eq!(python(&options, &|line| panic!("{line}")).await.unwrap(), installed);

    let environment = installed.parent().and_then(Path::parent).unwrap();
    std::fs::remove_file(environment.join("hybridctl-complete")).unwrap();
    std::fs::write(environment.join("half"), "").unwrap();
    assert_eq!(python(&options, &quiet).await.unwrap(), installed);
    assert_eq!(pip_calls(folder.path()), 2);
    assert!(!environment.join("half").exists(), "it was mended instead of made again");

    std::fs::remove_file(environment.join("hybridctl-complete")).unwrap();
    std::fs::write(folder.path().join("sandbox/offline"), "").unwrap();
    let error = python(&options, &quiet).await.unwrap_err();
    let log = PathBuf::from(format!("{}.log", environment.display()));
    assert_eq!(
        error.to_string(),
        format!(
            "could not install the sandbox: `pip install` (exit status: 1) failed\n  \
             ERROR: Could not find a version that satisfies the requirement moto==5.2.5\n  \
             the whole output is in {}",
            log.display()
        )
    );
    assert!(error.hint().unwrap().contains("PIP_INDEX_URL"), "{error:?}");
    std::fs::remove_file(folder.path().join("sandbox/offline")).unwrap();
    assert_eq!(python(&options, &quiet).await.unwrap(), installed);
}

/// install, killed while a child of pip lives on -> the next run waits for that child, and starts over
#[tokio::test]
async fn an_installation_left_behind_is_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let options = faked(folder.path());
    let slow = folder.path().join("sandbox/slow");
    std::fs::create_dir_all(folder.path().join("sandbox")).unwrap();
    std::fs::write(&slow, "").unwrap();
    let mut killed = Box::pin(python(&options, &quiet));
    while pip_calls(folder.path()) == 0 {
        let _ = tokio::time::timeout(Duration::from_millis(50), &mut killed).await;
    }
    drop(killed);
    std::fs::remove_file(&slow).unwrap();
    let lines = RefCell::new(vec![]);
    let installed = python(&options, &|line| lines.borrow_mut().push(line.to_owned())).await.unwrap();
    assert!(installed.exists());
    assert_eq!(pip_calls(folder.path()), 2);
    let expected =
        ["waiting for another process that is installing", "an earlier installation", "installing", "installed"];
    assert_eq!(lines.borrow().len(), expected.len(), "{lines:?}");
    assert!(lines.borrow().iter().zip(expected).all(|(line, start)| line.starts_with(start)), "{lines:?}");
}

#[tokio::test]
async fn a_server_that_does_not_start_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let options = faked(folder.path());
    for _ in 0..2 {
        let error = ensure(&options, &quiet).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            format!(
                "could not start the sandbox: it ended with exit status: 1\n  \
                 ModuleNotFoundError: No module named 'moto'\n  \
                 the whole output is in {}",
                options.data.join("sandbox.log").display()
            )
        );
        assert!(error.hint().unwrap().contains("rm -r "), "{error:?}");
    }
}

#[tokio::test]
async fn a_missing_python_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let mut options = faked(folder.path());
    options.python = Some("/nowhere/python3".into());
    let error = ensure(&options, &quiet).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the sandbox needs Python 3.10 or newer with the modules venv and ensurepip\n  there is no /nowhere/python3"
    );
    assert!(error.hint().unwrap().contains("HYBRIDCTL_PYTHON"), "{error:?}");
    options.python = Some("false".into());
    let error = ensure(&options, &quiet).await.unwrap_err();
    assert!(error.to_string().ends_with("false does not run: exit status: 1"), "{error}");
}

/// The environment has what the test suite's own scripts need.
#[tokio::test]
async fn its_python_has_boto3() {
    let folder = tempfile::tempdir().unwrap();
    let shared = sandbox().await;
    let python = python(&options(folder.path()), &|line| eprintln!("{line}")).await.unwrap();
    let script = format!(
        "import boto3; print(boto3.client('sts', endpoint_url='{}', region_name='eu-central-1', \
         aws_access_key_id='x', aws_secret_access_key='x').get_caller_identity()['Account'])",
        shared.endpoint
    );
    let output = Command::new(python).args(["-c", &script]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "123456789012", "{output:?}");
}
