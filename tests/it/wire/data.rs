//! What must not happen to data, to foreign objects, and without consent.

use super::world::{counts, info, quickstart, world};
use crate::support::cli::{Output, Rehearsal};
use serde_json::{Value, json};

/// Takes a snapshot by hand, lifts the protection and deletes the database.
const DELETE_DATABASE: &str = r#"
rds = client("rds")
rds.create_db_snapshot(DBSnapshotIdentifier="by-hand", DBInstanceIdentifier="zenml-hybrid-db")
rds.get_waiter("db_snapshot_available").wait(DBSnapshotIdentifier="by-hand", WaiterConfig={"Delay": 0.1, "MaxAttempts": 300})
rds.modify_db_instance(DBInstanceIdentifier="zenml-hybrid-db", DeletionProtection=False, ApplyImmediately=True)
for _ in range(300):
    try:
        rds.delete_db_instance(DBInstanceIdentifier="zenml-hybrid-db", SkipFinalSnapshot=True)
        break
    except rds.exceptions.InvalidDBInstanceStateFault:
        time.sleep(0.1)
rds.get_waiter("db_instance_deleted").wait(DBInstanceIdentifier="zenml-hybrid-db", WaiterConfig={"Delay": 0.1, "MaxAttempts": 300})
out(True)
"#;

/// Everything that the tasks ever logged.
const LOGS: &str = r#"
logs = client("logs")
streams = logs.describe_log_streams(logGroupName="/ecs/zenml-hybrid")["logStreams"]
events = [event["message"] for stream in streams
          for event in logs.get_log_events(logGroupName="/ecs/zenml-hybrid", logStreamName=stream["logStreamName"], startFromHead=True)["events"]]
out("\n".join(events))
"#;

const CREATED: &str = "Creating database tables";

/// How often a database was filled from nothing.
fn times_created(rehearsal: &Rehearsal) -> usize {
    rehearsal.boto(LOGS, &[]).as_str().unwrap().matches(CREATED).count()
}

/// Refused: this exit code, these words, no call that changes anything, and the world as before.
#[track_caller]
fn refuses(rehearsal: &Rehearsal, arguments: &[&str], code: i32, words: &[&str], before: &Value) -> Output {
    let mut verbose = arguments.to_vec();
    verbose.push("-vv");
    let refused = rehearsal.run(&verbose).expect(code);
    for word in words {
        assert!(refused.stderr.contains(word), "`{word}` is missing\n{}", refused.text());
    }
    assert!(!refused.operations().is_empty(), "{}", refused.text());
    assert_eq!(refused.mutations(), Vec::<String>::new(), "{}", refused.text());
    assert_eq!(world(rehearsal), *before, "{}", refused.text());
    refused
}

#[test]
fn a_database_deleted_by_hand_stops_the_plan_until_its_snapshot_is_named() {
    let rehearsal = Rehearsal::new();
    rehearsal.up().expect(0);
    assert_eq!(times_created(&rehearsal), 1);
    rehearsal.boto(DELETE_DATABASE, &[]);
    let gone = world(&rehearsal);
    assert_eq!(gone["database"], json!([]));
    let words = ["rds.instance/main holds data and was deleted", "restore_from = \"by-hand\"", "nothing was changed"];
    refuses(&rehearsal, &["plan"], 1, &words, &gone);
    refuses(&rehearsal, &["up", "--yes"], 1, &words, &gone);

    rehearsal.edit("[database]", "[database]\nrestore_from = \"by-hand\"");
    let up = rehearsal.up().expect(0);
    assert!(up.text().contains("The deployment works"), "{}", up.text());
    assert_eq!(counts(&world(&rehearsal)), quickstart(&[("snapshot", 1)]));
    assert_eq!(times_created(&rehearsal), 1, "the restored database was filled anew");
    assert_eq!(info(&rehearsal)["version"], "0.98.0");
    assert!(rehearsal.up().expect(0).stderr.contains("no changes"));
}

#[test]
fn a_database_deleted_by_hand_starts_empty_only_with_consent() {
    let rehearsal = Rehearsal::new();
    rehearsal.up().expect(0);
    rehearsal.boto(DELETE_DATABASE, &[]);
    rehearsal.up().expect(1);
    let up = rehearsal.run(&["up", "--yes", "--allow-data-loss", "rds.instance/main"]).expect(0);
    assert!(up.text().contains("The deployment works"), "{}", up.text());
    assert_eq!(counts(&world(&rehearsal)), quickstart(&[("snapshot", 1)]));
    assert_eq!(times_created(&rehearsal), 2);
    assert!(rehearsal.up().expect(0).stderr.contains("no changes"));
}

#[test]
fn nothing_is_changed_without_consent_and_destroy_asks_for_more_of_it() {
    let rehearsal = Rehearsal::new();
    rehearsal.run(&["plan"]).expect(0);
    let nothing = world(&rehearsal);
    refuses(&rehearsal, &["up"], 64, &["no terminal", "--yes"], &nothing);
    refuses(&rehearsal, &["apply"], 64, &["no terminal", "--yes"], &nothing);
    rehearsal.up().expect(0);
    let before = world(&rehearsal);
    let protected =
        ["rds.instance/main is protected", "hybridctl destroy", " --disable-protection\n", "nothing was changed"];
    refuses(&rehearsal, &["destroy", "--yes", "--confirm", "zenml-hybrid"], 1, &protected, &before);
    let wrong = ["destroy", "--disable-protection", "--yes", "--confirm", "zenml-hybird"];
    refuses(&rehearsal, &wrong, 1, &["`zenml-hybird` is not the deployment's name", "nothing was changed"], &before);
    refuses(&rehearsal, &["destroy", "--disable-protection"], 64, &["no terminal", "--confirm"], &before);
    refuses(&rehearsal, &["destroy", "--disable-protection", "--yes"], 64, &["--confirm zenml-hybrid"], &before);

    let skip = ["destroy", "--yes", "--confirm", "zenml-hybrid", "--disable-protection", "--skip-final-snapshot"];
    let plan = rehearsal.run(&[&skip[..], &["--plan"]].concat()).expect(0);
    assert!(plan.stdout.contains("DATA AT RISK: rds.instance/main"), "{}", plan.text());
    assert_eq!(world(&rehearsal), before);
    let destroyed = rehearsal.run(&skip).expect(0);
    let left: Vec<_> = counts(&world(&rehearsal)).into_iter().filter(|(_, number)| *number > 0).collect();
    // No snapshot, so no key either.
    assert_eq!(left, [("role".to_owned(), 1)], "{}", destroyed.text());
    assert!(!destroyed.stdout.contains("rds.snapshot/"), "{}", destroyed.text());
}

