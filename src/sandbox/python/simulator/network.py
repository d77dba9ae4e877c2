"""EC2 networks: dependencies of VPCs, subnets and security groups, network interfaces, and who can reach whom.

moto deletes a subnet under a load balancer, a security group that others refer to, and a VPC with groups in it; AWS
answers DependencyViolation. The dependencies are found as AWS finds them, through network interfaces: load balancers,
databases and tasks own some (see `own_interfaces`). CIDR blocks are stored in canonical form and group names are
compared without case, as AWS does.
"""
from __future__ import annotations

import fnmatch
import ipaddress
from collections.abc import Collection, Iterable
from typing import Any

from moto.core.responses import ActionResult
from moto.ec2 import models as ec2
from moto.ec2 import utils
from moto.ec2.exceptions import DependencyViolationError, EC2ClientError, InvalidSecurityGroupDuplicateError, InvalidVPCIdError
from moto.ec2.models.elastic_network_interfaces import NetworkInterface
from moto.ec2.responses import EC2Response

from .patching import result_of, wrap

Backend = ec2.EC2Backend

# An address that stands for "the internet" when rules are evaluated: an AWS public address.
INTERNET = "52.94.5.1"

# moto sets this only in VPCs with DNS host names, and fails without it in others.
NetworkInterface.private_dns_name = ""


@wrap(utils, "is_filter_matching")
def _filter_matches(original: Any, obj: Any, name: str, wanted: Any) -> bool:
    """Of an attribute with several values (the subnets of a route table) one that is asked for is enough; moto wants one list in the other."""
    value = obj.get_filter_value(name)
    if isinstance(value, str) or not isinstance(value, Collection) or not isinstance(wanted, list):
        return bool(original(obj, name, wanted))
    return any(fnmatch.fnmatch(str(one), pattern) for one in value for pattern in wanted)


def backend_of(other: Any) -> Backend:
    """The EC2 backend of the account and region of another backend."""
    return ec2.ec2_backends[other.account_id][other.region_name]


# ------------------------------------------------------------------------------------------------ interfaces


def own_interfaces(backend: Backend, subnets: Iterable[Any], groups: Iterable[str], description: str) -> list[Any]:
    """Creates the interfaces that a managed service puts into subnets."""
    made = []
    for subnet in subnets:
        interface = backend.create_network_interface(subnet, None, group_ids=list(groups), description=description)
        interface.status, interface.requester_managed = "in-use", True
        made.append(interface)
    return made


def release_interfaces(backend: Backend, interfaces: Iterable[Any]) -> None:
    for interface in interfaces:
        backend.enis.pop(interface.id, None)


def move_interfaces(backend: Backend, interfaces: Iterable[Any], groups: Iterable[str]) -> None:
    """Puts interfaces into other security groups."""
    found = [backend.get_security_group_from_id(group) for group in groups]
    for interface in interfaces:
        interface._group_set = [group for group in found if group is not None]


def _group_ids(interface: Any) -> set[str]:
    return {group if isinstance(group, str) else group.id for group in interface.group_set or []}


# ------------------------------------------------------------------------------------------------ reachability


def permits(rules: Iterable[Any], port: int, groups: Iterable[str] = (), address: str | None = None) -> bool:
    """Whether TCP rules let this port through for a peer in the given groups or at the given address."""
    groups = set(groups)
    for rule in rules:
        if str(rule.ip_protocol) not in ("-1", "tcp"):
            continue
        if str(rule.ip_protocol) != "-1" and not (rule.from_port is not None and rule.from_port <= port <= rule.to_port):
            continue
        if rule.source_group.get("GroupId") in groups:
            return True
        block = rule.ip_range.get("CidrIp")
        if block and address and ipaddress.ip_address(address) in ipaddress.ip_network(block, strict=False):
            return True
    return False


def _rules(backend: Backend, groups: Iterable[str], direction: str) -> list[Any]:
    found = [backend.get_security_group_from_id(group) for group in groups]
    return [rule for group in found if group is not None for rule in getattr(group, direction)]


def can_connect(
    backend: Backend, port: int, source: Iterable[str], source_address: str | None, target: Iterable[str], target_address: str | None
) -> bool:
    """Whether the source's outbound and the target's inbound rules both allow a TCP connection to the port."""
    source, target = list(source), list(target)
    out = permits(_rules(backend, source, "egress_rules"), port, target, target_address)
    return out and permits(_rules(backend, target, "ingress_rules"), port, source, source_address)


def lets_anybody_in(backend: Backend, groups: Iterable[str], port: int) -> bool:
    """Whether an inbound rule of the groups opens a TCP port, to whomever."""
    rules = _rules(backend, groups, "ingress_rules")
    return any(str(rule.ip_protocol) == "-1" or rule.from_port is not None and rule.from_port <= port <= rule.to_port for rule in rules)


def can_leave(backend: Backend, groups: Iterable[str], port: int) -> bool:
    """Whether the outbound rules of the groups reach the internet on this port."""
    return permits(_rules(backend, groups, "egress_rules"), port, (), INTERNET)


def default_route(backend: Backend, subnet_id: str) -> Any:
    """The 0.0.0.0/0 route that a subnet uses: that of its own route table, else of the VPC's main one."""
    tables = [table for table in backend.route_tables.values() if subnet_id in table._associations.values()]
    if not tables:
        vpc = backend.get_subnet(subnet_id).vpc_id
        tables = [table for table in backend.route_tables.values() if table.vpc_id == vpc and table.main_association_id]
    routes = [route for table in tables for route in table.routes if route.destination_cidr_block == "0.0.0.0/0"]
    return routes[0] if routes else None


