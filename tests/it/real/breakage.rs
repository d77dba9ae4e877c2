//! What breaks in a deployment that worked, and what `verify` says of it.

use super::{check, script, set_client_secret, verify};
use crate::support::cli::Rehearsal;

/// The tasks with the new secret die, the old ones stay; `up` with the right secret heals it.
pub(super) fn a_wrong_client_secret_is_named(rehearsal: &mut Rehearsal) {
    set_client_secret(rehearsal, "rejected-by-the-control-plane");
    let up = rehearsal.up();
    assert_ne!(up.code, 0, "{}", up.text());
    assert!(up.stderr.contains("401 Client Error"), "{}", up.text());
    let verified = verify(rehearsal);
    assert!(!up.stderr.contains("rejected-by-the-control-plane"), "{}", up.text());
    assert_ne!(verified["passed"], true, "{verified:#}");
    // ECS may still be trying, or have gone back already: either way this is what its tasks stopped for.
    let classes = verified["verdict"]["classes"].as_array().unwrap();
    assert!(classes.iter().any(|class| class == "cp.auth"), "{verified:#}");
    set_client_secret(rehearsal, "an-enrollment-key");
    rehearsal.up().expect(0);
}

/// `/health` goes on to say ok; the log and `/api/v1/info` do not.
pub(super) fn a_stopped_database_is_named(rehearsal: &mut Rehearsal) {
    let text = r#"
rds = client("rds")
name = rds.describe_db_instances()["DBInstances"][0]["DBInstanceIdentifier"]
state = lambda: rds.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"][0]["DBInstanceStatus"]
getattr(rds, f"{argv[0]}_db_instance")(DBInstanceIdentifier=name)
out(until(state, lambda found: found == argv[1]))
"#;
    assert_eq!(script(rehearsal, text, &["stop", "stopped"]), "stopped");
    // The first look makes the server ask the database, and write what it met.
    verify(rehearsal);
    let verified = verify(rehearsal);
    assert_eq!(verified["verdict"]["cause"], "VF-DATABASE", "{verified:#}");
    assert_eq!(check(&verified, "VF-HEALTH")["status"], "ok", "{verified:#}");
    let info = check(&verified, "VF-INFO-DATABASE");
    assert_eq!(info["status"], "fail", "{verified:#}");
    let logs = check(&verified, "VF-LOGS")["detail"].as_str().unwrap();
    assert!(logs.contains("(db.refused)") || logs.contains("(db.lost)"), "{verified:#}");
    assert_eq!(script(rehearsal, text, &["start", "available"]), "available");
}
