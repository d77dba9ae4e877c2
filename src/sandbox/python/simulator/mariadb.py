"""A MariaDB for each RDS instance, started when a task first wants it.

It follows the instance: stopped and started with it, started again when the master password or the demand for TLS
changes, gone when the instance is. A snapshot holds no data: what is restored from one starts empty.
"""
from __future__ import annotations

import getpass
import os
import shutil
import socket
import subprocess
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from moto.rds.models import rds_backends

from . import children, store
from .authority import AUTHORITY
from .patching import backends

READY_SECONDS = 90
STOP_SECONDS = 20
DROP_SECONDS = 5
# In these an instance takes no connections.
DOWN = ("creating", "deleting", "rebooting", "stopped", "stopping", "starting")

_ROOT: dict[str, Path | None] = {"packages": None, "folder": Path()}
_databases: dict[str, Database] = {}


def turn_on(packages: Path | None, folder: Path) -> None:
    """`packages`: a folder with Debian's packages unpacked; None: what is installed."""
    _ROOT.update(packages=packages, folder=folder)


@dataclass
class Wanted:
    """What decides whether a running MariaDB has to be started anew."""

    username: str
    password: str
    name: str | None
    tls_required: bool


@dataclass
class Database:
    """One MariaDB, and the thread that looks after it."""

    folder: Path
    port: int
    wanted: Wanted
    up: bool = True
    gone: bool = False
    lines: list[str] = field(default_factory=list)
    running: Wanted | None = None
    child: children.Child | None = None
    thread: threading.Thread | None = None

    def start(self) -> None:
        self.thread = threading.Thread(target=self._live, daemon=True, name="mariadb")
        self.thread.start()

    def is_ready(self) -> bool:
        """It listens, with the present settings."""
        return self.up and self.running == self.wanted and _listens(self.port)

    def follow(self, wanted: Wanted, up: bool) -> None:
        if (wanted, up) == (self.wanted, self.up):
            return
        self.wanted, self.up = wanted, up
        if self.child is not None:
            self.child.terminate(STOP_SECONDS)

    def drop(self) -> None:
        """For good: nobody needs what is in it."""
        self.gone = True
        if self.child is not None:
            self.child.terminate(DROP_SECONDS)

    def _live(self) -> None:
        while not self.gone:
            if not self.up:
                time.sleep(0.1)
                continue
            try:
                self._run_once()
            except (OSError, subprocess.SubprocessError) as problem:
                self._tell(f"mariadbd does not run: {problem}")
                time.sleep(1)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _run_once(self) -> None:
        data = self.folder / "data"
        if not data.exists():
            _install(self.folder, data)
        wanted = self.wanted
        self.child = children.Child(self._command(data, wanted), _environment(), data, self._tell)
        self.running = wanted
        if self.gone or not self.up or self.wanted != wanted:
            self.child.terminate(STOP_SECONDS)
        code = self.child.wait()
        self.child, self.running = None, None
        if code:
            time.sleep(0.5)

    def _command(self, data: Path, wanted: Wanted) -> list[str]:
        certificate, key = AUTHORITY.issue(["localhost"], ["127.0.0.1"])
        for name, content in (("server.pem", certificate), ("server.key", key), ("start.sql", _start(wanted).encode())):
            path = self.folder / name
            path.touch(mode=0o600)
            path.write_bytes(content)
        AUTHORITY.write(self.folder)
        return [
            _program("mariadbd"),
            "--no-defaults",
            *_places(data),
            "--bind-address=127.0.0.1",
            f"--port={self.port}",
            # Relative to the data folder: the name of a socket may have only a hundred characters.
            "--socket=server.sock",
            "--pid-file=server.pid",
            "--skip-name-resolve",
            "--innodb-buffer-pool-size=64M",
            "--innodb-log-file-size=8M",
            "--innodb-flush-log-at-trx-commit=0",
            f"--ssl-ca={self.folder / 'ca.pem'}",
            f"--ssl-cert={self.folder / 'server.pem'}",
            f"--ssl-key={self.folder / 'server.key'}",
            f"--require-secure-transport={'ON' if wanted.tls_required else 'OFF'}",
            f"--init-file={self.folder / 'start.sql'}",
        ]

    def _tell(self, line: str) -> None:
        self.lines.append(line)
        del self.lines[:-50]


