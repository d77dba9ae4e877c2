#!/usr/bin/env python3
"""Failure scenes: every way a deployment goes wrong on AWS has to show through the plain AWS API of the sandbox.

    python scenes.py                      starts a sandbox of its own (instant steps), runs everything, stops it
    python scenes.py http://127.0.0.1:PORT [name…]    against a running one; names choose scenes

Each scene builds the whole stack, wrong in one place, and checks what an operator would see: task reasons, log lines,
target health, service deployments, the answers of the workspace. Prints `N passed, N failed`; exit code 1 on failure.
"""
from __future__ import annotations

import http.client
import json
import os
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import time
import traceback
import urllib.request
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

REGION = "eu-central-1"
TRUST = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "ecs-tasks.amazonaws.com"}, "Action": "sts:AssumeRole"}]}
MANAGED = "arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy"
REPOSITORY = "715803424590.dkr.ecr.eu-central-1.amazonaws.com/zenml-pro-server"
ANYWHERE = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
ORGANIZATION, WORKSPACE = str(uuid.uuid4()), str(uuid.uuid4())
PASSWORD = "correct-horse-battery"

SCENES: list[Callable[[], None]] = []
STATE: dict[str, Any] = {}


def scene(function: Callable[[], None]) -> Callable[[], None]:
    SCENES.append(function)
    return function


def client(service: str) -> Any:
    return boto3.client(
        service, endpoint_url=STATE["endpoint"], region_name=REGION, aws_access_key_id="test", aws_secret_access_key="test",
        config=Config(retries={"max_attempts": 1}),
    )


def until(get: Callable[[], Any], good: Callable[[Any], bool], limit: float = 20) -> Any:
    """Polls until the value is good; fails with the last value."""
    end = time.time() + limit
    while True:
        value = get()
        if good(value):
            return value
        assert time.time() < end, f"never became good: {value!r}"[:600]
        time.sleep(0.1)


def refused(call: Callable[[], Any], *codes: str) -> str:
    try:
        call()
    except ClientError as error:
        assert error.response["Error"]["Code"] in codes, error.response["Error"]
        return error.response["Error"]["Message"]
    raise AssertionError(f"accepted; AWS answers {' or '.join(codes)}")


