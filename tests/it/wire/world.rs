//! What exists, read with boto3, and a kill at a given point of a run.

use crate::support::cli::{Output, Rehearsal, wait};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Child;
use std::time::{Duration, Instant};

/// Every kind of object with what identifies each, and what a bystander would notice of it.
pub const INVENTORY: &str = r#"
ec2, ecs, elb, rds, iam = (client(name) for name in ("ec2", "ecs", "elbv2", "rds", "iam"))
secrets, logs, dns = (client(name) for name in ("secretsmanager", "logs", "route53"))
world = {}
vpcs = world["vpc"] = [vpc["VpcId"] for vpc in ec2.describe_vpcs()["Vpcs"] if not vpc["IsDefault"]]
inside = lambda items, key: [item[key] for item in items if item.get("VpcId") in vpcs]
world["subnet"] = inside(ec2.describe_subnets()["Subnets"], "SubnetId")
world["route_table"] = inside(ec2.describe_route_tables()["RouteTables"], "RouteTableId")
world["security_group"] = inside(ec2.describe_security_groups()["SecurityGroups"], "GroupId")
world["endpoint"] = inside(ec2.describe_vpc_endpoints()["VpcEndpoints"], "VpcEndpointId")
world["internet_gateway"] = [found["InternetGatewayId"] for found in ec2.describe_internet_gateways()["InternetGateways"]]
world["elastic_ip"] = [found["AllocationId"] for found in ec2.describe_addresses()["Addresses"]]
gateways = ec2.describe_nat_gateways()["NatGateways"]
world["nat_gateway"] = [found["NatGatewayId"] for found in gateways if found["State"] != "deleted"]
instances = rds.describe_db_instances()["DBInstances"]
world["database"] = [[found["DBInstanceIdentifier"], found["DbiResourceId"], found["DBInstanceStatus"], found["DeletionProtection"]] for found in instances]
world["snapshot"] = [found["DBSnapshotIdentifier"] for found in rds.describe_db_snapshots(SnapshotType="manual")["DBSnapshots"]]
world["subnet_group"] = [found["DBSubnetGroupName"] for found in rds.describe_db_subnet_groups()["DBSubnetGroups"]]
groups = rds.describe_db_parameter_groups()["DBParameterGroups"]
world["parameter_group"] = [found["DBParameterGroupName"] for found in groups if not found["DBParameterGroupName"].startswith("default.")]
world["cluster"] = ecs.list_clusters()["clusterArns"]
world["cluster"] = [found["clusterArn"] for found in ecs.describe_clusters(clusters=world["cluster"])["clusters"] if found["status"] == "ACTIVE"]
world["service"], world["task"] = [], []
for cluster in world["cluster"]:
    arns = ecs.list_services(cluster=cluster)["serviceArns"]
    for found in ecs.describe_services(cluster=cluster, services=arns)["services"] if arns else []:
        world["service"].append({key: found[key] for key in ("serviceArn", "createdAt", "taskDefinition", "desiredCount", "runningCount", "status")}
                                | {"deployments": [each["id"] for each in found["deployments"]]})
    world["task"] += ecs.list_tasks(cluster=cluster, desiredStatus="RUNNING")["taskArns"]
world["revision"] = ecs.list_task_definitions(status="ACTIVE")["taskDefinitionArns"]
world["load_balancer"] = [found["LoadBalancerArn"] for found in elb.describe_load_balancers()["LoadBalancers"]]
world["target_group"] = [found["TargetGroupArn"] for found in elb.describe_target_groups()["TargetGroups"]]
world["listener"] = [found["ListenerArn"] for arn in world["load_balancer"] for found in elb.describe_listeners(LoadBalancerArn=arn)["Listeners"]]
world["role"] = [found["Arn"] for found in iam.list_roles()["Roles"] if not found["Path"].startswith("/aws-service-role/")]
world["secret"] = [found["ARN"] for found in secrets.list_secrets(MaxResults=100)["SecretList"]]
world["log_group"] = [found["logGroupName"] for found in logs.describe_log_groups()["logGroups"]]
zones = dns.list_hosted_zones()["HostedZones"]
world["record"] = [[found["Name"], found["Type"]] for zone in zones for found in dns.list_resource_record_sets(HostedZoneId=zone["Id"])["ResourceRecordSets"]
                   if found["Type"] not in ("NS", "SOA")]
