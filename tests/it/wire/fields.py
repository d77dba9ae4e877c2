# What somebody changes behind our back: one entry a field, in batches that are looked at together.
#
# `change("ec2.vpc/main", "enable_dns_support")` registers a function that changes exactly this; a further name is a field
# that cannot but change with it, `ADDRESS FIELD` one of another object. `o` is the object on record: its id, inputs and
# outputs. argv: the state document, and the number of the batch, or `table` to be told what the batches change.
import urllib.request

STATE = json.load(open(argv[0]))["resources"]
BATCHES: dict[int, list] = {}


class Recorded:
    def __init__(self, address):
        entry = STATE[address]
        self.address, self.id = address, entry["id"]
        self.inputs, self.outputs = entry["inputs"], entry["outputs"]

    def __getattr__(self, name):
        return self.inputs[name]


def of(address):
    return Recorded(address)


def change(address, *fields, batch=1):
    def register(function):
        BATCHES.setdefault(batch, []).append((address, fields, function))
        return function

    return register


ec2, ecs, elb, rds = client("ec2"), client("ecs"), client("elbv2"), client("rds")
iam, logs, secrets, route53, acm = client("iam"), client("logs"), client("secretsmanager"), client("route53"), client("acm")

# ---------------------------------------------------------------------------------------------------- network


@change("ec2.vpc/main", "enable_dns_support")
def _(o):
    ec2.modify_vpc_attribute(VpcId=o.id, EnableDnsSupport={"Value": False})


@change("ec2.vpc/main", "enable_dns_hostnames")
def _(o):
    ec2.modify_vpc_attribute(VpcId=o.id, EnableDnsHostnames={"Value": False})


@change("ec2.subnet/public-b", "map_public_ip_on_launch")
def _(o):
    ec2.modify_subnet_attribute(SubnetId=o.id, MapPublicIpOnLaunch={"Value": True})


@change("ec2.route/private-a-default", "nat_gateway_id")
def _(o):
    gateway = of("ec2.internet_gateway/main").id
    ec2.replace_route(RouteTableId=o.route_table_id, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)


@change("ec2.route/public-default", "gateway_id")
def _(o):
    gateway = of("ec2.nat_gateway/nat-a").id
    ec2.replace_route(RouteTableId=o.route_table_id, DestinationCidrBlock="0.0.0.0/0", NatGatewayId=gateway)


@change("ec2.route_table_association/private-b", "route_table_id")
def _(o):
    table = ec2.describe_route_tables(RouteTableIds=[o.route_table_id])["RouteTables"][0]
    association = [a for a in table["Associations"] if a.get("SubnetId") == o.subnet_id][0]
    other = of("ec2.route_table/public").id
    ec2.replace_route_table_association(AssociationId=association["RouteTableAssociationId"], RouteTableId=other)


@change("ec2.vpc_endpoint/s3", "route_table_ids")
def _(o):
    ec2.modify_vpc_endpoint(VpcEndpointId=o.id, RemoveRouteTableIds=[of("ec2.route_table/private-b").id])


def add_rule(group):
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[
        {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "198.51.100.0/24"}]}])


@change("ec2.default_security_group/main", "unknown_rules")
def _(o):
    add_rule(o.id)


@change("ec2.security_group/ecs", "unknown_rules")
def _(o):
    add_rule(o.id)


def change_rule(o, **changes):
    rule = {"IpProtocol": o.protocol, "FromPort": o.from_port, "ToPort": o.to_port, "CidrIpv4": o.peer_cidr_ipv4,
            "ReferencedGroupId": o.peer_security_group_id, "Description": o.description, **changes}
    rule = {key: value for key, value in rule.items() if value is not None}
    ec2.modify_security_group_rules(GroupId=o.security_group_id, SecurityGroupRules=[
        {"SecurityGroupRuleId": o.id, "SecurityGroupRule": rule}])


@change("ec2.security_group_rule/alb-http-from-0.0.0.0-0", "protocol")
def _(o):
    change_rule(o, IpProtocol="udp")


@change("ec2.security_group_rule/alb-https-from-0.0.0.0-0", "from_port")
def _(o):
    change_rule(o, FromPort=440)


