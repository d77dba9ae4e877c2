//! Destroy on the wire: the order of its calls, refusals that pass and those that do not, and the proof at the end.

use super::world::{counts, signal, start_until, world};
use crate::support::cli::{Output, Rehearsal, wait};
use crate::support::proxy::{Fault, Faults, always, first, nth, refusal};
use std::time::{Duration, Instant};

const DESTROY: [&str; 5] = ["destroy", "--yes", "--confirm", "zenml-hybrid", "--disable-protection"];

/// What a destroy leaves: execution role, encryption key, final snapshot.
fn only_what_is_kept(rehearsal: &Rehearsal) {
    let left: Vec<_> = counts(&world(rehearsal)).into_iter().filter(|(_, number)| *number > 0).collect();
    let kept = [("role", 1), ("secret", 1), ("snapshot", 1)].map(|(kind, number)| (kind.to_owned(), number));
    assert_eq!(left, kept, "{:#}", world(rehearsal));
}

#[test]
fn a_destroy_deletes_in_the_order_that_aws_needs() {
    let mut rehearsal = Rehearsal::new();
    rehearsal.up().expect(0);
    let proxy = rehearsal.disturbed(Faults::none());
    rehearsal.run(&DESTROY).expect(0);
    let log = proxy.take_log();
    for (earlier, later) in [
        // Clients first, then what serves them.
        ("elasticloadbalancing:DeleteListener", "ecs:DeleteService"),
        ("elasticloadbalancing:DeleteListener", "elasticloadbalancing:DeleteTargetGroup"),
        // Nothing writes any more when the last copy of the data is made.
        ("ecs:DeleteService", "rds:CreateDBSnapshot"),
        ("rds:CreateDBSnapshot", "rds:ModifyDBInstance"),
        ("rds:ModifyDBInstance", "rds:DeleteDBInstance"),
        ("rds:DeleteDBInstance", "rds:DeleteDBSubnetGroup"),
        ("rds:DeleteDBInstance", "rds:DeleteDBParameterGroup"),
        ("ecs:DeleteService", "iam:DeleteRole"),
        ("ecs:DeleteService", "logs:DeleteLogGroup"),
        ("ecs:DeleteService", "ec2:DeleteNatGateway"),
        ("ec2:DeleteNatGateway", "ec2:ReleaseAddress"),
        ("ec2:ReleaseAddress", "ec2:DetachInternetGateway"),
        ("ec2:DetachInternetGateway", "ec2:DeleteInternetGateway"),
        ("elasticloadbalancing:DeleteLoadBalancer", "ec2:DetachInternetGateway"),
        ("elasticloadbalancing:DeleteLoadBalancer", "ec2:DeleteSubnet"),
        ("ec2:DeleteSubnet", "ec2:DeleteVpc"),
        ("ec2:DeleteSecurityGroup", "ec2:DeleteVpc"),
    ] {
        log.assert_before(earlier, later);
    }
    only_what_is_kept(&rehearsal);
}

/// Operation, code, message, and how often: each passes by itself on AWS.
const PASSING: &[(&str, &str, &str, u64)] = &[
    ("ec2:DetachInternetGateway", "DependencyViolation", "Network vpc-1 has some mapped public address(es).", 3),
    ("ec2:ReleaseAddress", "AuthFailure", "You do not have permission to access the specified resource.", 4),
    ("ec2:DeleteSubnet", "DependencyViolation", "The subnet 'subnet-1' has dependencies and cannot be deleted.", 5),
    ("ec2:DeleteSecurityGroup", "DependencyViolation", "resource sg-1 has a dependent object", 3),
    ("ec2:DeleteVpc", "DependencyViolation", "The vpc 'vpc-1' has dependencies and cannot be deleted.", 2),
    ("elasticloadbalancing:DeleteTargetGroup", "ResourceInUse", "is currently in use by a listener or a rule", 4),
    ("ecs:DeleteCluster", "ClusterContainsTasksException", "The Cluster cannot be deleted while Tasks are active.", 2),
    ("iam:DeleteRole", "DeleteConflict", "Cannot delete entity, must detach all policies first.", 2),
    ("logs:DeleteLogGroup", "OperationAbortedException", "A conflicting operation is in progress. Try again.", 2),
    ("rds:DeleteDBSubnetGroup", "InvalidDBSubnetGroupStateFault", "Cannot delete the subnet group", 2),
    ("rds:DeleteDBParameterGroup", "InvalidDBParameterGroupState", "One or more database instances are members", 2),
    ("rds:CreateDBSnapshot", "InvalidDBInstanceState", "is currently creating - a final snapshot cannot be taken", 3),
];

