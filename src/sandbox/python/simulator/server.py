"""The sandbox process: starts everything, says where it is, stays until it is stopped or unused for hours.

Bound to 127.0.0.1 only. It leaves the terminal's session and ignores its signals, so that it survives the command that
started it; SIGTERM or POST /sandbox/stop end it. All data is in memory and goes with the process.
"""
from __future__ import annotations

import argparse
import json
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

# Read by moto when it is imported: without it AmazonECSTaskExecutionRolePolicy and its like do not exist.
os.environ.setdefault("MOTO_IAM_LOAD_MANAGED_POLICIES", "true")

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app  # noqa: E402
from werkzeug.serving import make_server  # noqa: E402

from . import (  # noqa: E402, F401  (importing a module installs its behaviour)
    account,
    application,
    balancing,
    buckets,
    certificates,
    clock,
    compute,
    conditions,
    control,
    database,
    database_groups,
    definitions,
    deployments,
    dns,
    duplicate,
    gateways,
    health,
    identity,
    logs,
    metrics,
    network,
    realserver,
    resolver,
    scaling,
    scheduler,
    secrets,
    tagging,
    workspace,
)
from .authority import AUTHORITY  # noqa: E402


def arguments(given: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="simulator", description="A local AWS for rehearsing a ZenML Pro Hybrid deployment.")
    parser.add_argument("--port", type=int, default=0, help="port of the AWS API; 0 takes a free one")
    parser.add_argument("--data", type=Path, required=True, help="folder for sandbox.json, ca.pem and sandbox.log")
    parser.add_argument("--step", type=float, default=float(os.environ.get("SIM_STEP", "0.3")), help="seconds per lifecycle step; 0 is instant")
    parser.add_argument("--idle-hours", type=float, default=4, help="stop after this many hours without a request")
    parser.add_argument("--parent", type=int, help="stop when this process is gone")
    parser.add_argument("--containers", choices=("zenml", "opaque"), default="zenml", help="what runs in containers; opaque: any healthy program")
    parser.add_argument("--real-server", metavar="VERSION", help="run ZenML servers of this version as processes")
    parser.add_argument("--programs", type=Path, help="with --real-server: the `bin` of a Python environment with the server")
    parser.add_argument("--mariadb", type=Path, help="with --real-server: unpacked packages with mariadbd; else it is on PATH")
    return parser.parse_args(given)


def main(given: list[str] | None = None) -> int:
    options = arguments(sys.argv[1:] if given is None else given)
    _detach()
    clock.set_step(options.step)
    application.MODE["containers"] = options.containers
    options.data.mkdir(parents=True, exist_ok=True)
    logging.getLogger("werkzeug").setLevel(logging.ERROR)

    world = control.World(lambda changed: _announce(changed, options.data))
    world.moto = metrics.speak_cbor(DomainDispatcherApplication(create_backend_app))
    signal.signal(signal.SIGTERM, lambda *_: world.stopped.set())
    if options.real_server:
        authorities = AUTHORITY.write(options.data).resolve()
        realserver.turn_on(options.real_server, options.programs, options.mariadb, options.data.resolve(), authorities)
    _serve(world, options, lambda line: print(line, flush=True))
    return 0


def _serve(world: control.World, options: argparse.Namespace, ready: Callable[[str], Any]) -> None:
    """Listens, says where, and stays until it is told to go."""

    def copy(folder: Path) -> dict[str, Any]:
        if realserver.is_on():
            raise ValueError("real servers cannot be in two worlds")

        def live(told: Callable[[str], Any]) -> None:
            options.data, options.port = folder, 0
            folder.mkdir(parents=True, exist_ok=True)
            _detach()
            world.stopped = threading.Event()
            _serve(world, options, told)

        return duplicate.duplicate(live)

    world.copy = copy
    server = make_server("127.0.0.1", options.port, control.Application(world), threaded=True, request_handler=_QuietHandler)
    duplicate.listens(server.socket)
    secure, plain = workspace.start()
    world.ports = {
        "endpoint": f"http://127.0.0.1:{server.server_port}",
        "https_port": secure,
        "http_port": plain,
        "dns_port": resolver.start(),
        "ca_file": str(AUTHORITY.write(options.data).resolve()),
        "pid": os.getpid(),
        **realserver.describe(),
    }
    threading.Thread(target=server.serve_forever, daemon=True, name="api").start()
    _announce(world, options.data)
    ready(json.dumps(world.describe()))
    _leave_output(options.data)
    _tick(world, options.idle_hours, options.parent)
    realserver.end()
    _forget(world, options.data)


class _QuietHandler(MotoRequestHandler):
    def log(self, type: str, message: str, *args: object) -> None:  # noqa: A002  (werkzeug's name)
        """One line per request helps nobody."""

    def date_time_string(self, timestamp: float | None = None) -> str:
        """The `Date` of every answer, by AWS's clock."""
        return super().date_time_string(time.time() + conditions.value("clock_ahead", 0) if timestamp is None else timestamp)


def _detach() -> None:
    """Leaves the terminal: its Ctrl-C and hang-up are meant for the command that started the sandbox."""
    try:
        os.setsid()
    except OSError:
        pass  # already a session leader
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)


def _announce(world: control.World, folder: Path) -> None:
    """Writes sandbox.json in one step, so that a reader never sees half of it."""
    path = folder / f"sandbox.json.{os.getpid()}"
    path.write_text(json.dumps(world.describe()) + "\n")
    path.replace(folder / "sandbox.json")


def _leave_output(folder: Path) -> None:
    """Whoever started the sandbox may close its pipes: from here on everything goes to a file."""
    with open(folder / "sandbox.log", "ab", buffering=0) as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)


def _gone(process: int | None) -> bool:
    """True if a process was named and there is none (or somebody else's) with that id."""
    try:
        if process is not None:
            os.kill(process, 0)
    except OSError:
        return True
    return False


def _tick(world: control.World, idle_hours: float, parent: int | None) -> None:
    """Moves the world on in the background, until it is stopped, unused for too long, or its parent is gone."""
    pace = max(0.05, clock.step() / 2) if clock.step() else 1.0
    while not world.stopped.wait(min(pace, 5)):
        clock.advance()
        if clock.now() - world.used > idle_hours * 3600 or _gone(parent):
            return


def _forget(world: control.World, folder: Path) -> None:
    """Removes sandbox.json, unless a later sandbox has written its own."""
    path = folder / "sandbox.json"
    try:
        if json.loads(path.read_text()).get("pid") == os.getpid():
            path.unlink()
    except (OSError, ValueError):
        pass
