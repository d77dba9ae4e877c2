//! What hybridctl renders, run: the ZenML server of the Python package index on a MariaDB, behind the sandbox's load balancer.
//!
//! Only with `HYBRIDCTL_REAL_SERVER=1`, because it installs about 350 MB on first use and takes minutes; see docs/real-server.md.
//! `UPDATE_LOG_FIXTURES=1` records what the servers write in `tests/fixtures/logs`, which the default suite reads.

mod breakage;
mod service;
mod starts;

use crate::support::cli::Rehearsal;
use serde_json::Value;
use std::time::Instant;

/// Common to the scripts of this suite: the names of the deployment, and a few questions.
const NAMES: &str = r#"
CLUSTER, SERVICE, GROUP = "zenml-hybrid", "zenml-server", "/ecs/zenml-hybrid"
def until(get, good, limit=240):
    end = time.time() + limit
    while True:
        value = get()
        if good(value) or time.time() > end:
            return value
        time.sleep(0.5)
def service():
    return client("ecs").describe_services(cluster=CLUSTER, services=[SERVICE])["services"][0]
def lines_of(task):
    logs = client("logs")
    try:
        found = logs.get_log_events(logGroupName=GROUP, logStreamName=f"ecs/{SERVICE}/{task.split('/')[-1]}", startFromHead=True)
    except logs.exceptions.ResourceNotFoundException:
        return []
    return [event["message"] for event in found["events"]]
"#;

/// up → every check → tokens → broken starts → broken deployments → destroy, on one deployment: each `up` takes a minute.
#[test]
fn a_real_server_lives_through_all_of_it() {
    if std::env::var_os("HYBRIDCTL_REAL_SERVER").is_none_or(|value| value != "1") {
        return eprintln!("skipped: HYBRIDCTL_REAL_SERVER=1 is not set");
    }
    let mut rehearsal = Rehearsal::real();
    set_client_secret(&mut rehearsal, "an-enrollment-key");
    rehearsal.edit("[service]\n", "[service]\ndesired_count = 2\n");
    type Step = fn(&mut Rehearsal);
    let steps: [(&str, Step); 8] = [
        ("up ends with every check passed", service::up_ends_with_every_check_passed),
        ("tasks are processes", service::tasks_are_processes),
        ("the server says who it is", service::the_server_says_who_it_is),
        ("servers accept each other's tokens", service::servers_accept_each_others_tokens),
        ("every broken start is recognised", starts::every_broken_start_is_recognised),
        ("a wrong client secret is named", breakage::a_wrong_client_secret_is_named),
        ("a stopped database is named", breakage::a_stopped_database_is_named),
        ("destroy leaves no process", service::destroy_leaves_no_process),
    ];
    for (name, step) in steps {
        let started = Instant::now();
        step(&mut rehearsal);
        eprintln!("{name}: {} s", started.elapsed().as_secs());
    }
}

fn set_client_secret(rehearsal: &mut Rehearsal, value: &str) {
    const NAME: &str = "ZENML_SERVER_PRO_OAUTH2_CLIENT_SECRET";
    rehearsal.variables.retain(|(name, _)| name != NAME);
    rehearsal.variables.push((NAME.into(), value.into()));
}

/// Runs a script that has also the names.
#[track_caller]
fn script(rehearsal: &Rehearsal, text: &str, argv: &[&str]) -> Value {
    rehearsal.boto(&format!("{NAMES}\n{text}"), argv)
}

#[track_caller]
fn verify(rehearsal: &Rehearsal) -> Value {
    rehearsal.run(&["verify", "--format", "json"]).json()
}

/// A check of `verify`.
#[track_caller]
fn check<'v>(verified: &'v Value, id: &str) -> &'v Value {
    let checks = verified["checks"].as_array().unwrap();
    checks.iter().find(|check| check["id"] == id).unwrap_or_else(|| panic!("{id} in {verified:#}"))
}
