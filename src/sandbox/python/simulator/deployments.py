"""ECS service deployments and service revisions, the API by which a rollout is judged.

moto has neither. A service deployment is one attempt to bring a service to a revision; a rollback happens inside it.
Statuses: PENDING, IN_PROGRESS, SUCCESSFUL, STOPPED, ROLLBACK_IN_PROGRESS, ROLLBACK_SUCCESSFUL, ROLLBACK_FAILED.
https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ServiceDeployment.html
"""
from __future__ import annotations

import random
import string
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from moto.core.responses import ActionResult
from moto.core.utils import utcnow
from moto.ecs.exceptions import InvalidParameterException
from moto.ecs.responses import EC2ContainerServiceResponse as Response

from . import clock
from .patching import add

LIVE = ("PENDING", "IN_PROGRESS", "ROLLBACK_IN_PROGRESS")


@dataclass
class Revision:
    """What a deployment aims at."""

    arn: str
    service: Any
    task_definition: str
    network: dict[str, Any]
    balancers: list[dict[str, Any]]
    images: list[dict[str, Any]]
    created: datetime = field(default_factory=utcnow)

    def described(self) -> dict[str, Any]:
        return {
            "serviceRevisionArn": self.arn,
            "serviceArn": self.service.arn,
            "clusterArn": self.service.cluster_arn,
            "taskDefinition": self.task_definition,
            "launchType": "FARGATE",
            "platformVersion": "1.4.0",
            "platformFamily": "Linux",
            "loadBalancers": self.balancers,
            "networkConfiguration": self.network,
            "containerImages": self.images,
            "guardDutyEnabled": False,
            "createdAt": self.created,
        }


@dataclass
class Deployment:
    arn: str
    service: Any
    target: Revision
    sources: list[Revision]
    status: str = "PENDING"
    reason: str | None = None
    failures: int = 0
    threshold: int = 3
    rollback_to: Revision | None = None
    rollback_reason: str | None = None
    rollback_started: datetime | None = None
    created: datetime = field(default_factory=utcnow)
    started: datetime | None = None
    finished: datetime | None = None
    pending_since: float = field(default_factory=clock.now)

    @property
    def is_live(self) -> bool:
        return self.status in LIVE

    def finish(self, status: str, reason: str | None = None) -> None:
        self.status, self.reason, self.finished = status, reason or self.reason, utcnow()

    def roll_back(self, revision: Revision, reason: str) -> None:
        self.status, self.reason, self.rollback_to, self.rollback_reason = "ROLLBACK_IN_PROGRESS", reason, revision, reason
        self.rollback_started = utcnow()

    def brief(self) -> dict[str, Any]:
        return {
            "serviceDeploymentArn": self.arn,
            "serviceArn": self.service.arn,
            "clusterArn": self.service.cluster_arn,
            "createdAt": self.created,
            "startedAt": self.started,
            "finishedAt": self.finished,
            "targetServiceRevisionArn": self.target.arn,
            "status": self.status,
            "statusReason": self.reason,
        }

    def described(self) -> dict[str, Any]:
        service = self.service
        configuration = service.deployment_configuration or {}
        breaker = configuration.get("deploymentCircuitBreaker") or {}
        tripped = self.failures >= self.threshold
        state = "DISABLED" if not breaker.get("enable") else "TRIGGERED" if tripped else "MONITORING" if self.is_live else "MONITORING_COMPLETE"
        described = {key: value for key, value in self.brief().items() if key != "targetServiceRevisionArn"}
        described.update(
            updatedAt=self.finished or self.started or self.created,
            stoppedAt=self.finished if self.status == "STOPPED" else None,
            sourceServiceRevisions=[_counted(revision) for revision in self.sources],
            targetServiceRevision=_counted(self.target),
            deploymentConfiguration=configuration,
            deploymentCircuitBreaker={"status": state, "failureCount": self.failures, "threshold": self.threshold},
        )
        if self.rollback_to is not None:
            described["rollback"] = {
                "reason": self.rollback_reason,
                "startedAt": self.rollback_started,
                "serviceRevisionArn": self.rollback_to.arn,
            }
        return described


def _counted(revision: Revision) -> dict[str, Any]:
    entries = [entry for entry in revision.service.deployments if entry["revision"] is revision]
    return {
        "arn": revision.arn,
        "requestedTaskCount": sum(entry["desiredCount"] for entry in entries),
        "runningTaskCount": sum(entry["runningCount"] for entry in entries),
        "pendingTaskCount": sum(entry["pendingCount"] for entry in entries),
    }


def _identifier() -> str:
    return "".join(random.choices(string.ascii_letters + string.digits + "-_", k=21))


def new_revision(backend: Any, service: Any) -> Revision:
    """A revision of what the service is set to now."""
    definition = backend.describe_task_definition(service.task_definition)
    arn = f"arn:aws:ecs:{backend.region_name}:{backend.account_id}:service-revision/{service.cluster_name}/{service.name}/{random.randrange(10**18, 10**19)}"
    images = [{"containerName": container["name"], "image": container["image"]} for container in definition.container_definitions]
    return Revision(arn, service, definition.arn, service.network_configuration, list(service.load_balancers), images)


def new_deployment(backend: Any, service: Any, target: Revision, sources: list[Revision]) -> Deployment:
    arn = f"arn:aws:ecs:{backend.region_name}:{backend.account_id}:service-deployment/{service.cluster_name}/{service.name}/{_identifier()}"
    # https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-circuit-breaker.html: half the count, 3 to 200
    threshold = min(200, max(3, -(-service.desired_count // 2)))
    return Deployment(arn, service, target, sources, threshold=threshold)


# ------------------------------------------------------------------------------------------------ the API


def _all(backend: Any) -> list[Deployment]:
    return [deployment for service in backend.services.values() for deployment in service.life.history]


@add(Response, "list_service_deployments")
def _list(self: Any) -> ActionResult:
    backend = self.ecs_backend
    cluster = backend._get_cluster(self._get_param("cluster", "default"))
    service = backend._get_service(cluster.name, self._get_param("service").split("/")[-1])
    statuses = self._get_param("status") or []
    found = [deployment for deployment in service.life.history if not statuses or deployment.status in statuses]
    limit = self._get_int_param("maxResults", 20)
    return ActionResult({"serviceDeployments": [deployment.brief() for deployment in reversed(found)][:limit]})


@add(Response, "describe_service_deployments")
def _describe(self: Any) -> ActionResult:
    wanted = self._get_param("serviceDeploymentArns") or []
    if not wanted:
        raise InvalidParameterException("Service deployment ARNs cannot be empty.")
    known = {deployment.arn: deployment for deployment in _all(self.ecs_backend)}
    return ActionResult(
        {
            "serviceDeployments": [known[arn].described() for arn in wanted if arn in known],
            "failures": [{"arn": arn, "reason": "MISSING"} for arn in wanted if arn not in known],
        }
    )


@add(Response, "describe_service_revisions")
def _describe_revisions(self: Any) -> ActionResult:
    wanted = self._get_param("serviceRevisionArns") or []
    known = {revision.arn: revision for service in self.ecs_backend.services.values() for revision in service.life.revisions}
    return ActionResult(
        {
            "serviceRevisions": [known[arn].described() for arn in wanted if arn in known],
            "failures": [{"arn": arn, "reason": "MISSING"} for arn in wanted if arn not in known],
        }
    )
