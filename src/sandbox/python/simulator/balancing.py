"""Elastic Load Balancing: idempotent creates, validation, attributes with their defaults, interfaces that linger.

In moto the same name twice makes two load balancers, one subnet is enough, a VPC needs no internet gateway, nothing
occupies the subnets, and a target group remembers load balancers that are gone. Target health is in `health`.
"""
from __future__ import annotations

import random
import re
from typing import Any

from moto.acm.models import acm_backends
from moto.elbv2 import models as elb
from moto.elbv2.exceptions import DuplicateTargetGroupName, ELBClientError
from moto.elbv2.ssl_policies import SSL_POLICIES
from moto.s3.models import s3_backends

from . import clock, network
from .patching import backends, wrap

Backend = elb.ELBv2Backend

# The hosted zone that alias records to a load balancer name, per region.
# https://docs.aws.amazon.com/general/latest/gr/elb.html
ZONES = {
    "us-east-1": "Z35SXDOTRQ7X7K",
    "us-east-2": "Z3AADJGX6KTTL2",
    "us-west-1": "Z368ELLRRE2KJ0",
    "us-west-2": "Z1H1FL5HABSF5",
    "ca-central-1": "ZQSVJUPU6J1EY",
    "eu-central-1": "Z215JYRZR1TBD5",
    "eu-north-1": "Z23TAZ6LKFMNIO",
    "eu-west-1": "Z32O12XQLNTSW2",
    "eu-west-2": "ZHURV8PSTC4K8",
    "eu-west-3": "Z3Q77PNBQS71R4",
    "ap-northeast-1": "Z14GRHDCWA56QT",
    "ap-south-1": "ZP97RAFLXTNZK",
    "ap-southeast-1": "Z1LMS91P8CMLE5",
    "ap-southeast-2": "Z1GM3OXH4ZPM65",
}

_BALANCER_DEFAULTS = {
    "access_logs.s3.enabled": "false",
    "client_keep_alive.seconds": "3600",
    "connection_logs.s3.bucket": "",
    "connection_logs.s3.enabled": "false",
    "connection_logs.s3.prefix": "",
    "idle_timeout.timeout_seconds": "60",
    "ipv6.deny_all_igw_traffic": "false",
    "load_balancing.cross_zone.enabled": "true",
    "routing.http.desync_mitigation_mode": "defensive",
    "routing.http.drop_invalid_header_fields.enabled": "false",
    "routing.http.preserve_host_header.enabled": "false",
    "routing.http.x_amzn_tls_version_and_cipher_suite.enabled": "false",
    "routing.http.xff_client_port.enabled": "false",
    "routing.http.xff_header_processing.mode": "append",
    "routing.http2.enabled": "true",
    "waf.fail_open.enabled": "false",
    "zonal_shift.config.enabled": "false",
}
_LISTENER_DEFAULTS = {
    "routing.http.response.server.enabled": "true",
    "routing.http.response.strict_transport_security.header_value": "",
    "routing.http.response.access_control_allow_origin.header_value": "",
    "routing.http.response.content_security_policy.header_value": "",
    "routing.http.response.x_content_type_options.header_value": "",
    "routing.http.response.x_frame_options.header_value": "",
}

# Policies that AWS has and this moto release does not list.
for _policy in ("ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09", "ELBSecurityPolicy-TLS13-1-2-PQ-2025-09"):
    SSL_POLICIES.setdefault(_policy, {**SSL_POLICIES["ELBSecurityPolicy-TLS13-1-2-2021-06"], "name": _policy})


def _invalid(message: str) -> ELBClientError:
    return ELBClientError("ValidationError", message)


# ------------------------------------------------------------------------------------------------ load balancers


@wrap(Backend, "create_load_balancer")
def _create(original: Any, self: Any, name: str, security_groups: Any, subnet_ids: Any, **options: Any) -> Any:
    options["scheme"] = options.get("scheme") or "internet-facing"
    kind = options.get("loadbalancer_type") or "application"
    subnets = [*(subnet_ids or []), *(mapping["SubnetId"] for mapping in options.get("subnet_mappings") or [])]
    known = next((balancer for balancer in self.load_balancers.values() if balancer.name == name), None)
    if known is not None:
        same = known.scheme == options["scheme"] and {subnet.id for subnet in known.subnets} == set(subnets)
        if same and (not security_groups or set(known.security_groups) == set(security_groups)):
            return known
        raise ELBClientError(
            "DuplicateLoadBalancerName", f"A load balancer with the same name '{name}' exists, but with different settings"
        )
    ec2 = network.backend_of(self)
    _check_name(name)
    if kind == "application":
        _check_subnets(ec2, subnets, options["scheme"])
    for group in security_groups or []:
        if ec2.get_security_group_from_id(group) is None:
            raise ELBClientError("InvalidSecurityGroup", f"Security group '{group}' does not exist")
    balancer = original(self, name, security_groups, subnet_ids, **options)
    balancer.dns_name = f"{name}-{random.randrange(10**8, 10**10)}.{self.region_name}.elb.amazonaws.com".lower()
    balancer.canonical_hosted_zone_id = ZONES.get(self.region_name, balancer.canonical_hosted_zone_id)
    balancer.attrs = {**balancer.attrs, **_BALANCER_DEFAULTS}
    if not balancer.security_groups and kind == "application":
        balancer.security_groups = [ec2.get_default_security_group(balancer.vpc_id).id]
    note = clock.notes(balancer)
    note["created"] = clock.now()
    note["interfaces"] = network.own_interfaces(
        ec2, balancer.subnets, balancer.security_groups or [], f"ELB {balancer.arn.split(':loadbalancer/')[1]}"
    )
    for interface in note["interfaces"]:
        clock.notes(interface)["public"] = balancer.scheme == "internet-facing"
    return balancer