/// Two groups whose rules name each other, made by hand.
const CROSS_REFERENCE: &str = r#"
ec2 = client("ec2")
groups = ec2.describe_security_groups(Filters=[{"Name": "tag:hybridctl:deployment", "Values": ["zenml-hybrid"]}])["SecurityGroups"]
alb, rds = (next(g["GroupId"] for g in groups if f"-{role}-" in g["GroupName"]) for role in ("alb", "rds"))
for one, other in ((alb, rds), (rds, alb)):
    ec2.authorize_security_group_ingress(GroupId=one, IpPermissions=[
        {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "UserIdGroupPairs": [{"GroupId": other}]}])
"#;

/// A plan that was carried out half is not true any more; what goes on is told.
#[test]
fn a_saved_destroy_that_is_cut_off_is_finished_by_a_destroy_with_the_same_proof() {
    let rehearsal = Rehearsal::new();
    rehearsal.up().expect(0);
    rehearsal.run(&["plan", "--destroy", "--out", "destroy.plan"]).expect(0);
    let child = start_until(&rehearsal, &["apply", "destroy.plan"], |steps| steps.len() >= 10).unwrap();
    signal("INT", child.id());
    let cut = wait(child).expect(130);
    assert!(cut.stderr.contains("hybridctl destroy") && !cut.stderr.contains("hybridctl up"), "{}", cut.text());
    let status = rehearsal.run(&["status"]).expect(0);
    assert!(!status.stdout.contains("deleted outside"), "{}", status.text());
    let stale = rehearsal.run(&["apply", "destroy.plan"]).expect(7);
    assert!(stale.stderr.contains("hybridctl plan --destroy --out FILE"), "{}", stale.text());
    rehearsal.run(&["plan", "--destroy", "--out", "rest.plan"]).expect(0);
    let rest = rehearsal.run(&["apply", "rest.plan"]).expect(0);
    assert!(rest.stdout.contains("nothing else of this deployment exists"), "{}", rest.text());
    only_what_is_kept(&rehearsal);
}

#[test]
fn refusals_that_pass_by_themselves_are_waited_for() {
    let mut rehearsal = Rehearsal::new();
    rehearsal.up().expect(0);
    rehearsal.boto(CROSS_REFERENCE, &[]);
    let refused = |faults: Faults, (operation, code, message, times): &(&str, &str, &str, u64)| {
        faults.on(operation, first(*times), refusal(code, message, 400))
    };
    // The answer to the snapshot that is made at last gets lost: the next look finds it.
    let faults = PASSING.iter().fold(Faults::none(), refused).on("rds:CreateDBSnapshot", nth(4), Fault::Drop);
    let proxy = rehearsal.disturbed(faults);
    let destroyed = rehearsal.run(&DESTROY).expect(0);
    let log = proxy.take_log();
    for (operation, code, _, times) in PASSING {
        let calls = log.count(operation);
        assert!(calls as u64 > *times, "{operation} {code}: {calls} calls\n{}", destroyed.text());
    }
    assert_eq!(log.effects("rds:CreateDBSnapshot"), 1, "{}", log.text());
    assert!(destroyed.stderr.contains("waiting: AuthFailure"), "{}", destroyed.text());
    only_what_is_kept(&rehearsal);
}

