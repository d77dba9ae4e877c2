"""Secrets Manager: a name whose deletion is scheduled is taken, and values can be read as ECS reads them.

moto answers ResourceExistsException for such a name; AWS answers InvalidRequestException, and the difference decides
whether a client restores the secret or fails. `value_of` resolves the `valueFrom` of a container's secret.
"""
from __future__ import annotations

import json
from typing import Any

from moto.secretsmanager import models
from moto.secretsmanager.exceptions import InvalidRequestException

from .patching import wrap


@wrap(models.SecretsManagerBackend, "create_secret")
def _create_secret(original: Any, self: Any, name: str, *args: Any, **kwargs: Any) -> Any:
    known = self.secrets.get(name)
    if known is not None and known.is_deleted():
        raise InvalidRequestException(
            "You can't create this secret because a secret with this name is already scheduled for deletion."
        )
    return original(self, name, *args, **kwargs)


class Unreadable(Exception):
    """A secret that ECS could not read; the text is AWS's."""


def arn_of(reference: str) -> str:
    """The secret's ARN inside `arn:…:secret:name-AbCdEf[:json-key[:stage[:version]]]`."""
    return ":".join(reference.split(":")[:7])


def find(account_id: str, region: str, arn: str) -> Any:
    """The secret with this ARN; AWS also takes an ARN without the six random characters."""
    for secret in models.secretsmanager_backends[account_id][region].secrets.values():
        if arn == secret.arn or arn == secret.arn[:-7]:
            return secret
    return None


def value_of(account_id: str, region: str, reference: str) -> str:
    """What a container gets for a `valueFrom`."""
    secret = find(account_id, region, arn_of(reference))
    if secret is None:
        raise Unreadable("ResourceNotFoundException: Secrets Manager can't find the specified secret.")
    if secret.is_deleted():
        raise Unreadable(
            "InvalidRequestException: You can't perform this operation on the secret because it was marked for deletion."
        )
    key, stage, version = ([*reference.split(":")[7:], "", "", ""])[:3]
    value = _version(secret, stage, version).get("secret_string") or ""
    if not key:
        return value
    try:
        return str(json.loads(value)[key])
    except (ValueError, KeyError, TypeError):
        raise Unreadable(f"retrieved secret from Secrets Manager did not contain json key {key}") from None


def _version(secret: Any, stage: str, version: str) -> dict[str, Any]:
    if version:
        if version in secret.versions:
            return secret.versions[version]
        raise Unreadable(f"ResourceNotFoundException: Secrets Manager can't find the specified secret value for VersionId: {version}")
    for found in secret.versions.values():
        if (stage or "AWSCURRENT") in found.get("version_stages", []):
            return found
    raise Unreadable(
        f"ResourceNotFoundException: Secrets Manager can't find the specified secret value for staging label: {stage or 'AWSCURRENT'}"
    )
