//! Credentials that end in the middle, that are refused for good, and that are somebody else's.

use super::world::{counts, quickstart, world};
use crate::support::cli::{Output, Rehearsal, finished};
use crate::support::proxy::{Faults, Proxy, always, error, from, nth};
use std::path::Path;
use std::process::{Command, Stdio};

#[test]
fn credentials_that_expire_half_way_stop_the_run_and_new_ones_finish_it() {
    let mut rehearsal = Rehearsal::new();
    let proxy = rehearsal.disturbed(Faults::none().on_mutation(from(25), error("ExpiredToken", 400)));
    let up = rehearsal.up().expect(9);
    for said in [
        "error[HC2006]: could not",
        "ExpiredToken",
        "sign in again",
        "with new credentials, continue with:\n    hybridctl up",
    ] {
        assert!(up.stderr.contains(said), "`{said}` is not said\n{}", up.text());
    }
    // What was in flight together is refused together; nothing new is begun after that.
    let log = proxy.take_log();
    assert!(log.mutations().len() < 25 + 16, "{}", log.text());
    // They end for reads as well: in the middle of a plan, of an apply, of a wait.
    for call in [40, 100, 160] {
        proxy.disturb(Faults::none().on("*", from(call), error("ExpiredToken", 400)));
        let up = rehearsal.up().expect(9);
        assert!(up.stderr.contains("error[HC2006]"), "from call {call}\n{}", up.text());
    }
    proxy.disturb(Faults::none());
    rehearsal.up().expect(0);
    assert_eq!(counts(&world(&rehearsal)), quickstart(&[]));
    rehearsal.run(&["plan", "--detailed-exitcode"]).expect(0);
}

#[test]
fn a_wrong_clock_is_said_to_be_one() {
    let mut rehearsal = Rehearsal::new();
    let _proxy = rehearsal.disturbed(Faults::none().on("*", always(), error("RequestExpired", 400)));
    let plan = rehearsal.run(&["plan"]).expect(9);
    assert!(plan.stderr.contains("error[HC2008]") && plan.stderr.contains("clock"), "{}", plan.text());
}

/// A program that signs in each time it is asked and counts how often; `key` is a word of its shell, in which `$n` counts.
fn signs_in(dir: &Path, key: &str) {
    let answer = r#"{"Version": 1, "AccessKeyId": "%s", "SecretAccessKey": "s", "SessionToken": "t"}"#;
    let counter = dir.join("asked");
    let counter = counter.display();
    let count = format!("n=$(($(cat '{counter}' 2>/dev/null || echo 0) + 1))\necho $n > '{counter}'\n");
    let path = dir.join("sign-in");
    std::fs::write(&path, format!("{count}printf '{answer}' {key}\n")).unwrap();
    std::fs::write(dir.join("aws"), format!("[default]\ncredential_process = sh \"{}\"\n", path.display())).unwrap();
}

/// `plan` as on AWS, with the credentials of that program; the config says an account that is not theirs.
fn plan_of_another_account(rehearsal: &Rehearsal, proxy: &Proxy, state: &str) -> Output {
    let config = rehearsal.project().join("other.toml");
    let text = "name = \"zenml-hybrid\"\nregion = \"eu-central-1\"\naccount_id = \"210987654321\"\n\
        [zenml]\nversion = \"0.98.0\"\nserver_url = \"https://zenml.ours.example\"\n\
        organization = { id = \"6f8f4c3e-0a51-4a53-9d3f-3a5b8b0f8c11\", name = \"ours\" }\n\
        workspace = { id = \"0d4f0a52-5d0e-4f0c-8a0b-2f6f0f6b9a22\", name = \"prod\" }\n\
        [ingress]\ndns = \"external\"\n\
        certificate_arn = \"arn:aws:acm:eu-central-1:210987654321:certificate/3b1f0c64-7d1c-4f5e-9f0a-6a0c2b7d8e33\"\n";
    std::fs::write(&config, format!("{text}{state}")).unwrap();
    let dir = rehearsal.dir.path();
    let mut command = Command::new(env!("CARGO_BIN_EXE_hybridctl"));
    command.args(["plan", "--config"]).arg(&config).env_clear().stdin(Stdio::null());
    command.env("PATH", std::env::var_os("PATH").unwrap()).env("AWS_EC2_METADATA_DISABLED", "true");
    command.env("AWS_CONFIG_FILE", dir.join("aws")).env("AWS_SHARED_CREDENTIALS_FILE", dir.join("none"));
    command.env("AWS_ENDPOINT_URL", proxy.endpoint());
    finished(command.output().unwrap())
}

fn asked(rehearsal: &Rehearsal) -> String {
    std::fs::read_to_string(rehearsal.dir.path().join("asked")).unwrap().trim().to_owned()
}

#[test]
fn refused_credentials_are_asked_for_anew_once_and_another_account_is_left_alone() {
    let rehearsal = Rehearsal::new();
    let expired = Faults::none().on("sts:GetCallerIdentity", nth(1), error("ExpiredToken", 403));
    let proxy = Proxy::before(&rehearsal.sandbox.endpoint, expired);
    signs_in(rehearsal.dir.path(), "KEY$n");
    let plan = plan_of_another_account(&rehearsal, &proxy, "").expect(7);
    assert!(plan.stderr.contains("error[HC2035]: these credentials are of account 123456789012"), "{}", plan.text());
    assert_eq!(asked(&rehearsal), "2");
    let called: Vec<_> = proxy.log().0.into_iter().map(|entry| entry.operation).collect();
    assert_eq!(called, ["sts:GetCallerIdentity"; 2], "nothing else was asked of that account");
}

#[test]
fn the_same_credentials_again_are_refused_for_good() {
    let rehearsal = Rehearsal::new();
    let expired = Faults::none().on("*", always(), error("ExpiredToken", 403));
    let proxy = Proxy::before(&rehearsal.sandbox.endpoint, expired);
    signs_in(rehearsal.dir.path(), "KEY");
    let plan = plan_of_another_account(&rehearsal, &proxy, "").expect(9);
    assert!(plan.stderr.contains("error[HC2006]") && plan.stderr.contains("sign in again"), "{}", plan.text());
    assert_eq!((asked(&rehearsal).as_str(), proxy.log().0.len()), ("2", 1));
}

#[test]
fn a_bucket_that_refuses_the_credentials_is_asked_with_new_ones() {
    let rehearsal = Rehearsal::new();
    let make = "client('s3').create_bucket(Bucket='acme-state', CreateBucketConfiguration={'LocationConstraint': 'eu-central-1'})";
    rehearsal.boto(make, &[]);
    let expired = Faults::none().on("s3:*", nth(1), error("ExpiredToken", 400));
    let proxy = Proxy::before(&rehearsal.sandbox.endpoint, expired);
    signs_in(rehearsal.dir.path(), "KEY$n");
    let bucket = "[state]\nbucket = \"acme-state\"\nprefix = \"team/prod\"\n";
    let plan = plan_of_another_account(&rehearsal, &proxy, bucket).expect(7);
    assert!(plan.stderr.contains("of account 123456789012"), "{}", plan.text());
    assert_eq!(asked(&rehearsal), "2");
}
