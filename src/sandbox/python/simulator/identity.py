"""IAM: role names without case, service-linked roles with AWS's names, and what a role's policies allow.

moto keeps `role` and `Role` apart, names service-linked roles after the service's host name, and never evaluates a
policy for ECS. `decision` is a small evaluation of identity policies (Allow, Deny, wildcards; conditions count as met,
boundaries and organisation policies are not known here), enough to tell whether a task could read its secrets.
"""
from __future__ import annotations

import fnmatch
import json
from typing import Any
from urllib.parse import unquote

from moto.core.responses import ActionResult
from moto.iam import models
from moto.iam.exceptions import EntityAlreadyExists, InvalidInput, MalformedPolicyDocument, NotFoundException
from moto.iam.responses import IamResponse

from . import conditions
from .patching import add, wrap

SERVICE_LINKED = {
    "ecs.amazonaws.com": "AWSServiceRoleForECS",
    "elasticloadbalancing.amazonaws.com": "AWSServiceRoleForElasticLoadBalancing",
    "rds.amazonaws.com": "AWSServiceRoleForRDS",
    "ecs.application-autoscaling.amazonaws.com": "AWSServiceRoleForApplicationAutoScaling_ECSService",
}


def _roles(backend: Any) -> list[Any]:
    return list(backend.roles.values())


@wrap(models.IAMBackend, "create_role")
def _create_role(original: Any, self: Any, role_name: str, *args: Any, **kwargs: Any) -> Any:
    if any(role.name.lower() == role_name.lower() for role in _roles(self)):
        raise EntityAlreadyExists(f"Role with name {role_name} already exists.")
    document = args[0] if args else kwargs["assume_role_policy_document"]
    try:
        json.loads(document)
    except ValueError:
        raise MalformedPolicyDocument("This policy contains invalid Json") from None
    return original(self, role_name, *args, **kwargs)


@add(models.IAMBackend, "get_role")
def _get_role(self: Any, role_name: str) -> Any:
    for role in _roles(self):
        if role.name.lower() == role_name.lower():
            return role
    raise NotFoundException(f"The role with name {role_name} cannot be found.")


@wrap(models.IAMBackend, "create_service_linked_role")
def _create_service_linked_role(original: Any, self: Any, service_name: str, description: str, suffix: str) -> Any:
    name = SERVICE_LINKED.get(service_name)
    if name is None:
        return original(self, service_name, description, suffix)
    if any(role.name == name for role in _roles(self)):
        raise InvalidInput(f"Service role name {name} has been taken in this account, please try a different suffix.")
    role = original(self, service_name, description, suffix)
    role.name = name
    return role


# ------------------------------------------------------------------------------------------------ evaluation


def role_by_arn(account_id: str, arn: str | None) -> Any:
    for role in _roles(models.iam_backends[account_id]["aws"]):
        if arn and role.arn == arn:
            return role
    return None


def trusts(role: Any, service: str) -> bool:
    """Whether the role's trust policy lets a service assume it."""
    for statement in _statements(role.assume_role_policy_document):
        principal = statement.get("Principal")
        services = _list(principal.get("Service")) if isinstance(principal, dict) else _list(principal)
        actions = _list(statement.get("Action"))
        if statement.get("Effect") == "Allow" and (service in services or "*" in services):
            if any(fnmatch.fnmatchcase("sts:assumerole", action.lower()) for action in actions):
                return True
    return False


def decision(role: Any, action: str, resource: str) -> str:
    """`allowed`, `explicitDeny` or `implicitDeny`, in the words of SimulatePrincipalPolicy."""
    documents = [*role.policies.values(), *(_document(policy) for policy in role.managed_policies.values())]
    verdict = "implicitDeny"
    for document in documents:
        for statement in _statements(document):
            if not _applies(statement, action, resource):
                continue
            if statement.get("Effect") == "Deny":
                return "explicitDeny"
            verdict = "allowed"
    return verdict


def allows(role: Any, action: str, resource: str) -> bool:
    return decision(role, action, resource) == "allowed"


def _applies(statement: dict[str, Any], action: str, resource: str) -> bool:
    wanted = [fnmatch.fnmatchcase(action.lower(), pattern.lower()) for pattern in _list(statement.get("Action"))]
    excluded = [fnmatch.fnmatchcase(action.lower(), pattern.lower()) for pattern in _list(statement.get("NotAction"))]
    acts = any(wanted) or ("NotAction" in statement and not any(excluded))
    return acts and any(fnmatch.fnmatchcase(resource, pattern) for pattern in _list(statement.get("Resource")) or ["*"])


def _document(policy: Any) -> Any:
    for version in policy.versions:
        if version.is_default:
            return version.document
    return {}


def _statements(document: Any) -> list[dict[str, Any]]:
    if isinstance(document, str):
        try:
            document = json.loads(unquote(document) if document.lstrip().startswith("%7B") else document)
        except ValueError:
            return []
    return [one for one in _list((document or {}).get("Statement")) if isinstance(one, dict)]


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


@add(IamResponse, "simulate_principal_policy")
def _simulate_principal_policy(self: Any) -> ActionResult:
    """Answers for roles; a user or the root of the sandbox account may do everything but what the conditions deny."""
    role = role_by_arn(self.current_account, self._get_param("PolicySourceArn"))

    def decided(action: str, resource: str) -> str:
        if role is not None:
            return decision(role, action, resource)
        return "explicitDeny" if conditions.denies(action) else "allowed"

    def result(action: str, resource: str) -> dict[str, Any]:
        verdict, place = decided(action, resource), resource.split(":")
        found = {"EvalActionName": action, "EvalResourceName": resource, "EvalDecision": verdict}
        # Of another account's resource both sides are asked, and its own policy is not among what is simulated.
        if len(place) > 4 and place[4] not in ("", self.current_account):
            found["EvalDecisionDetails"] = {"IAM Policy": verdict, "Resource Policy": "implicitDeny"}
            found["EvalDecision"] = "explicitDeny" if verdict == "explicitDeny" else "implicitDeny"
        return found

    results = [
        result(action, resource)
        for action in self._get_param("ActionNames") or []
        for resource in self._get_param("ResourceArns") or ["*"]
    ]
    return ActionResult({"EvaluationResults": results, "IsTruncated": False})
