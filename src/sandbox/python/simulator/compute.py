"""The ECS API: clusters, services and tasks as AWS answers for them.

moto overwrites a service or cluster of the same name, deletes clusters that are in use, knows no DRAINING, ignores
client tokens, and leaves out fields of a service (grace period, deployment configuration, zone rebalancing). What
happens afterwards is in `scheduler` and `tasks`.
"""
from __future__ import annotations

from typing import Any

from moto.core.exceptions import JsonRESTError
from moto.core.responses import ActionResult
from moto.core.utils import utcnow
from moto.ecs import models as ecs
from moto.ecs.exceptions import InvalidParameterException
from moto.ecs.responses import EC2ContainerServiceResponse as Response

from . import clock, definitions, deployments, health, network, scheduler, tasks
from .patching import add, honour_token, result_of, wrap

Backend = ecs.EC2ContainerServiceBackend

honour_token(Response, "run_task", "clientToken")


# ------------------------------------------------------------------------------------------------ clusters


@wrap(Backend, "create_cluster")
def _create_cluster(original: Any, self: Any, cluster_name: str, *args: Any, **kwargs: Any) -> Any:
    known = self.clusters.get(cluster_name)
    return known if known is not None and known.status == "ACTIVE" else original(self, cluster_name, *args, **kwargs)


@wrap(Backend, "list_clusters")
def _list_clusters(original: Any, self: Any) -> list[str]:
    return [cluster.arn for cluster in self.clusters.values() if cluster.status != "INACTIVE"]


@wrap(Backend, "delete_cluster")
def _delete_cluster(original: Any, self: Any, cluster_str: str) -> Any:
    cluster = self._get_cluster(cluster_str)
    if any(service.cluster_name == cluster.name and service.status != "INACTIVE" for service in self.services.values()):
        raise JsonRESTError("ClusterContainsServicesException", "The Cluster cannot be deleted while Services are active.")
    if any(task.last_status != "STOPPED" for task in self.tasks.get(cluster.name, {}).values()):
        raise JsonRESTError("ClusterContainsTasksException", "The Cluster cannot be deleted while Tasks are active.")
    return original(self, cluster_str)


@add(Response, "update_cluster_settings")
def _update_cluster_settings(self: Any) -> ActionResult:
    cluster = self.ecs_backend._get_cluster(self._get_param("cluster"))
    settings = {setting["name"]: setting for setting in [*(cluster.settings or []), *self._get_param("settings")]}
    cluster.settings = list(settings.values())
    return ActionResult({"cluster": cluster})


# ------------------------------------------------------------------------------------------------ services

_created: dict[tuple[str, str, str], Any] = {}
clock.forgets(_created.clear)


@wrap(Response, "create_service")
def _create_service(original: Any, self: Any) -> ActionResult:
    get, backend = self._get_param, self.ecs_backend
    cluster = backend._get_cluster(get("cluster", "default"))
    known = backend.services.get(f"{cluster.name}:{get('serviceName')}")
    token = (backend.account_id, backend.region_name, get("clientToken") or "")
    if known is not None and known.status != "INACTIVE":
        if token[2] and _created.get(token) is known and known.status == "ACTIVE":
            return ActionResult({"service": known})
        if known.status == "DRAINING":
            raise InvalidParameterException("Unable to Start a service that is still Draining.")
        raise InvalidParameterException("Creation of service was not idempotent.")
    if cluster.status != "ACTIVE":
        raise JsonRESTError("ClusterNotFoundException", "Cluster not found.")
    definition = definitions.usable(backend, get("taskDefinition"))
    _check_balancers(backend, definition, get("loadBalancers") or [])
    _default_groups(backend, get("networkConfiguration"))
    service = result_of(original(self))["service"]
    _created[token] = service
    _fill_in(service, get)
    service.life = scheduler.ServiceLife()
    service.deployments = []
    service.task_definition = definition.arn
    revision = deployments.new_revision(backend, service)
    service.life.revisions.append(revision)
    scheduler.roll_out(backend, service, revision)
    return ActionResult({"service": service})


