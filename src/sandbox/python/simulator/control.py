"""The /sandbox HTTP interface, on the same port as the AWS API: status, seed, record, conditions, reset, copy, stop.

    GET  /sandbox/status      the world's id, ports, the authority's certificate
    POST /sandbox/seed        {"zone", "host", "region"}: what an account would have before a deployment
    POST /sandbox/record      {"name", "target"}: a CNAME, made by whoever looks after the domain
    GET  /sandbox/workspace   ?host=…: the healthy tasks behind a host, and whether they share a signing key
    POST /sandbox/conditions  what the account lacks: see `conditions`
    POST /sandbox/reset       an empty world, with a new id
    POST /sandbox/copy        {"data"}: a second sandbox with the same world, in a process and a data folder of its own
    POST /sandbox/stop        ends the process

Every other request goes to moto, one at a time, after the world was moved to the present.
"""
from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from moto.acm.models import acm_backends
from moto.core.exceptions import ServiceException
from moto.elbv2.models import elbv2_backends
from moto.moto_api._internal.models import moto_api_backend
from moto.route53.models import route53_backends

from . import balancing, clock, conditions, dns, health, serverhttp, workspace

ACCOUNT = "123456789012"


class World:
    """The identity of what the sandbox holds, and when it was last used."""

    def __init__(self, announce: Callable[[World], None]) -> None:
        self.id = str(uuid.uuid4())
        self.started = self.used = clock.now()
        self.ports: dict[str, Any] = {}
        self.stopped = threading.Event()
        self.moto: Callable[..., Iterable[bytes]]
        self.copy: Callable[[Path], dict[str, Any]]
        self._announce = announce

    def describe(self) -> dict[str, Any]:
        return {"world": self.id, "uptime": round(clock.now() - self.started, 1), "step": clock.step(), **self.ports}

    def reset(self) -> None:
        with clock.LOCK:
            clock.reset()
            moto_api_backend.reset()
            self.id, self.started = str(uuid.uuid4()), clock.now()
        self._announce(self)


def seed(zone: str, host: str, region: str, account: str = ACCOUNT) -> dict[str, Any]:
    """Makes the hosted zone and an issued certificate for the host, unless they exist."""
    names = route53_backends[account]["aws"]
    wanted = zone.rstrip(".") + "."
    known = next((found for found in names.zones.values() if found.name.rstrip(".") + "." == wanted and not found.private_zone), None)
    if known is None:
        known = names.create_hosted_zone(wanted, False, str(uuid.uuid4()))
    certificates = acm_backends[account][region]
    arn = next((bundle.arn for bundle in certificates._certificates.values() if bundle.common_name == host and bundle.status == "ISSUED"), None)
    if arn is None:
        arn = certificates.request_certificate(host, None, [], [])
        certificates._certificates[arn].status = "ISSUED"
    return {"zone_id": known.resource_id, "certificate_arn": arn, "name_servers": list(known.delegation_set.name_servers) if known.delegation_set else []}


def record(name: str, target: str) -> dict[str, Any]:
    """Makes a CNAME in the zone that the name is in, or changes it."""
    zone = next(iter(dns.zones_over(name)), None)
    if zone is None:
        raise ValueError(f"no zone of the sandbox contains {name}")
    values = {"Name": name, "Type": "CNAME", "TTL": 60, "ResourceRecords": [{"Value": target}]}
    route53_backends[ACCOUNT]["aws"].change_resource_record_sets(zone.resource_id, [{"Action": "UPSERT", "ResourceRecordSet": values}])
    return {"zone": zone.name, "name": name, "target": target}


def behind(host: str) -> dict[str, Any]:
    """The healthy tasks behind a host."""
    listener = workspace.listener_for(host, 443, "HTTPS")
    if listener is None:
        return {"balancer": dns.load_balancer_for(host) is not None, "tasks": [], "jwt_shared": None}
    region, account = listener.arn.split(":")[3:5]
    tasks = [task for group in balancing.targets_of(elbv2_backends[account][region], listener) for task in health.healthy_tasks(group)]
    return {"balancer": True, "tasks": [task.task_arn for task in tasks], "jwt_shared": serverhttp.replicas_agree(tasks) if tasks else None}


class Application:
    """The WSGI application around moto's."""

    def __init__(self, world: World) -> None:
        self._world = world

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        self._world.used = clock.now()
        path = environ.get("PATH_INFO", "")
        if path.startswith("/sandbox/"):
            return self._control(environ, start_response, path.removeprefix("/sandbox/"))
        if path.startswith("/moto-api/reset"):
            self._world.reset()
            return _respond(start_response, "200 OK", {"status": "ok"})
        with clock.LOCK:
            clock.advance()
            return list(self._world.moto(environ, start_response))

    def _control(self, environ: dict[str, Any], start_response: Callable[..., Any], name: str) -> Iterable[bytes]:
        method = environ.get("REQUEST_METHOD", "GET")
        try:
            if (method, name) == ("GET", "status"):
                return _respond(start_response, "200 OK", self._world.describe())
            if (method, name) == ("GET", "workspace"):
                host = parse_qs(environ.get("QUERY_STRING", "")).get("host", [""])[0]
                with clock.LOCK:
                    clock.advance()
                    return _respond(start_response, "200 OK", behind(host))
            if (method, name) == ("POST", "seed"):
                given = _body(environ)
                with clock.LOCK:
                    return _respond(start_response, "200 OK", {"world": self._world.id, **seed(given["zone"], given["host"], given["region"])})
            if (method, name) == ("POST", "record"):
                given = _body(environ)
                with clock.LOCK:
                    return _respond(start_response, "200 OK", record(given["name"], given["target"]))
            if (method, name) == ("POST", "conditions"):
                with clock.LOCK:
                    return _respond(start_response, "200 OK", conditions.change(_body(environ)))
            if (method, name) == ("POST", "reset"):
                self._world.reset()
                return _respond(start_response, "200 OK", self._world.describe())
            if (method, name) == ("POST", "copy"):
                return _respond(start_response, "200 OK", self._world.copy(Path(_body(environ)["data"])))
            if (method, name) == ("POST", "stop"):
                # After the answer has gone out.
                threading.Timer(0.2, self._world.stopped.set).start()
                return _respond(start_response, "200 OK", {"stopping": True, "world": self._world.id})
        except (KeyError, ValueError, ServiceException) as problem:
            return _respond(start_response, "400 Bad Request", {"error": f"{type(problem).__name__}: {problem}"})
        return _respond(start_response, "404 Not Found", {"error": f"no such sandbox action: {method} {name}"})


def _body(environ: dict[str, Any]) -> dict[str, Any]:
    length = int(environ.get("CONTENT_LENGTH") or 0)
    return json.loads(environ["wsgi.input"].read(length) or b"{}")


def _respond(start_response: Callable[..., Any], status: str, value: Any) -> Iterable[bytes]:
    content = json.dumps(value).encode()
    start_response(status, [("Content-Type", "application/json"), ("Content-Length", str(len(content)))])
    return [content]
