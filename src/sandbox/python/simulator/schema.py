"""The database schema of each RDS instance, as far as a ZenML server cares.

There is no MySQL behind an instance. What matters to a deployment is the migration level, so that is what is kept: the
highest server version that has migrated the database, and the deployment id written then. It belongs to the instance's
`DbiResourceId`, is carried by snapshots and comes back with a restore; a new instance starts empty.
"""
from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from . import clock


@dataclass
class Schema:
    """`level` is None while the database is empty."""

    level: str | None = None
    deployment_id: str | None = None

    def copy(self) -> Schema:
        return Schema(self.level, self.deployment_id)


_schemas: dict[str, Schema] = {}
clock.forgets(_schemas.clear)


def of(instance: Any) -> Schema:
    """The schema of a DB instance (or of anything with a `dbi_resource_id`)."""
    return _schemas.setdefault(instance.dbi_resource_id, Schema())


def keep_in(snapshot: Any, instance: Any) -> None:
    """Freezes the schema in a snapshot."""
    clock.notes(snapshot)["schema"] = of(instance).copy()


def bring_back(instance: Any, source: Any) -> None:
    """Gives a restored instance the schema of a snapshot, or of another instance (point in time)."""
    frozen = clock.notes(source).get("schema")
    _schemas[instance.dbi_resource_id] = (frozen or of(source)).copy()


def order(version: str) -> tuple[int, ...]:
    """Sorts versions; one without numbers (`latest`) counts as newer than any."""
    numbers = tuple(int(part) for part in version.split("-")[0].split(".") if part.isdigit())
    return numbers or (10**9,)
