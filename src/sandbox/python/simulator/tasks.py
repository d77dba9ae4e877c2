"""The life of one Fargate task: PROVISIONING, PENDING, RUNNING, DEPROVISIONING, STOPPED.

In moto a task is RUNNING when it is created and never ends by itself. Here it needs a step per state, starts only if
`startup` finds no reason against it, ends when the process in it ends, and leaves its interface, log lines and target
registration as a real one would. A stopped task stays visible for an hour.
"""
from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from moto.core.utils import utcnow
from moto.ecs import models as ecs

from . import application, clock, health, logs, network, startup
from .store import Place

REMEMBERED_SECONDS = 3600

# Hand out an address of the subnet instead of one of moto's own range.
ecs.random_private_ip = lambda *args, **kwargs: None
ecs.Task.last_status = property(
    lambda self: self.__dict__.get("shown_status", "PROVISIONING"), lambda self, value: self.__dict__.__setitem__("shown_status", value)
)
ecs.Task.advance = lambda self: None
ecs.EC2ContainerServiceBackend._calculate_task_resource_requirements = staticmethod(
    lambda definition: {"CPU": 0, "MEMORY": 0, "PORTS": [], "PORTS_UDP": []}
)


@dataclass
class Life:
    """What the simulator knows of a task. Moments are seconds since the epoch."""

    definition: Any
    service: Any
    created: float
    address: str
    interface: str
    groups: list[str]
    running_since: float | None = None
    stopping_since: float | None = None
    # Those of the revision that it was started for: the service may have moved on to other target groups.
    balancers: list[dict[str, Any]] = field(default_factory=list)
    process: application.Process | None = None
    unhealthy: bool = False


def begin(backend: Any, task: Any, service: Any = None, balancers: Iterable[dict[str, Any]] = ()) -> None:
    """Gives a new moto task its life."""
    definition = backend.describe_task_definition(task.task_definition_arn)
    details = {detail["name"]: detail["value"] for attachment in task.attachments for detail in attachment["details"]}
    configuration = task.network_configuration["awsvpcConfiguration"]
    ec2 = network.backend_of(backend)
    interface = ec2.enis[details["networkInterfaceId"]]
    interface.requester_managed = True
    interface.description = f"arn:aws:ecs:{backend.region_name}:{backend.account_id}:attachment/{task.attachments[0]['id']}"
    clock.notes(interface)["public"] = configuration.get("assignPublicIp") == "ENABLED"
    task.life = Life(definition, service, clock.now(), details["privateIPv4Address"], interface.id, list(configuration.get("securityGroups") or []))
    task.life.balancers = list(balancers)
    task.created_at, task.connectivity, task.health_status = utcnow(), None, "UNKNOWN"
    task.availability_zone, task.platform_version, task.platform_family = interface.availability_zone, "1.4.0", "Linux"
    override = task.overrides or {}
    task.cpu, task.memory = override.get("cpu") or definition.cpu, override.get("memory") or definition.memory
    for attachment in task.attachments:
        attachment["status"] = "PRECREATED"
    for container in task.containers:
        container.task_arn, container.exitCode, container.exit_code, container.last_status = task.task_arn, None, None, "PENDING"
        container.container_arn = f"arn:aws:ecs:{backend.region_name}:{backend.account_id}:container/{task.cluster_name}/{task.id}/{uuid.uuid4()}"
        container.health_status = "UNKNOWN"


def step(backend: Any, task: Any) -> bool:
    """Moves a task on; returns whether it changed."""
    before = (task.last_status, task.desired_status)
    if task.desired_status == "STOPPED":
        _wind_down(backend, task)
    elif task.last_status == "RUNNING":
        _watch(backend, task)
    elif clock.passed(task.life.created, 2):
        _start(backend, task)
    elif clock.passed(task.life.created, 1):
        task.last_status = "PENDING"
        for attachment in task.attachments:
            attachment["status"] = "ATTACHED"
    return before != (task.last_status, task.desired_status)


