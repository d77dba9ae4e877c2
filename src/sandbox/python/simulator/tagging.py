"""Resource Groups Tagging: every kind of tagged resource is found, and nothing that is gone.

moto leaves out Elastic IPs, DB subnet and parameter groups, listeners and event rules, and keeps listing deleted NAT
gateways, inactive clusters and services, and stopped tasks. A sweep for orphans needs both to be right.
"""
from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from moto.core.resource_tagging import TaggedResource
from moto.ec2.models import EC2Backend
from moto.ecs.models import EC2ContainerServiceBackend
from moto.elbv2.models import ELBv2Backend
from moto.events.models import EventsBackend
from moto.rds.models import RDSBackend

from .patching import wrap


@wrap(EC2Backend, "iter_tagged_resources")
def _ec2(original: Any, self: Any) -> Iterator[TaggedResource]:
    gone = {gateway.id for gateway in self.nat_gateways.values() if gateway.state == "deleted"}
    yield from (found for found in original(self) if found.arn.rsplit("/", 1)[-1] not in gone)
    for address in self.addresses:
        if address.allocation_id:
            arn = f"arn:aws:ec2:{self.region_name}:{self.account_id}:elastic-ip/{address.allocation_id}"
            yield TaggedResource(arn, {tag["key"]: tag["value"] for tag in address.get_tags()}, "ec2:elastic-ip")


@wrap(EC2ContainerServiceBackend, "iter_tagged_resources")
def _ecs(original: Any, self: Any) -> Iterator[TaggedResource]:
    gone = {service.arn for service in self.services.values() if service.status == "INACTIVE"}
    gone |= {cluster.arn for cluster in self.clusters.values() if cluster.status == "INACTIVE"}
    gone |= {task.task_arn for known in self.tasks.values() for task in known.values() if task.last_status == "STOPPED"}
    gone |= {definition.arn for revisions in self.task_definitions.values() for definition in revisions.values() if definition.status != "ACTIVE"}
    yield from (found for found in original(self) if found.arn not in gone)


@wrap(RDSBackend, "iter_tagged_resources")
def _rds(original: Any, self: Any) -> Iterator[TaggedResource]:
    yield from original(self)
    for kind, groups in (("rds:subgrp", self.subnet_groups), ("rds:pg", self.db_parameter_groups)):
        for group in groups.values():
            yield TaggedResource(group.arn, {tag["Key"]: tag["Value"] for tag in group.get_tags()}, kind)


@wrap(ELBv2Backend, "iter_tagged_resources")
def _elb(original: Any, self: Any) -> Iterator[TaggedResource]:
    yield from original(self)
    for balancer in self.load_balancers.values():
        for listener in balancer.listeners.values():
            tags = self.tagging_service.get_tag_dict_for_resource(listener.arn)
            yield TaggedResource(listener.arn, tags, "elasticloadbalancing:listener")


@wrap(EventsBackend, "iter_tagged_resources")
def _events(original: Any, self: Any) -> Iterator[TaggedResource]:
    yield from original(self)
    for bus in self.event_buses.values():
        for rule in bus.rules.values():
            yield TaggedResource(rule.arn, self.tagger.get_tag_dict_for_resource(rule.arn), "events:rule")
