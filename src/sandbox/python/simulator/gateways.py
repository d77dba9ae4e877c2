"""EC2 gateways: NAT gateways take time and hold their address, routes to them turn into black holes, tokens count.

In moto a NAT gateway is available in the answer to its creation and deleted at once, its address can be released and
the internet gateway detached while it lives, and its route stays `active`. All of these hide a missing order of
deletion that costs twenty minutes on AWS.
"""
from __future__ import annotations

from typing import Any

from moto.core.responses import ActionResult
from moto.ec2 import models as ec2
from moto.ec2.exceptions import DependencyViolationError, EC2ClientError, InvalidRouteError
from moto.ec2.models.nat_gateways import NatGateway
from moto.ec2.models.route_tables import Route
from moto.ec2.models.vpcs import VPCEndPoint
from moto.ec2.responses import EC2Response

from . import clock
from .patching import backends, honour_token, result_of, wrap

Backend = ec2.EC2Backend

# Deleted gateways stay visible for about an hour.
REMEMBERED_SECONDS = 3600

NatGateway.state = clock.lagging("pending", 2)


def _mismatch() -> Exception:
    return EC2ClientError("IdempotentParameterMismatch", "The client token has been used before with other parameters.")


for _action in ("create_nat_gateway", "create_route_table", "create_vpc_endpoint"):
    honour_token(EC2Response, _action, "ClientToken", _mismatch)


@wrap(EC2Response, "create_nat_gateway")
def _create_nat_gateway_response(original: Any, self: Any) -> Any:
    return ActionResult({**result_of(original(self)), "ClientToken": self._get_param("ClientToken")})


@wrap(Backend, "create_nat_gateway")
def _create_nat_gateway(original: Any, self: Any, *args: Any, **kwargs: Any) -> Any:
    gateway = original(self, *args, **kwargs)
    interface = gateway._eni
    interface.status, interface.requester_managed, interface.interface_type = "in-use", True, "nat_gateway"
    interface.description = f"Interface for NAT Gateway {gateway.id}"
    attached = any(igw.vpc is not None and igw.vpc.id == gateway.vpc_id for igw in self.internet_gateways.values())
    if gateway.connectivity_type != "private" and not attached:
        # AWS accepts the call and fails later.
        clock.notes(gateway)["state"] = "failed"
        gateway.failure_code = "Gateway.NotAttached"
        gateway.failure_message = f"Network {gateway.vpc_id} has no Internet gateway attached"
    return gateway


@wrap(Backend, "describe_nat_gateways")
def _describe_nat_gateways(original: Any, self: Any, filters: Any, nat_gateway_ids: Any) -> Any:
    unknown = [one for one in nat_gateway_ids or [] if one not in self.nat_gateways]
    if unknown:
        raise EC2ClientError("NatGatewayNotFound", f"NAT gateway {unknown[0]} was not found")
    found = original(self, filters, nat_gateway_ids)
    for name, values in (filters or {}).items():
        if name.startswith("tag:"):
            found = [gateway for gateway in found if gateway.get_filter_value(name) in values]
    return found


@wrap(Backend, "delete_nat_gateway")
def _delete_nat_gateway(original: Any, self: Any, nat_gateway_id: str) -> Any:
    if nat_gateway_id not in self.nat_gateways:
        raise EC2ClientError("NatGatewayNotFound", f"NAT gateway {nat_gateway_id} was not found")
    gateway = original(self, nat_gateway_id)
    self.nat_gateways[nat_gateway_id] = gateway
    if "deleted_at" not in clock.notes(gateway):
        clock.notes(gateway).update(state="deleted", deleted_at=clock.now(), holds=True)
        clock.phases(gateway, ("deleting", 2))
    return gateway


@clock.advances
def _finish_deletions() -> bool:
    """Gives address and interface back when a gateway is really gone; forgets it after an hour."""
    changed = False
    for backend in backends(ec2.ec2_backends):
        for gateway in list(backend.nat_gateways.values()):
            note = clock.notes(gateway)
            if "deleted_at" not in note or gateway.state != "deleted":
                continue
            if note.pop("holds", False):
                for address in backend.addresses:
                    if address.eni is not None and address.eni.id == gateway._eni.id:
                        address.eni = address.association_id = None
                backend.enis.pop(gateway._eni.id, None)
                changed = True
            if clock.now() - note["deleted_at"] > REMEMBERED_SECONDS:
                del backend.nat_gateways[gateway.id]
    return changed


@wrap(Backend, "create_vpc_endpoint")
def _create_endpoint(original: Any, self: Any, *args: Any, **kwargs: Any) -> Any:
    """An interface endpoint is known by the description of its interfaces, which are in its security groups."""
    endpoint = original(self, *args, **kwargs)
    groups = [self.get_security_group_from_id(group) for group in endpoint.security_group_ids or []]
    for interface in (self.enis[known] for known in endpoint.network_interface_ids or [] if known in self.enis):
        interface.description, interface.interface_type = f"VPC Endpoint Interface {endpoint.id}", "vpc_endpoint"
        interface.status, interface.requester_managed = "in-use", True
        interface._group_set = [group for group in groups if group is not None] or interface._group_set
    return endpoint


@wrap(VPCEndPoint, "get_filter_value")
def _endpoint_value(original: Any, self: Any, filter_name: str, *args: Any, **kwargs: Any) -> Any:
    return self.id if filter_name == "vpc-endpoint-id" else original(self, filter_name, *args, **kwargs)


@wrap(Backend, "delete_vpc_endpoints")
def _delete_endpoints(original: Any, self: Any, vpce_ids: Any = None) -> None:
    """moto keeps deleted endpoints for ever, and misses the routes of tables that were added or deleted since the create."""
    try:
        original(self, vpce_ids)
    except InvalidRouteError:
        for endpoint in filter(None, (self.vpc_end_points.get(known) for known in vpce_ids or [])):
            endpoint.route_table_ids = []
        original(self, vpce_ids)
    for endpoint in vpce_ids or []:
        self.vpc_end_points.pop(endpoint, None)


def _route_state(route: Route) -> str:
    if route.nat_gateway is not None and route.nat_gateway.state in ("deleting", "deleted", "failed"):
        return "blackhole"
    vpc = getattr(route.gateway, "vpc", route)
    return "blackhole" if vpc is None else "active"


Route.state = property(_route_state)


@wrap(Backend, "release_address")
def _release_address(original: Any, self: Any, address: str | None = None, allocation_id: str | None = None) -> Any:
    for known in self.addresses:
        if known.allocation_id == allocation_id and known.eni is not None:
            raise EC2ClientError("InvalidIPAddress.InUse", f"Address {known.public_ip} is in use.")
    return original(self, address, allocation_id)


@wrap(Backend, "detach_internet_gateway")
def _detach_internet_gateway(original: Any, self: Any, internet_gateway_id: str, vpc_id: str) -> Any:
    mapped = any(address.eni is not None and address.eni.subnet.vpc_id == vpc_id for address in self.addresses)
    # Interfaces of internet-facing load balancers carry public addresses of their own, also for a while after deletion.
    mapped = mapped or any(
        interface.subnet.vpc_id == vpc_id and clock.notes(interface).get("public") for interface in self.enis.values()
    )
    if mapped:
        raise DependencyViolationError(
            f"Network {vpc_id} has some mapped public address(es). Please unmap those public address(es) before detaching the gateway."
        )
    return original(self, internet_gateway_id, vpc_id)
