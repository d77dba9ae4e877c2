import urllib.request

CLUSTER, SERVICE = "zenml-hybrid", "zenml-server"
ecs, ec2, elb, rds = client("ecs"), client("ec2"), client("elbv2"), client("rds")


def until(get, good, limit=120):
    end = time.monotonic() + limit
    while not good(found := get()):
        if time.monotonic() > end:
            raise SystemExit(f"it does not come to that: {found}")
        time.sleep(0.1)
    return found


def conditions(**values):
    body = json.dumps(values).encode()
    urllib.request.urlopen(urllib.request.Request(os.environ["ENDPOINT"] + "/sandbox/conditions", data=body, method="POST")).close()


def service():
    return ecs.describe_services(cluster=CLUSTER, services=[SERVICE])["services"][0]


def tasks(status):
    arns = ecs.list_tasks(cluster=CLUSTER, serviceName=SERVICE, desiredStatus=status)["taskArns"]
    return ecs.describe_tasks(cluster=CLUSTER, tasks=arns)["tasks"] if arns else []


def failed():
    ended = [task for task in tasks("STOPPED") if task["lastStatus"] == "STOPPED"]
    return [task for task in ended if not task["stoppedReason"].startswith(("Task stopped by user", "Scaling activity"))]


def next_task():
    """Ends the running task, as AWS does when it retires one, and waits until the next one has failed."""
    for task in tasks("RUNNING"):
        ecs.stop_task(cluster=CLUSTER, task=task["taskArn"])
    until(failed, bool)


def unhealthy():
    group = elb.describe_target_groups()["TargetGroups"][0]["TargetGroupArn"]
    states = lambda: {target["TargetHealth"]["State"] for target in elb.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]}
    until(states, lambda found: "unhealthy" in found or bool(failed()))


def by_hand(change):
    """Moves the service to a revision of somebody else, and keeps ECS from going back."""
    definition = ecs.describe_task_definition(taskDefinition=service()["taskDefinition"])["taskDefinition"]
    change(definition["containerDefinitions"][0])
    keys = ("family", "containerDefinitions", "networkMode", "requiresCompatibilities", "cpu", "memory", "executionRoleArn", "taskRoleArn")
    made = ecs.register_task_definition(**{key: definition[key] for key in keys if definition.get(key)})
    rollout = service()["deploymentConfiguration"]
    rollout["deploymentCircuitBreaker"] = {"enable": False, "rollback": False}
    ecs.update_service(cluster=CLUSTER, service=SERVICE, taskDefinition=made["taskDefinition"]["taskDefinitionArn"], deploymentConfiguration=rollout)


def rename(container):
    next(pair for pair in container["environment"] if pair["name"] == "ZENML_STORE_URL")["name"] = "ZENML_STORE_URI"


def without_key(container):
    container["secrets"] = [one for one in container["secrets"] if one["name"] != "ZENML_SERVER_JWT_SECRET_KEY"]


def group(role):
    found = ec2.describe_security_groups(Filters=[{"Name": "tag:Name", "Values": [f"zenml-hybrid-{role}"]}])["SecurityGroups"]
    assert len(found) == 1, found
    return found[0]


def close(role, direction, port):
    """Takes the rules of a port out of a group."""
    found = group(role)
    rules = [rule for rule in found["IpPermissionsEgress" if direction == "egress" else "IpPermissions"] if rule.get("FromPort") == port]
    assert rules, found
    getattr(ec2, f"revoke_security_group_{direction}")(GroupId=found["GroupId"], IpPermissions=rules)


def routes(change):
    """Changes every route that leads to a NAT gateway."""
    ways = [(table["RouteTableId"], route) for table in ec2.describe_route_tables()["RouteTables"] for route in table["Routes"] if route.get("NatGatewayId")]
    assert ways
    for table, route in ways:
        change(table, route)


def no_route(table, route):
    ec2.delete_route(RouteTableId=table, DestinationCidrBlock=route["DestinationCidrBlock"])


def no_gateway(table, route):
    if route["State"] == "active":
        ec2.delete_nat_gateway(NatGatewayId=route["NatGatewayId"])


