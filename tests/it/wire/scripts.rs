//! What the suites do with boto3: look at everything, and change things behind hybridctl's back.

/// Everything in the sandbox as `kind: name`.
pub const INVENTORY: &str = r#"
items = []
def pages(service, operation, key, **arguments):
    c = client(service)
    if not c.can_paginate(operation):
        return getattr(c, operation)(**arguments)[key]
    return [item for page in c.get_paginator(operation).paginate(**arguments) for item in page[key]]
def add(kind, names):
    items.extend(f"{kind}: {name}" for name in names)
default = {vpc["VpcId"] for vpc in pages("ec2", "describe_vpcs", "Vpcs") if vpc["IsDefault"]}
def ec2(kind, operation, key, field, gone=()):
    found = pages("ec2", operation, key)
    add(kind, [item[field] for item in found if item.get("State", item.get("Status")) not in gone])
ec2("vpc", "describe_vpcs", "Vpcs", "VpcId")
ec2("subnet", "describe_subnets", "Subnets", "SubnetId")
ec2("internet gateway", "describe_internet_gateways", "InternetGateways", "InternetGatewayId")
# A deleted gateway is shown for an hour.
ec2("nat gateway", "describe_nat_gateways", "NatGateways", "NatGatewayId", ("deleted",))
ec2("elastic ip", "describe_addresses", "Addresses", "AllocationId")
ec2("route table", "describe_route_tables", "RouteTables", "RouteTableId")
ec2("security group", "describe_security_groups", "SecurityGroups", "GroupId")
ec2("security group rule", "describe_security_group_rules", "SecurityGroupRules", "SecurityGroupRuleId")
ec2("vpc endpoint", "describe_vpc_endpoints", "VpcEndpoints", "VpcEndpointId", ("deleted",))
ec2("eni", "describe_network_interfaces", "NetworkInterfaces", "NetworkInterfaceId")
add("database", [i["DBInstanceIdentifier"] for i in pages("rds", "describe_db_instances", "DBInstances")])
add("snapshot", [s["DBSnapshotIdentifier"] for s in pages("rds", "describe_db_snapshots", "DBSnapshots")])
add("subnet group", [g["DBSubnetGroupName"] for g in pages("rds", "describe_db_subnet_groups", "DBSubnetGroups")])
add("parameter group", [g["DBParameterGroupName"] for g in pages("rds", "describe_db_parameter_groups", "DBParameterGroups")])
for secret in pages("secretsmanager", "list_secrets", "SecretList", IncludePlannedDeletion=True):
    add("secret in its window" if secret.get("DeletedDate") else "secret", [secret["Name"]])
iam = client("iam")
for role in pages("iam", "list_roles", "Roles"):
    name = role["RoleName"]
    add("role", [name])
    add("inline policy", [f"{name} {policy}" for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]])
    attached = iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]
    add("attached policy", [f"{name} {policy['PolicyArn']}" for policy in attached])
add("policy", [policy["Arn"] for policy in pages("iam", "list_policies", "Policies", Scope="Local")])
ecs = client("ecs")
clusters = pages("ecs", "list_clusters", "clusterArns")
for cluster in ecs.describe_clusters(clusters=clusters)["clusters"] if clusters else []:
    if cluster["status"] == "INACTIVE":
        continue
    arn = cluster["clusterArn"]
    add("cluster", [arn])
    services = pages("ecs", "list_services", "serviceArns", cluster=arn)
    described = ecs.describe_services(cluster=arn, services=services)["services"] if services else []
    add("service", [service["serviceArn"] for service in described if service["status"] != "INACTIVE"])
    add("task", pages("ecs", "list_tasks", "taskArns", cluster=arn))
add("task definition", pages("ecs", "list_task_definitions", "taskDefinitionArns", status="ACTIVE"))
for balancer in pages("elbv2", "describe_load_balancers", "LoadBalancers"):
    arn = balancer["LoadBalancerArn"]
    add("load balancer", [arn])
    add("listener", [l["ListenerArn"] for l in pages("elbv2", "describe_listeners", "Listeners", LoadBalancerArn=arn)])
