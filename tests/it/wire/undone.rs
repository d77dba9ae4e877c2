//! What somebody did by hand and undid, or what `up` undoes.

use crate::support::cli::Rehearsal;

const DESTROY: [&str; 5] = ["destroy", "--yes", "--confirm", "zenml-hybrid", "--disable-protection"];
const STOP: &str = r#"client("rds").stop_db_instance(DBInstanceIdentifier="zenml-hybrid-db")"#;

/// Stopping a database at night saves money. It is no broken one: nothing is lost, and the next `up` starts it.
#[test]
fn a_stopped_database_is_started_by_up_and_does_not_stand_in_the_way_of_a_destroy() {
    let rehearsal = Rehearsal::new();
    rehearsal.up().expect(0);
    rehearsal.boto(STOP, &[]);
    let diff = rehearsal.diff().expect(6);
    assert!(diff.stdout.contains("rds.instance/main") && diff.stdout.contains("stopped"), "{}", diff.text());
    let plan = rehearsal.run(&["plan"]).expect(0);
    assert!(plan.stdout.contains("1 to update") && plan.stdout.contains("No data is at risk"), "{}", plan.text());
    rehearsal.up().expect(0);
    rehearsal.diff().expect(0);

    rehearsal.boto(STOP, &[]);
    rehearsal.run(&DESTROY).expect(0);
}

const PASSWORD: &str = r#"
rds, secrets = client("rds"), client("secretsmanager")
stored = secrets.get_secret_value(SecretId="zenml/rds/password")["SecretString"]
rds.modify_db_instance(DBInstanceIdentifier="zenml-hybrid-db", MasterUserPassword=argv[0] or stored, ApplyImmediately=True)
"#;
const DELETE_SERVICE: &str =
    r#"client("ecs").delete_service(cluster="zenml-hybrid", service="zenml-server", force=True)"#;

#[test]
fn a_first_rollout_that_failed_is_tried_again_when_its_cause_is_gone() {
    let rehearsal = Rehearsal::new();
    rehearsal.up().expect(0);
    rehearsal.boto(PASSWORD, &["SomebodyElses1234"]);
    rehearsal.boto(DELETE_SERVICE, &[]);
    let failed = rehearsal.up().expect(1);
    assert!(failed.stderr.contains("ecs.service/server"), "{}", failed.text());
    // The cause is still there: another try, which fails too.
    let again = rehearsal.run(&["up", "--yes", "-vv"]).expect(1);
    assert!(again.mutations().iter().any(|call| call.contains("UpdateService")), "{}", again.text());
    rehearsal.boto(PASSWORD, &[""]);
    rehearsal.up().expect(0);
    rehearsal.diff().expect(0);
}
