"""Route 53: change batches are atomic and checked against what exists; changes take a step to be in sync.

moto checks CREATE and DELETE against its journal instead of the records, applies half of a failing batch, accepts an
alias into a zone that does not own the target, and is in sync at once. `resolve` answers names from the sandbox's
zones and load balancers, for the resolver and the workspace endpoint.
"""
from __future__ import annotations

import random
import string
from typing import Any

from moto.core.responses import ActionResult
from moto.core.utils import utcnow
from moto.elbv2.models import elbv2_backends
from moto.route53 import models as route53
from moto.route53.exceptions import DnsNameInvalidForZone, InvalidActionValue, Route53ClientError
from moto.route53.responses import Route53

from . import clock
from .patching import backends, result_of, wrap

_changes: dict[str, float] = {}
clock.forgets(_changes.clear)


def canonical(name: str) -> str:
    """Lower case, with the final dot; `*` as Route 53 stores it."""
    return name.rstrip(".").lower().replace("*", "\\052") + "."


# ------------------------------------------------------------------------------------------------ change batches


@wrap(route53.Route53Backend, "change_resource_record_sets")
def _change(original: Any, self: Any, zoneid: str, change_list: Any) -> None:
    zone = self.get_hosted_zone(zoneid)
    records = list(zone.rrsets)
    for change in change_list:
        records = _apply(self, zone, records, change["Action"], _wanted(change["ResourceRecordSet"]))
    zone.rrsets = records


def _wanted(given: Any) -> Any:
    """The record set of a change, in the form in which moto stores it."""
    values = {key: given[key] for key in given}
    values["Name"] = canonical(values["Name"])
    values["ResourceRecords"] = [record["Value"] for record in values.get("ResourceRecords") or []]
    if values.get("AliasTarget"):
        values["AliasTarget"] = {**values["AliasTarget"], "DNSName": canonical(values["AliasTarget"]["DNSName"])}
        values.pop("TTL", None)
    return route53.RecordSet(values)


def _apply(backend: Any, zone: Any, records: list[Any], action: str, wanted: Any) -> list[Any]:
    if action not in ("CREATE", "UPSERT", "DELETE"):
        raise InvalidActionValue(action)
    if not (wanted.name == canonical(zone.name) or wanted.name.endswith("." + canonical(zone.name))):
        raise DnsNameInvalidForZone(name=wanted.name, zone_name=zone.name)
    same = [record for record in records if _key(record) == _key(wanted)]
    what = f"resource record set [name='{wanted.name}', type='{wanted.type}']"
    if action == "DELETE":
        if not same:
            raise _invalid(f"Tried to delete {what} but it was not found")
        if _values(same[0]) != _values(wanted):
            raise _invalid(f"Tried to delete {what} but the values provided do not match the current values")
        return [record for record in records if record is not same[0]]
    if action == "CREATE" and same:
        raise _invalid(f"Tried to create {what} but it already exists")
    _check_alias(backend, wanted)
    if any(record.name == wanted.name and (record.type == "CNAME") != (wanted.type == "CNAME") for record in records):
        raise _invalid(
            f"RRSet of type CNAME with DNS name {wanted.name} is not permitted as it conflicts with other records with the same DNS name in zone {zone.name}"
        )
    return [record for record in records if not same or record is not same[0]] + [wanted]


def _invalid(message: str) -> Exception:
    return Route53ClientError("InvalidChangeBatch", f"[{message}]")


def _key(record: Any) -> tuple[str, str, Any]:
    return canonical(record.name), record.type, record.set_identifier


def _values(record: Any) -> Any:
    if record.alias_target:
        target = record.alias_target
        return target["HostedZoneId"], canonical(target["DNSName"]).removeprefix("dualstack."), str(target.get("EvaluateTargetHealth")).lower()
    return str(record.ttl), sorted(str(value) for value in record.records)


def _check_alias(backend: Any, wanted: Any) -> None:
    target = wanted.alias_target
    if not target or not target["DNSName"].endswith(".elb.amazonaws.com."):
        return
    balancer = load_balancer_named(target["DNSName"])
    if balancer is None or balancer.canonical_hosted_zone_id != target["HostedZoneId"]:
        raise _invalid(
            f"Tried to create an alias that targets {target['DNSName']}, type {wanted.type} in zone {target['HostedZoneId']}, "
            "but the alias target name does not lie within the target zone"
        )


# ------------------------------------------------------------------------------------------------ changes take time


@wrap(Route53, "change_resource_record_sets")
def _change_response(original: Any, self: Any) -> ActionResult:
    result = result_of(original(self))
    identifier = "/change/C" + "".join(random.choices(string.ascii_uppercase + string.digits, k=20))
    _changes[identifier.rsplit("/", 1)[1]] = clock.now()
    result["ChangeInfo"].update(Id=identifier, Status="PENDING")
    return ActionResult(result)


@wrap(Route53, "get_change")
def _get_change(original: Any, self: Any) -> ActionResult:
    identifier = self._get_param("Id").rsplit("/", 1)[-1]
    since = _changes.get(identifier)
    if since is None:
        return original(self)
    status = "INSYNC" if clock.passed(since, 1) else "PENDING"
    return ActionResult({"ChangeInfo": {"Id": f"/change/{identifier}", "Status": status, "SubmittedAt": utcnow()}})


@wrap(route53.Route53Backend, "create_hosted_zone")
def _create_zone(original: Any, self: Any, name: str, private_zone: bool, caller_reference: Any = None, *args: Any, **kwargs: Any) -> Any:
    if caller_reference and any(zone.caller_reference == caller_reference for zone in self.zones.values()):
        raise Route53ClientError("HostedZoneAlreadyExists", f"A hosted zone has already been created with the specified caller reference: {caller_reference}")
    return original(self, name, private_zone, caller_reference, *args, **kwargs)


# ------------------------------------------------------------------------------------------------ answers


def load_balancer_named(name: str) -> Any:
    """The load balancer with this DNS name, in whatever account and region; None if there is none."""
    name = canonical(name).removeprefix("dualstack.")
    for backend in backends(elbv2_backends):
        for balancer in backend.load_balancers.values():
            if canonical(balancer.dns_name) == name:
                return balancer
    return None


def zones_over(name: str) -> list[Any]:
    """Public zones that contain a name, the closest first."""
    name = canonical(name)
    zones = [zone for backend in backends(route53.route53_backends) for zone in backend.zones.values() if not zone.private_zone]
    over = [zone for zone in zones if name == canonical(zone.name) or name.endswith("." + canonical(zone.name))]
    return sorted(over, key=lambda zone: len(zone.name), reverse=True)


def records_of(name: str) -> list[Any]:
    """Every record set with this name; a wildcard counts where nothing has the name itself."""
    zones = zones_over(name)
    found = [record for zone in zones for record in zone.rrsets if canonical(record.name) == canonical(name)]
    if found or "." not in name.rstrip("."):
        return found
    wildcard = canonical("*." + name.split(".", 1)[1])
    return [record for zone in zones for record in zone.rrsets if canonical(record.name) == wildcard]


def load_balancer_for(host: str, depth: int = 0) -> Any:
    """The load balancer that a host name leads to: its own name, or an alias or CNAME chain in the sandbox's zones."""
    balancer = load_balancer_named(host)
    if balancer is not None or depth > 8:
        return balancer
    for record in records_of(host):
        if record.alias_target and record.type in ("A", "AAAA"):
            return load_balancer_for(record.alias_target["DNSName"], depth + 1)
        if record.type == "CNAME" and record.records:
            return load_balancer_for(str(record.records[0]), depth + 1)
    return None