def _start(backend: Any, task: Any) -> None:
    try:
        secrets = startup.prepare(backend, task)
    except startup.CannotStart as reason:
        for container in task.containers:
            container.reason = str(reason) if str(reason).startswith("CannotPull") else None
        stop(backend, task, str(reason), "TaskFailedToStart")
        return
    life = task.life
    definition = life.definition.container_definitions[0]
    ec2 = network.backend_of(backend)
    place = Place(backend.account_id, backend.region_name, life.groups, life.address, ec2.enis[life.interface].vpc_id)
    life.process = application.run(
        application.Container(
            image=definition["image"],
            command=list(application.override_of(task, definition["name"]).get("command") or definition.get("command") or []),
            environment=application.environment_of(task, definition, secrets[definition["name"]]),
            ports=[mapping["containerPort"] for mapping in definition.get("portMappings") or []],
            in_service=life.service is not None,
            overrides=application.overrides_of(task, definition),
            memory=int(task.memory or 0),
        ),
        place,
    )
    life.running_since = clock.now()
    task.last_status, task.started_at, task.connectivity = "RUNNING", utcnow(), "CONNECTED"
    task.connectivity_at = task.pull_started_at = task.pull_stopped_at = utcnow()
    for container in task.containers:
        container.last_status, container.runtime_id = "RUNNING", f"{task.id}-0"
        container.network_interfaces = [{"attachmentId": task.attachments[0]["id"], "privateIpv4Address": life.address}]
        if definition.get("healthCheck"):
            container.health_status = task.health_status = "HEALTHY"
    _collect_lines(backend, task)
    for balancer in life.balancers:
        group = health.group_named(backend, balancer.get("targetGroupArn"))
        if group is not None:
            health.register(group, task, int(balancer["containerPort"]))


def _collect_lines(backend: Any, task: Any) -> None:
    """Puts what the process wrote into its log stream."""
    definition = task.life.definition.container_definitions[0]
    logs.write(backend.account_id, backend.region_name, logs.target_of(definition, task.id), task.life.process.drain())


def _watch(backend: Any, task: Any) -> None:
    """Ends a running task when its process ends."""
    process = task.life.process
    process.proceed(task.life.running_since)
    _collect_lines(backend, task)
    if process.exit_code is not None and clock.passed(task.life.running_since, process.exit_after):
        for container in task.containers:
            container.reason = process.reason
        reason = process.reason if process.reason else "Essential container in task exited"
        stop(backend, task, reason.split(":")[0] if process.reason else reason, "EssentialContainerExited", process.exit_code)


def stop(backend: Any, task: Any, reason: str, code: str, exit_code: int | None = None) -> None:
    """Begins to stop a task, unless it is stopping already."""
    if task.desired_status == "STOPPED":
        return
    was_running = task.last_status == "RUNNING"
    task.desired_status, task.stopped_reason, task.stop_code, task.stopping_at = "STOPPED", reason, code, utcnow()
    task.life.stopping_since = clock.now()
    if was_running:
        if exit_code is None:
            task.life.process.terminate()
            exit_code = task.life.process.exit_code
        _collect_lines(backend, task)
        task.execution_stopped_at = utcnow()
        task.last_status = "DEPROVISIONING"
    for container in task.containers:
        container.exit_code = container.exitCode = exit_code
    for balancer in task.life.balancers:
        health.deregister(balancer.get("targetGroupArn"), task)


def _wind_down(backend: Any, task: Any) -> None:
    if task.last_status == "STOPPED":
        return
    process = task.life.process
    # Asked before the lines are taken: a process writes its last ones before it is over.
    is_over = process is None or process.is_over
    if process is not None:
        _collect_lines(backend, task)
    if not clock.passed(task.life.stopping_since, 1) or not is_over:
        task.last_status = "DEPROVISIONING"
        return
    task.last_status, task.stopped_at, task.connectivity = "STOPPED", utcnow(), None
    network.backend_of(backend).enis.pop(task.life.interface, None)
    for container in task.containers:
        container.last_status = "STOPPED"
        container.exit_code = container.exitCode = process.exit_code if process is not None else None
    for attachment in task.attachments:
        attachment["status"] = "DELETED"


def is_forgotten(task: Any) -> bool:
    stopped = task.life.stopping_since
    return task.last_status == "STOPPED" and stopped is not None and clock.now() - stopped > REMEMBERED_SECONDS
