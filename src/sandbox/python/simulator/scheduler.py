"""The ECS service scheduler: rolling updates, circuit breaker and rollback, replacement of unhealthy tasks, draining.

moto's services never start a task and their rollout stays IN_PROGRESS for ever. A rollout here starts new tasks within
`maximumPercent`, waits until they run and their targets are healthy, and only then stops old ones, never below
`minimumHealthyPercent`. Tasks that fail to start, die, or fail health checks count as failures of the rollout.
"""
from __future__ import annotations

import math
import random
import uuid
from dataclasses import dataclass, field
from typing import Any

from moto.core.utils import utcnow
from moto.ecs import models as ecs

from . import clock, deployments, health, tasks
from .deployments import Deployment, Revision
from .patching import backends


@dataclass
class ServiceLife:
    """What the simulator knows of a service."""

    revisions: list[Revision] = field(default_factory=list)
    history: list[Deployment] = field(default_factory=list)
    good: Revision | None = None
    spawned: int = 0
    draining_since: float | None = None
    steady: bool = False
    counted: set[str] = field(default_factory=set)


def event(service: Any, text: str) -> None:
    service.events.insert(0, {"id": str(uuid.uuid4()), "createdAt": utcnow(), "message": f"(service {service.name}) {text}"})
    del service.events[100:]


def roll_out(backend: Any, service: Any, revision: Revision, rollback: bool = False) -> None:
    """Makes a revision the primary one. A rollback stays inside the running service deployment."""
    identifier = f"ecs-svc/{random.randrange(10**18, 10**19)}"
    for entry in service.deployments:
        entry["status"] = "ACTIVE"
    entry = {
        "id": identifier,
        "status": "PRIMARY",
        "taskDefinition": revision.task_definition,
        "revision": revision,
        "desiredCount": service.desired_count,
        "runningCount": 0,
        "pendingCount": 0,
        "failedTasks": 0,
        "launchType": "FARGATE",
        "platformVersion": "1.4.0",
        "platformFamily": "Linux",
        "networkConfiguration": revision.network,
        "rolloutState": "IN_PROGRESS",
        "rolloutStateReason": f"ECS deployment {identifier} in progress.",
        "createdAt": utcnow(),
        "updatedAt": utcnow(),
    }
    service.deployments.insert(0, entry)
    service.life.steady = False
    if not rollback:
        _supersede(service)
        service.life.history.append(deployments.new_deployment(backend, service, revision, [old["revision"] for old in service.deployments[1:]]))
    _show_current(service)


def _supersede(service: Any) -> None:
    for deployment in service.life.history:
        if deployment.is_live:
            deployment.finish("STOPPED", "Service deployment was stopped because a new service deployment was started.")


def _show_current(service: Any) -> None:
    """The fields of DescribeServices that name the current deployment."""
    service.current_service_deployment = service.life.history[-1].arn if service.life.history else None
    service.current_service_revisions = [
        {
            "arn": entry["revision"].arn,
            "requestedTaskCount": entry["desiredCount"],
            "runningTaskCount": entry["runningCount"],
            "pendingTaskCount": entry["pendingCount"],
        }
        for entry in service.deployments
    ]


@clock.advances
def reconcile() -> bool:
    """Moves every task and service of every account and region."""
    changed = False
    for backend in backends(ecs.ecs_backends):
        for cluster, known in list(backend.tasks.items()):
            for arn, task in list(known.items()):
                changed |= tasks.step(backend, task)
                if tasks.is_forgotten(task):
                    del known[arn]
        for service in list(backend.services.values()):
            changed |= _serve(backend, service)
        _count_clusters(backend)
    return changed


def tasks_of(backend: Any, service: Any) -> list[Any]:
    return [task for task in backend.tasks.get(service.cluster_name, {}).values() if task.life.service is service]


def _serve(backend: Any, service: Any) -> bool:
    if service.status == "INACTIVE":
        return False
    mine = tasks_of(backend, service)
    before = (service.status, len(mine), service.deployments[0]["id"], service.deployments[0]["rolloutState"], len(service.deployments))
    want = service.desired_count if service.status == "ACTIVE" else 0
    if service.status == "ACTIVE":
        _count_failures(service, mine)
        _replace_unhealthy(backend, service, mine)
        _break_circuit(backend, service)
    _start_and_stop(backend, service, want)
    _update_counts(backend, service)
    _complete(backend, service, want)
    _drain(backend, service)
    _show_current(service)
    mine = tasks_of(backend, service)
    return before != (service.status, len(mine), service.deployments[0]["id"], service.deployments[0]["rolloutState"], len(service.deployments))


# ------------------------------------------------------------------------------------------------ failures