out({kind: sorted(found, key=str) for kind, found in world.items()})
"#;

/// Everything that exists.
pub fn world(rehearsal: &Rehearsal) -> Value {
    rehearsal.boto(INVENTORY, &[])
}

/// How many of each kind.
pub fn counts(world: &Value) -> BTreeMap<String, usize> {
    let kinds = world.as_object().unwrap().iter();
    kinds.map(|(kind, found)| (kind.clone(), found.as_array().unwrap().len())).collect()
}

/// The quickstart template, once; `other` are kinds of which there is another number.
pub fn quickstart(other: &[(&str, usize)]) -> BTreeMap<String, usize> {
    let several = [
        ("subnet", 4),
        ("route_table", 4),
        ("security_group", 4),
        ("snapshot", 0),
        ("listener", 2),
        ("role", 2),
        ("secret", 5),
        ("log_group", 4),
        // The name, and the marker that says whose it is.
        ("record", 2),
    ];
    let one = [
        "vpc",
        "endpoint",
        "internet_gateway",
        "elastic_ip",
        "nat_gateway",
        "database",
        "subnet_group",
        "parameter_group",
        "cluster",
        "service",
        "task",
        "revision",
        "load_balancer",
        "target_group",
    ];
    let one = one.iter().map(|kind| (*kind, 1));
    one.chain(several).chain(other.iter().copied()).map(|(kind, number)| (kind.to_owned(), number)).collect()
}

/// What the live endpoint answers to `/api/v1/info`, asked without any of our code.
pub fn info(rehearsal: &Rehearsal) -> Value {
    let script = r#"
import socket, ssl, http.client
context = ssl.create_default_context(cafile=argv[1])
plain = socket.create_connection(("127.0.0.1", int(argv[0])), timeout=10)
connection = http.client.HTTPConnection("zenml.mycompany.com")
connection.sock = context.wrap_socket(plain, server_hostname="zenml.mycompany.com")
connection.request("GET", "/api/v1/info")
answer = connection.getresponse()
body = answer.read()
out(json.loads(body) if answer.status == 200 else {"status": answer.status, "body": body.decode()})
"#;
    let ca_file = rehearsal.sandbox.ca_file.display().to_string();
    rehearsal.boto(script, &[&rehearsal.sandbox.https_port.to_string(), &ca_file])
}

/// The lines of an events file that tell of steps: how often AWS was asked meanwhile depends on the machine.
pub fn steps(events: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(events).unwrap_or_default();
    let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
    let lines = whole.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines.filter(|event| event["type"] != "settling" && event["type"] != "note").collect()
}

/// Starts a command and waits until `reached` says so of its steps. `Err`: it ended before.
pub fn start_until(
    rehearsal: &Rehearsal,
    arguments: &[&str],
    reached: impl Fn(&[Value]) -> bool,
) -> Result<Child, Output> {
    let events = rehearsal.project().join("events.ndjson");
    let _ = std::fs::remove_file(&events);
    let mut arguments = arguments.to_vec();
    arguments.extend(["--events", "events.ndjson"]);
    let mut child = rehearsal.start(&arguments);
    let started = Instant::now();
    loop {
        if reached(&steps(&events)) {
            return Ok(child);
        }
        if child.try_wait().unwrap().is_some() {
            return Err(wait(child));
        }
        assert!(started.elapsed() < Duration::from_secs(60), "{arguments:?} does not get there");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Sends a signal to a process that this test started.
pub fn signal(name: &str, pid: u32) {
    let sent = std::process::Command::new("kill").arg(format!("-{name}")).arg(pid.to_string()).status().unwrap();
    assert!(sent.success());
}
