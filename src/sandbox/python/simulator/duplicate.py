"""A second sandbox with the same world: a copy of this process with ports and a data folder of its own.

A world takes seconds to reach and is full of objects that cannot be written down; a forked process has all of them at
once, to the moment. From then on the two know nothing of each other.
"""
from __future__ import annotations

import json
import os
import socket
import traceback
from collections.abc import Callable
from typing import Any

from . import clock

_listening: list[socket.socket] = []


def listens(server: socket.socket) -> None:
    """Registers a socket that a copy must not answer on."""
    _listening.append(server)


def duplicate(live: Callable[[Callable[[str], Any]], None]) -> dict[str, Any]:
    """Runs `live` in a copy of this process and returns the line that it gives when it is ready."""
    reader, writer = os.pipe()
    # The only thread that goes on in the copy is this one: whoever changes the world must not be in the middle of it.
    with clock.LOCK:
        child = os.fork()
    if child == 0:
        _begin(reader, writer, live)
    os.close(writer)
    os.waitpid(child, 0)
    with os.fdopen(reader) as answer:
        line = answer.readline()
    if not line:
        raise ValueError("the copy did not start; its log or ours says why")
    return json.loads(line)


def _begin(reader: int, writer: int, live: Callable[[Callable[[str], Any]], None]) -> None:
    try:
        # The copy is nobody's child: no one has to wait for its end.
        if os.fork():
            return
        os.close(reader)
        for server in _listening:
            server.close()
        _listening.clear()
        # Our standard input is the lock that says that we live; the copy does not hold it.
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.close(nothing)

        def ready(line: str) -> None:
            os.write(writer, line.encode() + b"\n")
            os.close(writer)

        live(ready)
    except BaseException:  # noqa: BLE001  (nothing of the copied thread may run on)
        traceback.print_exc()
    finally:
        os._exit(0)