def _count_failures(service: Any, mine: list[Any]) -> None:
    """Counts each failed task once, for the rollout that started it."""
    current = service.life.history[-1] if service.life.history else None
    for task in mine:
        ended = task.stop_code in ("TaskFailedToStart", "EssentialContainerExited") or task.life.unhealthy
        failed = task.desired_status == "STOPPED" and ended
        if not failed or task.id in service.life.counted:
            continue
        service.life.counted.add(task.id)
        for entry in service.deployments:
            if entry["id"] == task.started_by and entry["rolloutState"] == "IN_PROGRESS":
                entry["failedTasks"] += 1
                if current is not None and current.is_live and entry is service.deployments[0]:
                    current.failures = entry["failedTasks"]
        if task.stop_code == "TaskFailedToStart":
            event(service, f"(task {task.id}) failed to start: {task.stopped_reason}" if "assume" not in task.stopped_reason else task.stopped_reason)


def grace_steps(service: Any) -> float:
    """The health check grace period in steps: sandbox time is compressed, 30 s count as one step, at most six."""
    return min(6, math.ceil((service.health_check_grace_period_seconds or 0) / 30))


def _replace_unhealthy(backend: Any, service: Any, mine: list[Any]) -> None:
    for task in mine:
        if task.desired_status != "RUNNING" or task.last_status != "RUNNING" or task.life.process.exit_code is not None:
            continue  # not up, or about to end by itself
        if task.life.process.is_booting:
            continue  # the grace period of a real process is real time
        if not clock.passed(task.life.running_since, max(4, grace_steps(service))):
            continue
        for balancer in task.life.balancers:
            group = balancer.get("targetGroupArn")
            state, reason, description = health.verdict_of(group, task) if group else ("healthy", None, None)
            if state == "unhealthy":
                event(service, f"(port {balancer['containerPort']}) is unhealthy in (target-group {group}) due to (reason {description})")
                task.life.unhealthy = True
                tasks.stop(backend, task, f"Task failed ELB health checks in (target-group {group})", "ServiceSchedulerInitiated")


def _break_circuit(backend: Any, service: Any) -> None:
    breaker = (service.deployment_configuration or {}).get("deploymentCircuitBreaker") or {}
    entry, current = service.deployments[0], service.life.history[-1]
    if not breaker.get("enable") or entry["rolloutState"] != "IN_PROGRESS" or entry["failedTasks"] < current.threshold:
        return
    reason = "ECS deployment circuit breaker: tasks failed to start."
    entry.update(rolloutState="FAILED", rolloutStateReason=reason, updatedAt=utcnow())
    event(service, f"(deployment {entry['id']}) deployment failed: tasks failed to start.")
    if not current.is_live:
        return
    good = service.life.good
    if current.status == "ROLLBACK_IN_PROGRESS":
        current.finish("ROLLBACK_FAILED", f"{reason} The rollback failed as well.")
    elif not breaker.get("rollback"):
        current.finish("STOPPED", reason)
    elif good is None or good is entry["revision"]:
        current.finish("ROLLBACK_FAILED", "No rollback candidate was found to run the rollback.")
    else:
        current.roll_back(good, f"Service deployment rolled back because the circuit breaker threshold was exceeded. {reason}")
        service.task_definition = good.task_definition
        service.network_configuration, service.load_balancers = good.network, list(good.balancers)
        roll_out(backend, service, good, rollback=True)
        event(service, f"rolling back to deployment {service.deployments[0]['id']}.")


# ------------------------------------------------------------------------------------------------ starting and stopping


def _percent(service: Any, name: str, default: int) -> float:
    return float((service.deployment_configuration or {}).get(name, default)) / 100


def is_well(task: Any) -> bool:
    """Running, and healthy behind every load balancer; without one, running for three steps."""
    if task.last_status != "RUNNING" or task.desired_status != "RUNNING":
        return False
    groups = [balancer["targetGroupArn"] for balancer in task.life.balancers if balancer.get("targetGroupArn")]
    if groups:
        return all(health.verdict_of(group, task)[0] == "healthy" for group in groups)
    return clock.passed(task.life.running_since, 3)


def _start_and_stop(backend: Any, service: Any, want: int) -> None:
    entry = service.deployments[0]
    alive = [task for task in tasks_of(backend, service) if task.desired_status == "RUNNING"]
    current = [task for task in alive if task.started_by == entry["id"]]
    old = [task for task in alive if task.started_by != entry["id"]]
    scaling = f"Scaling activity initiated by (deployment {entry['id']})"
    for task in current[want:] + (old if want == 0 else []):
        tasks.stop(backend, task, scaling, "ServiceSchedulerInitiated")
    if entry["rolloutState"] == "FAILED" or want == 0:
        return
    ceiling = max(want if not old else 1, math.floor(want * _percent(service, "maximumPercent", 200)))
    started = max(0, min(want - len(current), ceiling - len(current) - len(old)))
    for _ in range(started):
        _spawn(backend, service, entry)
    if started:
        event(service, f"has started {started} tasks.")
        service.life.steady = False
    well = sum(is_well(task) for task in current)
    least = math.ceil(want * _percent(service, "minimumHealthyPercent", 100))
    # Those that serve nobody go first: only healthy tasks count towards the minimum.
    old.sort(key=is_well)
    for task in old[: max(0, well + len(old) - least)]:
        tasks.stop(backend, task, scaling, "ServiceSchedulerInitiated")


