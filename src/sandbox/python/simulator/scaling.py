"""Application Auto Scaling: tags of scalable targets, and registration that clamps the service's count at once.

moto drops the tags of RegisterScalableTarget and has no ListTagsForResource for this service.
"""
from __future__ import annotations

import json
from typing import Any

from moto.applicationautoscaling.responses import ApplicationAutoScalingResponse as Response
from moto.core.exceptions import JsonRESTError
from moto.ecs.models import ecs_backends

from . import clock
from .patching import add, wrap

_tags: dict[tuple[str, str, str], dict[str, str]] = {}
clock.forgets(_tags.clear)


@wrap(Response, "register_scalable_target")
def _register(original: Any, self: Any) -> Any:
    response = original(self)
    backend, resource = self.applicationautoscaling_backend, self._get_param("ResourceId")
    if self._get_param("Tags"):
        _tags[(backend.account_id, backend.region_name, resource)] = self._get_param("Tags")
    for target in (one for group in backend.targets.values() for one in group.values() if one.resource_id == resource):
        target.role_arn = target.role_arn or f"arn:aws:iam::{backend.account_id}:role/aws-service-role/ecs.application-autoscaling.amazonaws.com/AWSServiceRoleForApplicationAutoScaling_ECSService"
    _clamp(backend, resource, self._get_param("MinCapacity"), self._get_param("MaxCapacity"))
    return response


def _clamp(backend: Any, resource: str, least: Any, most: Any) -> None:
    """Brings the desired count of an ECS service into the registered range."""
    parts = resource.split("/")
    if parts[0] != "service" or len(parts) != 3:
        return
    service = ecs_backends[backend.account_id][backend.region_name].services.get(f"{parts[1]}:{parts[2]}")
    if service is not None:
        count = max(service.desired_count, int(least or 0))
        service.desired_count = min(count, int(most)) if most is not None else count


@add(Response, "list_tags_for_resource")
def _list_tags(self: Any) -> str:
    backend = self.applicationautoscaling_backend
    targets = {target.arn: target for group in backend.targets.values() for target in group.values()}
    target = targets.get(self._get_param("ResourceARN"))
    if target is None:
        raise JsonRESTError("ResourceNotFoundException", "The specified resource doesn't exist.")
    return json.dumps({"Tags": _tags.get((backend.account_id, backend.region_name, target.resource_id), {})})