def _check_name(name: str) -> None:
    if len(name) > 32:
        raise _invalid(f"The load balancer name '{name}' cannot be longer than '32' characters")
    if not re.match(r"^[A-Za-z0-9-]+$", name):
        raise _invalid(f"The load balancer name '{name}' can only contain characters that are alphanumeric characters and hyphens(-)")
    if name.startswith("-") or name.endswith("-"):
        raise _invalid(f"The load balancer name '{name}' cannot begin or end with a hyphen(-)")
    if name.startswith("internal-"):
        raise _invalid(f"The load balancer name '{name}' cannot begin with the prefix 'internal-'")


def _check_subnets(ec2: Any, subnet_ids: list[str], scheme: str) -> None:
    subnets = [subnet for subnet in ec2.describe_subnets() if subnet.id in subnet_ids]
    if len(subnets) < len(set(subnet_ids)):
        missing = set(subnet_ids) - {subnet.id for subnet in subnets}
        raise ELBClientError("SubnetNotFound", f"The subnet ID '{sorted(missing)[0]}' is not valid")
    if len({subnet.availability_zone for subnet in subnets}) < 2:
        raise _invalid("At least two subnets in two different Availability Zones must be specified")
    vpc = subnets[0].vpc_id
    if scheme == "internet-facing" and not any(igw.vpc is not None and igw.vpc.id == vpc for igw in ec2.internet_gateways.values()):
        raise ELBClientError("InvalidSubnet", f"VPC {vpc} has no internet gateway")


def _activate(self: Any) -> None:
    """A load balancer needs three steps to become active."""
    if clock.passed(clock.notes(self).get("created", 0), 3):
        self.state = "active"


elb.FakeLoadBalancer.activate = _activate


@wrap(Backend, "set_subnets")
def _set_subnets(original: Any, self: Any, arn: str, *arguments: Any, **options: Any) -> Any:
    """The interfaces follow: a subnet that was taken out can be deleted."""
    result = original(self, arn, *arguments, **options)
    balancer = self.load_balancers[arn]
    note, ec2 = clock.notes(balancer), network.backend_of(self)
    network.release_interfaces(ec2, note.get("interfaces", []))
    note["interfaces"] = network.own_interfaces(
        ec2, balancer.subnets, balancer.security_groups or [], f"ELB {balancer.arn.split(':loadbalancer/')[1]}"
    )
    for interface in note["interfaces"]:
        clock.notes(interface)["public"] = balancer.scheme == "internet-facing"
    return result


@wrap(Backend, "set_security_groups")
def _set_security_groups(original: Any, self: Any, arn: str, sec_groups: Any) -> Any:
    result = original(self, arn, sec_groups)
    network.move_interfaces(network.backend_of(self), clock.notes(self.load_balancers[arn]).get("interfaces", []), sec_groups)
    return result


@wrap(Backend, "modify_load_balancer_attributes")
def _modify_attributes(original: Any, self: Any, arn: str, attrs: Any) -> Any:
    bucket = attrs.get("access_logs.s3.bucket")
    if attrs.get("access_logs.s3.enabled") == "true" and bucket:
        if not any(bucket in backend.buckets for backend in backends(s3_backends)):
            raise ELBClientError("InvalidConfigurationRequest", f"Access Denied for bucket: {bucket}. Please check S3bucket permission")
    return original(self, arn, attrs)


_lingering: list[tuple[float, Any, list[Any]]] = []
clock.forgets(_lingering.clear)


@wrap(Backend, "delete_load_balancer")
def _delete(original: Any, self: Any, arn: str) -> Any:
    balancer = self.load_balancers.get(arn)
    if balancer is not None:
        if balancer.attrs.get("deletion_protection.enabled") == "true":
            raise ELBClientError("OperationNotPermitted", f"Load balancer '{arn}' cannot be deleted because deletion protection is enabled")
        # The API object is gone at once; its interfaces occupy the subnets a while longer.
        _lingering.append((clock.after(2), network.backend_of(self), clock.notes(balancer).get("interfaces", [])))
    return original(self, arn)


@clock.advances
def _release() -> bool:
    due = [entry for entry in _lingering if clock.now() >= entry[0]]
    for entry in due:
        network.release_interfaces(entry[1], entry[2])
        _lingering.remove(entry)
    return bool(due)


# ------------------------------------------------------------------------------------------------ target groups