def of(instance: Any) -> Database:
    """The MariaDB of an instance; starts one if there is none."""
    known = _databases.get(instance.dbi_resource_id)
    if known is None:
        folder = (_ROOT["folder"] or Path()) / f"database-{instance.dbi_resource_id}"
        known = Database(folder, _free_port(), _wanted(instance), instance.status not in DOWN)
        _databases[instance.dbi_resource_id] = known
        known.start()
    return known


def follow() -> None:
    """Brings every MariaDB to where its instance is."""
    instances = {found.dbi_resource_id: found for backend in backends(rds_backends) for found in backend.databases.values()}
    for identifier, database in list(_databases.items()):
        instance = instances.get(identifier)
        if instance is None:
            _databases.pop(identifier).drop()
        else:
            database.follow(_wanted(instance), instance.status not in DOWN)


def end() -> None:
    databases = list(_databases.values())
    _databases.clear()
    for database in databases:
        database.drop()
    until = time.monotonic() + DROP_SECONDS + 5
    for database in databases:
        if database.thread is not None:
            database.thread.join(max(0.0, until - time.monotonic()))


def _wanted(instance: Any) -> Wanted:
    return Wanted(instance.master_username, instance._master_user_password, instance.db_name, store.requires_tls(instance))


def _start(wanted: Wanted) -> str:
    """Every start sets the master user anew, so that a changed password holds."""
    user, password = f"{_quoted(wanted.username)}@'%'", _quoted(wanted.password)
    lines = [
        f"CREATE USER IF NOT EXISTS {user} IDENTIFIED BY {password};",
        f"ALTER USER {user} IDENTIFIED BY {password};",
        f"GRANT ALL PRIVILEGES ON *.* TO {user} WITH GRANT OPTION;",
    ]
    if wanted.name:
        lines.append(f"CREATE DATABASE IF NOT EXISTS `{wanted.name}`;")
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"


def _install(folder: Path, data: Path) -> None:
    """The system tables: about five seconds, so the folder gets its name last."""
    made = folder / "making"
    shutil.rmtree(made, ignore_errors=True)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    done = subprocess.run(
        [_program("mariadb-install-db"), "--no-defaults", *_places(made), "--auth-root-authentication-method=normal", "--skip-test-db", "--innodb-log-file-size=8M"],
        env=_environment(), capture_output=True, text=True, timeout=READY_SECONDS, cwd=folder,
    )
    if done.returncode:
        raise OSError(f"mariadb-install-db: {(done.stderr or done.stdout).strip()[-500:]}")
    made.rename(data)


def _places(data: Path) -> list[str]:
    packages = _ROOT["packages"]
    base = [f"--basedir={packages}/usr", f"--lc-messages-dir={packages}/usr/share/mysql", f"--plugin-dir={data}"] if packages else []
    return [*base, f"--datadir={data}", f"--user={_user()}"]


def _user() -> str:
    return getpass.getuser()


def _program(name: str) -> str:
    packages = _ROOT["packages"]
    if packages is not None:
        for folder in ("usr/sbin", "usr/bin"):
            if (packages / folder / name).exists():
                return str(packages / folder / name)
    return shutil.which(name, path=_environment()["PATH"]) or name


def _environment() -> dict[str, str]:
    found = {"PATH": f"{os.environ.get('PATH', '')}:/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8"}
    packages = _ROOT["packages"]
    if packages is not None:
        found["LD_LIBRARY_PATH"] = ":".join(str(path) for path in sorted((packages / "usr/lib").glob("*-linux-gnu*")))
    return found


def _listens(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2):
            return True
    except OSError:
        return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


