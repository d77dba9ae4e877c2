"""Containers that really run: the ZenML server from PyPI, with the environment and the command of the task definition.

Who owns what: this process starts everything and ends it. Each RDS instance is a MariaDB (`mariadb`), each running task
one process with a door of its own to that database (`doors`), and the only way out is a proxy behind which every host is
the control plane (`controlplane`). A process ends with its task, a database with its instance, all with the sandbox.

Only what names places that do not exist here is replaced: the database's address, the authorities that vouch for it, the
address and port to listen on. Overrides of RunTask are taken as they are. One version of the server is installed; an
image tag of another one cannot be pulled.
"""
from __future__ import annotations

import http.client
import shutil
import socket
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import children, clock, controlplane, doors, mariadb, store
from .authority import AUTHORITY, pem_of
from .store import Place

# What the image's own CMD is.
IMAGE_COMMAND = ["uvicorn", "zenml.zen_server.zen_server_api:app", "--no-server-header", "--proxy-headers", "--port", "8080", "--host", "0.0.0.0"]
# A first boot takes up to a minute on a busy machine.
BOOT_SECONDS = 240
# Health checks without an answer after which a target is unhealthy.
UNHEALTHY_THRESHOLD = 5
# As long as ECS waits after SIGTERM when the definition does not say.
STOP_SECONDS = 30


@dataclass
class Setting:
    """How this sandbox runs containers; `version` None: it does not."""

    version: str | None = None
    programs: Path = Path()
    folder: Path = Path()
    proxy: str = ""
    authorities: Path = Path()


SETTING = Setting()


def turn_on(version: str, programs: Path, maria: Path | None, data: Path, authorities: Path) -> None:
    """From here on tasks are processes. `programs` is the `bin` of an environment with the server in it."""
    folder = data / "real"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700, parents=True)
    mariadb.turn_on(maria, folder)
    SETTING.proxy = f"http://127.0.0.1:{controlplane.start()}"
    SETTING.version, SETTING.programs, SETTING.folder, SETTING.authorities = version, programs, folder, authorities


def is_on() -> bool:
    return SETTING.version is not None


