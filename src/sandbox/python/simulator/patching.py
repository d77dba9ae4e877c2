"""How the simulator changes moto: wrapping a method, adding one, honouring client tokens.

moto's methods are wrapped on the class, so that every caller inside moto sees the change as well. Names are looked up
when the module is imported: a moto release that renames one of them fails at start, not in the middle of a test.
"""
from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from moto.core.responses import ActionResult

from . import clock

_tokens: dict[tuple[str, ...], tuple[str, Any]] = {}
clock.forgets(_tokens.clear)


def wrap(owner: Any, name: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Replaces `owner.name` by a function that gets the original as its first argument. The owner is a class or a module."""
    original = getattr(owner, name)

    def decorate(replacement: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def wrapper(self: Any, *args: Any, **kwargs: Any) -> Any:
            return replacement(original, self, *args, **kwargs)

        setattr(owner, name, wrapper)
        return replacement

    return decorate


def add(owner: type, name: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Adds or replaces `owner.name`; for a response class that adds an API action."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        setattr(owner, name, function)
        return function

    return decorate


def backends(registry: Any) -> list[Any]:
    """Every backend (one per account and region) that exists so far, without creating one."""
    return [backend for account in list(registry.values()) for backend in list(account.values())]


def result_of(response: Any) -> Any:
    """The result inside what a response method returned."""
    return response.result if isinstance(response, ActionResult) else response


def honour_token(owner: type, name: str, parameter: str, mismatch: Callable[[], Exception] | None = None) -> None:
    """Makes an action idempotent by its client token: the same token gives the same object again, as AWS does.

    moto ignores these tokens, so a client that retries after a lost answer would get a second object.
    """

    @wrap(owner, name)
    def tokenised(original: Callable[..., Any], self: Any) -> Any:
        token = self._get_param(parameter)
        if not token:
            return original(self)
        key = (owner.__name__, name, self.current_account, self.region, token)
        asked = repr(sorted(self._get_params().items()))
        if key in _tokens:
            known, result = _tokens[key]
            if mismatch is not None and known != asked:
                raise mismatch()
            return ActionResult(result)
        response = original(self)
        _tokens[key] = (asked, result_of(response))
        return response