def _balancers_of(self: Any) -> list[str]:
    """The load balancers that forward to a target group now."""
    backend = elb.elbv2_backends[self.account_id][self.region_name]
    return [balancer.arn for balancer in backend.load_balancers.values() if any(self.arn in targets_of(backend, listener) for listener in balancer.listeners.values())]


elb.FakeTargetGroup.load_balancer_arns = property(_balancers_of, lambda self, value: None)


def targets_of(backend: Any, listener: Any) -> list[str]:
    """The target groups a listener forwards to, rules included."""
    return [arn for rule in listener.rules.values() for action in rule.actions for arn in backend._get_target_group_arns_from(action_data=action.data)]


_SAME = {
    "protocol": ("protocol", None),
    "port": ("port", None),
    "vpc_id": ("vpc_id", None),
    "target_type": ("target_type", "instance"),
    "healthcheck_path": ("health_check_path", "/"),
    "healthcheck_port": ("health_check_port", "traffic-port"),
    "healthcheck_interval_seconds": ("health_check_interval_seconds", 30),
    "healthy_threshold_count": ("healthy_threshold_count", "5"),
    "unhealthy_threshold_count": ("unhealthy_threshold_count", "2"),
}


@wrap(Backend, "create_target_group")
def _create_target_group(original: Any, self: Any, name: str, **options: Any) -> Any:
    for known in self.target_groups.values():
        if known.name == name:
            same = all(str(options.get(option) or default) == str(getattr(known, attribute) or default) for option, (attribute, default) in _SAME.items())
            if same:
                return known
            raise DuplicateTargetGroupName()
    return original(self, name, **options)


# ------------------------------------------------------------------------------------------------ listeners


@wrap(elb.FakeAction, "__init__")
def _action(original: Any, self: Any, data: Any) -> None:
    """AWS fills in what an action leaves out."""
    data = dict(data)
    if data.get("Type") == "redirect" and data.get("RedirectConfig"):
        defaults = {"Protocol": "#{protocol}", "Port": "#{port}", "Host": "#{host}", "Path": "/#{path}", "Query": "#{query}"}
        data["RedirectConfig"] = {**defaults, **data["RedirectConfig"]}
    if data.get("Type") == "forward":
        groups = (data.get("ForwardConfig") or {}).get("TargetGroups") or []
        if data.get("TargetGroupArn") and not groups:
            data["ForwardConfig"] = {"TargetGroups": [{"TargetGroupArn": data["TargetGroupArn"], "Weight": 1}]}
        elif len(groups) == 1:
            data["TargetGroupArn"] = groups[0]["TargetGroupArn"]
        if data.get("ForwardConfig"):
            data["ForwardConfig"] = dict(data["ForwardConfig"])
            data["ForwardConfig"]["TargetGroups"] = [dict(group) for group in data["ForwardConfig"].get("TargetGroups", [])]
    original(self, data)


@wrap(Backend, "create_listener")
def _create_listener(original: Any, self: Any, load_balancer_arn: str, protocol: str, port: Any, ssl_policy: Any, certificate: Any, actions: Any, *args: Any, **kwargs: Any) -> Any:
    if protocol == "HTTPS" and not certificate:
        raise ELBClientError("CertificateNotFound", "A certificate must be specified for HTTPS listeners")
    _check_certificate(self, certificate)
    balancer = self.load_balancers.get(load_balancer_arn)
    for known in balancer.listeners.values() if balancer is not None else []:
        if str(known.port) == str(port):
            wanted = [elb.FakeAction(action).data for action in actions]
            same = known.protocol == protocol and known.certificate == certificate and [action.data for action in known.default_actions] == wanted
            if same and (protocol != "HTTPS" or known.ssl_policy == ssl_policy):
                return known
            raise ELBClientError("DuplicateListener", f"A listener already exists on port {port} for this load balancer")
    listener = original(self, load_balancer_arn, protocol, port, ssl_policy, certificate, actions, *args, **kwargs)
    if protocol in ("HTTP", "HTTPS"):
        listener.attributes = dict(_LISTENER_DEFAULTS)
        if protocol == "HTTP":
            listener.ssl_policy = None
    return listener


@wrap(Backend, "modify_listener")
def _modify_listener(original: Any, self: Any, arn: str, port: Any = None, protocol: Any = None, ssl_policy: Any = None, certificates: Any = None, actions: Any = None) -> Any:
    for certificate in certificates or []:
        _check_certificate(self, certificate["CertificateArn"])
    return original(self, arn, port, protocol, ssl_policy, certificates or [], actions or [])


def _check_certificate(self: Any, arn: str | None) -> None:
    if not arn or ":acm:" not in arn:
        return
    known = acm_backends[self.account_id][self.region_name]._certificates.get(arn)
    if known is None:
        raise ELBClientError("CertificateNotFound", f"Certificate '{arn}' not found")
    known.check()
    if known.status != "ISSUED":
        raise ELBClientError(
            "UnsupportedCertificate",
            f"The certificate '{arn}' must have a fully-qualified domain name, a supported signature, and a supported key size.",
        )