def _default_groups(backend: Any, configuration: Any) -> None:
    """Without security groups AWS uses the VPC's default one."""
    awsvpc = (configuration or {}).get("awsvpcConfiguration")
    if awsvpc is None:
        raise InvalidParameterException("Network Configuration must be provided when networkMode 'awsvpc' is specified.")
    if not awsvpc.get("securityGroups"):
        ec2 = network.backend_of(backend)
        awsvpc["securityGroups"] = [ec2.get_default_security_group(ec2.get_subnet(awsvpc["subnets"][0]).vpc_id).id]


def _check_balancers(backend: Any, definition: Any, balancers: list[dict[str, Any]]) -> None:
    for balancer in balancers:
        arn = balancer.get("targetGroupArn")
        group = health.group_named(backend, arn)
        if group is None:
            raise InvalidParameterException(f"Unable to describe target group '{arn}'.")
        if not group.load_balancer_arns:
            raise InvalidParameterException(f"The target group with targetGroupArn {arn} does not have an associated load balancer.")
        if group.target_type != "ip":
            raise InvalidParameterException(
                f"The provided target group {arn} has target type {group.target_type}, which is incompatible with the awsvpc network mode specified in the task definition."
            )
        ports = {
            (container["name"], int(mapping["containerPort"]))
            for container in definition.container_definitions
            for mapping in container.get("portMappings") or []
        }
        if (balancer.get("containerName"), int(balancer["containerPort"])) not in ports:
            raise InvalidParameterException(
                f"The container {balancer.get('containerName')} did not have a container port {balancer['containerPort']} defined."
            )


def _fill_in(service: Any, get: Any) -> None:
    service.launch_type, service.platform_version, service.platform_family = "FARGATE", _LATEST, "Linux"
    service.deployment_configuration = _configured(get("deploymentConfiguration"))
    grace = get("healthCheckGracePeriodSeconds")
    service.health_check_grace_period_seconds = grace if grace is not None else 0 if service.load_balancers else None
    service.enable_execute_command = bool(get("enableExecuteCommand"))
    service.enable_ecs_managed_tags = bool(get("enableECSManagedTags"))
    service.availability_zone_rebalancing = get("availabilityZoneRebalancing") or "ENABLED"
    service.created_at, service.created_by = utcnow(), f"arn:aws:iam::{service._account_id}:root"
    service.running_count = service.pending_count = 0


def _configured(given: Any) -> dict[str, Any]:
    """The deployment configuration with AWS's defaults."""
    given = dict(given or {})
    breaker = {"enable": False, "rollback": False, **(given.pop("deploymentCircuitBreaker", None) or {})}
    return {"deploymentCircuitBreaker": breaker, "maximumPercent": 200, "minimumHealthyPercent": 100, "strategy": "ROLLING", **given}


# What LATEST is.
_LATEST = "1.4.0"
# Properties of UpdateService that are set as they are given.
_PLAIN = (
    "desired_count",
    "health_check_grace_period_seconds",
    "enable_execute_command",
    "availability_zone_rebalancing",
    "propagate_tags",
    "enable_ecs_managed_tags",
)


@wrap(Backend, "update_service")
def _update_service(original: Any, self: Any, service_properties: Any) -> Any:
    given = dict(service_properties)
    service = self._get_service(given.get("cluster", "default"), given["service"].split("/")[-1])
    if service.status != "ACTIVE":
        raise JsonRESTError("ServiceNotActiveException", "Service was not ACTIVE.")
    definition = definitions.usable(self, given["task_definition"]) if given.get("task_definition") else self.describe_task_definition(service.task_definition)
    if given.get("load_balancers") is not None:
        _check_balancers(self, definition, given["load_balancers"])
    roll_out = bool(given.get("force_new_deployment")) or definition.arn != service.task_definition
    for name in ("network_configuration", "load_balancers"):
        if given.get(name) is not None and given[name] != getattr(service, name):
            if name == "network_configuration":
                _default_groups(self, given[name])
            setattr(service, name, given[name])
            roll_out = True
    platform = given.get("platform_version")
    platform = _LATEST if platform == "LATEST" else platform
    if platform and platform != service.platform_version:
        service.platform_version, roll_out = platform, True
    for name in _PLAIN:
        if given.get(name) is not None:
            setattr(service, name, given[name])
    if given.get("deployment_configuration") is not None:
        service.deployment_configuration = _configured(given["deployment_configuration"])
    service.task_definition = definition.arn
    if roll_out:
        revision = deployments.new_revision(self, service)
        service.life.revisions.append(revision)
        scheduler.roll_out(self, service, revision)
    else:
        service.deployments[0]["desiredCount"] = service.desired_count
        service.life.steady = service.life.steady and given.get("desired_count") is None
    return service


