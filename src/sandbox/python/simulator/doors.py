"""A task's way to its database: a port on the loopback interface that behaves as the network in between would.

Open, it passes bytes on. Where a security group or a wrong port is in the way, connections time out, as packets that are
dropped make them; where the instance is down, they are refused.
"""
from __future__ import annotations

import socket
import threading
import time
from typing import Any

from . import mariadb, store
from .store import Place

OPEN, DROPS, REFUSES = "open", "drops", "refuses"


class Door:
    """One port. `follow` is called under the lock of the world, the rest is done by threads."""

    def __init__(self, settings: store.Settings, place: Place, instance: Any) -> None:
        self._settings, self._place, self._instance = settings, place, instance
        self._database = mariadb.of(instance)
        # Bound and not listening: connections are refused. It keeps the number for the door.
        self._listener = _bound(0)
        self.port = int(self._listener.getsockname()[1])
        self._state = REFUSES
        self._fillers: list[socket.socket] = []
        self._lock = threading.Lock()
        self._closed = False
        self.follow()

    def wait(self) -> None:
        """Until the database answers, if it is to be reached at all."""
        until = time.monotonic() + mariadb.READY_SECONDS
        while self._state == OPEN and not self._closed and not self._database.is_ready() and time.monotonic() < until:
            time.sleep(0.1)

    def follow(self) -> None:
        """Becomes what instance and security groups say."""
        wanted = self._judge()
        with self._lock:
            if wanted != self._state and not self._closed:
                self._change(wanted)

    def close(self) -> None:
        with self._lock:
            self._closed = True
            self._release()

    def _judge(self) -> str:
        if self._instance.status in mariadb.DOWN:
            return REFUSES
        return OPEN if store.reaches(self._instance, self._place, self._settings.port) else DROPS

    def _change(self, wanted: str) -> None:
        self._release()
        self._listener, self._state = _bound(self.port), wanted
        if wanted == OPEN:
            self._listener.listen(128)
            threading.Thread(target=self._serve, args=(self._listener,), daemon=True, name="door").start()
        elif wanted == DROPS:
            # A full queue that nobody empties: Linux drops what comes next.
            self._listener.listen(0)
            self._fillers = [_begun(self.port) for _ in range(4)]

    def _release(self) -> None:
        for filler in self._fillers:
            filler.close()
        self._fillers = []
        try:
            # Wakes the thread in accept().
            self._listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._listener.close()

    def _serve(self, listener: socket.socket) -> None:
        while True:
            try:
                near, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._pass_on, args=(near,), daemon=True, name="door").start()

    def _pass_on(self, near: socket.socket) -> None:
        try:
            far = socket.create_connection(("127.0.0.1", self._database.port), timeout=10)
        except OSError:
            near.close()
            return
        far.settimeout(None)
        threading.Thread(target=_copy, args=(far, near), daemon=True, name="door").start()
        _copy(near, far)


def open_for(environment: dict[str, str], place: Place) -> Door | None:
    """The door for a task; None where the settings name no instance, so that the server meets the name itself."""
    try:
        settings = store.settings_of(environment)
    except store.StoreError:
        return None
    instance = store.instance_at(place.account_id, settings.host) if settings else None
    return Door(settings, place, instance) if settings and instance is not None else None


def _bound(port: int) -> socket.socket:
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.bind(("127.0.0.1", port))
    return made


def _begun(port: int) -> socket.socket:
    made = socket.socket()
    made.setblocking(False)
    made.connect_ex(("127.0.0.1", port))
    return made


def _copy(source: socket.socket, target: socket.socket) -> None:
    """Passes bytes on until either side ends."""
    try:
        while chunk := source.recv(65536):
            target.sendall(chunk)
    except OSError:
        pass
    for side in (source, target):
        try:
            side.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        side.close()
