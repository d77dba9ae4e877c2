"""The process inside a container: a ZenML server, judged by its image tag, command and environment.

No container runs. What the real server would do is worked out when its task starts: it crashes on missing settings
before logging is set up (exit 1), on a database it cannot use (exit 3), and otherwise serves on the port of its
*command* (8080 unless told otherwise, whatever the port mapping says). Image tags provoke failures:

    …missing, …denied       the image cannot be pulled (see `startup`)
    …exitN                  every task exits with N
    …crash                  servers exit with 1, migrations work
    …migratefail            migrations exit with 1
    …oom                    killed for memory, exit 137

`--containers opaque` (or an image whose name has no "zenml") stands for any other program: it listens on its mapped
port when a service runs it, and ends well after two steps when it is run once. With a real server (`realserver`) images
with "zenml" in their name are processes; only what image tags provoke is still played.
"""
from __future__ import annotations

import re
import uuid
from dataclasses import dataclass, field
from typing import Any

from . import clock, conditions, realserver, store
from .serverlog import Log
from .store import Place, StoreError, truthy

MODE = {"containers": "zenml"}
DEFAULT_PORT = 8080

_FAILURES = ("missing", "denied", "crash", "migratefail", "oom")
_REQUIRED = ("API_URL", "DASHBOARD_URL", "OAUTH2_CLIENT_SECRET", "OAUTH2_AUDIENCE", "ORGANIZATION_ID", "WORKSPACE_ID")
_LEVELS = ("NOTSET", "DEBUG", "INFO", "WARN", "WARNING", "ERROR", "CRITICAL")


@dataclass
class Container:
    """What the process is given."""

    image: str
    command: list[str]
    environment: dict[str, str]
    ports: list[int]
    in_service: bool
    overrides: dict[str, str] = field(default_factory=dict)
    memory: int = 0

    @property
    def tag(self) -> str:
        return tag_of(self.image)

    @property
    def version(self) -> str:
        return version_of(self.image)


def tag_of(image: str) -> str:
    name = image.split("@")[0]
    return name.rsplit(":", 1)[1] if ":" in name.rsplit("/", 1)[-1] else "latest"


def version_of(image: str) -> str:
    """The server version in an image: the tag, without the suffix that provokes a failure."""
    tag = tag_of(image)
    version, _, suffix = tag.partition("-")
    provoking = any(word in suffix for word in _FAILURES) or re.search(r"exit\d+", suffix)
    return version if provoking else tag


@dataclass
class Process:
    """What becomes of it. `exit_code` None: it keeps running and serves on `port`."""

    lines: list[str]
    exit_code: int | None = None
    exit_after: float = 1
    reason: str | None = None
    port: int | None = None
    container: Container | None = None
    place: Place | None = None
    server: bool = False
    instance_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    is_real: bool = False
    # A start that takes a while: the steps until it is over, the lines then, and the port that it listens on from then on.
    start: tuple[float, list[str], int] | None = None
    is_booting: bool = False
    is_over: bool = True

    def drain(self) -> list[str]:
        """The lines written since the last call."""
        lines, self.lines = self.lines, []
        return lines

    def proceed(self, since: float) -> None:
        """Ends a start whose time has come; it began at this moment."""
        if self.start is not None and clock.passed(since, self.start[0]):
            (_, lines, self.port), self.start = self.start, None
            self.lines += lines

    def terminate(self) -> None:
        """What SIGTERM does."""
        if self.server and self.container is not None:
            self.lines += Log(self.container.environment).stopped()
        self.exit_code = 0

    def status_of(self, path: str) -> int:
        """The HTTP status of a health check."""
        if not self.server or path.split("?")[0] in ("/health", "/ready", "/api/v1/info", "/api/v1/version"):
            return 200
        return 404 if path.startswith("/api/") else 307 if self.is_pro else 200

    @property
    def is_pro(self) -> bool:
        return self.container is not None and _setting(self.container.environment, "ZENML_SERVER_DEPLOYMENT_TYPE") == "cloud"


def run(container: Container, place: Place) -> Process | realserver.RealProcess:
    log = Log(container.environment)
    process = _provoked(container, log)
    if process is None and realserver.is_on() and not is_opaque(container.image):
        serves = _is_server(container.command)
        return realserver.run(container, place, port_of(container.command) if serves else None, serves)
    if process is None:
        if is_opaque(container.image):
            process = Process(["container started"], port=(container.ports or [None])[0])
            if not container.in_service:
                process.exit_code, process.exit_after = 0, 2
        elif is_migration(container.command):
            process = _migration(container, place, log)
        elif _is_server(container.command):
            process = _server(container, place, log)
        else:
            process = Process([], exit_code=0, exit_after=2)
    process.container, process.place = container, place
    return process


def is_opaque(image: str) -> bool:
    return MODE["containers"] == "opaque" or "zenml" not in image.rsplit("/", 1)[-1].lower()


def is_migration(command: list[str]) -> bool:
    text = " ".join(command)
    return "migrate-database" in text or "zenml.zen_server.database_migration" in text


def _is_server(command: list[str]) -> bool:
    """Without a command the image starts the server; so do commands that name it, and bare options."""
    return not command or command[0].startswith("-") or "uvicorn" in " ".join(command) or "zen_server" in " ".join(command)


def port_of(command: list[str]) -> int:
    found = re.search(r"--port[ =](\d+)", " ".join(command))
    return int(found.group(1)) if found else DEFAULT_PORT