add("target group", [group["TargetGroupArn"] for group in pages("elbv2", "describe_target_groups", "TargetGroups")])
add("log group", [group["logGroupName"] for group in pages("logs", "describe_log_groups", "logGroups")])
add("certificate", [c["CertificateArn"] for c in pages("acm", "list_certificates", "CertificateSummaryList")])
for zone in pages("route53", "list_hosted_zones", "HostedZones"):
    add("zone", [zone["Name"]])
    records = pages("route53", "list_resource_record_sets", "ResourceRecordSets", HostedZoneId=zone["Id"])
    add("record", [f"{record['Name']} {record['Type']}" for record in records])
out(sorted(items))
"#;

/// Registers the service's revision again with a variable renamed (`argv` is old and new name) or changed (`NAME=VALUE`),
/// and moves the service to it.
pub const FOREIGN: &str = r#"
ecs = client("ecs")
where = {"cluster": "zenml-hybrid"}
def settle():
    for _ in range(300):
        service = ecs.describe_services(services=["zenml-server"], **where)["services"][0]
        deployments = service["deployments"]
        if len(deployments) == 1 and deployments[0]["rolloutState"] == "COMPLETED" and deployments[0]["runningCount"] == service["desiredCount"]:
            return
        time.sleep(0.1)
    raise SystemExit("the service does not settle")
def foreign(change, **more):
    service = ecs.describe_services(services=["zenml-server"], **where)["services"][0]
    answer = ecs.describe_task_definition(taskDefinition=service["taskDefinition"])
    definition = answer["taskDefinition"]
    change(definition["containerDefinitions"][0]["environment"])
    keys = ["family", "containerDefinitions", "networkMode", "requiresCompatibilities", "cpu", "memory",
            "executionRoleArn", "taskRoleArn", "volumes", "runtimePlatform"]
    made = ecs.register_task_definition(**{key: definition[key] for key in keys if definition.get(key)})
    arn = made["taskDefinition"]["taskDefinitionArn"]
    ecs.update_service(service="zenml-server", taskDefinition=arn, **where, **more)
    settle()
    return arn
def rename(environment):
    for pair in environment:
        if pair["name"] == argv[0]:
            pair["name"] = argv[1]
if argv:
    out(foreign(rename))
"#;

/// Six changes, of which the first two are of the service: its rollout needs the others undone. After [`FOREIGN`], without arguments.
pub const CHANGE_SIX: &str = r#"
def other(environment):
    next(pair for pair in environment if pair["name"] == "ZENML_SERVER_PRO_WORKSPACE_NAME")["value"] = "somebody-else"
arn = foreign(other, desiredCount=2)
ec2, elb, logs = client("ec2"), client("elbv2"), client("logs")
groups = {tag["Value"]: group["GroupId"] for group in ec2.describe_security_groups()["SecurityGroups"]
          for tag in group.get("Tags", []) if tag["Key"] == "Name"}
rules = ec2.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [groups["zenml-hybrid-rds"]]}])
rule = next(rule for rule in rules["SecurityGroupRules"] if not rule["IsEgress"] and rule["FromPort"] == 3306)
ec2.modify_security_group_rules(GroupId=groups["zenml-hybrid-rds"], SecurityGroupRules=[{
    "SecurityGroupRuleId": rule["SecurityGroupRuleId"],
    "SecurityGroupRule": {"IpProtocol": "tcp", "FromPort": 3307, "ToPort": 3307, "Description": rule["Description"],
                          "ReferencedGroupId": rule["ReferencedGroupInfo"]["GroupId"]}}])
