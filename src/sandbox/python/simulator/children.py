"""Child processes: their output line by line, a bounded end, and no survivors when the sandbox is killed."""
from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

_SET_PARENT_DEATH_SIGNAL = 1
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


class Child:
    """A process. The thread that makes it must be the one that waits: on Linux the kernel ends a child with that thread."""

    def __init__(self, command: list[str], environment: dict[str, str], folder: Path, tell: Callable[[str], None]) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._tell = tell
        self._process = subprocess.Popen(
            command,
            env=environment,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            preexec_fn=_follow_parent,
        )

    def wait(self) -> int:
        """Reads its output to the end; its exit code, for a signal that of a shell."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._tell(line.rstrip("\r\n"))
        code = self._process.wait()
        return code if code >= 0 else 128 - code

    def terminate(self, patience: float) -> None:
        """SIGTERM now, SIGKILL after `patience` seconds. Returns at once."""
        try:
            self._process.terminate()
        except OSError:
            return
        timer = threading.Timer(patience, self._kill)
        timer.daemon = True
        timer.start()

    def _kill(self) -> None:
        if self._process.poll() is None:
            self._process.kill()


def _follow_parent() -> None:
    """Runs in the child: SIGTERM when the sandbox is gone, and the signals that the sandbox ignores as they were."""
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    if _libc is not None:
        _libc.prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGTERM)
        if os.getppid() == 1:
            os._exit(1)
