"""CloudWatch as the Rust SDK speaks it: Smithy RPC v2 with CBOR, translated to the JSON protocol that moto knows.

moto answers 404 to `POST /service/GraniteServiceVersion20100801/operation/PutMetricAlarm`. The request body is decoded,
handed on as JSON 1.0 with an `X-Amz-Target`, and the answer is encoded again; which numbers are times is read from the
service model, since CBOR marks them with a tag. https://smithy.io/2.0/additional-specs/protocols/smithy-rpc-v2.html

A new alarm is INSUFFICIENT_DATA, where moto says OK.
"""
from __future__ import annotations

import io
import json
import re
import struct
from collections.abc import Callable, Iterable
from typing import Any

from moto.cloudwatch import models
from moto.core.utils import get_service_model

from .patching import wrap

_PATH = re.compile(r"^/service/(GraniteServiceVersion20100801)/operation/(\w+)$")


@wrap(models.Alarm, "__init__")
def _alarm(original: Any, self: Any, *args: Any, **kwargs: Any) -> None:
    original(self, *args, **kwargs)
    self.state_value = "INSUFFICIENT_DATA"


def speak_cbor(application: Callable[..., Any]) -> Callable[..., Any]:
    """Wraps moto's WSGI application."""

    def translate(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        found = _PATH.match(environ.get("PATH_INFO", ""))
        if found is None:
            return application(environ, start_response)
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        content = json.dumps(decode(body) if body else {}).encode()
        inner = {
            **environ,
            "PATH_INFO": "/",
            "REQUEST_URI": "/",
            "RAW_URI": "/",
            "CONTENT_TYPE": "application/x-amz-json-1.0",
            "CONTENT_LENGTH": str(len(content)),
            "HTTP_X_AMZ_TARGET": ".".join(found.groups()),
            "wsgi.input": io.BytesIO(content),
        }
        for name in ("HTTP_SMITHY_PROTOCOL", "HTTP_ACCEPT"):
            inner.pop(name, None)
        seen: list[Any] = []
        answer = b"".join(application(inner, lambda status, headers, *_: seen.append((status, headers))))
        status, headers = seen[0]
        kept = [(name, value) for name, value in headers if name.lower() not in ("content-type", "content-length")]
        encoded = encode(_with_times(found.group(2), json.loads(answer or b"{}"), status))
        start_response(status, [*kept, ("Content-Type", "application/cbor"), ("Content-Length", str(len(encoded))), ("smithy-protocol", "rpc-v2-cbor")])
        return [encoded]

    return translate


class _Moment(float):
    """A number that is a time."""


def _with_times(operation: str, value: Any, status: str) -> Any:
    if not status.startswith("200"):
        return value
    return _mark(get_service_model("cloudwatch").operation_model(operation).output_shape, value)


def _mark(shape: Any, value: Any) -> Any:
    if shape is None or value is None:
        return value
    if shape.type_name == "structure":
        return {key: _mark(shape.members.get(key), one) for key, one in value.items()}
    if shape.type_name == "list":
        return [_mark(shape.member, one) for one in value]
    if shape.type_name == "map":
        return {key: _mark(shape.value, one) for key, one in value.items()}
    if shape.type_name == "timestamp":
        return _Moment(value)
    if shape.type_name in ("double", "float"):
        return float(value)
    return value


# ------------------------------------------------------------------------------------------------ CBOR (RFC 8949)

_BREAK = object()


def decode(data: bytes) -> Any:
    return _read(io.BytesIO(data))


def _argument(stream: io.BytesIO, small: int) -> int:
    if small < 24:
        return small
    return int.from_bytes(stream.read(1 << (small - 24)), "big")


def _read(stream: io.BytesIO) -> Any:
    first = stream.read(1)[0]
    kind, small = first >> 5, first & 31
    if kind == 7:
        return _simple(stream, small)
    endless = small == 31
    length = 0 if endless else _argument(stream, small)
    if kind == 0:
        return length
    if kind == 1:
        return -1 - length
    if kind in (2, 3):
        raw = b"".join(_until_break(stream)) if endless and kind == 2 else b"" if endless else stream.read(length)
        return raw.hex() if kind == 2 else "".join(_until_break(stream)) if endless else raw.decode()
    if kind == 4:
        return list(_until_break(stream)) if endless else [_read(stream) for _ in range(length)]
    if kind == 5:
        flat = list(_until_break(stream)) if endless else [_read(stream) for _ in range(2 * length)]
        return dict(zip(flat[::2], flat[1::2]))
    return _read(stream)  # a tag: times are plain numbers for moto


def _until_break(stream: io.BytesIO) -> Iterable[Any]:
    while (item := _read(stream)) is not _BREAK:
        yield item


def _simple(stream: io.BytesIO, small: int) -> Any:
    if small == 31:
        return _BREAK
    if small in (25, 26, 27):
        return struct.unpack({25: ">e", 26: ">f", 27: ">d"}[small], stream.read(1 << (small - 24)))[0]
    return {20: False, 21: True}.get(small)


def _head(kind: int, number: int) -> bytes:
    if number < 24:
        return bytes([kind << 5 | number])
    for at, size in enumerate((1, 2, 4, 8)):
        if number < 1 << 8 * size:
            return bytes([kind << 5 | 24 + at]) + number.to_bytes(size, "big")
    raise ValueError("number too large")


def encode(value: Any) -> bytes:
    if value is None or isinstance(value, bool):
        return bytes([{None: 0xF6, False: 0xF4, True: 0xF5}[value]])
    if isinstance(value, _Moment):
        return b"\xc1\xfb" + struct.pack(">d", value)
    if isinstance(value, float):
        return b"\xfb" + struct.pack(">d", value)
    if isinstance(value, int):
        return _head(0, value) if value >= 0 else _head(1, -1 - value)
    if isinstance(value, str):
        return _head(3, len(value.encode())) + value.encode()
    if isinstance(value, dict):
        return _head(5, len(value)) + b"".join(encode(key) + encode(one) for key, one in value.items())
    return _head(4, len(value)) + b"".join(encode(one) for one in value)
