"""The way out of a real task: a proxy that leads nowhere but to a stand-in for ZenML's control plane.

A task reaches it by `HTTPS_PROXY`, so the API URL and the audience stay as they were rendered. Whatever host is asked for,
the stand-in answers with a certificate for that name: nothing ever leaves this machine. What it is told decides:

    a client secret with `rejected` in it     401 at /auth/login
    host status-403.…, status-402.…, …        that status at /workspace_status
    host untrusted.…                          a certificate that no authority vouches for
    a user's token `unknown`, `broken`        404 or 500 at /users/authorize_server
"""
from __future__ import annotations

import datetime
import json
import re
import socketserver
import ssl
import tempfile
import threading
import uuid
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from .authority import AUTHORITY, pem_of, pem_of_key

_contexts: dict[str, ssl.SSLContext] = {}
_lock = threading.Lock()


class _Proxy(socketserver.StreamRequestHandler):
    timeout = 60

    def handle(self) -> None:
        line = self.rfile.readline(4096).decode("latin-1").split()
        while self.rfile.readline(8192) not in (b"\r\n", b"\n", b""):
            pass
        if len(line) < 2 or line[0] != "CONNECT":
            self.wfile.write(b"HTTP/1.1 405 Method Not Allowed\r\nContent-Length: 0\r\n\r\n")
            return
        host = line[1].rsplit(":", 1)[0]
        self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        try:
            with _context_for(host).wrap_socket(self.connection, server_side=True) as secured:
                _ControlPlane(secured, self.client_address, self.server)
        except (OSError, ssl.SSLError):
            pass  # the client does not trust the certificate, or went away


class _ControlPlane(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        host = (self.headers.get("Host") or "").rsplit(":", 1)[0]
        parts = urlsplit(self.path)
        status, value = answer(self.command, host, parts.path, self.headers.get("Authorization") or "", body)
        content = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve

    def log_message(self, *_: Any) -> None:
        pass


def answer(method: str, host: str, path: str, authorization: str, body: bytes) -> tuple[int, Any]:
    """What the control plane says."""
    asked = re.match(r"status-(\d{3})\.", host)
    if path.endswith("/auth/login"):
        secret = parse_qs(body.decode()).get("client_secret", [""])[0]
        if not secret or "rejected" in secret:
            return 401, {"detail": "Invalid client credentials"}
        return 200, {"access_token": "stand-in", "token_type": "bearer", "expires_in": 3600}
    if path.endswith("/workspace_status"):
        return (int(asked.group(1)), {"detail": f"asked for {asked.group(1)}"}) if asked else (200, {})
    if path.endswith("/users/authorize_server"):
        return _user(authorization.removeprefix("Bearer "))
    if path.endswith("/rbac/check_permissions"):
        return 200, {resource: True for resource in json.loads(body or b"[]")}
    if path.endswith("/rbac/allowed_resource_ids"):
        return 200, {"full_access": True, "ids": []}
    if path.endswith(("/usage-event", "/rbac/resource_members", "/rbac/resources")) or "/entitlement/" in path:
        return 200, {}
    return 404, {"detail": f"no such endpoint: {method} {path}"}


def _user(token: str) -> tuple[int, Any]:
    if "unknown" in token:
        return 404, {"detail": "Server not found"}
    if "broken" in token:
        return 500, {"detail": "Internal server error"}
    return 200, {"id": str(uuid.uuid5(uuid.NAMESPACE_URL, token)), "username": "rehearsal", "email": "rehearsal@example.com", "name": "Rehearsal"}


def _context_for(host: str) -> ssl.SSLContext:
    with _lock:
        if host not in _contexts:
            certificate, key = _self_signed(host) if host.startswith("untrusted.") else AUTHORITY.issue([host])
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / "pair.pem"
                path.touch(mode=0o600)
                path.write_bytes(certificate + b"\n" + key)
                context.load_cert_chain(path)
            _contexts[host] = context
        return _contexts[host]


def _self_signed(host: str) -> tuple[bytes, bytes]:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    now = datetime.datetime.now(datetime.timezone.utc)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(now - datetime.timedelta(days=1)).not_valid_after(now + datetime.timedelta(days=30))
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
    return pem_of(builder.sign(key, hashes.SHA256())), pem_of_key(key)


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = allow_reuse_address = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is not worth a traceback."""


def start() -> int:
    """Serves in the background; the proxy's port."""
    server = _Server(("127.0.0.1", 0), _Proxy)
    threading.Thread(target=server.serve_forever, daemon=True, name="control plane").start()
    return int(server.server_address[1])
