"""The endpoints behind the load balancers: one HTTPS and one HTTP server on the loopback interface.

A request reaches the load balancer whose DNS name is the requested host, or to which a record in the sandbox's zones
leads. HTTPS presents the certificate of that load balancer's listener, chosen by SNI; without a load balancer, a listener
on 443, or a rule that lets anybody in, the handshake is refused, as a closed port would. Without healthy targets the answer is the load
balancer's own 503. Behind that, `server` plays the ZenML server of a healthy task.
"""
from __future__ import annotations

import random
import socket
import ssl
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from moto.acm.models import acm_backends
from moto.ec2.models import ec2_backends
from moto.elbv2.models import elbv2_backends

from . import balancing, clock, conditions, dns, duplicate, health, network, serverhttp
from .authority import AUTHORITY, pem_of

_contexts: dict[tuple[str, bytes], ssl.SSLContext] = {}
_HSTS = "routing.http.response.strict_transport_security.header_value"
_ERROR = "<html>\r\n<head><title>{0}</title></head>\r\n<body>\r\n<center><h1>{0}</h1></center>\r\n</body>\r\n</html>\r\n"


def listener_for(host: str, port: int, protocol: str) -> Any:
    """The listener that a request for this host meets; None if nothing listens there."""
    balancer = dns.load_balancer_for(host)
    if balancer is None or balancer.state != "active" and not clock.passed(clock.notes(balancer).get("created", 0), 3):
        return None
    for listener in balancer.listeners.values():
        if int(listener.port) == port and listener.protocol == protocol:
            return listener if _is_let_in(balancer, port) else None
    return None


def _is_let_in(balancer: Any, port: int) -> bool:
    """Whether the load balancer's groups let anybody in on a port: who asks here is taken for one of those."""
    region, account = balancer.arn.split(":")[3:5]
    return network.lets_anybody_in(ec2_backends[account][region], balancer.security_groups or [], port)


def _context_for(listener: Any) -> ssl.SSLContext | None:
    """A TLS context with the listener's certificate; None when the sandbox has no usable one."""
    region, account = (listener.certificate or "::::").split(":")[3:5]
    bundle = acm_backends[account][region]._certificates.get(listener.certificate) if region else None
    if bundle is None:
        return None
    certificate, secret = bundle.cert, bundle.key
    is_expired = conditions.value("certificate", {}).get("Status") == "EXPIRED"
    key = (bundle.arn, b"expired" if is_expired else bundle.cert)
    if key not in _contexts:
        if is_expired:
            certificate, secret = AUTHORITY.issue([bundle.common_name, *bundle.sans], days=-1)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "pair.pem"
            path.touch(mode=0o600)
            chain = pem_of(AUTHORITY.certificate) if bundle.type == "AMAZON_ISSUED" else b""
            path.write_bytes(certificate + b"\n" + chain + b"\n" + secret)
            context.load_cert_chain(path)
        _contexts[key] = context
    return _contexts[key]


