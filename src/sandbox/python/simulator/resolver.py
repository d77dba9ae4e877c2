"""A small DNS server on the loopback interface that answers from the sandbox's zones.

Public DNS does not know what a sandbox contains. Names that lead to an existing load balancer (its own DNS name, or an
alias or CNAME) answer 127.0.0.1, where the workspace endpoint listens; other record types answer what the zone holds;
everything else is NXDOMAIN. UDP only, one question per message, no compression in answers.
"""
from __future__ import annotations

import socket
import struct
import threading
from typing import Any

from . import clock, conditions, dns, duplicate

TYPES = {"A": 1, "NS": 2, "CNAME": 5, "SOA": 6, "TXT": 16, "AAAA": 28, "CAA": 257}
_NAMES = {number: name for name, number in TYPES.items()}
_NXDOMAIN, _OK, _BAD = 3, 0, 1


def start(port: int = 0) -> int:
    """Serves in a background thread; returns the port."""
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", port))
    duplicate.listens(server)
    threading.Thread(target=_serve, args=(server,), daemon=True, name="resolver").start()
    return server.getsockname()[1]


def _serve(server: socket.socket) -> None:
    while True:
        message, peer = server.recvfrom(4096)
        try:
            server.sendto(answer(message), peer)
        except (OSError, ValueError, struct.error, IndexError, UnicodeError):
            continue


def answer(message: bytes) -> bytes:
    """The response to one DNS query message."""
    identifier, flags, questions = struct.unpack("!HHH", message[:6])
    if questions != 1 or flags & 0x7800:
        return struct.pack("!HHHHHH", identifier, 0x8180 | _BAD, 0, 0, 0, 0)
    name, end = _read_name(message, 12)
    kind = _NAMES.get(struct.unpack("!H", message[end : end + 2])[0], "?")
    with clock.LOCK:
        clock.advance()
        code, records = _look_up(name, kind)
    body = b"".join(_record(*record) for record in records)
    header = struct.pack("!HHHHHH", identifier, 0x8480 | (flags & 0x0100) | code, 1, len(records), 0, 0)
    return header + message[12 : end + 4] + body


def _look_up(name: str, kind: str, depth: int = 0) -> tuple[int, list[tuple[str, str, bytes]]]:
    if dns.load_balancer_named(name) is not None:
        return _OK, [(name, "A", bytes([127, 0, 0, 1]))] if kind == "A" else []
    if not conditions.value("delegated", True):
        return _NXDOMAIN, []
    records = dns.records_of(name)
    if not records or depth > 8:
        known = any(dns.canonical(zone.name) == dns.canonical(name) for zone in dns.zones_over(name))
        return (_OK if known else _NXDOMAIN), []
    found: list[tuple[str, str, bytes]] = []
    for record in records:
        if record.type == "CNAME" and kind != "CNAME":
            target = str(record.records[0])
            code, rest = _look_up(target, kind, depth + 1)
            return code, [(name, "CNAME", _name(target)), *rest]
        if record.type != kind:
            continue
        if record.alias_target:
            alive = dns.load_balancer_for(record.alias_target["DNSName"]) is not None
            found += [(name, "A", bytes([127, 0, 0, 1]))] if alive and kind == "A" else []
        else:
            found += [(name, kind, _data(kind, _text(value))) for value in record.records]
    aliases = [record for record in records if record.alias_target]
    if not found and aliases and all(dns.load_balancer_for(record.alias_target["DNSName"]) is None for record in aliases):
        return _NXDOMAIN, []
    return _OK, found


def _text(value: Any) -> str:
    return str(value["Value"]) if isinstance(value, dict) else str(value)


def _data(kind: str, value: str) -> bytes:
    if kind == "A":
        return socket.inet_aton(value)
    if kind == "AAAA":
        return socket.inet_pton(socket.AF_INET6, value)
    if kind in ("NS", "CNAME"):
        return _name(value)
    if kind == "SOA":
        primary, owner, *numbers = value.split()
        return _name(primary) + _name(owner) + struct.pack("!IIIII", *map(int, numbers))
    if kind == "CAA":
        flags, tag, text = value.split(None, 2)
        return bytes([int(flags), len(tag)]) + tag.encode() + text.strip('"').encode()
    text = value.strip('"').encode()
    return b"".join(bytes([len(text[at : at + 255])]) + text[at : at + 255] for at in range(0, max(len(text), 1), 255))


def _record(name: str, kind: str, data: bytes) -> bytes:
    return _name(name) + struct.pack("!HHIH", TYPES[kind], 1, 1, len(data)) + data


def _name(name: str) -> bytes:
    labels = [label.encode() for label in name.rstrip(".").split(".") if label]
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


def _read_name(message: bytes, at: int) -> tuple[str, int]:
    labels = []
    while message[at]:
        length = message[at]
        if length > 63:
            raise ValueError("compressed question")
        labels.append(message[at + 1 : at + 1 + length].decode("ascii"))
        at += 1 + length
    return ".".join(labels).lower() + ".", at + 1