/// One object for each name that is known at plan time, as somebody else would have made it.
const FOREIGN: &str = r#"
trust = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "ecs-tasks.amazonaws.com"}, "Action": "sts:AssumeRole"}]})
client("iam").create_role(RoleName="zenml-hybrid-eu-central-1-execution", AssumeRolePolicyDocument=trust)
client("secretsmanager").create_secret(Name="zenml/rds/password", SecretString="of somebody else")
client("logs").create_log_group(logGroupName="/ecs/zenml-hybrid")
client("logs").create_log_group(logGroupName="/aws/rds/instance/zenml-hybrid-db/slowquery", tags={"owner": "other"})
client("ecs").create_cluster(clusterName="zenml-hybrid")
client("rds").create_db_instance(DBInstanceIdentifier="zenml-hybrid-db", DBInstanceClass="db.t3.micro", Engine="mysql",
    MasterUsername="somebody", MasterUserPassword="else-12345678", AllocatedStorage=20)
client("rds").get_waiter("db_instance_available").wait(DBInstanceIdentifier="zenml-hybrid-db", WaiterConfig={"Delay": 0.1, "MaxAttempts": 300})
dns = client("route53")
zone = next(zone["Id"] for zone in dns.list_hosted_zones()["HostedZones"] if zone["Name"] == "mycompany.com.")
dns.change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Changes": [{"Action": "CREATE", "ResourceRecordSet":
    {"Name": "zenml.mycompany.com", "Type": "A", "TTL": 60, "ResourceRecords": [{"Value": "192.0.2.1"}]}}]})
out(True)
"#;

#[test]
fn objects_of_others_with_our_names_stop_the_plan_and_outlive_a_destroy() {
    let rehearsal = Rehearsal::new();
    rehearsal.run(&["plan"]).expect(0);
    rehearsal.boto(FOREIGN, &[]);
    let before = world(&rehearsal);
    let names = [
        "iam.role/execution",
        "zenml-hybrid-eu-central-1-execution",
        "secrets.generated/database-password",
        "zenml/rds/password",
        "logs.log_group/ecs",
        "/ecs/zenml-hybrid",
        "logs.log_group/rds-slowquery",
        "ecs.cluster/main",
        "rds.instance/main",
        "zenml-hybrid-db",
        "route53.record/",
        "zenml.mycompany.com",
        "7 problems; nothing was changed",
    ];
    refuses(&rehearsal, &["plan"], 1, &names, &before);
    refuses(&rehearsal, &["up", "--yes"], 4, &names, &before);
    let nothing = ["destroy", "--yes", "--confirm", "zenml-hybrid", "--disable-protection"];
    refuses(&rehearsal, &nothing, 0, &["nothing to do"], &before);
}

/// A name that somebody takes while a deployment exists: its own parts go, the other's stay.
#[test]
fn a_destroy_of_an_interrupted_deployment_leaves_what_others_made_meanwhile() {
    let rehearsal = Rehearsal::new();
    let line =
        |steps: &[Value]| steps.iter().any(|step| step["address"] == "ec2.vpc/main" && step["type"] == "finished");
    let mut child = super::world::start_until(&rehearsal, &["up", "--yes"], line).unwrap();
    child.kill().unwrap();
    crate::support::cli::wait(child);
    let clash = r#"
try:
    client("rds").create_db_instance(DBInstanceIdentifier="zenml-hybrid-db", DBInstanceClass="db.t3.micro", Engine="mysql",
        MasterUsername="somebody", MasterUserPassword="else-12345678", AllocatedStorage=20)
    out(True)
except Exception as error:
    out(str(error))
"#;
    assert_eq!(rehearsal.boto(clash, &[]), json!(true));
    let up = rehearsal.up().expect(4);
    assert!(up.stderr.contains("rds.instance/main") && up.stderr.contains("zenml-hybrid-db"), "{}", up.text());
    rehearsal.run(&["destroy", "--yes", "--confirm", "zenml-hybrid"]).expect(0);
    let left = world(&rehearsal);
    assert_eq!(left["database"][0][0], "zenml-hybrid-db");
    let found: Vec<_> = counts(&left).into_iter().filter(|(_, number)| *number > 0).collect();
    let kept: Vec<_> = found.iter().filter(|(kind, _)| *kind != "role").collect();
    assert_eq!(kept, [&("database".to_owned(), 1)], "{left:#}");
}

/// Of another deployment, or of this one under another name.
#[test]
fn data_that_is_restored_without_its_key_is_told_in_the_plan() {
    let rehearsal = Rehearsal::new();
    rehearsal.edit("[database]", "[database]\nrestore_from = \"theirs\"");
    let plan = rehearsal.run(&["plan"]).expect(0);
    assert!(plan.stderr.contains("caution: the secrets in the data of `theirs` will be unreadable"), "{}", plan.text());
}
