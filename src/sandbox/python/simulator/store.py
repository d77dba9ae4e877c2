"""What a ZenML server meets when it opens its database: settings, network, credentials, TLS.

Derived from the container's environment and the live RDS instances and security groups. The texts are those of the real
server and driver, since clients classify failures by them.
"""
from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from moto.ec2.models import ec2_backends
from moto.rds.models import rds_backends

from . import clock, conditions, network, schema
from .patching import backends

# The authorities in the bundles of the regions, which alone are taken from a bundle here; the default is one of them.
# https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.SSL.html
_BUNDLED = ("rds-ca-default", "rds-ca-rsa2048-g1", "rds-ca-rsa4096-g1", "rds-ca-ecc384-g1")
_DATABASE_NAME = re.compile(r'^[^\\/?%*:|"<>.-]{1,64}$')


class StoreError(Exception):
    """The last line of the traceback; the process exits with 3."""


@dataclass
class Place:
    """Where a task runs, as far as connections care."""

    account_id: str
    region: str
    groups: list[str]
    address: str
    vpc_id: str


@dataclass
class Settings:
    host: str
    port: int
    username: str
    password: str
    database: str


def truthy(value: str | None) -> bool:
    return (value or "").strip().lower() in ("1", "true", "yes", "on", "y", "t")


def settings_of(environment: dict[str, str]) -> Settings | None:
    """The MySQL settings in an environment; None means SQLite, the server's default."""
    url = environment.get("ZENML_STORE_URL")
    if not url or url.startswith("sqlite://"):
        return None
    if not url.startswith("mysql://"):
        raise StoreError(f"TypeError: No store implementation found for URL: {url}.")
    parts = urlsplit(url)
    found = Settings(
        host=parts.hostname or "",
        port=parts.port or 3306,
        username=environment.get("ZENML_STORE_USERNAME") or unquote(parts.username or ""),
        password=environment.get("ZENML_STORE_PASSWORD") or unquote(parts.password or ""),
        database=environment.get("ZENML_STORE_DATABASE") or parts.path.strip("/"),
    )
    if not (found.username and found.password and found.database):
        raise StoreError("ValueError: Invalid MySQL configuration: The username, password and database must be set in the URL or as arguments.")
    if not _DATABASE_NAME.match(found.database):
        raise StoreError("ValueError: The database name does not conform to the required format rules (64 characters or less, no special characters).")
    return found


def instance_at(account_id: str, host: str) -> Any:
    for backend in backends(rds_backends):
        if backend.account_id == account_id:
            for instance in backend.databases.values():
                if instance.address == host:
                    return instance
    return None


def connect(environment: dict[str, str], place: Place) -> tuple[Any, Settings] | None:
    """The instance and settings that a task reaches, None for SQLite, StoreError when it reaches nothing."""
    settings = settings_of(environment)
    if settings is None:
        return None
    instance = instance_at(place.account_id, settings.host)
    if instance is None or instance.status == "creating":
        raise _unreachable(settings, "[Errno -2] Name or service not known")
    if not reaches(instance, place, settings.port):
        raise _unreachable(settings, "timed out")
    if instance.status in ("deleting", "rebooting", "stopped", "stopping", "starting") or not conditions.value("database_listens", True):
        raise _unreachable(settings, "[Errno 111] Connection refused")
    _check_tls(environment, instance, settings)
    if settings.username != instance.master_username or settings.password != instance._master_user_password:
        raise _operational(f"(1045, \"Access denied for user '{settings.username}'@'{place.address}' (using password: YES)\")")
    return instance, settings


def reaches(instance: Any, place: Place, port: int) -> bool:
    """Whether packets of a task get to the instance."""
    ec2 = ec2_backends[instance.account_id][instance.region]
    group = getattr(instance, "db_subnet_group", None)
    if group is not None and group._subnets[0].vpc_id != place.vpc_id:
        return False
    if port != int(instance.port):
        return False
    interfaces = clock.notes(instance).get("interfaces") or []
    address = interfaces[0].private_ip_address if interfaces else None
    return network.can_connect(ec2, port, place.groups, place.address, instance.vpc_security_group_ids, address)


def _check_tls(environment: dict[str, str], instance: Any, settings: Settings) -> None:
    encrypted = truthy(environment.get("ZENML_STORE_SSL"))
    is_known = environment.get("ZENML_STORE_SSL_CA") and instance.ca_certificate_identifier in _BUNDLED
    if encrypted and truthy(environment.get("ZENML_STORE_SSL_VERIFY_SERVER_CERT")) and not is_known:
        raise _unreachable(settings, "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: unable to get local issuer certificate (_ssl.c:1017)")
    if encrypted and environment.get("ZENML_STORE_SSL_CA") and "BEGIN CERTIFICATE" not in environment["ZENML_STORE_SSL_CA"]:
        raise StoreError("FileNotFoundError: [Errno 2] No such file or directory")
    if not encrypted and requires_tls(instance):
        raise _operational("(3159, 'Connections using insecure transport are prohibited while --require_secure_transport=ON.')")


def requires_tls(instance: Any) -> bool:
    group = instance.backend.db_parameter_groups.get(instance.db_parameter_group_name or "")
    parameter = group.parameters.get("require_secure_transport") if group is not None else None
    # On in the default group of 8.4; the simulator follows only what was set.
    return parameter is not None and str(parameter.get("ParameterValue")).upper() in ("1", "ON")


def _operational(detail: str) -> StoreError:
    return StoreError(f"RuntimeError: Failed to connect to mysql database: (pymysql.err.OperationalError) {detail}")


def _unreachable(settings: Settings, why: str) -> StoreError:
    return _operational(f'(2003, "Can\'t connect to MySQL server on \'{settings.host}\' ({why})")')


# ------------------------------------------------------------------------------------------------ migrations


def migrate(instance: Any, settings: Settings, version: str, deployment_id: str) -> list[str]:
    """Brings the schema to a version; returns the log messages. Raises StoreError when the schema is newer."""
    state = schema.of(instance)
    if state.level is None:
        state.level, state.deployment_id = version, deployment_id
        return [f"Creating database '{settings.database}'", "Creating database tables", "Creating default stack..."]
    if schema.order(state.level) > schema.order(version):
        raise StoreError(f"alembic.util.exc.CommandError: Can't locate revision identified by '{state.level}'")
    if schema.order(state.level) == schema.order(version):
        return []
    before, state.level = state.level, version
    return [
        "Backing up the database before migration to `in-memory`",
        "Database successfully backed up to memory.",
        f"Running upgrade {before} -> {version}",
        "Successfully cleaned up database dump.",
    ]


def require_migrated(instance: Any, settings: Settings, version: str) -> None:
    """What a server with DISABLE_DATABASE_MIGRATION meets; older code on a newer schema starts."""
    level = schema.of(instance).level
    if level is None:
        raise StoreError(f"sqlalchemy.exc.ProgrammingError: (pymysql.err.ProgrammingError) (1146, \"Table '{settings.database}.stack' doesn't exist\")")
    if schema.order(level) < schema.order(version):
        raise StoreError("sqlalchemy.exc.OperationalError: (pymysql.err.OperationalError) (1054, \"Unknown column 'server_settings.display_announcements' in 'field list'\")")
