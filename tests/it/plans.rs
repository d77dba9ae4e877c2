//! The golden plans: a change of infrastructure shows in review.
//!
//! `UPDATE_PLANS=1 cargo test plans` writes them anew.

use hybridctl::config::templates;
use std::path::Path;
use std::process::Command;

fn offline(template: &str, format: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let output = Command::new(env!("CARGO_BIN_EXE_hybridctl"))
        .args(["plan", "--offline", "--quiet", "--color", "never", "--format", format, "--config"])
        .arg(folder.join(format!("templates/{template}.toml")))
        .env_clear()
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn every_template_has_its_first_plan_in_plans() {
    for template in templates() {
        for (format, ending) in [("text", "txt"), ("json", "json")] {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("plans/{}.{ending}", template.name));
            let plan = offline(template.name, format);
            if std::env::var_os("UPDATE_PLANS").is_some() {
                std::fs::write(&path, &plan).unwrap();
            }
            let golden = std::fs::read_to_string(&path).unwrap_or_default();
            let first = golden.lines().zip(plan.lines()).position(|(old, new)| old != new);
            assert!(
                golden == plan,
                "plans/{}.{ending} is not the plan of the template any more, from line {:?} on; `UPDATE_PLANS=1 cargo test \
                 plans` writes it anew",
                template.name,
                first.map(|line| line + 1)
            );
        }
    }
}

#[test]
fn an_offline_plan_is_the_same_every_time_and_needs_no_credentials() {
    let first = offline("quickstart", "json");
    assert_eq!(first, offline("quickstart", "json"));
    assert!(first.contains("\"hybridctl.plan/1\""));
}
