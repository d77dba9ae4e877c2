//! Starts that go wrong, one after the other way: each is a task of its own, from the deployment's own task definition with a
//! few variables changed. The log that it leaves must name the class.

use super::script;
use crate::support::cli::Rehearsal;
use hybridctl::verify::log_classes::{cause_in, message};
use serde_json::{Value, json};
use std::path::Path;

/// A start.
struct Start {
    /// The class that the log must name, with a number where there are several; `started`, `notes`, `silent`: none.
    name: &'static str,
    run: Run,
    variables: &'static [(&'static str, &'static str)],
}

/// What is run.
#[derive(PartialEq)]
enum Run {
    /// The server.
    Server,
    /// The server for a moment, with one sign-in.
    Visited,
    /// The server, whose control plane swallows every packet.
    Cut,
    /// The migration.
    Migration,
}

const fn server(name: &'static str, variables: &'static [(&'static str, &'static str)]) -> Start {
    Start { name, run: Run::Server, variables }
}

const fn migration(name: &'static str, variables: &'static [(&'static str, &'static str)]) -> Start {
    Start { name, run: Run::Migration, variables }
}

const API_URL: &str = "ZENML_SERVER_PRO_API_URL";
const DATABASE: &str = "ZENML_STORE_DATABASE";
const PASSWORD: &str = "ZENML_STORE_PASSWORD";
const URL: &str = "ZENML_STORE_URL";
const USER: &str = "ZENML_STORE_USERNAME";
/// Without it everything is the control plane.
const DIRECT: (&str, &str) = ("HTTPS_PROXY", "");
/// Its authorities did not sign for the database of the sandbox.
const OTHER_AUTHORITIES: &str = include_str!("../../../templates/rds-ca/eu-central-1.pem");

const STARTS: &[Start] = &[
    Start { name: "started", run: Run::Visited, variables: &[] },
    Start {
        name: "notes",
        run: Run::Visited,
        variables: &[
            ("ZENML_SERVER_MAX_CONCURRENT_TEMPLATE_RUNS", "2"),
            (
                "ZENML_SERVER_WORKLOAD_MANAGER_IMPLEMENTATION_SOURCE",
                "zenml_cloud_plugins.kubernetes_workload_manager.X",
            ),
        ],
    },
    Start { name: "cp.user", run: Run::Visited, variables: &[("SIGN_IN", "broken")] },
    Start { name: "cp.timeout", run: Run::Cut, variables: &[DIRECT, ("ZENML_SERVER_PRO_HTTP_TIMEOUT", "2")] },
    server("cfg.missing", &[("ZENML_SERVER_PRO_OAUTH2_AUDIENCE", "")]),
    server("cfg.uuid", &[("ZENML_SERVER_PRO_WORKSPACE_ID", "prod")]),
    server("cfg.logging", &[("ZENML_LOGGING_VERBOSITY", "LOUD")]),
    server("cfg.dbname", &[(DATABASE, "zenml-hybrid")]),
    server("cfg.dburl", &[(URL, "postgresql://admin:hunter2@db.example.com:5432/zenml")]),
    server("cfg.dburl-2", &[(PASSWORD, "")]),
    server("cp.auth", &[("ZENML_SERVER_PRO_OAUTH2_CLIENT_SECRET", "rejected")]),
    server("cp.tls", &[(API_URL, "https://untrusted.zenml.example")]),
    server("cp.refused", &[DIRECT, (API_URL, "https://127.0.0.1:9")]),
    server("cp.dns", &[DIRECT, (API_URL, "https://cloudapi.zenml.invalid")]),
    server("cp.forbidden", &[(API_URL, "https://status-403.zenml.example")]),
    server("cp.plan", &[(API_URL, "https://status-402.zenml.example")]),
    server("cp.5xx", &[(API_URL, "https://status-500.zenml.example")]),
    server("db.auth", &[(PASSWORD, "wrong")]),
    server("db.refused", &[(URL, "mysql://127.0.0.1:9")]),
    server("db.dns", &[(URL, "mysql://db.zenml.invalid:3306")]),
    server("db.tls", &[("ZENML_STORE_SSL_CA", OTHER_AUTHORITIES)]),
    server("mig.missing", &[(DATABASE, "empty")]),
    server(
        "secrets.aws",
        &[
            ("ZENML_SECRETS_STORE_TYPE", "aws"),
            ("ZENML_SECRETS_STORE_AUTH_METHOD", "implicit"),
            ("ZENML_SECRETS_STORE_AUTH_CONFIG", "{\"region\":\"eu-central-1\"}"),
        ],
    ),
    migration("db.grant", &[(DATABASE, "empty"), (USER, "reader"), (PASSWORD, "reader")]),
    migration("db.grant-2", &[(DATABASE, "other"), (USER, "nobody"), (PASSWORD, "nobody")]),
    migration("mig.downgrade", &[(DATABASE, "newer")]),
    migration("mig.failed", &[(DATABASE, "broken")]),
];

