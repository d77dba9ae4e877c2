//! A deployment that works, and its end.

use super::{check, script, verify};
use crate::support::cli::Rehearsal;
use serde_json::Value;
use std::process::Command;
use std::time::{Duration, Instant};

/// Makes `ask(method, path, headers)`, over TLS, as a client of the load balancer.
const ASK: &str = r#"
import http.client, socket, ssl
PORT, AUTHORITIES, HOST = int(argv[0]), argv[1], "zenml.mycompany.com"
def ask(method, path, headers={}):
    context = ssl.create_default_context(cafile=AUTHORITIES)
    connection = http.client.HTTPSConnection(HOST)
    connection.sock = context.wrap_socket(socket.create_connection(("127.0.0.1", PORT), timeout=60), server_hostname=HOST)
    connection.request(method, path, headers=headers)
    answer = connection.getresponse()
    content = answer.read()
    assert answer.getheader("Content-Type") == "application/json", (path, answer.status, content)
    return answer.status, dict(answer.getheaders()), json.loads(content)
"#;

pub(super) fn up_ends_with_every_check_passed(rehearsal: &mut Rehearsal) {
    rehearsal.up().expect(0);
    let verified = verified_in_full(rehearsal);
    assert_eq!(check(&verified, "VF-LOGS")["detail"], "Application startup complete.");
    rehearsal.diff().expect(0);
    let status = rehearsal.run(&["sandbox", "status"]).expect(0);
    assert!(status.stdout.contains("servers   real, of version 0.98.0"), "{}", status.text());
}

/// A report in which every check is OK; on a busy machine a question may stay without its answer.
fn verified_in_full(rehearsal: &Rehearsal) -> Value {
    let started = Instant::now();
    loop {
        let verified = verify(rehearsal);
        let checks = verified["checks"].as_array().unwrap();
        let wrong: Vec<_> = checks.iter().filter(|check| check["status"] != "ok").collect();
        if wrong.is_empty() && checks.len() >= 28 {
            return verified;
        }
        assert!(started.elapsed() < Duration::from_secs(120), "{} checks, of them wrong: {wrong:#?}", checks.len());
    }
}

/// The names of the programs that the sandbox has started.
fn children(rehearsal: &Rehearsal) -> Vec<String> {
    let listed =
        Command::new("ps").args(["-o", "args=", "--ppid", &rehearsal.sandbox.pid.to_string()]).output().unwrap();
    String::from_utf8(listed.stdout).unwrap().lines().map(str::to_owned).collect()
}

fn count(children: &[String], program: &str) -> usize {
    children.iter().filter(|child| child.contains(program)).count()
}

pub(super) fn tasks_are_processes(rehearsal: &mut Rehearsal) {
    let children = children(rehearsal);
    assert_eq!((count(&children, "uvicorn"), count(&children, "mariadbd")), (2, 1), "{children:#?}");
}

pub(super) fn destroy_leaves_no_process(rehearsal: &mut Rehearsal) {
    rehearsal
        .run(&["destroy", "--yes", "--confirm", "zenml-hybrid", "--skip-final-snapshot", "--disable-protection"])
        .expect(0);
    let gone = || children(rehearsal).is_empty();
    let started = Instant::now();
    while !gone() && started.elapsed() < Duration::from_secs(30) {
        std::thread::sleep(Duration::from_millis(200));
    }
    assert_eq!(children(rehearsal), [] as [String; 0]);
}

pub(super) fn the_server_says_who_it_is(rehearsal: &mut Rehearsal) {
    let (port, authorities) = way(rehearsal);
    let info = script(rehearsal, &format!("{ASK}\nout(ask('GET', '/api/v1/info')[2])"), &[&port, &authorities]);
    let said = |key: &str| info[key].as_str().unwrap_or_default();
    assert_eq!((said("database_type"), said("deployment_type")), ("mysql", "cloud"), "{info:#}");
    assert_eq!(said("pro_workspace_id"), "00000000-0000-0000-0000-000000000002", "{info:#}");
    assert_eq!(said("pro_organization_id"), "00000000-0000-0000-0000-000000000001", "{info:#}");
    assert_eq!((said("version"), said("secrets_store_type")), ("0.98.0", "sql"), "{info:#}");
}

/// A token that one task issues is good with the other: they share the signing key.
pub(super) fn servers_accept_each_others_tokens(rehearsal: &mut Rehearsal) {
    let (port, authorities) = way(rehearsal);
    let text = r#"
status, headers, body = ask("POST", "/api/v1/login", {"Authorization": "Bearer of-the-control-plane"})
issued, token = headers.get("X-Sandbox-Task"), body.get("access_token")
answers = {}
for _ in range(60):
    status, headers, _ = ask("GET", "/api/v1/current-user", {"Authorization": f"Bearer {token}"})
    answers[headers.get("X-Sandbox-Task")] = status
    if len(answers) == 2:
        break
forged = ask("GET", "/api/v1/current-user", {"Authorization": f"Bearer {token}x"})[0]
out({"issued": issued, "answers": answers, "forged": forged})
"#;
    let said = script(rehearsal, &format!("{ASK}\n{text}"), &[&port, &authorities]);
    let answers = said["answers"].as_object().unwrap();
    assert!(answers.contains_key(said["issued"].as_str().unwrap()), "{said:#}");
    assert_eq!((answers.len(), &said["forged"]), (2, &401.into()), "{said:#}");
    assert!(answers.values().all(|status| *status == 200), "{said:#}");
}

fn way(rehearsal: &Rehearsal) -> (String, String) {
    (rehearsal.sandbox.https_port.to_string(), rehearsal.sandbox.ca_file.display().to_string())
}