def _spawn(backend: Any, service: Any, entry: dict[str, Any]) -> None:
    definition = backend.describe_task_definition(entry["taskDefinition"])
    configuration = service.network_configuration["awsvpcConfiguration"]
    turn = service.life.spawned % len(configuration["subnets"])
    service.life.spawned += 1
    subnets = configuration["subnets"][turn:] + configuration["subnets"][:turn]
    tags = {"SERVICE": service.tags, "TASK_DEFINITION": definition.tags}.get(service.propagate_tags) or []
    if getattr(service, "enable_ecs_managed_tags", False):
        tags = [*tags, {"key": "aws:ecs:clusterName", "value": service.cluster_name}, {"key": "aws:ecs:serviceName", "value": service.name}]
    task = ecs.Task(
        backend.clusters[service.cluster_name],
        definition,
        None,
        {},
        backend,
        f"service:{service.name}",
        launch_type="FARGATE",
        started_by=entry["id"],
        tags=list(tags),
        networking_configuration={"awsvpcConfiguration": {**configuration, "subnets": subnets}},
        platform_version="1.4.0",
    )
    task.stop_code = None
    backend.tasks.setdefault(service.cluster_name, {})[task.task_arn] = task
    tasks.begin(backend, task, service, entry["revision"].balancers)
    task.enable_execute_command = bool(getattr(service, "enable_execute_command", False))


def _update_counts(backend: Any, service: Any) -> None:
    alive = [task for task in tasks_of(backend, service) if task.desired_status == "RUNNING"]
    service.running_count = sum(task.last_status == "RUNNING" for task in alive)
    service.pending_count = len(alive) - service.running_count
    for entry in service.deployments:
        own = [task for task in alive if task.started_by == entry["id"]]
        entry["runningCount"] = sum(task.last_status == "RUNNING" for task in own)
        entry["pendingCount"] = len(own) - entry["runningCount"]
    service.deployments[0]["desiredCount"] = service.desired_count


def _complete(backend: Any, service: Any, want: int) -> None:
    entry = service.deployments[0]
    current = service.life.history[-1]
    if current.status == "PENDING" and clock.passed(current.pending_since, 1):
        current.status, current.started = "IN_PROGRESS", utcnow()
    alive = [task for task in tasks_of(backend, service) if task.desired_status == "RUNNING"]
    ready = sum(task.started_by == entry["id"] and is_well(task) for task in alive) >= want and len(alive) == want
    if not ready or service.status != "ACTIVE":
        return
    if entry["rolloutState"] == "IN_PROGRESS" and current.status != "PENDING":
        entry.update(rolloutState="COMPLETED", rolloutStateReason=f"ECS deployment {entry['id']} completed.", updatedAt=utcnow())
        del service.deployments[1:]
        service.life.good = entry["revision"]
        event(service, f"(deployment {entry['id']}) deployment completed.")
        if current.is_live:
            current.finish("ROLLBACK_SUCCESSFUL" if current.status == "ROLLBACK_IN_PROGRESS" else "SUCCESSFUL")
    if entry["rolloutState"] == "COMPLETED" and not service.life.steady:
        service.life.steady = True
        event(service, "has reached a steady state.")


def _drain(backend: Any, service: Any) -> None:
    if service.status != "DRAINING":
        return
    for deployment in service.life.history:
        if deployment.is_live:
            deployment.finish("STOPPED", "The service was deleted.")
    left = any(task.last_status != "STOPPED" for task in tasks_of(backend, service))
    if not left and clock.passed(service.life.draining_since, 2):
        service.status = "INACTIVE"


def _count_clusters(backend: Any) -> None:
    for cluster in backend.clusters.values():
        alive = [task for task in backend.tasks.get(cluster.name, {}).values() if task.desired_status == "RUNNING"]
        cluster.running_tasks_count = sum(task.last_status == "RUNNING" for task in alive)
        cluster.pending_tasks_count = len(alive) - cluster.running_tasks_count
        cluster.active_services_count = sum(service.cluster_name == cluster.name and service.status == "ACTIVE" for service in backend.services.values())