/// Databases and users that the starts meet.
const PREPARED: &str = "
CREATE DATABASE empty;
CREATE USER reader@'%' IDENTIFIED BY 'reader';
GRANT SELECT ON *.* TO reader@'%';
CREATE USER nobody@'%' IDENTIFIED BY 'nobody';
CREATE DATABASE newer;
CREATE TABLE newer.alembic_version (version_num VARCHAR(32));
INSERT INTO newer.alembic_version VALUES ('0.99.0');
CREATE DATABASE broken;
CREATE TABLE broken.alembic_version (version_num VARCHAR(32));
INSERT INTO broken.alembic_version VALUES ('0.97.0')";

/// Runs tasks two at a time, each to its end.
const RUN: &str = include_str!("starts.py");

pub(super) fn every_broken_start_is_recognised(rehearsal: &mut Rehearsal) {
    let starts: Vec<Value> = STARTS.iter().map(request).collect();
    let file = rehearsal.project().join("starts.json");
    std::fs::write(&file, json!({ "prepared": PREPARED, "starts": starts }).to_string()).unwrap();
    let ended = script(rehearsal, RUN, &[file.to_str().unwrap()]);
    let mut wrong = vec![];
    for (name, end) in ended.as_object().unwrap() {
        let lines: Vec<&str> = end["lines"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
        record(name, &lines);
        let log = lines.iter().map(|line| message(line).0).collect::<Vec<_>>().join("\n");
        let found = cause_in(&log).map(|class| class.id);
        let class = name.split('-').next().unwrap();
        let expected = (!matches!(class, "started" | "notes" | "silent")).then_some(class);
        if found != expected || end["status"] != "STOPPED" {
            wrong.push(format!("{name}: {found:?}, {}\n{log}", end["status"]));
        }
    }
    assert_eq!(ended.as_object().unwrap().len(), STARTS.len() + 2, "{:?}", ended.as_object().unwrap().keys());
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

fn request(start: &Start) -> Value {
    let mut variables: Vec<(&str, &str)> = start.variables.to_vec();
    if start.run == Run::Migration {
        variables.extend([("DISABLE_DATABASE_MIGRATION", "False"), ("ZENML_STORE_BACKUP_STRATEGY", "disabled")]);
    }
    let run = match start.run {
        Run::Server => "server",
        Run::Visited => "visited",
        Run::Cut => "cut",
        Run::Migration => "migration",
    };
    let environment: Vec<Value> =
        variables.iter().map(|(name, value)| json!({ "name": name, "value": value })).collect();
    json!({ "name": start.name, "run": run, "environment": environment })
}

fn record(name: &str, lines: &[&str]) {
    if std::env::var_os("UPDATE_LOG_FIXTURES").is_some() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/logs");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(format!("{name}.log")), lines.join("\n") + "\n").unwrap();
    }
}
