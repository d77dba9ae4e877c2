//! What others have beside a deployment of ours: it is never touched, not by `up` and not by `destroy`.

use super::scripts::INVENTORY;
use crate::support::cli::Rehearsal;
use serde_json::Value;

/// Objects whose names begin like ours, or are ours in another shape. Answers with everything that can be said of them.
const PLANT: &str = r#"
ec2, elb, rds, iam, sm, logs, dns = (client(name) for name in ("ec2", "elbv2", "rds", "iam", "secretsmanager", "logs", "route53"))
zone = next(zone["Id"] for zone in dns.list_hosted_zones()["HostedZones"] if zone["Name"] == "mycompany.com.")
if argv[0] == "plant":
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    subnets = [ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{16 * n}.0/20", AvailabilityZone="eu-central-1" + letter)["Subnet"]["SubnetId"]
               for n, letter in enumerate("ab")]
    ec2.create_security_group(GroupName="zenml-hybrid-alb-abc123", Description="theirs", VpcId=vpc)
    ec2.allocate_address(Domain="vpc")
    balancer = elb.create_load_balancer(Name="zenml-hybrid-alb-abc123", Subnets=subnets)["LoadBalancers"][0]["LoadBalancerArn"]
    elb.create_target_group(Name="zenml-hybrid-tg-abc123", Protocol="HTTP", Port=8000, VpcId=vpc, TargetType="ip")
    rds.create_db_parameter_group(DBParameterGroupName="zenml-hybrid-db-abc123", DBParameterGroupFamily="mysql8.4", Description="theirs")
    rds.create_db_subnet_group(DBSubnetGroupName="zenml-hybrid-db-2", DBSubnetGroupDescription="theirs", SubnetIds=subnets)
    iam.create_role(RoleName="zenml-hybrid-eu-central-1-admin", AssumeRolePolicyDocument="{}")
    sm.create_secret(Name="zenml/rds/password-of-others", SecretString="theirs")
    for group in ("/ecs/zenml-hybrid-2", "/aws/rds/instance/zenml-hybrid-db-2/error"):
        logs.create_log_group(logGroupName=group)
    dns.change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Changes": [{"Action": "CREATE", "ResourceRecordSet":
        {"Name": "zenml2.mycompany.com", "Type": "A", "TTL": 60, "ResourceRecords": [{"Value": "192.0.2.1"}]}}]})
    # While it is being made, its state and the free addresses of its subnets change by themselves.
    while elb.describe_load_balancers(LoadBalancerArns=[balancer])["LoadBalancers"][0]["State"]["Code"] != "active":
        time.sleep(0.1)
theirs = lambda items, key: [item for item in items if item[key].endswith(("abc123", "-db-2", "-admin", "of-others"))]
vpcs = [vpc for vpc in ec2.describe_vpcs()["Vpcs"] if not vpc["IsDefault"] and not vpc.get("Tags")]
here = [{"Name": "vpc-id", "Values": [vpc["VpcId"] for vpc in vpcs]}]
records = dns.list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]
out([vpcs, ec2.describe_subnets(Filters=here)["Subnets"], ec2.describe_security_groups(Filters=here)["SecurityGroups"],
     ec2.describe_route_tables(Filters=here)["RouteTables"],
     [address for address in ec2.describe_addresses()["Addresses"] if not address.get("Tags")],
     [gateway for gateway in ec2.describe_internet_gateways()["InternetGateways"] if not gateway.get("Tags")],
     theirs(elb.describe_load_balancers()["LoadBalancers"], "LoadBalancerName"),
     theirs(elb.describe_target_groups()["TargetGroups"], "TargetGroupName"),
     theirs(rds.describe_db_parameter_groups()["DBParameterGroups"], "DBParameterGroupName"),
     theirs(rds.describe_db_subnet_groups()["DBSubnetGroups"], "DBSubnetGroupName"),
     theirs(iam.list_roles()["Roles"], "RoleName"), theirs(sm.list_secrets()["SecretList"], "Name"),
     [group for group in logs.describe_log_groups()["logGroups"] if "-2" in group["logGroupName"]],
     [record for record in records if record["Name"].startswith("zenml2.")]])
"#;