/// An interface in a subnet and group of ours.
const PLANT_INTERFACE: &str = r#"
ec2 = client("ec2")
ours = [{"Name": "tag:hybridctl:deployment", "Values": ["zenml-hybrid"]}]
subnet = next(s["SubnetId"] for s in ec2.describe_subnets(Filters=ours)["Subnets"] if any(t["Value"].endswith(argv[0]) for t in s["Tags"]))
group = next(g["GroupId"] for g in ec2.describe_security_groups(Filters=ours)["SecurityGroups"] if f"-{argv[1]}-" in g["GroupName"])
made = ec2.create_network_interface(SubnetId=subnet, Groups=[group], Description=argv[2])
out(made["NetworkInterface"]["NetworkInterfaceId"])
"#;

const REMOVE_INTERFACE: &str = r#"client("ec2").delete_network_interface(NetworkInterfaceId=argv[0])"#;

fn plant(rehearsal: &Rehearsal, argv: &[&str]) -> String {
    rehearsal.boto(PLANT_INTERFACE, argv).as_str().unwrap().to_owned()
}

#[track_caller]
fn says(output: &Output, words: &[&str]) {
    for word in words {
        assert!(output.text().contains(word), "`{word}` is missing\n{}", output.text());
    }
}

#[test]
fn a_strangers_interface_stops_only_what_it_holds_and_the_next_destroy_finishes() {
    let mut rehearsal = Rehearsal::new();
    rehearsal.up().expect(0);
    let interface = plant(&rehearsal, &["private-a", "ecs", "AWS Lambda VPC ENI-report"]);
    let proxy = rehearsal.disturbed(Faults::none());
    let stopped = rehearsal.run(&DESTROY).expect(9);
    let held = format!("{interface} (AWS Lambda VPC ENI-report): not of this deployment");
    says(&stopped, &[&held, "delete-network-interface", "ec2.security_group/ecs", "ec2.subnet/private-a"]);
    assert!(!proxy.log().text().contains("DeleteNetworkInterface"), "nothing that is not ours is touched");
    let left = counts(&world(&rehearsal));
    for (kind, number) in [("subnet", 1), ("vpc", 1), ("load_balancer", 0), ("database", 0), ("nat_gateway", 0)] {
        assert_eq!(left[kind], number, "{kind}: {left:#?}\n{}", stopped.text());
    }
    rehearsal.boto(REMOVE_INTERFACE, &[&interface]);
    rehearsal.run(&DESTROY).expect(0);
    only_what_is_kept(&rehearsal);
}

#[test]
fn an_interface_that_a_service_gives_back_late_is_named_and_waited_for() {
    let rehearsal = Rehearsal::new();
    rehearsal.up().expect(0);
    let interface = plant(&rehearsal, &["public-a", "alb", "ELB app/zenml-hybrid-1a2b3c/0f"]);
    let child = rehearsal.start(&[&DESTROY[..], &["--events", "events.ndjson"]].concat());
    let held = format!("held by {interface} (ELB app/zenml-hybrid-1a2b3c/0f): its service gives it back");
    let started = Instant::now();
    let told =
        || std::fs::read_to_string(rehearsal.project().join("events.ndjson")).is_ok_and(|all| all.contains(&held));
    while !told() {
        assert!(started.elapsed() < Duration::from_secs(60), "it is never told who holds the subnet");
        std::thread::sleep(Duration::from_millis(20));
    }
    rehearsal.boto(REMOVE_INTERFACE, &[&interface]);
    wait(child).expect(0);
    only_what_is_kept(&rehearsal);
}

/// What GuardDuty's runtime monitoring does in a VPC with Fargate tasks.
const GUARDDUTY: &str = r#"
ec2 = client("ec2")
ours = [{"Name": "tag:hybridctl:deployment", "Values": ["zenml-hybrid"]}]
subnets = [s for s in ec2.describe_subnets(Filters=ours)["Subnets"] if any("private" in t["Value"] for t in s["Tags"])]
vpc, tags = subnets[0]["VpcId"], [{"Key": "GuardDutyManaged", "Value": "true"}]
group = ec2.create_security_group(VpcId=vpc, GroupName=f"GuardDutyManagedSecurityGroup-{vpc}", Description="GuardDuty",
    TagSpecifications=[{"ResourceType": "security-group", "Tags": tags}])["GroupId"]