ec2.authorize_security_group_ingress(GroupId=groups["zenml-hybrid-alb"], IpPermissions=[{
    "IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}])
group = elb.describe_target_groups()["TargetGroups"][0]
elb.modify_target_group(TargetGroupArn=group["TargetGroupArn"], HealthCheckIntervalSeconds=15)
logs.put_retention_policy(logGroupName="/ecs/zenml-hybrid", retentionInDays=7)
out({"foreign": arn})
"#;

/// Removes the tag `argv[0]` from one object of each kind but those after it; answers with their addresses.
pub const UNTAG: &str = r#"
key, addresses = argv[0], []
def address(tags):
    tags = {tag.get("Key", tag.get("key")): tag.get("Value", tag.get("value")) for tag in tags} if isinstance(tags, list) else tags
    return tags.get("hybridctl:address") if key in tags else None
done = set()
def untag(tags, remove):
    found = address(tags)
    kind = found and found.split("/")[0]
    if found and kind not in done and kind not in argv[1:]:
        done.add(kind)
        addresses.append(found)
        remove()
ec2 = client("ec2")
ec2_tags = {}
for tag in ec2.describe_tags()["Tags"]:
    ec2_tags.setdefault(tag["ResourceId"], []).append(tag)
for resource, tags in sorted(ec2_tags.items()):
    untag(tags, lambda: ec2.delete_tags(Resources=[resource], Tags=[{"Key": key}]))
rds = client("rds")
arns = [i["DBInstanceArn"] for i in rds.describe_db_instances()["DBInstances"]]
arns += [g["DBSubnetGroupArn"] for g in rds.describe_db_subnet_groups()["DBSubnetGroups"]]
arns += [g["DBParameterGroupArn"] for g in rds.describe_db_parameter_groups()["DBParameterGroups"]]
for arn in arns:
    untag(rds.list_tags_for_resource(ResourceName=arn)["TagList"], lambda: rds.remove_tags_from_resource(ResourceName=arn, TagKeys=[key]))
sm = client("secretsmanager")
for secret in sm.list_secrets()["SecretList"]:
    untag(secret.get("Tags", []), lambda: sm.untag_resource(SecretId=secret["ARN"], TagKeys=[key]))
logs = client("logs")
for group in logs.describe_log_groups()["logGroups"]:
    arn = group["arn"].removesuffix(":*")
    untag(logs.list_tags_for_resource(resourceArn=arn)["tags"], lambda: logs.untag_resource(resourceArn=arn, tagKeys=[key]))
iam = client("iam")
for role in iam.list_roles()["Roles"]:
    name = role["RoleName"]
    untag(iam.list_role_tags(RoleName=name)["Tags"], lambda: iam.untag_role(RoleName=name, TagKeys=[key]))
ecs = client("ecs")
arns = ecs.list_clusters()["clusterArns"] + ecs.list_services(cluster="zenml-hybrid")["serviceArns"]
for arn in arns + ecs.list_task_definitions(status="ACTIVE")["taskDefinitionArns"]:
    untag(ecs.list_tags_for_resource(resourceArn=arn)["tags"], lambda: ecs.untag_resource(resourceArn=arn, tagKeys=[key]))
elb = client("elbv2")
balancers = [b["LoadBalancerArn"] for b in elb.describe_load_balancers()["LoadBalancers"]]
listeners = [l["ListenerArn"] for b in balancers for l in elb.describe_listeners(LoadBalancerArn=b)["Listeners"]]
groups = [g["TargetGroupArn"] for g in elb.describe_target_groups()["TargetGroups"]]
for arn in balancers + listeners + groups:
    tags = elb.describe_tags(ResourceArns=[arn])["TagDescriptions"][0]["Tags"]
    untag(tags, lambda: elb.remove_tags(ResourceArns=[arn], TagKeys=[key]))
out(sorted(addresses))
"#;

/// Searches every file under `argv[0]` for the other arguments and for every value in the secret store, in every encoding
/// that one might write them in.
pub const LEAKS: &str = r#"
import base64, urllib.parse
sm = client("secretsmanager")
stored = {s["Name"]: sm.get_secret_value(SecretId=s["ARN"])["SecretString"] for s in sm.list_secrets()["SecretList"]}
values = {**stored, **{f"argument {n}": value for n, value in enumerate(argv[1:])}}
def forms(value):
    raw = value.encode()
    padded = {raw, json.dumps(value)[1:-1].encode(), json.dumps(value, ensure_ascii=False)[1:-1].encode(), raw.hex().encode()}
    padded |= {urllib.parse.quote(value, safe=safe).encode() for safe in ("", "/")}
    padded |= {urllib.parse.quote_plus(value).encode()}
    # Base64 of a text that contains the value: what is before it shifts it by 0, 1 or 2 bytes.
    for shift in range(3):
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            code = encode(b"x" * shift + raw)
            usable = (shift + len(raw)) // 3 * 4
            padded.add(code[(0, 4, 4)[shift]:usable])
    return {form for form in padded if len(form) >= 12}
hits, files = [], 0
for folder, _, names in os.walk(argv[0]):
    for name in names:
        path = os.path.join(folder, name)
        files += 1
        content = open(path, "rb").read()
        for secret, value in values.items():
            if any(form in content for form in forms(value)):
                hits.append([secret, path])
                break
out({"hits": hits, "files": files, "values": len(values), "stored": stored["zenml/pro/oauth2-client-secret"]})
"#;
