"""Target health, from what really stands between a load balancer and a task.

moto calls every target healthy. Here a target is initial for two steps; then it depends on the security groups of both
sides, on the port the process listens on, and on the answer to the health check path. Deregistered targets drain.
"""
from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from moto.elbv2 import models as elb

from . import clock, network
from .patching import backends, wrap

Verdict = tuple[str, "str | None", "str | None"]


@dataclass
class Registration:
    """A task's address in a target group."""

    task: Any
    port: int
    since: float
    draining_until: float | None = None


_registrations: dict[tuple[str, str], Registration] = {}
clock.forgets(_registrations.clear)


def group_named(backend: Any, arn: str | None) -> Any:
    return elb.elbv2_backends[backend.account_id][backend.region_name].target_groups.get(arn)


def register(group: Any, task: Any, port: int) -> None:
    group.register([{"Id": task.life.address, "Port": port}])
    _registrations[(group.arn, task.life.address)] = Registration(task, port, clock.now())


def deregister(group_arn: str, task: Any) -> None:
    registration = _registrations.get((group_arn, task.life.address))
    if registration is not None and registration.task is task and registration.draining_until is None:
        registration.draining_until = clock.after(2)


@clock.advances
def _finish_draining() -> bool:
    changed = False
    for (arn, address), registration in list(_registrations.items()):
        if registration.draining_until is not None and clock.now() >= registration.draining_until:
            del _registrations[(arn, address)]
            for backend in backends(elb.elbv2_backends):
                if arn in backend.target_groups:
                    backend.target_groups[arn].targets.pop(address, None)
            changed = True
    return changed


def healthy_tasks(group_arn: str) -> list[Any]:
    """The running tasks behind a target group that would get requests."""
    return [
        registration.task
        for (arn, _), registration in _registrations.items()
        if arn == group_arn and verdict(arn, registration)[0] == "healthy" and registration.task.last_status == "RUNNING"
    ]


def verdict_of(group_arn: str, task: Any) -> Verdict:
    registration = _registrations.get((group_arn, task.life.address))
    return verdict(group_arn, registration) if registration is not None else ("unused", "Target.NotRegistered", None)


def verdict(group_arn: str, registration: Registration) -> Verdict:
    """State, reason and description, as DescribeTargetHealth gives them."""
    if registration.draining_until is not None:
        return "draining", "Target.DeregistrationInProgress", "Target deregistration is in progress"
    region, account = group_arn.split(":")[3:5]
    backend = elb.elbv2_backends[account][region]
    group = backend.target_groups.get(group_arn)
    if group is None or not group.load_balancer_arns:
        return "unused", "Target.NotInUse", "Target group is not configured to receive traffic from the load balancer"
    process = registration.task.life.process
    if not clock.passed(registration.since, 2) or process is not None and process.is_booting:
        return "initial", "Elb.InitialHealthChecking", "Initial health checks in progress"
    return _failure(backend, group, registration) or ("healthy", None, None)


def _failure(backend: Any, group: Any, registration: Registration) -> Verdict | None:
    life = registration.task.life
    configured = str(group.health_check_port or "traffic-port")
    port = registration.port if configured == "traffic-port" else int(configured)
    balancer = backend.load_balancers[group.load_balancer_arns[0]]
    interfaces = clock.notes(balancer).get("interfaces") or []
    source = interfaces[0].private_ip_address if interfaces else None
    if not network.can_connect(network.backend_of(backend), port, balancer.security_groups or [], source, life.groups, life.address):
        return "unhealthy", "Target.Timeout", "Request timed out"
    process = life.process
    if process is None or process.exit_code is not None or process.port != port:
        return "unhealthy", "Target.FailedHealthChecks", "Health checks failed"
    code = process.status_of(group.health_check_path or "/")
    if code is None:
        return "unhealthy", "Target.Timeout", "Request timed out"
    if not _matches(code, (group.matcher or {}).get("HttpCode", "200")):
        return "unhealthy", "Target.ResponseCodeMismatch", f"Health checks failed with these codes: [{code}]"
    return None


def _matches(code: int, matcher: str) -> bool:
    for part in str(matcher).split(","):
        bounds = [int(number) for number in re.findall(r"\d+", part)]
        if bounds and bounds[0] <= code <= bounds[-1]:
            return True
    return False


@wrap(elb.ELBv2Backend, "describe_target_health")
def _describe(original: Any, self: Any, target_group_arn: str, targets: Any) -> Any:
    answered = original(self, target_group_arn, targets)
    for target in answered:
        registration = _registrations.get((target_group_arn, target.instance_id))
        if registration is not None:
            target.status, target.reason, target.description = verdict(target_group_arn, registration)
            group = self.target_groups[target_group_arn]
            target.health_check_port = str(registration.port) if group.health_check_port == "traffic-port" else group.health_check_port
    return answered
