"""Time in the sandbox: lifecycle steps, the one lock, and what moves as time passes.

AWS needs seconds to minutes to bring things up; moto needs none, so a client that forgets to wait would never be
caught. Here everything takes a number of *steps*; `--step` says how many seconds one step is (0: everything is instant).

Nothing waits in a thread. State is derived from timestamps, and `advance()` moves what has to be moved: it runs before
every request, on every HTTPS and DNS question, and on a slow ticker, so that no result depends on who polls what.
"""
from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Callable
from typing import Any

# moto is not safe against concurrent writers, and neither is the scheduler: one lock for the whole world.
LOCK = threading.RLock()

_advancers: list[Callable[[], bool]] = []
_resetters: list[Callable[[], None]] = []
_notes: weakref.WeakKeyDictionary[Any, dict[str, Any]] = weakref.WeakKeyDictionary()
_settings = {"step": 0.3}

now = time.time


def set_step(seconds: float) -> None:
    _settings["step"] = seconds


def step() -> float:
    """Seconds per lifecycle step."""
    return _settings["step"]


def after(steps: float) -> float:
    """The moment `steps` steps from now."""
    return now() + steps * step()


def passed(since: float, steps: float) -> bool:
    """Whether `steps` steps have passed since the given moment."""
    return now() - since >= steps * step()


def notes(obj: Any) -> dict[str, Any]:
    """What the simulator remembers about a moto object.

    Not an attribute of the object: moto copies `__dict__` when it makes a snapshot or a restored instance.
    """
    return _notes.setdefault(obj, {})


def advances(function: Callable[[], bool]) -> Callable[[], bool]:
    """Registers something that moves with time; it returns whether anything changed."""
    _advancers.append(function)
    return function


def forgets(function: Callable[[], None]) -> Callable[[], None]:
    """Registers what has to be cleared when the world is reset."""
    _resetters.append(function)
    return function


def advance() -> None:
    """Moves everything to the present.

    With a step of 0 one change makes the next one due at once, so go on until nothing moves (bounded: a service whose
    tasks always die, without a circuit breaker, never settles).
    """
    with LOCK:
        for _ in range(30 if step() == 0 else 1):
            if not any([function() for function in _advancers]):
                return


def reset() -> None:
    with LOCK:
        _notes.clear()
        for function in _resetters:
            function()


def phases(obj: Any, *plan: tuple[str, float]) -> None:
    """Plans the states an object passes through before it shows its own: `phases(db, ("creating", 4))`."""
    due, planned = now(), []
    for word, steps in plan:
        due += steps * step()
        planned.append((due, word))
    notes(obj)["phases"] = planned


def phase(obj: Any) -> str | None:
    """The planned state the object is in, or None when it has passed them all."""
    for due, word in notes(obj).get("phases", ()):
        if now() < due:
            return word
    return None


def lagging(first: str, steps: float) -> property:
    """A property that shows `first` for some steps after it was set for the first time, and later phases likewise."""

    def read(obj: Any) -> str:
        return phase(obj) or notes(obj).get("state", "available")

    def write(obj: Any, value: str) -> None:
        if "state" not in notes(obj):
            phases(obj, (first, steps))
        notes(obj)["state"] = value

    return property(read, write)
