//! `verify` as a program's companion: watching until it is told to stop, and reports for CI systems.

use super::world::signal;
use crate::support::cli::{Rehearsal, wait};
use std::fs::File;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

/// Takes the secret of the signing key away, or brings it back: nothing that runs notices.
const SECRET: &str = r#"
manager = client("secretsmanager")
arguments = {"SecretId": "zenml/server/jwt-key"}
getattr(manager, argv[0])(**arguments)
out(True)
"#;

#[track_caller]
fn until_it_says(path: &Path, text: &str) {
    let started = Instant::now();
    loop {
        let said = std::fs::read_to_string(path).unwrap();
        if said.contains(text) {
            return;
        }
        assert!(started.elapsed() < Duration::from_secs(90), "`{text}` is never said\n{said}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// How often a piece of a document is there.
fn times(text: &str, part: &str) -> usize {
    text.matches(part).count()
}

#[test]
fn a_watched_deployment_tells_what_breaks_and_what_heals_and_a_report_is_what_ci_reads() {
    let rehearsal = Rehearsal::new();
    rehearsal.up().expect(0);

    let said = rehearsal.project().join("watched.txt");
    let mut watching = rehearsal.command(&["verify", "--watch"]);
    let watching = watching.stdout(File::create(&said).unwrap()).stderr(Stdio::piped()).spawn().unwrap();
    until_it_says(&said, "The deployment works");
    rehearsal.boto(SECRET, &["delete_secret"]);
    until_it_says(&said, "Cause: VF-SECRETS");
    let broken = std::fs::read_to_string(&said).unwrap();
    assert_eq!((times(&broken, "VF-DNS"), times(&broken, "FAIL")), (1, 1), "only what changed is told again\n{broken}");

    let report = |arguments: &[&str]| rehearsal.run(&[&["verify"], arguments].concat());
    report(&["--report", "junit=broken.xml", "--report", "json=broken.json", "--report", "text=broken.txt"]).expect(10);
    let read = |name: &str| std::fs::read_to_string(rehearsal.project().join(name)).unwrap();
    let checks = hybridctl::verify::CHECKS.len();
    let xml = read("broken.xml");
    assert!(xml.contains(&format!("tests=\"{checks}\" failures=\"1\"")), "{xml}");
    let cases = (times(&xml, "<testcase "), times(&xml, "<failure type=\"cause\""), times(&xml, "<failure "));
    assert_eq!(cases, (checks, 1, 1), "{xml}");
    assert!(xml.contains("restore-secret"), "the advice is in the failure\n{xml}");
    let json: serde_json::Value = serde_json::from_str(&read("broken.json")).unwrap();
    assert_eq!((json["passed"].as_bool(), json["verdict"]["cause"].as_str()), (Some(false), Some("VF-SECRETS")));
    assert!(read("broken.txt").contains("Cause: VF-SECRETS"));
    let refused = report(&["--report", "html=x"]).expect(64);
    assert!(refused.stderr.contains("junit, json, text"), "{}", refused.text());

    rehearsal.boto(SECRET, &["restore_secret"]);
    until_it_says(&said, "OK    VF-SECRETS");
    let asked = Instant::now();
    signal("INT", watching.id());
    wait(watching).expect(130);
    assert!(asked.elapsed() < Duration::from_secs(10));
    report(&["--report", "junit=good.xml"]).expect(0);
    assert_eq!(times(&read("good.xml"), "<failure "), 0);
}