# ------------------------------------------------------------------------------------------------ creation


def _canonical(block: str) -> str:
    """`10.2.1.5/16` becomes `10.2.0.0/16`; anything unreadable is left for moto to refuse."""
    try:
        return str(ipaddress.IPv4Network(str(block), strict=False))
    except ValueError:
        return block


@wrap(EC2Response, "create_vpc")
def _create_vpc_dry_run(original: Any, self: Any) -> Any:
    self.error_on_dryrun()
    return original(self)


@wrap(Backend, "create_vpc")
def _create_vpc(original: Any, self: Any, cidr_block: str, *args: Any, **kwargs: Any) -> Any:
    return original(self, _canonical(cidr_block), *args, **kwargs)


@wrap(Backend, "create_subnet")
def _create_subnet(original: Any, self: Any, vpc_id: str, cidr_block: str, *args: Any, **kwargs: Any) -> Any:
    subnet = original(self, vpc_id, _canonical(cidr_block), *args, **kwargs)
    if not getattr(self.vpcs.get(vpc_id), "is_default", False):
        # moto treats the first subnet of a zone as a default one.
        subnet.map_public_ip_on_launch = subnet.default_for_az = False
    return subnet


@wrap(Backend, "create_security_group")
def _create_group(original: Any, self: Any, name: str, description: str, vpc_id: str | None = None, *args: Any, **kwargs: Any) -> Any:
    if name.startswith("sg-"):
        raise EC2ClientError("InvalidParameterValue", f"Invalid value '{name}' for groupName. Names beginning with sg- are reserved.")
    if vpc_id and vpc_id not in self.vpcs:
        raise InvalidVPCIdError(vpc_id)
    # `.get`, since moto's mapping makes an entry for every VPC that is asked for.
    for group in self.groups.get(vpc_id, {}).values():
        if group.name.lower() == name.lower():
            raise InvalidSecurityGroupDuplicateError(name)
    return original(self, name, description, vpc_id, *args, **kwargs)


def _answer_every_rule(direction: str) -> None:
    """moto answers with the rules of the last permission only."""

    @wrap(EC2Response, f"authorize_security_group_{direction}")
    def _authorize(original: Any, self: Any) -> Any:
        group = self.ec2_backend.get_security_group_from_id(self._get_param("GroupId") or "")
        before = {rule.id for rule in getattr(group, f"{direction}_rules", [])}
        result = result_of(original(self))
        if group is not None:
            result["SecurityGroupRules"] = [rule for rule in getattr(group, f"{direction}_rules") if rule.id not in before]
        return ActionResult(result)


for _direction in ("ingress", "egress"):
    _answer_every_rule(_direction)


@wrap(Backend, "modify_security_group_rules")
def _modify_rules(original: Any, self: Any, group_id: str, rules: dict[str, dict[str, Any]]) -> None:
    """moto leaves the group that a rule refers to as it was. AWS refuses to turn a range into a group and back."""
    group = self.get_security_group_from_id(group_id)
    known = {rule.id: rule for rule in [*group.ingress_rules, *group.egress_rules]} if group is not None else {}
    for rule_id, wanted in rules.items():
        is_range = rule_id in known and "CidrIp" in known[rule_id].ip_range
        if rule_id in known and is_range != ("CidrIpv4" in wanted):
            raise EC2ClientError("InvalidParameterValue", f"You may not change the type of the security group rule '{rule_id}'.")
    original(self, group_id, rules)
    for rule_id, wanted in rules.items():
        if wanted.get("ReferencedGroupId"):
            known[rule_id].source_group = {**known[rule_id].source_group, "GroupId": wanted["ReferencedGroupId"]}


# ------------------------------------------------------------------------------------------------ deletion


@wrap(Backend, "delete_security_group")
def _delete_group(original: Any, self: Any, name: str | None = None, group_id: str | None = None) -> Any:
    if group_id:
        others = [group for groups in self.groups.values() for group in groups.values() if group.id != group_id]
        referred = any(
            rule.source_group.get("GroupId") == group_id for group in others for rule in [*group.ingress_rules, *group.egress_rules]
        )
        if referred or any(group_id in _group_ids(interface) for interface in self.enis.values()):
            raise DependencyViolationError(f"resource {group_id} has a dependent object")
    return original(self, name, group_id)


@wrap(Backend, "delete_subnet")
def _delete_subnet(original: Any, self: Any, subnet_id: str) -> Any:
    if any(interface.subnet.id == subnet_id for interface in self.enis.values()):
        raise DependencyViolationError(f"The subnet '{subnet_id}' has dependencies and cannot be deleted.")
    deleted = original(self, subnet_id)
    # AWS drops the association with a route table silently.
    for table in self.route_tables.values():
        table._associations = {key: value for key, value in table._associations.items() if value != subnet_id}
    return deleted


@wrap(Backend, "delete_vpc")
def _delete_vpc(original: Any, self: Any, vpc_id: str) -> Any:
    attached = any(gateway.vpc is not None and gateway.vpc.id == vpc_id for gateway in self.internet_gateways.values())
    groups = any(group.name != "default" for group in self.groups.get(vpc_id, {}).values())
    endpoints = any(endpoint.vpc_id == vpc_id and endpoint.state != "deleted" for endpoint in self.vpc_end_points.values())
    if attached or groups or endpoints:
        raise DependencyViolationError(f"The vpc '{vpc_id}' has dependencies and cannot be deleted.")
    return original(self, vpc_id)