@change("ec2.security_group_rule/alb-to-ecs", "to_port")
def _(o):
    change_rule(o, ToPort=8001)


@change("ec2.security_group_rule/ecs-https-out", "peer_cidr_ipv4")
def _(o):
    change_rule(o, CidrIpv4="10.0.0.0/8")


@change("ec2.security_group_rule/rds-from-ecs", "peer_security_group_id")
def _(o):
    change_rule(o, ReferencedGroupId=of("ec2.security_group/alb").id)


@change("ec2.security_group_rule/ecs-to-rds", "description")
def _(o):
    change_rule(o, Description="by hand")


# ---------------------------------------------------------------------------------------------------- identity


@change("iam.role/execution", "description")
def _(o):
    iam.update_role(RoleName=o.id, Description="by hand")


@change("iam.role/task", "assume_role_policy")
def _(o):
    document = json.loads(json.dumps(o.assume_role_policy))
    del document["Statement"][0]["Condition"]["StringEquals"]
    iam.update_assume_role_policy(RoleName=o.id, PolicyDocument=json.dumps(document))


@change("iam.role/task", "managed_policies")
def _(o):
    iam.attach_role_policy(RoleName=o.id, PolicyArn="arn:aws:iam::aws:policy/ReadOnlyAccess")


@change("iam.role/execution", "inline_policies")
def _(o):
    document = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
    iam.put_role_policy(RoleName=o.id, PolicyName="by-hand", PolicyDocument=json.dumps(document))


@change("iam.role_policy/execution", "document")
def _(o):
    document = json.loads(json.dumps(o.document))
    document["Statement"][0]["Resource"].pop()
    iam.put_role_policy(RoleName=o.role_name, PolicyName=o.policy_name, PolicyDocument=json.dumps(document))


# ---------------------------------------------------------------------------------------------------- secrets, logs


def describe_otherwise(o):
    secrets.update_secret(SecretId=o.id, Description="by hand")


change("secrets.given/oauth2", "description")(describe_otherwise)
change("secrets.generated/jwt-key", "description")(describe_otherwise)
change("secrets.database_url/guide-url", "description")(describe_otherwise)


@change("secrets.given/oauth2", "fingerprint", batch=2)
def _(o):
    secrets.put_secret_value(SecretId=o.id, SecretString="another key")


@change("logs.log_group/ecs", "retention_days")
def _(o):
    logs.put_retention_policy(logGroupName=o.id, retentionInDays=1)


# ---------------------------------------------------------------------------------------------------- database


@change("rds.subnet_group/main", "description")
def _(o):
    rds.modify_db_subnet_group(DBSubnetGroupName=o.id, DBSubnetGroupDescription="by hand", SubnetIds=o.subnet_ids)


@change("rds.subnet_group/main", "subnet_ids")
def _(o):
    subnets = [*o.subnet_ids, of("ec2.subnet/public-a").id]
    rds.modify_db_subnet_group(DBSubnetGroupName=o.id, DBSubnetGroupDescription="by hand", SubnetIds=subnets)


@change("rds.parameter_group/main", "parameters")
def _(o):
    rds.modify_db_parameter_group(DBParameterGroupName=o.id, Parameters=[
        {"ParameterName": "require_secure_transport", "ParameterValue": "0", "ApplyMethod": "immediate"},
        {"ParameterName": "long_query_time", "ParameterValue": "1", "ApplyMethod": "immediate"}])


def modify(field, batch=1, **changes):
    @change("rds.instance/main", field, batch=batch)
    def _(o):
        wait_for_database()
        rds.modify_db_instance(DBInstanceIdentifier=o.id, ApplyImmediately=True, **changes)


def wait_for_database():
    for _ in range(200):
        if rds.describe_db_instances()["DBInstances"][0]["DBInstanceStatus"] == "available":
            return
        time.sleep(0.05)
    raise TimeoutError("the database does not become available")