class RealProcess:
    """A process in place of a container. Has the attributes of `application.Process`."""

    exit_after, is_real, is_pro = 0.0, True, True

    def __init__(self, container: Any, place: Place, port: int | None, server: bool) -> None:
        self.container, self.place, self.port, self.server = container, place, port, server
        self.instance_id, self.reason = "", None
        self.exit_code: int | None = None
        self._born = clock.now()
        self._lines: list[str] = []
        self._lock = threading.Lock()
        self._child: children.Child | None = None
        self._wanted = True
        self._path = "/health"
        self._status: int | None = None
        self._answered = False
        self._loopback_port = _free_port() if port else None
        self._home = SETTING.folder / f"task-{id(self):x}-{int(self._born * 1000):x}"
        self.door = doors.open_for(container.environment, place)
        threading.Thread(target=self._live, daemon=True, name="task").start()

    # -------------------------------------------------------------------------------------------- what ECS asks

    def proceed(self, since: float) -> None:
        """A real start takes its own time."""

    def drain(self) -> list[str]:
        """The lines written since the last call."""
        with self._lock:
            lines, self._lines = self._lines, []
        return lines

    @property
    def is_booting(self) -> bool:
        """True until it has answered once, for as long as that may take."""
        return self.server and not self._answered and self.exit_code is None and clock.now() - self._born < BOOT_SECONDS

    @property
    def is_over(self) -> bool:
        return self.exit_code is not None

    def status_of(self, path: str) -> int | None:
        """The HTTP status of the last health check; None: no answer."""
        if path != self._path:
            self._path, self._status = path, None
        return self._status

    def terminate(self, patience: float = STOP_SECONDS) -> None:
        """SIGTERM, and SIGKILL when that does not help."""
        self._wanted = False
        if self._child is not None:
            self._child.terminate(patience)

    def forward(self, method: str, path: str, headers: dict[str, str], body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        """What the server answers to a request that came over the load balancer."""
        connection = http.client.HTTPConnection("127.0.0.1", self._loopback_port, timeout=60)
        passed = {name: value for name, value in headers.items() if name not in ("connection", "content-length", "transfer-encoding")}
        passed.update({"x-forwarded-for": "127.0.0.1", "x-forwarded-proto": "https", "x-forwarded-port": "443"})
        try:
            connection.request(method, path, body or None, passed)
            answer = connection.getresponse()
            content = answer.read()
            kept = [(name, value) for name, value in answer.getheaders() if name.lower() not in ("connection", "content-length", "transfer-encoding", "date")]
            return answer.status, kept, content
        except (OSError, http.client.HTTPException):
            return 502, [("Server", "awselb/2.0"), ("Content-Type", "text/html")], b"<h1>502 Bad Gateway</h1>"
        finally:
            connection.close()

    # -------------------------------------------------------------------------------------------- its life

    def _live(self) -> None:
        try:
            if self.door is not None:
                self.door.wait()
            if self._wanted:
                self._child = children.Child(self._command(), self._environment(), self._home, self._tell)
                if not self._wanted:
                    self._child.terminate(STOP_SECONDS)
                if self.server:
                    threading.Thread(target=self._check_health, daemon=True, name="health").start()
                code = self._child.wait()
            else:
                code = 0
        except OSError as problem:
            self._tell(f"exec failed: {problem}")
            code = 127
        if self.door is not None:
            self.door.close()
        shutil.rmtree(self._home, ignore_errors=True)
        self.exit_code = code

    def _tell(self, line: str) -> None:
        with self._lock:
            self._lines.append(line)

    def _command(self) -> list[str]:
        command = list(self.container.command or IMAGE_COMMAND)
        for option, value in (("--host", "127.0.0.1"), ("--port", str(self._loopback_port))):
            if self.port and option in command:
                command[command.index(option) + 1] = value
        program = SETTING.programs / command[0]
        return [str(program) if program.exists() else command[0], *command[1:]]

    def _environment(self) -> dict[str, str]:
        found = {
            "PATH": f"{SETTING.programs}:/usr/local/bin:/usr/bin:/bin",
            "HOME": str(self._home),
            "LANG": "C.UTF-8",
            "PYTHONUNBUFFERED": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
            "ZENML_CONTAINER": "1",
            "ZENML_CONFIG_PATH": str(self._home / ".zenconfig"),
            "HTTPS_PROXY": SETTING.proxy,
            "HTTP_PROXY": SETTING.proxy,
            "REQUESTS_CA_BUNDLE": str(SETTING.authorities),
        }
        found.update(self.container.environment)
        if self.door is not None:
            found["ZENML_STORE_URL"] = f"mysql://127.0.0.1:{self.door.port}"
        if "BEGIN CERTIFICATE" in found.get("ZENML_STORE_SSL_CA", ""):
            found["ZENML_STORE_SSL_CA"] = pem_of(AUTHORITY.certificate).decode()
        found.update(self.container.overrides)
        # Nothing of a rehearsal is anybody's business.
        found["ZENML_ANALYTICS_OPT_IN"] = "false"
        return found

    def _check_health(self) -> None:
        """As a load balancer does: one question without an answer proves nothing."""
        missed = 0
        while self.exit_code is None:
            path = self._path
            status = self._ask(path)
            self._answered = self._answered or status is not None
            missed = 0 if status is not None else missed + 1
            if path == self._path and (status is not None or missed >= UNHEALTHY_THRESHOLD):
                self._status = status
            time.sleep(0.5)

    def _ask(self, path: str) -> int | None:
        connection = http.client.HTTPConnection("127.0.0.1", self._loopback_port, timeout=5)
        try:
            connection.request("GET", path, headers={"User-Agent": "ELB-HealthChecker/2.0"})
            return connection.getresponse().status
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()


def run(container: Any, place: Place, port: int | None, server: bool) -> RealProcess:
    process = RealProcess(container, place, port, server)
    _alive.append(process)
    return process


_alive: list[RealProcess] = []


@clock.advances
def _follow() -> bool:
    """Databases and doors follow what the AWS API says of instances and security groups."""
    if is_on():
        mariadb.follow()
        for process in list(_alive):
            if process.is_over:
                _alive.remove(process)
            elif process.door is not None:
                process.door.follow()
    return False


def end() -> None:
    """Ends every process, and waits for it."""
    for process in list(_alive):
        process.terminate(patience=5)
    until = time.monotonic() + 10
    while not all(process.is_over for process in _alive) and time.monotonic() < until:
        time.sleep(0.05)
    _alive.clear()
    mariadb.end()


clock.forgets(end)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def refuses(image_version: str) -> bool:
    """True for a version of the server that is not installed."""
    return is_on() and image_version != SETTING.version


def describe() -> dict[str, Any]:
    return {"real_server": SETTING.version} if is_on() else {}