def secret(name, **how):
    client("secretsmanager").delete_secret(SecretId=name, **how)


def database():
    return rds.describe_db_instances()["DBInstances"][0]


def is_available():
    until(lambda: database()["DBInstanceStatus"], lambda state: state == "available")


def modify(**change):
    rds.modify_db_instance(DBInstanceIdentifier=database()["DBInstanceIdentifier"], ApplyImmediately=True, **change)
    is_available()


def stop_database():
    rds.stop_db_instance(DBInstanceIdentifier=database()["DBInstanceIdentifier"])
    until(lambda: database()["DBInstanceStatus"], lambda state: state == "stopped")


def may_not_read():
    iam = client("iam")
    for role in iam.list_roles()["Roles"]:
        if role["RoleName"].endswith("-execution"):
            for policy in iam.list_role_policies(RoleName=role["RoleName"])["PolicyNames"]:
                iam.delete_role_policy(RoleName=role["RoleName"], PolicyName=policy)


def may_not_pull():
    statement = {"Effect": "Deny", "Action": "ecr:BatchGetImage", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    client("iam").put_role_policy(RoleName="zenml-hybrid-eu-central-1-execution", PolicyName="no-images", PolicyDocument=document)


def listeners(port):
    balancer = elb.describe_load_balancers()["LoadBalancers"][0]["LoadBalancerArn"]
    return [found["ListenerArn"] for found in elb.describe_listeners(LoadBalancerArn=balancer)["Listeners"] if found["Port"] == port]


def another_certificate():
    body = json.dumps({"zone": "mycompany.com", "host": "other.mycompany.com", "region": "eu-central-1"}).encode()
    request = urllib.request.Request(os.environ["ENDPOINT"] + "/sandbox/seed", data=body, method="POST")
    with urllib.request.urlopen(request) as answer:
        arn = json.load(answer)["certificate_arn"]
    for listener in listeners(443):
        elb.modify_listener(ListenerArn=listener, Certificates=[{"CertificateArn": arn}])


def another_address():
    names = client("route53")
    zone = next(zone["Id"] for zone in names.list_hosted_zones()["HostedZones"] if zone["Name"] == "mycompany.com.")
    record = {"Name": "zenml.mycompany.com", "Type": "A", "TTL": 60, "ResourceRecords": [{"Value": "127.0.0.9"}]}
    names.change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Changes": [{"Action": "UPSERT", "ResourceRecordSet": record}]})


def health_check(**change):
    elb.modify_target_group(TargetGroupArn=elb.describe_target_groups()["TargetGroups"][0]["TargetGroupArn"], **change)


def grace(seconds):
    ecs.update_service(cluster=CLUSTER, service=SERVICE, healthCheckGracePeriodSeconds=seconds)


def migrate(version):
    """Brings the schema to a version, as the same command from another branch would."""
    now = service()
    definition = ecs.describe_task_definition(taskDefinition=now["taskDefinition"])["taskDefinition"]
    container = definition["containerDefinitions"][0]
    container["image"] = container["image"].rsplit(":", 1)[0] + ":" + version
    keys = ("containerDefinitions", "networkMode", "requiresCompatibilities", "cpu", "memory", "executionRoleArn", "taskRoleArn")
    made = ecs.register_task_definition(family="other", **{key: definition[key] for key in keys if definition.get(key)})
    override = {"name": container["name"], "command": ["zenml", "migrate-database"], "environment": [{"name": "DISABLE_DATABASE_MIGRATION", "value": "False"}]}
    task = ecs.run_task(
        cluster=CLUSTER, taskDefinition=made["taskDefinition"]["taskDefinitionArn"], launchType="FARGATE",
        networkConfiguration=now["networkConfiguration"], overrides={"containerOverrides": [override]},
    )["tasks"][0]["taskArn"]
    state = lambda: ecs.describe_tasks(cluster=CLUSTER, tasks=[task])["tasks"][0]
    assert until(state, lambda found: found["lastStatus"] == "STOPPED")["containers"][0]["exitCode"] == 0


for step in argv:
    exec(step)