modify("instance_class", DBInstanceClass="db.t3.medium")
modify("max_storage_gib", MaxAllocatedStorage=900)
modify("storage_type", StorageType="gp2")
modify("multi_az", MultiAZ=True)
modify("port", DBPortNumber=3307)
modify("backup_retention_days", BackupRetentionPeriod=3)
modify("log_exports", CloudwatchLogsExportConfiguration={"DisableLogTypes": ["slowquery"]})
modify("deletion_protection", DeletionProtection=False)
modify("publicly_accessible", PubliclyAccessible=True)
modify("auto_minor_version_upgrade", AutoMinorVersionUpgrade=False)
modify("copy_tags_to_snapshot", CopyTagsToSnapshot=False)
modify("extended_support", EngineLifecycleSupport="open-source-rds-extended-support")


@change("rds.instance/main", "security_group_ids")
def _(o):
    wait_for_database()
    rds.modify_db_instance(DBInstanceIdentifier=o.id, VpcSecurityGroupIds=[of("ec2.security_group/alb").id],
                           ApplyImmediately=True)


@change("rds.instance/main", "parameter_group_name", "parameters_in_sync")
def _(o):
    rds.create_db_parameter_group(DBParameterGroupName="by-hand", DBParameterGroupFamily="mysql8.4", Description="x")
    wait_for_database()
    rds.modify_db_instance(DBInstanceIdentifier=o.id, DBParameterGroupName="by-hand", ApplyImmediately=True)


@change("rds.instance/main", "parameters_in_sync", "rds.parameter_group/main parameters", batch=2)
def _(o):
    rds.modify_db_parameter_group(DBParameterGroupName=o.parameter_group_name, Parameters=[
        {"ParameterName": "performance_schema", "ParameterValue": "1", "ApplyMethod": "pending-reboot"}])


@change("rds.instance/main", "password_version", batch=2)
def _(o):
    arn = rds.describe_db_instances(DBInstanceIdentifier=o.id)["DBInstances"][0]["DBInstanceArn"]
    rds.add_tags_to_resource(ResourceName=arn, Tags=[{"Key": "hybridctl:password-version", "Value": "older"}])


# ---------------------------------------------------------------------------------------------------- front


@change("elb.load_balancer/main", "ip_address_type")
def _(o):
    elb.set_ip_address_type(LoadBalancerArn=o.id, IpAddressType="dualstack")


@change("elb.load_balancer/main", "subnet_ids")
def _(o):
    subnets = [of("ec2.subnet/public-a").id, of("ec2.subnet/private-b").id]
    elb.set_subnets(LoadBalancerArn=o.id, Subnets=subnets)


@change("elb.load_balancer/main", "security_group_ids")
def _(o):
    groups = [*o.security_group_ids, of("ec2.security_group/rds").id]
    elb.set_security_groups(LoadBalancerArn=o.id, SecurityGroups=groups)


@change("elb.load_balancer/main", "attributes")
def _(o):
    elb.modify_load_balancer_attributes(LoadBalancerArn=o.id, Attributes=[
        {"Key": "idle_timeout.timeout_seconds", "Value": "10"}])


@change("elb.listener/http", "port")
def _(o):
    elb.modify_listener(ListenerArn=o.id, Port=81)


@change("elb.listener/https", "certificate_arn")
def _(o):
    wanted = {"zone": "mycompany.com", "host": "by-hand.mycompany.com", "region": "eu-central-1"}
    request = urllib.request.Request(os.environ["ENDPOINT"] + "/sandbox/seed", json.dumps(wanted).encode(), method="POST")
    issued = json.load(urllib.request.urlopen(request, timeout=10))["certificate_arn"]
    elb.modify_listener(ListenerArn=o.id, Certificates=[{"CertificateArn": issued}])


@change("elb.listener/https", "ssl_policy")
def _(o):
    elb.modify_listener(ListenerArn=o.id, SslPolicy="ELBSecurityPolicy-2016-08")


@change("elb.listener/https", "action")
def _(o):
    action = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "503"}}
    elb.modify_listener(ListenerArn=o.id, DefaultActions=[action])


@change("elb.listener/https", "attributes")
def _(o):
    elb.modify_listener_attributes(ListenerArn=o.id, Attributes=[
        {"Key": "routing.http.response.server.enabled", "Value": "true"}])