def _provoked(container: Container, log: Log) -> Process | None:
    tag, migration = container.tag, is_migration(container.command)
    code = re.search(r"exit(\d+)", tag)
    if code:
        return Process(log.start() + log.line("CRITICAL", "Simulated failure."), exit_code=int(code.group(1)))
    needed = 0 if migration else conditions.value("server_memory", 0)
    if "oom" in tag or container.memory < needed:
        return Process(log.start(), exit_code=137, reason="OutOfMemoryError: Container killed due to memory usage")
    if "migratefail" in tag and migration:
        return Process(
            log.line("ERROR", "The database migration failed: (pymysql.err.OperationalError) (1071, 'Specified key was too long; max key length is 3072 bytes')"),
            exit_code=1,
        )
    if "crash" in tag and not migration:
        return Process(log.start() + log.failed("RuntimeError: Simulated crash."), exit_code=1)
    return None


# ------------------------------------------------------------------------------------------------ the ZenML server


def _setting(environment: dict[str, str], name: str) -> str | None:
    """Empty counts as unset for server settings."""
    return environment.get(name) or None


def pro_errors(environment: dict[str, str]) -> list[str]:
    """The validation message of the Pro settings, as lines; empty when they are complete."""
    problems: list[list[str]] = []
    for name in _REQUIRED:
        value = _setting(environment, f"ZENML_SERVER_PRO_{name}")
        if value is None:
            problems.append([name.lower(), "  Field required [type=missing, input_value={…}, input_type=dict]"])
        elif name.endswith("_ID") and not _is_uuid(value):
            problems.append([name.lower(), f"  Input should be a valid UUID, invalid character [type=uuid_parsing, input_value='{value}', input_type=str]"])
    if not problems:
        return []
    count = f"{len(problems)} validation error{'s' if len(problems) > 1 else ''}"
    return [
        "Traceback (most recent call last):",
        f"pydantic_core._pydantic_core.ValidationError: {count} for ServerProConfiguration",
        *(line for problem in problems for line in problem),
    ]


def _is_uuid(value: str) -> bool:
    try:
        uuid.UUID(value)
    except ValueError:
        return False
    return True


def _configuration_error(environment: dict[str, str]) -> list[str]:
    level = (environment.get("ZENML_LOGGING_VERBOSITY") or "INFO").upper()
    if level not in _LEVELS:
        return ["Traceback (most recent call last):", f"KeyError: '{level}'"]
    if _setting(environment, "ZENML_SERVER_DEPLOYMENT_TYPE") == "cloud":
        return pro_errors(environment)
    return []


def _migration(container: Container, place: Place, log: Log) -> Process:
    environment = container.environment
    error = _configuration_error(environment)
    if error:
        return Process(error, exit_code=1)
    try:
        opened = store.connect(environment, place)
        steps = store.migrate(*opened, container.version, _deployment_id(environment)) if opened else ["Creating database tables"]
    except StoreError as failure:
        return Process(log.line("ERROR", f"The database migration failed: {failure}") + log.failed(str(failure)), exit_code=3)
    lines = [line for message in steps for line in log.line("INFO", message)]
    return Process(lines + log.line("INFO", "Database migration finished."), exit_code=0, exit_after=2)


def _server(container: Container, place: Place, log: Log) -> Process:
    environment = container.environment
    error = _configuration_error(environment)
    if error:
        return Process(error, exit_code=1)
    lines = log.start()
    try:
        lines += _open_store(container, place, log)
        if conditions.value("server_fails"):
            raise StoreError(str(conditions.value("server_fails")))
        refused = "rejected" in environment.get("ZENML_SERVER_PRO_OAUTH2_CLIENT_SECRET", "")
        if refused or not conditions.value("client_accepted", True):
            raise StoreError(f"RuntimeError: Error fetching auth token from the Cloud API: 401 Client Error: Unauthorized for url: {environment['ZENML_SERVER_PRO_API_URL']}/auth/login")
    except StoreError as failure:
        return Process(lines + log.failed(str(failure)), exit_code=3)
    port = port_of(container.command)
    if steps := conditions.value("server_steps", 0):
        return Process(lines, server=True, start=(steps, log.started(port), port))
    return Process(lines + log.started(port), port=port, server=True)


def _open_store(container: Container, place: Place, log: Log) -> list[str]:
    opened = store.connect(container.environment, place)
    messages: list[str] = []
    if opened is None:
        messages = ["Creating database tables", "Creating default stack..."]
    elif truthy(container.environment.get("DISABLE_DATABASE_MIGRATION")):
        store.require_migrated(*opened, container.version)
    else:
        messages = store.migrate(*opened, container.version, _deployment_id(container.environment))
    return [line for message in messages for line in log.line("INFO", message)]


def _deployment_id(environment: dict[str, str]) -> str:
    """A database born under Pro takes the workspace's id."""
    return _setting(environment, "ZENML_SERVER_PRO_WORKSPACE_ID") or str(uuid.uuid4())


def environment_of(task: Any, container: dict[str, Any], secrets: dict[str, str]) -> dict[str, str]:
    """Definition, then secrets, then the overrides of RunTask."""
    found = {pair["name"]: pair.get("value") or "" for pair in container.get("environment") or []}
    found.update(secrets)
    found.update(overrides_of(task, container))
    return found


def overrides_of(task: Any, container: dict[str, Any]) -> dict[str, str]:
    return {pair["name"]: pair.get("value") or "" for pair in override_of(task, container["name"]).get("environment") or []}


def override_of(task: Any, name: str) -> dict[str, Any]:
    for override in (task.overrides or {}).get("containerOverrides") or []:
        if override.get("name") == name:
            return override
    return {}
