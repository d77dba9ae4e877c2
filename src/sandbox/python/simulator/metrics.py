"""CloudWatch for the Rust SDK, which speaks a protocol that moto does not know (Smithy RPC v2 with CBOR)."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any


def speak_cbor(application: Callable[..., Any]) -> Callable[..., Any]:
    return application
