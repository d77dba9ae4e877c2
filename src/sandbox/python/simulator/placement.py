"""In which zones a database stands.

moto puts every instance into zone a, without a standby. Here it stands in a subnet of its group and has an interface there; so has
the standby, which is in another zone. A failover swaps the two, and a subnet that one of them stands in cannot leave the group.
"""
from __future__ import annotations

from typing import Any, Iterable

from moto.rds import models as rds
from moto.rds.responses import RDSResponse

from . import clock, conditions, network
from .database_rules import refuse
from .patching import wrap


def settle(backend: Any, instance: Any) -> None:
    """Opens the interfaces that are missing, and closes the standby's when there is none any more."""
    group = getattr(instance, "db_subnet_group", None)
    if group is None:
        return
    subnets = sorted(group._subnets, key=lambda subnet: subnet.availability_zone)
    standing = clock.notes(instance).setdefault("subnets", [])
    if not standing:
        wanted = conditions.value("database_zone")
        standing.append(next((subnet for subnet in subnets if subnet.availability_zone == wanted), subnets[0]))
    if instance.multi_az and len(standing) == 1:
        standing.append(next(subnet for subnet in subnets if subnet.availability_zone != standing[0].availability_zone))
    elif not instance.multi_az:
        del standing[1:]
    instance.availability_zone = standing[0].availability_zone
    _open(network.backend_of(backend), instance, standing)


def _open(ec2: Any, instance: Any, subnets: list[Any]) -> None:
    """One interface in each of these subnets, the instance's first."""
    interfaces = {interface.subnet.id: interface for interface in clock.notes(instance).get("interfaces", [])}
    wanted = {subnet.id for subnet in subnets}
    network.release_interfaces(ec2, [one for subnet, one in interfaces.items() if subnet not in wanted])
    for subnet in subnets:
        if subnet.id not in interfaces:
            interfaces[subnet.id], = network.own_interfaces(ec2, [subnet], instance.vpc_security_group_ids, "RDSNetworkInterface")
    clock.notes(instance)["interfaces"] = [interfaces[subnet.id] for subnet in subnets]


def check_leaving(backend: Any, group: str, subnets: Iterable[Any]) -> None:
    """Refuses to take away a subnet that a database stands in."""
    kept = {subnet.id for subnet in subnets}
    for instance in backend.databases.values():
        if getattr(instance, "db_subnet_group", None) is None or instance.db_subnet_group.name != group:
            continue
        used = [subnet.id for subnet in clock.notes(instance).get("subnets", []) if subnet.id not in kept]
        if used:
            raise refuse("SubnetAlreadyInUse", f"Some of the subnets to be deleted are currently in use: {', '.join(used)}")


def _standby(self: Any) -> str | None:
    standing = clock.notes(self).get("subnets", [])
    return standing[1].availability_zone if len(standing) > 1 else None


rds.DBInstance.secondary_availability_zone = property(_standby)


@wrap(RDSResponse, "reboot_db_instance")
def _reboot(original: Any, self: Any) -> Any:
    """moto reads no ForceFailover."""
    name = self.params["DBInstanceIdentifier"].lower()
    if self.params.get("ForceFailover") not in (True, "true"):
        return original(self)
    instance = self.backend.describe_db_instances(name)[0]
    standing = clock.notes(instance).get("subnets", [])
    if len(standing) < 2:
        raise refuse("InvalidParameterCombination", f"Instance {name} has no standby to fail over to.")
    standing.reverse()
    settle(self.backend, instance)
    return original(self)