@change("elb.listener/http", "protocol", batch=2)
def _(o):
    elb.modify_listener(ListenerArn=o.id, Protocol="HTTPS", Port=80, SslPolicy="ELBSecurityPolicy-2016-08",
                        Certificates=[{"CertificateArn": of("acm.certificate/main").id}])


@change("elb.target_group/main", "health_check")
def _(o):
    elb.modify_target_group(TargetGroupArn=o.id, HealthCheckPath="/")


@change("elb.target_group/main", "attributes")
def _(o):
    elb.modify_target_group_attributes(TargetGroupArn=o.id, Attributes=[
        {"Key": "deregistration_delay.timeout_seconds", "Value": "300"}])


def upsert(o, **changes):
    record = {"Name": o.outputs["fqdn"], "Type": o.record_type, **changes}
    route53.change_resource_record_sets(HostedZoneId=o.zone_id, ChangeBatch={
        "Changes": [{"Action": "UPSERT", "ResourceRecordSet": record}]})


@change("route53.record/endpoint", "alias")
def _(o):
    elsewhere = {"Name": "elsewhere.mycompany.com", "Type": "A", "TTL": 60, "ResourceRecords": [{"Value": "192.0.2.1"}]}
    route53.change_resource_record_sets(HostedZoneId=o.zone_id, ChangeBatch={
        "Changes": [{"Action": "CREATE", "ResourceRecordSet": elsewhere}]})
    target = {"HostedZoneId": o.zone_id, "DNSName": elsewhere["Name"], "EvaluateTargetHealth": False}
    upsert(o, AliasTarget=target)


@change("route53.record/validation", "values", "ttl_secs")
def _(o):
    upsert(o, TTL=60, ResourceRecords=[{"Value": "elsewhere.example.com."}])


# ---------------------------------------------------------------------------------------------------- service


@change("ecs.cluster/main", "container_insights")
def _(o):
    ecs.update_cluster_settings(cluster=o.id, settings=[{"name": "containerInsights", "value": "enabled"}])


def service(field, *others, batch=1, **changes):
    @change("ecs.service/server", field, *others, batch=batch)
    def _(o):
        values = {key: value(o) if callable(value) else value for key, value in changes.items()}
        ecs.update_service(cluster=o.cluster_arn, service=o.id, **values)


def placed(**changes):
    def configuration(o):
        live = ecs.describe_services(cluster=o.cluster_arn, services=[o.id])["services"][0]
        known = dict(live["networkConfiguration"]["awsvpcConfiguration"])
        known.update({key: value(o) for key, value in changes.items()})
        return {"awsvpcConfiguration": known}

    return configuration


def breaker(enable, rollback):
    return {"deploymentCircuitBreaker": {"enable": enable, "rollback": rollback}, "maximumPercent": 200,
            "minimumHealthyPercent": 100}


def foreign_revision(o):
    """The same with one variable changed and a second container."""
    live = ecs.describe_task_definition(taskDefinition=o.task_definition_arn)["taskDefinition"]
    container = json.loads(json.dumps(live["containerDefinitions"][0]))
    for pair in container["environment"]:
        if pair["name"] == "ZENML_LOGGING_LEVEL":
            pair["value"] = "DEBUG"
    second = {"name": "other", "image": container["image"], "essential": False, "portMappings": [{"containerPort": 9000}]}
    keep = ("family", "networkMode", "requiresCompatibilities", "cpu", "memory", "executionRoleArn", "taskRoleArn")
    made = ecs.register_task_definition(containerDefinitions=[container, second], **{key: live[key] for key in keep})
    return made["taskDefinition"]["taskDefinitionArn"]


service("desired_count", desiredCount=2)
service("subnet_ids", networkConfiguration=placed(subnets=lambda o: o.subnet_ids[:1]))
service("security_group_ids", networkConfiguration=placed(securityGroups=lambda o: [of("ec2.security_group/alb").id]))
service("assign_public_ip", networkConfiguration=placed(assignPublicIp=lambda o: "ENABLED"))
service("health_check_grace_secs", healthCheckGracePeriodSeconds=7)
service("min_healthy_percent", deploymentConfiguration={**breaker(True, True), "minimumHealthyPercent": 50})
service("max_percent", deploymentConfiguration={**breaker(True, True), "minimumHealthyPercent": 50, "maximumPercent": 150})
service("circuit_breaker_rollback",
        deploymentConfiguration={**breaker(True, False), "minimumHealthyPercent": 50, "maximumPercent": 150})