def _choose(connection: ssl.SSLSocket, host: str | None, _: ssl.SSLContext) -> int | None:
    with clock.LOCK:
        clock.advance()
        listener = listener_for(host, 443, "HTTPS") if host else None
        context = _context_for(listener) if listener is not None else None
    if context is None:
        return ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME
    connection.context = context
    return None


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 20
    secure = True

    def _serve(self) -> None:
        host = (self.headers.get("Host") or "").rsplit(":", 1)[0].lower()
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(min(length, 1 << 20))
        with clock.LOCK:
            clock.advance()
            answer = self._answer(host, body)
        if callable(answer):
            answer = answer()
        if answer is None:
            self.close_connection = True
            self.connection.close()
            return
        status, headers, content = answer
        self.send_response_only(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _serve

    def _answer(self, host: str, body: bytes) -> Any:
        port, protocol = (443, "HTTPS") if self.secure else (80, "HTTP")
        listener = listener_for(host, port, protocol)
        if listener is None:
            return None
        action = listener.default_actions[0].data
        if action["Type"] == "redirect":
            answer = _redirect(action["RedirectConfig"], host, self.path, port, protocol)
        elif action["Type"] == "fixed-response":
            fixed = action["FixedResponseConfig"]
            answer = int(fixed["StatusCode"]), [("Content-Type", fixed.get("ContentType") or "text/plain")], (fixed.get("MessageBody") or "").encode()
        else:
            return self._forward(listener, host, body)
        return self._with_hsts(listener, answer)

    def _with_hsts(self, listener: Any, answer: Any) -> Any:
        status, headers, content = answer
        hsts = listener.attributes.get(_HSTS)
        return status, [*headers, ("Strict-Transport-Security", hsts)] if hsts and self.secure else headers, content

    def _forward(self, listener: Any, host: str, body: bytes) -> Any:
        """The answer of a healthy task; for a real process a function that gets it, since the world must not wait for it."""
        region, account = listener.arn.split(":")[3:5]
        groups = balancing.targets_of(elbv2_backends[account][region], listener)
        ready = [task for group in groups for task in health.healthy_tasks(group)]
        if not ready:
            refusal = _ERROR.format("503 Service Temporarily Unavailable").encode()
            return self._with_hsts(listener, (503, [("Server", "awselb/2.0"), ("Content-Type", "text/html")], refusal))
        given = {key.lower(): value for key, value in self.headers.items()}
        task = random.choice(ready)
        if not task.life.process.is_real:
            return self._with_hsts(listener, serverhttp.answer(task, self.command, self.path, given, body))

        def ask() -> Any:
            status, headers, content = task.life.process.forward(self.command, self.path, given, body)
            return self._with_hsts(listener, (status, [*headers, ("X-Sandbox-Task", task.id)], content))

        return ask

    def log_message(self, *_: Any) -> None:
        pass


class _PlainHandler(_Handler):
    secure = False


def _redirect(config: dict[str, str], host: str, path: str, port: int, protocol: str) -> Any:
    location = "{Protocol}://{Host}:{Port}{Path}".format(**config)
    bare, _, query = path.partition("?")
    for name, value in (("protocol", protocol.lower()), ("host", host), ("port", str(port)), ("path", bare.lstrip("/"))):
        location = location.replace("#{" + name + "}", value)
    location = location.replace("HTTPS://", "https://").replace("HTTP://", "http://")
    wanted = config.get("Query", "#{query}").replace("#{query}", query)
    location += f"?{wanted}" if wanted else ""
    status = 301 if config.get("StatusCode") == "HTTP_301" else 302
    title = "301 Moved Permanently" if status == 301 else "302 Found"
    return status, [("Server", "awselb/2.0"), ("Content-Type", "text/html"), ("Location", location)], _ERROR.format(title).encode()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    context: ssl.SSLContext | None = None

    def finish_request(self, request: Any, client_address: Any) -> None:
        """The handshake happens in the connection's own thread, so that a silent client blocks nobody."""
        if self.context is not None:
            request.settimeout(20)
            try:
                request = self.context.wrap_socket(request, server_side=True)
            except (OSError, ssl.SSLError):
                return
        try:
            self.RequestHandlerClass(request, client_address, self)
        finally:
            if self.context is not None:
                try:
                    request.close()
                except OSError:
                    pass

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is not worth a traceback."""


def start() -> tuple[int, int]:
    """Serves HTTPS and HTTP in background threads; returns both ports."""
    secure, plain = _Server(("127.0.0.1", 0), _Handler), _Server(("127.0.0.1", 0), _PlainHandler)
    secure.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    secure.context.sni_callback = _choose
    for server in (secure, plain):
        server.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        duplicate.listens(server.socket)
        threading.Thread(target=server.serve_forever, daemon=True, name="workspace").start()
    return secure.server_port, plain.server_port