@wrap(Backend, "delete_service")
def _delete_service(original: Any, self: Any, cluster_name: str, service_name: str, force: bool) -> Any:
    service = self._get_service(cluster_name, service_name.split("/")[-1])
    if service.status == "INACTIVE":
        raise JsonRESTError("ServiceNotFoundException", "Service not found.")
    if service.status == "DRAINING":
        return service
    service = original(self, cluster_name, service.name, force)
    service.desired_count, service.status, service.life.draining_since = 0, "DRAINING", clock.now()
    clock.advance()
    return service


@wrap(Backend, "list_services")
def _list_services(original: Any, self: Any, *args: Any, **kwargs: Any) -> list[str]:
    gone = {service.arn for service in self.services.values() if service.status == "INACTIVE"}
    return [arn for arn in original(self, *args, **kwargs) if arn not in gone]


# ------------------------------------------------------------------------------------------------ tasks


@wrap(Backend, "run_task")
def _run_task(original: Any, self: Any, cluster_str: str, task_definition_str: str, count: int, overrides: Any, started_by: Any, tags: Any, launch_type: Any, networking_configuration: Any = None, *args: Any, **kwargs: Any) -> list[Any]:
    definition = definitions.usable(self, task_definition_str)
    _default_groups(self, networking_configuration)
    names = {container["name"] for container in definition.container_definitions}
    for override in (overrides or {}).get("containerOverrides") or []:
        if override.get("name") not in names:
            raise InvalidParameterException(f"Override for container named {override.get('name')} is not a container in the TaskDefinition.")
    started = original(self, cluster_str, definition.arn, count, overrides, started_by, tags, launch_type, networking_configuration, *args, **kwargs)
    for task in started:
        task.stop_code = None
        tasks.begin(self, task)
    return started


@wrap(Response, "run_task")
def _run_task_response(original: Any, self: Any) -> ActionResult:
    result = result_of(original(self))
    if self._get_param("propagateTags") == "TASK_DEFINITION":
        for task in result["tasks"]:
            own = {tag["key"] for tag in task.tags}
            task.tags = task.tags + [tag for tag in task.life.definition.tags if tag["key"] not in own]
    return ActionResult(result)


@wrap(Backend, "stop_task")
def _stop_task(original: Any, self: Any, cluster_str: str, task_str: str, reason: Any) -> Any:
    for task in self.tasks.get(self._get_cluster(cluster_str).name, {}).values():
        if task.id == task_str.split("/")[-1]:
            tasks.stop(self, task, reason or "Task stopped by user", "UserInitiated")
            return task
    raise InvalidParameterException("The referenced task was not found.")


@wrap(Backend, "list_tasks")
def _list_tasks(original: Any, self: Any, cluster_str: Any = None, container_instance: Any = None, family: Any = None, started_by: Any = None, service_name: Any = None, desiredStatus: Any = None) -> list[Any]:
    found = list(self.tasks.get(self._get_cluster(cluster_str or "default").name, {}).values())
    found = [task for task in found if task.desired_status == (desiredStatus or "RUNNING")]
    if family:
        found = [task for task in found if task.life.definition.family == family]
    if started_by:
        found = [task for task in found if task.started_by == started_by]
    if service_name:
        found = [task for task in found if task.group == f"service:{service_name.split('/')[-1]}"]
    return found


@wrap(Response, "describe_tasks")
def _describe_tasks(original: Any, self: Any) -> ActionResult:
    result = result_of(original(self))
    known = {task.id for task in result["tasks"]}
    missing = [wanted for wanted in self._get_param("tasks", []) if wanted.split("/")[-1] not in known]
    cluster = self._get_param("cluster", "default").split("/")[-1]
    prefix = f"arn:aws:ecs:{self.region}:{self.current_account}:task/{cluster}/"
    result["failures"] = [{"arn": wanted if wanted.startswith("arn:") else prefix + wanted, "reason": "MISSING"} for wanted in missing]
    return ActionResult(result)