class Stack:
    """The guide's deployment. `wrong` names what to leave out or to get wrong."""

    def __init__(self, tag: str = "0.98.0", wrong: str = "", environment: dict[str, str] | None = None, desired: int = 1, port: int = 8000, rollback: bool = True) -> None:
        self.id, self.wrong, self.port = uuid.uuid4().hex[:6], wrong, port
        self.host = f"w{self.id}.mycompany.com"
        self.extra = environment or {}
        self._network()
        self._database()
        self._identity()
        self._balancer()
        self.cluster = client("ecs").create_cluster(clusterName=f"c{self.id}")["cluster"]["clusterName"]
        self.definition = self.register(tag)
        if wrong != "no migration":
            self.migration = self.migrate(self.definition)
        self._service(desired, rollback)

    def _network(self) -> None:
        ec2 = client("ec2")
        self.vpc = ec2.create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"]
        zones = [f"{REGION}a", f"{REGION}b"]
        subnets = [ec2.create_subnet(VpcId=self.vpc, CidrBlock=f"10.1.{at}.0/24", AvailabilityZone=zones[at % 2])["Subnet"]["SubnetId"] for at in range(4)]
        self.public, self.private = subnets[:2], subnets[2:]
        self.igw = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
        ec2.attach_internet_gateway(InternetGatewayId=self.igw, VpcId=self.vpc)
        self.address = ec2.allocate_address(Domain="vpc")["AllocationId"]
        self.nat = ec2.create_nat_gateway(SubnetId=self.public[0], AllocationId=self.address)["NatGateway"]["NatGatewayId"]
        until(lambda: ec2.describe_nat_gateways(NatGatewayIds=[self.nat])["NatGateways"][0]["State"], lambda state: state == "available")
        if self.wrong != "no route":
            table = ec2.create_route_table(VpcId=self.vpc)["RouteTable"]["RouteTableId"]
            ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", NatGatewayId=self.nat)
            for subnet in self.private:
                ec2.associate_route_table(RouteTableId=table, SubnetId=subnet)
        self.alb, self.ecs, self.rds = (ec2.create_security_group(GroupName=name, Description=name, VpcId=self.vpc)["GroupId"] for name in ("alb", "ecs", "rds"))
        if self.wrong == "no egress":
            ec2.revoke_security_group_egress(GroupId=self.ecs, IpPermissions=[ANYWHERE])
        everybody = {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 443, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
        ec2.authorize_security_group_ingress(GroupId=self.alb, IpPermissions=[everybody])
        if self.wrong != "no ingress":
            self._allow(self.ecs, self.port, self.alb)
        if self.wrong != "database closed":
            self._allow(self.rds, 3306, self.ecs)

    @staticmethod
    def _allow(group: str, port: int, source: str) -> None:
        rule = {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, "UserIdGroupPairs": [{"GroupId": source}]}
        client("ec2").authorize_security_group_ingress(GroupId=group, IpPermissions=[rule])

    def _database(self) -> None:
        rds = client("rds")
        rds.create_db_subnet_group(DBSubnetGroupName=f"sn{self.id}", DBSubnetGroupDescription="d", SubnetIds=self.private)
        self.database = f"db{self.id}"
        rds.create_db_instance(
            DBInstanceIdentifier=self.database, Engine="mysql", EngineVersion="8.4", DBInstanceClass="db.t3.micro", AllocatedStorage=20, StorageType="gp3",
            DBName="zenml_hybrid", MasterUsername="zenml", MasterUserPassword=PASSWORD, DBSubnetGroupName=f"sn{self.id}", VpcSecurityGroupIds=[self.rds],
            EnableCloudwatchLogsExports=["error"],
        )
        found = until(lambda: rds.describe_db_instances(DBInstanceIdentifier=self.database)["DBInstances"][0], lambda one: one["DBInstanceStatus"] == "available")
        self.endpoint = found["Endpoint"]["Address"]

    def _identity(self) -> None:
        iam, secrets = client("iam"), client("secretsmanager")
        self.oauth = secrets.create_secret(Name=f"zenml/{self.id}/oauth", SecretString="key")["ARN"]
        self.password = secrets.create_secret(Name=f"zenml/{self.id}/db", SecretString="wrong-password" if self.wrong == "password" else PASSWORD)["ARN"]
        if self.wrong == "secret deleted":
            secrets.delete_secret(SecretId=self.oauth)
        self.role = f"arn:aws:iam::123456789012:role/r{self.id}"
        if self.wrong != "no role":
            trust = {**TRUST, "Statement": []} if self.wrong == "no trust" else TRUST
            iam.create_role(RoleName=f"r{self.id}", AssumeRolePolicyDocument=json.dumps(trust))
            iam.attach_role_policy(RoleName=f"r{self.id}", PolicyArn=MANAGED)
            if self.wrong != "no grant":
                grant = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": [self.oauth, self.password]}]}
                iam.put_role_policy(RoleName=f"r{self.id}", PolicyName="secrets", PolicyDocument=json.dumps(grant))
        self.group = f"/ecs/{self.id}"
        if self.wrong != "no log group":
            client("logs").create_log_group(logGroupName=self.group)

    def _balancer(self) -> None:
        elb, route53 = client("elbv2"), client("route53")
        seeded = control("seed", {"zone": "mycompany.com", "host": self.host, "region": REGION})
        self.zone, self.certificate = seeded["zone_id"], seeded["certificate_arn"]
        balancer = elb.create_load_balancer(Name=f"l{self.id}", Subnets=self.public, SecurityGroups=[self.alb])["LoadBalancers"][0]
        self.balancer, self.dns_name = balancer["LoadBalancerArn"], balancer["DNSName"]
        until(lambda: elb.describe_load_balancers(LoadBalancerArns=[self.balancer])["LoadBalancers"][0]["State"]["Code"], lambda state: state == "active")
        self.targets = elb.create_target_group(Name=f"t{self.id}", Protocol="HTTP", Port=self.port, VpcId=self.vpc, TargetType="ip", HealthCheckPath="/health")["TargetGroups"][0]["TargetGroupArn"]
        self.https = elb.create_listener(
            LoadBalancerArn=self.balancer, Protocol="HTTPS", Port=443, SslPolicy="ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09",
            Certificates=[{"CertificateArn": self.certificate}], DefaultActions=[{"Type": "forward", "TargetGroupArn": self.targets}],
        )["Listeners"][0]["ListenerArn"]
        redirect = {"Type": "redirect", "RedirectConfig": {"Protocol": "HTTPS", "Port": "443", "StatusCode": "HTTP_301"}}
        elb.create_listener(LoadBalancerArn=self.balancer, Protocol="HTTP", Port=80, DefaultActions=[redirect])
        target = {"HostedZoneId": balancer["CanonicalHostedZoneId"], "DNSName": self.dns_name, "EvaluateTargetHealth": True}
        change = {"Action": "CREATE", "ResourceRecordSet": {"Name": self.host, "Type": "A", "AliasTarget": target}}
        route53.change_resource_record_sets(HostedZoneId=self.zone, ChangeBatch={"Changes": [change]})

    def environment(self) -> dict[str, str]:
        found = {
            "ZENML_SERVER_DEPLOYMENT_TYPE": "cloud",
            "ZENML_SERVER_PRO_API_URL": "https://cloudapi.zenml.io",
            "ZENML_SERVER_PRO_DASHBOARD_URL": "https://cloud.zenml.io",
            "ZENML_SERVER_PRO_OAUTH2_AUDIENCE": "https://cloudapi.zenml.io",
            "ZENML_SERVER_PRO_ORGANIZATION_ID": ORGANIZATION,
            "ZENML_SERVER_PRO_WORKSPACE_ID": WORKSPACE,
            "ZENML_SERVER_PRO_WORKSPACE_NAME": "team",
            "ZENML_SERVER_SERVER_URL": f"https://{self.host}",
            "ZENML_STORE_URL": f"mysql://{self.endpoint}:3306",
            "ZENML_STORE_USERNAME": "zenml",
            "ZENML_STORE_DATABASE": "zenml_hybrid",
            "DISABLE_DATABASE_MIGRATION": "True",
            "ZENML_CONSOLE_LOGGING_FORMAT": "json",
        }
        found.update(self.extra)
        return {name: value for name, value in found.items() if value != "-"}

    def register(self, tag: str, command: list[str] | None = None) -> str:
        container = {
            "name": "zenml-server", "image": f"{REPOSITORY}:{tag}", "essential": True, "portMappings": [{"containerPort": self.port}],
            "command": command if command is not None else ["uvicorn", "zenml.zen_server.zen_server_api:app", "--port", str(self.port), "--host", "0.0.0.0"],
            "environment": [{"name": name, "value": value} for name, value in self.environment().items()],
            "secrets": [{"name": "ZENML_SERVER_PRO_OAUTH2_CLIENT_SECRET", "valueFrom": self.oauth}, {"name": "ZENML_STORE_PASSWORD", "valueFrom": self.password}],
            "logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-group": self.group, "awslogs-region": REGION, "awslogs-stream-prefix": "ecs"}},
        }
        return client("ecs").register_task_definition(
            family=f"f{self.id}", networkMode="awsvpc", requiresCompatibilities=["FARGATE"], cpu="512", memory="1024", executionRoleArn=self.role, containerDefinitions=[container]
        )["taskDefinition"]["taskDefinitionArn"]

    def networking(self) -> dict[str, Any]:
        return {"awsvpcConfiguration": {"subnets": self.private, "securityGroups": [self.ecs], "assignPublicIp": "DISABLED"}}

    def migrate(self, definition: str) -> dict[str, Any]:
        """Runs the one-off migration to its end."""
        ecs = client("ecs")
        override = {"containerOverrides": [{"name": "zenml-server", "command": ["zenml", "migrate-database"]}]}
        arn = ecs.run_task(cluster=self.cluster, taskDefinition=definition, launchType="FARGATE", networkConfiguration=self.networking(), overrides=override, clientToken=uuid.uuid4().hex)["tasks"][0]["taskArn"]
        return until(lambda: ecs.describe_tasks(cluster=self.cluster, tasks=[arn])["tasks"][0], lambda task: task["lastStatus"] == "STOPPED")

    def _service(self, desired: int, rollback: bool) -> None:
        client("ecs").create_service(
            cluster=self.cluster, serviceName="s", taskDefinition=self.definition, desiredCount=desired, launchType="FARGATE", networkConfiguration=self.networking(),
            loadBalancers=[{"targetGroupArn": self.targets, "containerName": "zenml-server", "containerPort": self.port}], healthCheckGracePeriodSeconds=60,
            deploymentConfiguration={"deploymentCircuitBreaker": {"enable": True, "rollback": rollback}, "maximumPercent": 200, "minimumHealthyPercent": 100},
        )

    def service(self) -> dict[str, Any]:
        return client("ecs").describe_services(cluster=self.cluster, services=["s"], include=["TAGS"])["services"][0]

    def deployment(self) -> dict[str, Any]:
        """The newest service deployment."""
        ecs = client("ecs")
        arn = ecs.list_service_deployments(cluster=self.cluster, service="s")["serviceDeployments"][0]["serviceDeploymentArn"]
        return ecs.describe_service_deployments(serviceDeploymentArns=[arn])["serviceDeployments"][0]

    def settled(self, status: str) -> dict[str, Any]:
        """Waits for the end of the service deployment and expects this status."""
        found = until(self.deployment, lambda one: one["status"] not in ("PENDING", "IN_PROGRESS", "ROLLBACK_IN_PROGRESS"), 40)
        assert found["status"] == status, (found["status"], found.get("statusReason"), self.reasons())
        return found

    def update(self, definition: str) -> None:
        client("ecs").update_service(cluster=self.cluster, service="s", taskDefinition=definition)

    def stopped(self) -> list[dict[str, Any]]:
        ecs = client("ecs")
        arns = ecs.list_tasks(cluster=self.cluster, serviceName="s", desiredStatus="STOPPED")["taskArns"]
        return ecs.describe_tasks(cluster=self.cluster, tasks=arns)["tasks"] if arns else []

    def reasons(self) -> str:
        return " | ".join(sorted({task.get("stoppedReason", "") for task in self.stopped()}))

    def codes(self) -> set[int | None]:
        return {container.get("exitCode") for task in self.stopped() for container in task["containers"]}

    def log(self) -> str:
        return "\n".join(found["message"] for found in client("logs").filter_log_events(logGroupName=self.group)["events"])

    def health(self) -> set[tuple[str, str | None]]:
        found = client("elbv2").describe_target_health(TargetGroupArn=self.targets)["TargetHealthDescriptions"]
        return {(one["TargetHealth"]["State"], one["TargetHealth"].get("Reason")) for one in found}

    def get(self, path: str, method: str = "GET", headers: dict[str, str] | None = None) -> tuple[int, dict[str, str], str]:
        return https(self.host, path, method, headers)


