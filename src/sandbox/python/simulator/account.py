"""The account as a whole: regions, zones, quotas, dry runs.

moto ignores the filters of DescribeRegions, knows quotas of one service only, counts an account's roles once at start,
and carries out some dry runs.
"""
from __future__ import annotations

import json
from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.exceptions import DryRunClientError, EC2ClientError
from moto.ec2.responses import EC2Response
from moto.iam.models import iam_backends
from moto.iam.responses import IamResponse
from moto.servicequotas.exceptions import NoSuchResource
from moto.servicequotas.responses import ServiceQuotasResponse

from . import conditions
from .patching import add, result_of, wrap

# Code to service, name and default value.
QUOTAS = {
    "L-0263D0A3": ("ec2", "EC2-VPC Elastic IPs", 5),
    "L-F678F1CE": ("vpc", "VPCs per Region", 5),
    "L-A4707A72": ("vpc", "Internet gateways per Region", 5),
    "L-FE5A380F": ("vpc", "NAT gateways per Availability Zone", 5),
    "L-0EA8095F": ("vpc", "Inbound or outbound rules per security group", 60),
    "L-53DA6B97": ("elasticloadbalancing", "Application Load Balancers per Region", 50),
    "L-B22855CB": ("elasticloadbalancing", "Target Groups per Region", 3000),
    "L-7B6409FD": ("rds", "DB instances", 40),
    "L-7ADDB58A": ("rds", "Total storage for all DB instances", 100_000),
    "L-3032A538": ("fargate", "Fargate On-Demand vCPU resource count", 6),
}


def _quota(self: Any, applied: bool) -> str:
    given = json.loads(self.body)
    service, code = given.get("ServiceCode"), given.get("QuotaCode")
    if QUOTAS.get(code, ("",))[0] != service:
        raise NoSuchResource
    _, name, default = QUOTAS[code]
    value = conditions.value("quotas", {}).get(code, default) if applied else default
    return json.dumps({"Quota": {"ServiceCode": service, "QuotaCode": code, "QuotaName": name, "Value": float(value), "Adjustable": True}})


@add(ServiceQuotasResponse, "get_service_quota")
def _get_quota(self: Any) -> str:
    return _quota(self, applied=True)


@add(ServiceQuotasResponse, "get_aws_default_service_quota")
def _get_default(self: Any) -> str:
    return _quota(self, applied=False)


@wrap(IamResponse, "get_account_summary")
def _account_summary(original: Any, self: Any) -> ActionResult:
    result = dict(result_of(original(self)))
    roles = len(iam_backends[self.current_account]["aws"].roles)
    quota = conditions.value("quotas", {}).get("L-FE177D64", 1000)
    return ActionResult({**result, "SummaryMap": {**result["SummaryMap"], "Roles": roles, "RolesQuota": quota}})


@wrap(EC2Response, "describe_regions")
def _regions(original: Any, self: Any) -> ActionResult:
    status = conditions.value("region")
    regions = result_of(original(self))["Regions"]
    plain = [{"RegionName": one.name, "Endpoint": one.endpoint, "OptInStatus": status or one.opt_in_status} for one in regions]
    return ActionResult({"Regions": plain})


@wrap(EC2Response, "describe_availability_zones")
def _zones(original: Any, self: Any) -> ActionResult:
    states = conditions.value("zones", {})
    every = str(self._get_param("AllAvailabilityZones")).lower() == "true"
    plain = [
        {
            "ZoneName": zone.name,
            "ZoneId": zone.zone_id,
            "RegionName": zone.region_name,
            "ZoneType": zone.zone_type,
            "State": states.get(zone.name, zone.state),
            "OptInStatus": "opt-in-not-required",
        }
        for zone in result_of(original(self))["AvailabilityZones"]
    ]
    return ActionResult({"AvailabilityZones": [zone for zone in plain if every or zone["State"] == "available"]})


def _rehearse(action: str) -> None:
    name = "".join(word.capitalize() for word in action.split("_"))

    @wrap(EC2Response, action)
    def _create(original: Any, self: Any) -> Any:
        dry = str(self._get_param("DryRun")).lower() == "true"
        if dry and conditions.denies(f"ec2:{name}"):
            raise EC2ClientError("UnauthorizedOperation", "You are not authorized to perform this operation.")
        if dry:
            raise DryRunClientError()
        return original(self)


for _action in ("create_vpc", "allocate_address", "create_internet_gateway"):
    _rehearse(_action)
