"""What an account lacks, and what goes wrong around a deployment, for rehearsals of what `preflight`, `up` and `verify` find:
set with POST /sandbox/conditions, gone with a reset.

    denied         action patterns that the caller may not do, ["rds:*"]: IAM's evaluation and EC2's dry runs say so
    quotas         quota code to value, {"L-0263D0A3": 0}
    image_granted  false: the image registry refuses every role
    clock_ahead    seconds by which AWS's clock differs from this machine's
    region         opt-in status of every region, "not-opted-in"
    zones          zone name to state, {"eu-central-1a": "impaired"}
    offers         what can be ordered of every instance class, {"zones": [...], "multi_az": false}
    versions       the MySQL versions that there are, ["8.0.43"]
    support        major version to the last day of its standard support, {"8.4": "2026-12-31"}
    database_zone  zone that a new instance is put into, if its group has it; otherwise the first one
    certificate    fields of every described certificate, {"Status": "EXPIRED"}: that one is also presented as expired

What no AWS call brings about, met by the tasks that start from then on:

    image_present      false: the registry has lost every image
    client_accepted    false: the control plane refuses the OAuth2 client
    database_listens   false: the instances are available, and refuse connections
    server_memory      MiB that a server needs; a task with less of it is killed
    server_steps       lifecycle steps that a server needs to start, 5
    server_fails       what a server's start ends with, "ImportError: …"
    delegated          false: public DNS knows no zone
"""
from __future__ import annotations

import fnmatch
from typing import Any

from . import clock

NAMES = (
    *("denied", "quotas", "image_granted", "clock_ahead", "region", "zones", "offers", "versions", "support", "database_zone", "certificate"),
    *("image_present", "client_accepted", "database_listens", "server_memory", "server_steps", "server_fails", "delegated"),
)

_values: dict[str, Any] = {}
clock.forgets(_values.clear)


def change(given: dict[str, Any]) -> dict[str, Any]:
    """Sets conditions; null takes one back. Returns those that hold."""
    for name, value in given.items():
        if name not in NAMES:
            raise ValueError(f"no such condition: {name}")
        if value is None:
            _values.pop(name, None)
        else:
            _values[name] = value
    return dict(_values)


def value(name: str, default: Any = None) -> Any:
    return _values.get(name, default)


def denies(action: str) -> bool:
    """Whether the caller may not do something."""
    return any(fnmatch.fnmatchcase(action.lower(), pattern.lower()) for pattern in value("denied", []))