# ------------------------------------------------------------------------------------------------ the sandbox's own side


def control(name: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(f"{STATE['endpoint']}/sandbox/{name}", data=data), timeout=20) as answer:
        return json.load(answer)


def https(host: str, path: str, method: str = "GET", headers: dict[str, str] | None = None) -> tuple[int, dict[str, str], str]:
    """A request to the workspace endpoint with the certificate checked."""
    status = control("status")
    context = ssl.create_default_context(cafile=status["ca_file"])
    connection = http.client.HTTPSConnection("127.0.0.1", status["https_port"], context=context, timeout=10)
    connection.sock = context.wrap_socket(socket.create_connection(("127.0.0.1", status["https_port"]), 10), server_hostname=host)
    connection.request(method, path, headers={"Host": host, **(headers or {})})
    answer = connection.getresponse()
    found = answer.status, {key.lower(): value for key, value in answer.getheaders()}, answer.read().decode()
    connection.close()
    return found


def lookup(name: str, kind: int) -> tuple[int, int, bytes]:
    """Asks the sandbox's resolver; returns the code, the number of answers and the message."""
    labels = b"".join(bytes([len(part)]) + part.encode() for part in name.rstrip(".").split("."))
    asking = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    asking.settimeout(5)
    asking.sendto(struct.pack("!HHHHHH", 7, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack("!HH", kind, 1), ("127.0.0.1", control("status")["dns_port"]))
    message = asking.recv(4096)
    asking.close()
    _, flags, _, answers = struct.unpack("!HHHH", message[:8])
    return flags & 15, answers, message


# ------------------------------------------------------------------------------------------------ scenes


@scene
def all_good() -> None:
    stack = Stack(desired=2)
    assert stack.migration["containers"][0]["exitCode"] == 0 and "Database migration finished." in stack.log()
    found = stack.settled("SUCCESSFUL")
    revision = client("ecs").describe_service_revisions(serviceRevisionArns=[found["targetServiceRevision"]["arn"]])["serviceRevisions"][0]
    assert revision["taskDefinition"] == stack.definition
    service = stack.service()
    assert (service["runningCount"], service["deployments"][0]["rolloutState"]) == (2, "COMPLETED"), service
    assert service["healthCheckGracePeriodSeconds"] == 60 and service["availabilityZoneRebalancing"] == "ENABLED" and service["platformVersion"] == "1.4.0"
    assert stack.health() == {("healthy", None)}
    assert "Application startup complete." in stack.log()
    status, headers, body = stack.get("/api/v1/info", headers={"Origin": "https://cloud.zenml.io"})
    info = json.loads(body)
    wanted = {"database_type": "mysql", "deployment_type": "cloud", "auth_scheme": "EXTERNAL", "version": "0.98.0", "pro_workspace_id": WORKSPACE, "server_url": f"https://{stack.host}", "secrets_store_type": "sql", "active": True}
    assert status == 200 and all(info[key] == value for key, value in wanted.items()), info
    assert headers["access-control-allow-origin"] == "https://cloud.zenml.io" and headers["server"] == WORKSPACE
    assert "access-control-allow-origin" not in stack.get("/api/v1/info", headers={"Origin": "https://evil.example"})[1]
    assert stack.get("/health")[::2] == (200, "ok") and stack.get("/api/v1/current-user")[0] == 401
    assert stack.get("/")[0] == 307 and stack.get("/")[1]["location"] == "https://cloud.zenml.io/workspaces/team"
    assert json.loads(stack.get("/api/v1/login", "POST")[2])["authorization_url"] == "https://cloud.zenml.io/api/auth/login"
    assert stack.get("/api/v1/nope")[0] == 404 and "strict-transport-security" not in headers
    client("elbv2").modify_listener_attributes(ListenerArn=stack.https, Attributes=[{"Key": "routing.http.response.strict_transport_security.header_value", "Value": "max-age=31536000"}])
    assert stack.get("/health")[1]["strict-transport-security"] == "max-age=31536000"
    plain = http.client.HTTPConnection("127.0.0.1", control("status")["http_port"], timeout=10)
    plain.request("GET", "/x?y=1", headers={"Host": stack.host})
    answer = plain.getresponse()
    assert (answer.status, answer.getheader("location")) == (301, f"https://{stack.host}:443/x?y=1"), answer.getheader("location")
    assert control(f"workspace?host={stack.host}")["jwt_shared"] is False
    STATE["good"] = stack


@scene
def names_resolve() -> None:
    stack = STATE["good"]
    assert lookup(stack.host, 1)[:2] == (0, 1) and lookup(stack.host, 1)[2].endswith(b"\x7f\0\0\1")
    assert lookup(stack.dns_name, 1)[:2] == (0, 1) and lookup("nothing.mycompany.com", 1)[0] == 3
    assert lookup("mycompany.com", 2)[0] == 0 and lookup("mycompany.com", 2)[1] >= 1
    try:
        https("nothing.mycompany.com", "/health")
    except (ssl.SSLError, OSError):
        return
    raise AssertionError("a handshake without a load balancer succeeded")


def _fails(reason: str, **options: Any) -> Stack:
    stack = Stack(**options)
    stack.settled("ROLLBACK_FAILED")
    assert reason in stack.reasons(), stack.reasons()
    assert stack.service()["deployments"][0]["rolloutState"] == "FAILED"
    return stack


@scene
def no_route() -> None:
    _fails("context deadline exceeded", wrong="no route")


@scene
def no_egress() -> None:
    _fails("context deadline exceeded", wrong="no egress")


@scene
def secret_scheduled_for_deletion() -> None:
    _fails("marked for deletion", wrong="secret deleted")


@scene
def role_missing() -> None:
    _fails("unable to assume the role", wrong="no role")


@scene
def role_not_trusting() -> None:
    _fails("unable to assume the role", wrong="no trust")


@scene
def role_may_not_read_secrets() -> None:
    _fails("AccessDeniedException", wrong="no grant")


@scene
def log_group_missing() -> None:
    _fails("log group does not exist", wrong="no log group")


@scene
def image_missing() -> None:
    _fails("CannotPullContainerError", tag="0.98.0-missing")


@scene
def image_denied() -> None:
    _fails("403 Forbidden", tag="0.98.0-denied")


@scene
def exits_at_once() -> None:
    assert 42 in _fails("Essential container in task exited", tag="0.98.0-exit42").codes()


@scene
def out_of_memory() -> None:
    assert 137 in _fails("OutOfMemoryError", tag="0.98.0-oom").codes()


@scene
def migrates_and_crashes() -> None:
    stack = _fails("Essential container in task exited", tag="0.98.0-crash")
    assert stack.migration["containers"][0]["exitCode"] == 0 and stack.codes() == {1}


@scene
def migration_fails() -> None:
    stack = Stack(tag="0.98.0-migratefail")
    assert stack.migration["containers"][0]["exitCode"] == 1 and "The database migration failed:" in stack.log()


@scene
def targets_unreachable() -> None:
    stack = Stack(wrong="no ingress")
    seen = until(stack.health, lambda found: any(state == "unhealthy" for state, _ in found) or bool(stack.stopped()))
    assert not seen or ("healthy", None) not in seen, seen
    stack.settled("ROLLBACK_FAILED")
    assert "failed ELB health checks" in stack.reasons(), stack.reasons()
    assert stack.get("/health")[0] == 503


@scene
def wrong_port() -> None:
    stack = Stack(port=8000, wrong="no migration", environment={"DISABLE_DATABASE_MIGRATION": "-"})
    stack.update(stack.register("0.98.0", command=["uvicorn", "zenml.zen_server.zen_server_api:app", "--host", "0.0.0.0"]))
    until(stack.deployment, lambda one: one["status"].startswith("ROLLBACK"), 30)
    assert "failed ELB health checks" in stack.reasons(), stack.reasons()


@scene
def pro_settings_missing() -> None:
    stack = _fails("Essential container in task exited", wrong="no migration", environment={"ZENML_SERVER_PRO_OAUTH2_AUDIENCE": "-"})
    assert stack.codes() == {1} and "oauth2_audience" in stack.log() and "Field required [type=missing" in stack.log()


@scene
def guide_variables_alone_mean_sqlite() -> None:
    stack = Stack(wrong="no migration", environment={"ZENML_STORE_URL": "-", "ZENML_DATABASE_URL": "mysql://zenml:x@host/zenml"})
    stack.settled("SUCCESSFUL")
    assert json.loads(stack.get("/api/v1/info")[2])["database_type"] == "sqlite"


@scene
def database_closed() -> None:
    stack = _fails("Essential container in task exited", wrong="database closed")
    assert stack.codes() == {3} and "(2003," in stack.log() and "timed out" in stack.log()


@scene
def database_password_wrong() -> None:
    stack = _fails("Essential container in task exited", wrong="password")
    assert stack.codes() == {3} and "(1045," in stack.log()


@scene
def database_not_migrated() -> None:
    stack = _fails("Essential container in task exited", wrong="no migration")
    assert stack.codes() == {3} and "(1146," in stack.log()


@scene
def database_gone_while_serving() -> None:
    stack = Stack()
    stack.settled("SUCCESSFUL")
    client("rds").delete_db_instance(DBInstanceIdentifier=stack.database, SkipFinalSnapshot=True)
    assert stack.get("/health")[0] == 200 and until(lambda: stack.get("/api/v1/info")[0], lambda status: status == 500) == 500


@scene
def upgrade_rollback_and_downgrade() -> None:
    stack = STATE["good"]
    better = stack.register("0.99.0-crash")
    assert stack.migrate(better)["containers"][0]["exitCode"] == 0
    before = stack.service()["deployments"][0]["id"]
    stack.update(better)
    found = stack.settled("ROLLBACK_SUCCESSFUL")
    assert found["rollback"]["serviceRevisionArn"] and found["deploymentCircuitBreaker"]["failureCount"] >= 3, found
    service = stack.service()
    assert service["taskDefinition"] == stack.definition and service["deployments"][0]["id"] != before and service["runningCount"] == 2
    assert json.loads(stack.get("/api/v1/version")[2]) == "0.98.0", "old code runs on the newer schema"
    downgrade = stack.migrate(stack.definition)
    assert downgrade["containers"][0]["exitCode"] == 3 and "Can't locate revision identified by" in stack.log()


@scene
def snapshot_restores_the_schema() -> None:
    stack, rds = STATE["good"], client("rds")
    identifier = f"x{stack.id}"
    until(lambda: rds.describe_db_instances(DBInstanceIdentifier=stack.database)["DBInstances"][0]["DBInstanceStatus"], lambda state: state == "available")
    rds.create_db_snapshot(DBInstanceIdentifier=stack.database, DBSnapshotIdentifier=identifier)
    until(lambda: rds.describe_db_snapshots(DBSnapshotIdentifier=identifier)["DBSnapshots"][0]["Status"], lambda state: state == "available")
    rds.restore_db_instance_from_db_snapshot(DBInstanceIdentifier=f"restored-{stack.id}", DBSnapshotIdentifier=identifier, DBSubnetGroupName=f"sn{stack.id}", VpcSecurityGroupIds=[stack.rds])
    found = until(lambda: rds.describe_db_instances(DBInstanceIdentifier=f"restored-{stack.id}")["DBInstances"][0], lambda one: one["DBInstanceStatus"] == "available")
    original = rds.describe_db_instances(DBInstanceIdentifier=stack.database)["DBInstances"][0]
    assert found["DbiResourceId"] != original["DbiResourceId"] and found["EngineVersion"].startswith("8.4.")
    stack.extra = {"ZENML_STORE_URL": f"mysql://{found['Endpoint']['Address']}:3306"}
    assert stack.migrate(stack.register("0.98.0"))["containers"][0]["exitCode"] == 3, "the restored schema is 0.99.0"
    assert stack.migrate(stack.register("0.99.0"))["containers"][0]["exitCode"] == 0


@scene
def dependencies_are_enforced() -> None:
    stack, ec2, elb = STATE["good"], client("ec2"), client("elbv2")
    refused(lambda: ec2.delete_vpc(VpcId=stack.vpc), "DependencyViolation")
    refused(lambda: ec2.delete_subnet(SubnetId=stack.private[0]), "DependencyViolation")
    refused(lambda: ec2.delete_security_group(GroupId=stack.rds), "DependencyViolation")
    refused(lambda: ec2.release_address(AllocationId=stack.address), "InvalidIPAddress.InUse")
    refused(lambda: ec2.detach_internet_gateway(InternetGatewayId=stack.igw, VpcId=stack.vpc), "DependencyViolation")
    refused(lambda: client("acm").delete_certificate(CertificateArn=stack.certificate), "ResourceInUseException")
    refused(lambda: client("ecs").delete_cluster(cluster=stack.cluster), "ClusterContainsServicesException")
    refused(lambda: elb.delete_target_group(TargetGroupArn=stack.targets), "ResourceInUse")
    refused(lambda: client("rds").delete_db_instance(DBInstanceIdentifier=stack.database), "InvalidParameterCombination")
    ec2.delete_nat_gateway(NatGatewayId=stack.nat)
    routes = [route for table in ec2.describe_route_tables(Filters=[{"Name": "vpc-id", "Values": [stack.vpc]}])["RouteTables"] for route in table["Routes"]]
    assert any(route.get("NatGatewayId") == stack.nat and route["State"] == "blackhole" for route in routes), routes


@scene
def service_drains() -> None:
    stack, ecs = STATE["good"], client("ecs")
    refused(lambda: ecs.delete_service(cluster=stack.cluster, service="s"), "InvalidParameterException")
    assert ecs.delete_service(cluster=stack.cluster, service="s", force=True)["service"]["status"] in ("DRAINING", "INACTIVE")
    until(lambda: stack.service()["status"], lambda status: status == "INACTIVE")
    until(stack.health, lambda found: found == set())
    assert stack.get("/health")[0] == 503
    interfaces = client("ec2").describe_network_interfaces(Filters=[{"Name": "group-id", "Values": [stack.ecs]}])["NetworkInterfaces"]
    assert interfaces == [], interfaces


@scene
def a_service_that_moves_to_another_target_group_leaves_the_first() -> None:
    stack, elb = Stack(), client("elbv2")
    stack.settled("SUCCESSFUL")
    other = elb.create_target_group(Name=f"o{stack.id}", Protocol="HTTP", Port=stack.port, VpcId=stack.vpc, TargetType="ip", HealthCheckPath="/health")["TargetGroups"][0]["TargetGroupArn"]
    elb.create_listener(LoadBalancerArn=stack.balancer, Protocol="HTTP", Port=9000, DefaultActions=[{"Type": "forward", "TargetGroupArn": other}])
    moved = {"targetGroupArn": other, "containerName": "zenml-server", "containerPort": stack.port}
    client("ecs").update_service(cluster=stack.cluster, service="s", loadBalancers=[moved])
    stack.settled("SUCCESSFUL")
    until(stack.health, lambda found: found == set())
    stack.targets = other
    assert stack.health() == {("healthy", None)}, stack.health()


@scene
def a_rollout_after_another_never_takes_the_last_good_task_away() -> None:
    stack, ecs, elb = Stack(), client("ecs"), client("elbv2")
    stack.settled("SUCCESSFUL")
    running = lambda: ecs.list_tasks(cluster=stack.cluster, serviceName="s", desiredStatus="RUNNING")["taskArns"]
    update = lambda **changes: ecs.update_service(cluster=stack.cluster, service="s", **changes)
    share = lambda most: {"maximumPercent": most, "minimumHealthyPercent": 100, "deploymentCircuitBreaker": {"enable": False, "rollback": False}}
    (good,) = running()
    # A rollout whose task is never healthy and never unhealthy: its target group has no listener any more.
    other = elb.create_target_group(Name=f"u{stack.id}", Protocol="HTTP", Port=stack.port, VpcId=stack.vpc, TargetType="ip", HealthCheckPath="/health")["TargetGroups"][0]["TargetGroupArn"]
    listener = elb.create_listener(LoadBalancerArn=stack.balancer, Protocol="HTTP", Port=9001, DefaultActions=[{"Type": "forward", "TargetGroupArn": other}])["Listeners"][0]["ListenerArn"]
    update(loadBalancers=[{"targetGroupArn": other, "containerName": "zenml-server", "containerPort": stack.port}], deploymentConfiguration=share(100))
    elb.delete_listener(ListenerArn=listener)
    update(deploymentConfiguration=share(200))
    first = until(running, lambda found: len(found) == 2)
    update(forceNewDeployment=True)
    second = until(running, lambda found: len(found) == 2 and set(found) != set(first))
    assert good in second and ("healthy", None) in stack.health(), (good, second, stack.health())


@scene
def certificate_is_issued_by_its_record() -> None:
    acm, name = client("acm"), f"v{uuid.uuid4().hex[:6]}.mycompany.com"
    arn = acm.request_certificate(DomainName=name, ValidationMethod="DNS")["CertificateArn"]
    found = acm.describe_certificate(CertificateArn=arn)["Certificate"]
    assert found["Status"] == "PENDING_VALIDATION"
    record = found["DomainValidationOptions"][0]["ResourceRecord"]
    zone = control("seed", {"zone": "mycompany.com", "host": "zenml.mycompany.com", "region": REGION})["zone_id"]
    change = {"Action": "CREATE", "ResourceRecordSet": {"Name": record["Name"], "Type": "CNAME", "TTL": 300, "ResourceRecords": [{"Value": record["Value"]}]}}
    batch = {"Changes": [change]}
    client("route53").change_resource_record_sets(HostedZoneId=zone, ChangeBatch=batch)
    assert "already exists" in refused(lambda: client("route53").change_resource_record_sets(HostedZoneId=zone, ChangeBatch=batch), "InvalidChangeBatch")
    until(lambda: acm.describe_certificate(CertificateArn=arn)["Certificate"]["Status"], lambda status: status == "ISSUED")


@scene
def service_linked_roles() -> None:
    iam = client("iam")
    try:
        iam.create_service_linked_role(AWSServiceName="rds.amazonaws.com")
    except ClientError:
        pass
    assert "has been taken" in refused(lambda: iam.create_service_linked_role(AWSServiceName="rds.amazonaws.com"), "InvalidInput")
    names = [role["RoleName"] for role in iam.list_roles(PathPrefix="/aws-service-role/")["Roles"]]
    assert "AWSServiceRoleForRDS" in names, names


@scene
def lines_are_shown_in_the_order_in_which_they_were_written() -> None:
    """Also when a long chunk is followed at once by a short one, as at the end of a traceback."""
    from moto.logs.models import logs_backends
    from simulator import logs

    backend, written = logs_backends["123456789012"][REGION], [f"line {at}" for at in range(300)]
    backend.create_log_group("/order", {})
    for chunk in (written[:290], written[290:]):
        logs.write("123456789012", REGION, ("/order", "stream"), chunk)
    events, _, _ = backend.get_log_events("/order", "", "stream", None, None, 1000, None, True)
    assert [event["message"] for event in events] == written, events[-12:]


@scene
def reset_makes_a_new_world() -> None:
    before = control("status")["world"]
    assert control("reset", {})["world"] != before and control("status")["world"] != before
    assert client("ecs").list_clusters()["clusterArns"] == []
    assert not [vpc for vpc in client("ec2").describe_vpcs()["Vpcs"] if not vpc["IsDefault"]]


# ------------------------------------------------------------------------------------------------ running


def run(wanted: list[str]) -> int:
    passed, failed = 0, 0
    for function in SCENES:
        if wanted and function.__name__ not in wanted and function.__name__ != "all_good":
            continue
        began = time.time()
        try:
            function()
        except Exception as problem:
            failed += 1
            print(f"FAIL  {function.__name__}: {type(problem).__name__}: {problem}"[:900], flush=True)
            if os.environ.get("SCENES_TRACE"):
                traceback.print_exc()
        else:
            passed += 1
            print(f"ok    {function.__name__} ({time.time() - began:.1f} s)", flush=True)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


def main(given: list[str]) -> int:
    if given and given[0].startswith("http"):
        STATE["endpoint"] = given[0]
        return run(given[1:])
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "simulator", "--data", folder, "--step", os.environ.get("SIM_STEP", "0")]
        process = subprocess.Popen(command, cwd=Path(__file__).parent, stdout=subprocess.PIPE, text=True)
        try:
            assert process.stdout is not None
            STATE["endpoint"] = json.loads(process.stdout.readline())["endpoint"]
            return run(given)
        finally:
            process.terminate()
            process.wait(20)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