endpoint = ec2.create_vpc_endpoint(VpcEndpointType="Interface", VpcId=vpc, SubnetIds=[s["SubnetId"] for s in subnets],
    ServiceName="com.amazonaws.eu-central-1.guardduty-data", SecurityGroupIds=[group],
    TagSpecifications=[{"ResourceType": "vpc-endpoint", "Tags": tags}])["VpcEndpoint"]["VpcEndpointId"]
out([endpoint, group])
"#;

#[test]
fn what_guardduty_put_into_the_vpc_is_named_and_deleted_only_with_consent() {
    let rehearsal = Rehearsal::new();
    rehearsal.up().expect(0);
    let planted = rehearsal.boto(GUARDDUTY, &[]);
    let (endpoint, group) = (planted[0].as_str().unwrap(), planted[1].as_str().unwrap());
    let stopped = rehearsal.run(&DESTROY).expect(9);
    let delete = format!("aws ec2 delete-vpc-endpoints --vpc-endpoint-ids {endpoint}");
    says(&stopped, &["put there by GuardDuty", "--delete-guardduty-endpoint", &delete]);
    let before = world(&rehearsal);
    assert!(before["endpoint"].to_string().contains(endpoint) && before["security_group"].to_string().contains(group));
    let agreed = rehearsal.run(&[&DESTROY[..], &["--delete-guardduty-endpoint"]].concat()).expect(0);
    says(&agreed, &[&format!("deleting GuardDuty's endpoint {endpoint}, as agreed")]);
    only_what_is_kept(&rehearsal);
}

/// What an earlier, broken run might have left: an address with our lineage, on no record.
const LEAVE_BEHIND: &str = r#"
ec2 = client("ec2")
tags = [{"Key": "hybridctl:lineage", "Value": argv[0]}, {"Key": "hybridctl:address", "Value": "ec2.elastic_ip/nat-b"}]
out(ec2.allocate_address(Domain="vpc", TagSpecifications=[{"ResourceType": "elastic-ip", "Tags": tags}])["AllocationId"])
"#;

