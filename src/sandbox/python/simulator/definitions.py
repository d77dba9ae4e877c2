"""ECS task definitions: Fargate sizes, the defaults AWS echoes, and the two-step deletion.

moto accepts any size, echoes a definition as it was sent, and keeps deleted revisions for ever.
"""
from __future__ import annotations

from typing import Any

from moto.core.responses import ActionResult
from moto.ecs import models as ecs
from moto.ecs.exceptions import EcsClientException
from moto.ecs.responses import EC2ContainerServiceResponse as Response

from . import clock
from .patching import backends, result_of, wrap

Backend = ecs.EC2ContainerServiceBackend

# https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-cpu-memory-error.html, MiB for each number of CPU units
FARGATE = {
    256: (512, 1024, 2048),
    512: tuple(range(1024, 4097, 1024)),
    1024: tuple(range(2048, 8193, 1024)),
    2048: tuple(range(4096, 16385, 1024)),
    4096: tuple(range(8192, 30721, 1024)),
    8192: tuple(range(16384, 61441, 4096)),
    16384: tuple(range(32768, 122881, 8192)),
}


@wrap(Backend, "register_task_definition")
def _register(original: Any, self: Any, family: str, container_definitions: Any, **options: Any) -> Any:
    if "FARGATE" in (options.get("requires_compatibilities") or []):
        _check_fargate(options)
    for container in container_definitions:
        names = [pair["name"] for pair in [*(container.get("environment") or []), *(container.get("secrets") or [])]]
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated:
            raise EcsClientException(f"Duplicate secret/environment names found: {repeated[0]}. All names must be unique.")
        container.setdefault("systemControls", [])
        for mapping in container.get("portMappings") or []:
            mapping.setdefault("protocol", "tcp")
            if options.get("network_mode") == "awsvpc":
                if mapping.get("hostPort") not in (None, 0, mapping["containerPort"]):
                    raise EcsClientException("When networkMode=awsvpc, the host ports and container ports in port mappings must match.")
                mapping["hostPort"] = mapping["containerPort"]
    return original(self, family, container_definitions, **options)


def _check_fargate(options: dict[str, Any]) -> None:
    cpu, memory = str(options.get("cpu") or ""), str(options.get("memory") or "")
    if not cpu or not memory:
        raise EcsClientException("Fargate requires task definition to have task-level cpu and memory.")
    sizes = FARGATE.get(int(cpu)) if cpu.isdigit() else None
    if sizes is None or not memory.isdigit() or int(memory) not in sizes:
        raise EcsClientException(
            "No Fargate configuration exists for given values: "
            f"{cpu} CPU, {memory} memory. See the Amazon ECS documentation for the valid values."
        )
    if options.get("network_mode") != "awsvpc":
        raise EcsClientException("Fargate only supports network mode ‘awsvpc’.")


def usable(backend: Any, name: str) -> Any:
    """The definition a service or task may start from."""
    definition = backend.describe_task_definition(name)
    if definition.status != "ACTIVE":
        raise EcsClientException("TaskDefinition is inactive")
    return definition


@wrap(Backend, "delete_task_definitions")
def _begin_deletion(original: Any, self: Any, task_definitions: list[str]) -> Any:
    deleted, failures = original(self, task_definitions)
    for definition in deleted:
        # moto forgets it at once, and would give its number to the next revision.
        self.task_definitions[definition.family][definition.revision] = definition
    return deleted, failures


@clock.advances
def _delete() -> bool:
    """A revision in DELETE_IN_PROGRESS goes when no service and no task uses it any more."""
    changed = False
    for backend in backends(ecs.ecs_backends):
        used = {entry["taskDefinition"] for service in backend.services.values() if service.status != "INACTIVE" for entry in service.deployments}
        used |= {task.task_definition_arn for known in backend.tasks.values() for task in known.values() if task.last_status != "STOPPED"}
        for revisions in backend.task_definitions.values():
            for number, definition in list(revisions.items()):
                if definition.status != "DELETE_IN_PROGRESS" or definition.arn in used:
                    continue
                if clock.passed(clock.notes(definition).setdefault("unused", clock.now()), 2):
                    # Its place stays, so that the number is not given again.
                    definition.status, changed = "DELETED", True
    return changed


@wrap(Backend, "describe_task_definition")
def _describe(original: Any, self: Any, task_definition_str: str) -> Any:
    """A family name alone means its newest active revision."""
    name = task_definition_str.split("/")[-1]
    if ":" not in name:
        active = [number for number, definition in self.task_definitions.get(name, {}).items() if definition.status == "ACTIVE"]
        if not active:
            raise EcsClientException("Unable to describe task definition.")
        name = f"{name}:{max(active)}"
    definition = original(self, name)
    if definition.status == "DELETED":
        raise EcsClientException("Unable to describe task definition.")
    return definition


@wrap(Response, "list_task_definitions")
def _list(original: Any, self: Any) -> ActionResult:
    """In order of revision, newest first with `sort=DESC`."""
    arns = sorted(result_of(original(self))["taskDefinitionArns"], key=lambda arn: (arn.rsplit(":", 1)[0], int(arn.rsplit(":", 1)[1])))
    return ActionResult({"taskDefinitionArns": arns[::-1] if self._get_param("sort") == "DESC" else arns})
