"""Whether a Fargate task can start, from the resources that exist; the texts are those of `stoppedReason`.

The order is AWS's: assume the execution role, reach the services (route and outbound rules), read the secrets,
authenticate to ECR, pull the image, open the log stream. moto checks none of it.
"""
from __future__ import annotations

import re
from typing import Any

from . import application, conditions, identity, logs, network, realserver, secrets

_MANAGED_ECR = re.compile(r"^(\d{12})\.dkr\.ecr\.([a-z0-9-]+)\.amazonaws\.com/(.+)$")
_UNABLE = "ResourceInitializationError: unable to pull secrets or registry auth: "


class CannotStart(Exception):
    """The task stops with this reason."""


def prepare(backend: Any, task: Any) -> dict[str, dict[str, str]]:
    """The secrets of every container by name; raises CannotStart with the reason otherwise."""
    definition = task.life.definition
    role = _execution_role(backend, definition)
    _check_network(backend, task, definition)
    values = {container["name"]: _read_secrets(backend, task, role, container) for container in definition.container_definitions}
    for container in definition.container_definitions:
        _check_image(backend, task, role, container["image"])
        _check_log(backend, task, role, container)
    return values


def _execution_role(backend: Any, definition: Any) -> Any:
    arn = getattr(definition, "execution_role_arn", None)
    for wanted in (arn, getattr(definition, "task_role_arn", None)):
        role = identity.role_by_arn(backend.account_id, wanted)
        if wanted and (role is None or not identity.trusts(role, "ecs-tasks.amazonaws.com")):
            raise CannotStart(
                f"ECS was unable to assume the role '{wanted}' that was provided for this task. Please verify that the role being passed "
                "has the proper trust relationship and permissions and that your IAM user has permissions to pass this role."
            )
    return identity.role_by_arn(backend.account_id, arn)


def _check_network(backend: Any, task: Any, definition: Any) -> None:
    ec2 = network.backend_of(backend)
    configuration = task.network_configuration["awsvpcConfiguration"]
    route = network.default_route(ec2, configuration["subnets"][0])
    public = configuration.get("assignPublicIp") == "ENABLED"
    through_nat = route is not None and route.nat_gateway is not None and route.nat_gateway.state == "available"
    through_igw = route is not None and route.gateway is not None and public and route.state == "active"
    if (through_nat or through_igw) and network.can_leave(ec2, configuration.get("securityGroups", []), 443):
        return
    wanted = [secret["valueFrom"] for container in definition.container_definitions for secret in container.get("secrets") or []]
    if wanted:
        raise CannotStart(
            f"{_UNABLE}execution resource retrieval failed: unable to retrieve secret from asm: service call has been retried 5 time(s): "
            f"failed to fetch secret {secrets.arn_of(wanted[0])} from secrets manager: RequestCanceled: request context canceled caused by: "
            "context deadline exceeded. Please check your task network configuration."
        )
    image = definition.container_definitions[0]["image"]
    if _MANAGED_ECR.match(image):
        raise CannotStart(
            f"{_UNABLE}execution resource retrieval failed: unable to retrieve ecr registry auth: service call has been retried 3 time(s): "
            f'RequestError: send request failed caused by: Post "https://api.ecr.{backend.region_name}.amazonaws.com/": dial tcp: i/o timeout. '
            "Please check your task network configuration."
        )
    raise CannotStart(f"CannotPullContainerError: pull image manifest has been retried 5 time(s): failed to resolve ref {image}: failed to do request: dial tcp: i/o timeout")


def _session(backend: Any, task: Any, role: Any) -> str:
    return f"arn:aws:sts::{backend.account_id}:assumed-role/{role.name if role else 'none'}/{task.id}"


def _read_secrets(backend: Any, task: Any, role: Any, container: dict[str, Any]) -> dict[str, str]:
    values = {}
    for secret in container.get("secrets") or []:
        reference = secret["valueFrom"]
        arn = secrets.arn_of(reference)
        failed = f"{_UNABLE}execution resource retrieval failed: unable to retrieve secret from asm: service call has been retried 1 time(s): failed to fetch secret {arn} from secrets manager: "
        if not reference.startswith("arn:") or ":secretsmanager:" not in reference:
            raise CannotStart(
                f"{_UNABLE}execution resource retrieval failed: unable to retrieve secrets from ssm: service call has been retried 1 time(s): invalid parameters: {reference}"
            )
        known = secrets.find(backend.account_id, reference.split(":")[3], arn)
        if role is None or not identity.allows(role, "secretsmanager:GetSecretValue", known.arn if known is not None else arn):
            raise CannotStart(
                f"{failed}AccessDeniedException: User: {_session(backend, task, role)} is not authorized to perform: secretsmanager:GetSecretValue "
                f"on resource: {arn} because no identity-based policy allows the secretsmanager:GetSecretValue action"
            )
        try:
            values[secret["name"]] = secrets.value_of(backend.account_id, reference.split(":")[3], reference)
        except secrets.Unreadable as reason:
            raise CannotStart(f"{failed}{reason}") from None
    return values


def _check_image(backend: Any, task: Any, role: Any, image: str) -> None:
    found = _MANAGED_ECR.match(image)
    tag = image.rsplit("/", 1)[-1].partition(":")[2]
    refused = f"CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref {image}: "
    if found:
        if role is None or not identity.allows(role, "ecr:GetAuthorizationToken", "*"):
            raise CannotStart(
                f"{_UNABLE}execution resource retrieval failed: unable to retrieve ecr registry auth: service call has been retried 3 time(s): "
                f"AccessDeniedException: User: {_session(backend, task, role)} is not authorized to perform: ecr:GetAuthorizationToken on resource: * "
                "because no identity-based policy allows the ecr:GetAuthorizationToken action"
            )
        account, region, path = found.groups()
        repository = f"arn:aws:ecr:{region}:{account}:repository/{re.split('[:@]', path)[0]}"
        actions = ("ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer")
        if "denied" in tag or not conditions.value("image_granted", True) or not all(identity.allows(role, action, repository) for action in actions):
            raise CannotStart(f"{refused}unexpected status from HEAD request to https://{image.split('/')[0]}/v2/{path.split(':')[0]}/manifests/{tag}: 403 Forbidden")
    elif "denied" in tag:
        raise CannotStart(f"{refused}pull access denied, repository does not exist or may require authorization: 403 Forbidden")
    if "missing" in tag or not conditions.value("image_present", True) or not application.is_opaque(image) and realserver.refuses(application.version_of(image)):
        raise CannotStart(f"{refused}{image}: not found")


def _check_log(backend: Any, task: Any, role: Any, container: dict[str, Any]) -> None:
    target = logs.target_of(container, task.id)
    if target is None:
        return
    failed = "ResourceInitializationError: failed to validate logger args: create stream has been retried 1 times: failed to create Cloudwatch log stream: "
    arn = f"arn:aws:logs:{backend.region_name}:{backend.account_id}:log-group:{target[0]}:log-stream:{target[1]}"
    if role is None or not (identity.allows(role, "logs:CreateLogStream", arn) or identity.allows(role, "logs:CreateLogStream", arn.split(":log-stream:")[0] + ":*")):
        raise CannotStart(
            f"{failed}AccessDeniedException: User: {_session(backend, task, role)} is not authorized to perform: logs:CreateLogStream on resource: {arn} "
            "because no identity-based policy allows the logs:CreateLogStream action"
        )
    if not logs.group_exists(backend.account_id, backend.region_name, target[0]):
        raise CannotStart(f"{failed}ResourceNotFoundException: The specified log group does not exist. : exit status 1")