#[test]
fn the_proof_names_what_is_left_behind_with_its_price_and_the_command_that_removes_it() {
    let mut rehearsal = Rehearsal::new();
    rehearsal.up().expect(0);
    let lineage = rehearsal.state()["lineage"].as_str().unwrap().to_owned();
    let address = rehearsal.boto(LEAVE_BEHIND, &[&lineage]).as_str().unwrap().to_owned();
    let destroyed = rehearsal.run(&DESTROY).expect(1);
    let left = format!("left behind:\n  ec2.elastic_ip {address}\n");
    let release = format!("ec2 release-address --allocation-id {address}");
    says(&destroyed, &[&left, "for ec2.elastic_ip/nat-b, and it is on no record", "about 4 USD", &release, "kept:"]);

    let json = rehearsal.run(&[&DESTROY[..], &["--format", "json"]].concat()).expect(1).json();
    assert_eq!(json["unexpected"].as_array().map(Vec::len), Some(1), "{json:#}");
    assert!(json["unexpected"][0]["remove"].as_str().unwrap().ends_with(&release), "{json:#}");
    let kept: Vec<&str> = json["kept"].as_array().unwrap().iter().filter_map(|one| one["what"].as_str()).collect();
    for what in
        ["iam.role/execution", "rds.snapshot/final-", "secrets.generated/encryption-key", "secrets in their 7-day"]
    {
        assert!(kept.iter().any(|kept| kept.starts_with(what)), "{what}: {kept:#?}");
    }

    rehearsal.boto(r#"client("ec2").release_address(AllocationId=argv[0])"#, &[&address]);
    says(&rehearsal.run(&DESTROY).expect(0), &["proved by asking AWS", "nothing else of this deployment exists"]);

    // Only the proof asks for these.
    let denied = refusal("UnauthorizedOperation", "You are not authorized to perform this operation.", 403);
    let _proxy = rehearsal.disturbed(Faults::none().on("ec2:DescribeNetworkInterfaces", always(), denied));
    let unread = "not proved, because it could not be read: network interfaces: UnauthorizedOperation";
    says(&rehearsal.run(&DESTROY).expect(9), &[unread]);
}

/// As the console does it: with the tags of the database.
const COPY_BY_HAND: &str = r#"
rds = client("rds")
if argv[0] == "take":
    tags = rds.describe_db_instances(DBInstanceIdentifier="zenml-hybrid-db")["DBInstances"][0]["TagList"]
    rds.create_db_snapshot(DBInstanceIdentifier="zenml-hybrid-db", DBSnapshotIdentifier="by-hand", Tags=tags)
    rds.get_waiter("db_snapshot_available").wait(DBSnapshotIdentifier="by-hand", WaiterConfig={"Delay": 0.1, "MaxAttempts": 100})
if argv[0] == "delete":
    rds.delete_db_snapshot(DBSnapshotIdentifier="by-hand")
out([one["DBSnapshotIdentifier"] for one in rds.describe_db_snapshots(SnapshotType="manual")["DBSnapshots"]])
"#;

#[test]
fn a_copy_that_somebody_took_by_hand_keeps_the_key_and_is_no_leftover() {
    let rehearsal = Rehearsal::new();
    rehearsal.up().expect(0);
    assert_eq!(rehearsal.boto(COPY_BY_HAND, &["take"]), serde_json::json!(["by-hand"]));
    let all = [&DESTROY[..], &["--skip-final-snapshot", "--delete-execution-role"]].concat();
    let destroy = rehearsal.run(&all).expect(0);
    for said in ["secrets.generated/encryption-key", "the data in the snapshot by-hand cannot be read without it"] {
        assert!(destroy.text().contains(said), "`{said}`\n{}", destroy.text());
    }
    assert_eq!(rehearsal.boto(COPY_BY_HAND, &["look"]), serde_json::json!(["by-hand"]));
    let left = counts(&world(&rehearsal));
    assert_eq!((left["secret"], left["role"], left["vpc"]), (1, 0, 0), "{}", destroy.text());
    // Without the copy the key is of no use any more.
    rehearsal.boto(COPY_BY_HAND, &["delete"]);
    rehearsal.run(&all).expect(0);
    assert_eq!(counts(&world(&rehearsal))["secret"], 0);
    // Nothing is on record, and that nothing is left is proved once more.
    let again = rehearsal.run(&all).expect(0);
    for said in ["nothing to do", "nothing else of this deployment exists"] {
        assert!(again.text().contains(said), "`{said}`\n{}", again.text());
    }
}

/// What was approved did not lift it.
#[test]
fn a_saved_destroy_does_not_lift_a_protection_that_was_put_on_since() {
    let rehearsal = Rehearsal::new();
    rehearsal.edit("[database]", "[database]\ndeletion_protection = false");
    rehearsal.up().expect(0);
    rehearsal.run(&["plan", "--destroy", "--out", "destroy.plan"]).expect(0);
    let protect = "client('rds').modify_db_instance(DBInstanceIdentifier='zenml-hybrid-db', DeletionProtection=True, ApplyImmediately=True)";
    rehearsal.boto(protect, &[]);
    let before = counts(&world(&rehearsal));
    let refused = rehearsal.run(&["apply", "destroy.plan"]);
    assert!([1, 7].contains(&refused.code), "{}", refused.text());
    assert!(refused.stderr.contains("protected"), "{}", refused.text());
    assert_eq!(counts(&world(&rehearsal)), before);
}