#[test]
fn what_only_bears_a_name_like_ours_outlives_up_rebuild_and_destroy_as_it_was() {
    let rehearsal = Rehearsal::new();
    rehearsal.run(&["plan"]).expect(0);
    let planted = rehearsal.boto(PLANT, &["plant"]);
    assert!(planted.as_array().unwrap().iter().all(|found| found != &Value::Array(vec![])), "{planted:#}");
    let same = |story: &str| assert_eq!(rehearsal.boto(PLANT, &["look"]), planted, "after {story}");
    same("planting");
    rehearsal.up().expect(0);
    same("up");
    let state = rehearsal.project().join(".hybridctl/zenml-hybrid.sandbox/state.json");
    std::fs::remove_file(state).unwrap();
    rehearsal.run(&["state", "rebuild", "--yes"]).expect(0);
    rehearsal.run(&["plan", "--detailed-exitcode"]).expect(0);
    rehearsal.run(&["destroy", "--yes", "--confirm", "zenml-hybrid", "--disable-protection"]).expect(0);
    same("destroy");
}

/// Ours are deleted, and somebody makes others under their names: a name is the id of a role.
const TAKE_OVER: &str = r#"
iam, rds = client("iam"), client("rds")
role, database = "zenml-hybrid-eu-central-1-task", "zenml-hybrid-db"
logs = client("logs")
if argv[0] == "take":
    logs.delete_log_group(logGroupName="/ecs/zenml-hybrid")
    logs.create_log_group(logGroupName="/ecs/zenml-hybrid")
    iam.delete_role(RoleName=role)
    iam.create_role(RoleName=role, AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": []}), Tags=[{"Key": "owner", "Value": "somebody"}])
    rds.modify_db_instance(DBInstanceIdentifier=database, DeletionProtection=False, ApplyImmediately=True)
    rds.get_waiter("db_instance_available").wait(DBInstanceIdentifier=database, WaiterConfig={"Delay": 0.1, "MaxAttempts": 300})
    rds.delete_db_instance(DBInstanceIdentifier=database, SkipFinalSnapshot=True)
    rds.get_waiter("db_instance_deleted").wait(DBInstanceIdentifier=database, WaiterConfig={"Delay": 0.1, "MaxAttempts": 300})
    rds.create_db_instance(DBInstanceIdentifier=database, DBInstanceClass="db.t3.micro", Engine="mysql",
        MasterUsername="somebody", MasterUserPassword="else-12345678", AllocatedStorage=20, Tags=[{"Key": "owner", "Value": "somebody"}])
    rds.get_waiter("db_instance_available").wait(DBInstanceIdentifier=database, WaiterConfig={"Delay": 0.1, "MaxAttempts": 300})
    # The database's own groups, one under a name on record.
    for name in ("audit", "error"):
        if name == "error":
            logs.delete_log_group(logGroupName="/aws/rds/instance/zenml-hybrid-db/error")
        logs.create_log_group(logGroupName=f"/aws/rds/instance/zenml-hybrid-db/{name}")
groups = [group["logGroupName"] for prefix in ("/ecs/zenml-hybrid", "/aws/rds/instance/zenml-hybrid-db/")
    for group in logs.describe_log_groups(logGroupNamePrefix=prefix)["logGroups"]]
instance = rds.describe_db_instances(DBInstanceIdentifier=database)["DBInstances"][0]
out([{key: value for key, value in iam.get_role(RoleName=role)["Role"].items() if key != "RoleLastUsed"},
     [name for name in groups if not name.endswith(("/general", "/slowquery"))],
     instance["MasterUsername"], instance["DBInstanceStatus"], instance["TagList"],
     [one["DBSnapshotIdentifier"] for one in rds.describe_db_snapshots()["DBSnapshots"] if one["SnapshotType"] == "manual"]])
"#;

#[test]
fn what_somebody_made_under_a_recorded_name_is_neither_changed_nor_deleted_nor_taken_for_our_data() {
    let rehearsal = Rehearsal::new();
    rehearsal.up().expect(0);
    let theirs = rehearsal.boto(TAKE_OVER, &["take"]);
    for verb in [&["plan"][..], &["up", "--yes"]] {
        let refused = rehearsal.run(verb).expect(1);
        let told = [
            "iam.role/task",
            "what has that name now was not made by hybridctl",
            "rds.instance/main",
            "logs.log_group/ecs",
        ];
        for word in told {
            assert!(refused.stderr.contains(word), "{word}\n{}", refused.text());
        }
    }
    assert_eq!(rehearsal.boto(TAKE_OVER, &["look"]), theirs);
    rehearsal.run(&["plan", "--destroy", "--out", "destroy.plan"]).expect(0);
    let destroy = rehearsal.run(&["apply", "destroy.plan"]).expect(0);
    assert_eq!(rehearsal.boto(TAKE_OVER, &["look"]), theirs, "{}", destroy.text());
    assert!(!destroy.text().contains("last copy of the data"), "{}", destroy.text());
    assert!(destroy.stdout.contains("nothing else of this deployment exists"), "{}", destroy.text());
}

/// Two subnets of one VPC cannot share a range; the error of the call would not say whose the other one is.
#[test]
fn a_strangers_subnet_with_our_range_is_refused_by_name_and_left_alone() {
    let rehearsal = Rehearsal::new();
    rehearsal.up().expect(0);
    let plant = r#"
ec2 = client("ec2")
vpc = next(vpc["VpcId"] for vpc in ec2.describe_vpcs()["Vpcs"] if not vpc["IsDefault"])
out(ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.32.0/20", AvailabilityZone="eu-central-1c")["Subnet"]["SubnetId"])
"#;
    let stranger = rehearsal.boto(plant, &[]);
    let before = rehearsal.boto(INVENTORY, &[]);
    let text = std::fs::read_to_string(rehearsal.config()).unwrap();
    let network = if text.contains("[network]\n") {
        text.replace("[network]\n", "[network]\nzones = 3\n")
    } else {
        text + "\n[network]\nzones = 3\n"
    };
    std::fs::write(rehearsal.config(), network).unwrap();
    for (verb, code) in [(&["plan", "-vv"][..], 1), (&["up", "--yes", "-vv"], 4)] {
        let refused = rehearsal.run(verb).expect(code);
        for word in ["ec2.subnet/public-c", stranger.as_str().unwrap(), "not made by hybridctl", "nothing was changed"]
        {
            assert!(refused.stderr.contains(word), "{word}\n{}", refused.text());
        }
        assert_eq!(refused.mutations(), [""; 0]);
    }
    assert_eq!(rehearsal.boto(INVENTORY, &[]), before);
}

/// One folder, or one bucket and prefix, cannot serve two deployments.
#[test]
fn a_state_of_another_deployment_is_refused_and_left_as_it_is() {
    let rehearsal = Rehearsal::new();
    let own = std::fs::read_to_string(rehearsal.config()).unwrap();
    std::fs::write(rehearsal.config(), format!("{own}\n[state]\nbucket = \"team-state\"\n")).unwrap();
    rehearsal.up().expect(0);
    let objects = r#"
s3 = client("s3")
objects = s3.list_objects_v2(Bucket="team-state")["Contents"]
documents = {one["Key"]: s3.get_object(Bucket="team-state", Key=one["Key"])["Body"].read().decode(errors="replace") for one in objects}
if argv:
    key = next(key for key, text in documents.items() if '"lineage"' in text)
    s3.put_object(Bucket="team-state", Key=key, Body=documents[key].replace('"deployment": "zenml-hybrid"', '"deployment": "theirs"').encode())
out(documents)
"#;
    rehearsal.boto(objects, &["rename"]);
    let before = rehearsal.boto(objects, &[]);
    for verb in [
        &["up", "--yes", "-vv"][..],
        &["destroy", "--yes", "--confirm", "zenml-hybrid", "-vv"],
        &["state", "rebuild", "--yes", "-vv"],
    ] {
        let refused = rehearsal.run(verb).expect(7);
        assert!(refused.stderr.contains("`theirs`"), "{}", refused.text());
        let changes: Vec<_> = refused.mutations().into_iter().filter(|call| !call.starts_with("s3:")).collect();
        assert_eq!(changes, [""; 0], "{}", refused.text());
    }
    assert_eq!(rehearsal.boto(objects, &[]), before);
}

/// RDS makes the groups of an instance by itself, without tags; but not before the instance.
#[test]
fn lines_that_somebody_kept_under_the_name_of_our_database_are_neither_shortened_nor_deleted() {
    let rehearsal = Rehearsal::new();
    rehearsal.run(&["plan"]).expect(0);
    let group = r#"
logs, name = client("logs"), "/aws/rds/instance/zenml-hybrid-db/slowquery"
if argv[0] == "make":
    logs.create_log_group(logGroupName=name)
if argv[0] == "delete":
    logs.delete_log_group(logGroupName=name)
out(logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"])
"#;
    let theirs = rehearsal.boto(group, &["make"]);
    for (verb, code) in [(&["plan"][..], 1), (&["up", "--yes"], 4)] {
        let refused = rehearsal.run(verb).expect(code);
        let told = ["logs.log_group/rds-slowquery", "older than this deployment"];
        assert!(told.iter().all(|words| refused.text().contains(words)), "{}", refused.text());
    }
    rehearsal.run(&["destroy", "--yes", "--confirm", "zenml-hybrid"]).expect(0);
    assert_eq!(rehearsal.boto(group, &["look"]), theirs);
    rehearsal.boto(group, &["delete"]);
    rehearsal.up().expect(0);
}