service("circuit_breaker",
        deploymentConfiguration={**breaker(False, False), "minimumHealthyPercent": 50, "maximumPercent": 150})
service("enable_execute_command", enableExecuteCommand=True)
service("availability_zone_rebalancing", availabilityZoneRebalancing="DISABLED")
service("platform_version", platformVersion="1.3.0")
service("propagate_tags", propagateTags="TASK_DEFINITION")
service("enable_ecs_managed_tags", enableECSManagedTags=False)
# Without the circuit breaker, so that it is not rolled back while we look.
service("task_definition_arn", "circuit_breaker", "circuit_breaker_rollback", taskDefinition=foreign_revision,
        deploymentConfiguration=breaker(False, False), batch=2)


@change("ecs.service/server", "target_group_arn", "container_name", "container_port", batch=2)
def _(o):
    vpc = of("ec2.vpc/main").id
    group = elb.create_target_group(Name="by-hand", Protocol="HTTP", Port=9000, VpcId=vpc, TargetType="ip")
    group = group["TargetGroups"][0]["TargetGroupArn"]
    balancer = of("elb.load_balancer/main").id
    elb.create_listener(LoadBalancerArn=balancer, Protocol="HTTP", Port=9000,
                        DefaultActions=[{"Type": "forward", "TargetGroupArn": group}])
    ecs.update_service(cluster=o.cluster_arn, service=o.id, loadBalancers=[
        {"targetGroupArn": group, "containerName": "other", "containerPort": 9000}])


# ---------------------------------------------------------------------------------------------------- tags

OTHER = {"Key": "team", "Value": "by hand"}


def tag(address, function):
    change(address, "tags", batch=3)(function)


for address in STATE:
    kind = address.split("/")[0]
    if kind in ("ec2.vpc", "ec2.subnet", "ec2.internet_gateway", "ec2.elastic_ip", "ec2.nat_gateway", "ec2.route_table",
                "ec2.security_group", "ec2.default_security_group", "ec2.security_group_rule", "ec2.vpc_endpoint"):
        tag(address, lambda o: ec2.create_tags(Resources=[o.id], Tags=[OTHER]))
    elif kind in ("ecs.cluster", "ecs.service", "ecs.task_definition"):
        tag(address, lambda o: ecs.tag_resource(resourceArn=o.id, tags=[{"key": "team", "value": "by hand"}]))
    elif kind in ("elb.load_balancer", "elb.target_group", "elb.listener"):
        tag(address, lambda o: elb.add_tags(ResourceArns=[o.id], Tags=[OTHER]))
    elif kind == "rds.instance":
        tag(address, lambda o: rds.add_tags_to_resource(ResourceName=o.outputs["instance_arn"], Tags=[OTHER]))
    elif kind == "iam.role":
        tag(address, lambda o: iam.tag_role(RoleName=o.id, Tags=[OTHER]))
    elif kind in ("secrets.given", "secrets.generated", "secrets.database_url"):
        tag(address, lambda o: secrets.tag_resource(SecretId=o.id, Tags=[OTHER]))


def expected(batch):
    """Address and field, of every entry."""
    rows = []
    for address, fields, _ in BATCHES[batch]:
        for field in fields:
            other, _, own = field.rpartition(" ")
            rows.append([other or address, own])
    return rows


def main(batch):
    trouble = []
    for address, fields, function in BATCHES[batch]:
        try:
            function(of(address))
        except Exception as error:
            trouble.append(f"{address} {' '.join(fields)}: {type(error).__name__}: {error}")
    out({"expected": expected(batch), "trouble": trouble})


if argv[1] == "table":
    out({batch: expected(batch) for batch in BATCHES})
else:
    main(int(argv[1]))
