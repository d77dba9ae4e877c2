"""What a ZenML server answers over HTTP, derived from the environment of the task that serves it.

Nothing here knows the client's configuration: a wrong variable in the task definition gives the wrong answer, as on AWS.
"""
from __future__ import annotations

import hashlib
import hmac
import json
import uuid
from typing import Any
from urllib.parse import urlsplit

from . import schema, store

Answer = tuple[int, "list[tuple[str, str]]", bytes]


def answer(task: Any, method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
    """The answer of a task behind a load balancer."""
    process = task.life.process
    if not process.server:
        return 200, [("Content-Type", "text/plain")], b"ok"
    environment = process.container.environment
    status, more, content = _route(process, environment, method, path.split("?")[0], headers)
    found = [*more, ("Server", _deployment_id(process, environment)), ("X-Sandbox-Task", task.id)]
    origin = headers.get("origin")
    if origin and origin.rstrip("/") in _origins(process, environment):
        found += [("Access-Control-Allow-Origin", origin), ("Access-Control-Allow-Credentials", "true")]
    return status, found, content


def _json(status: int, value: Any) -> Answer:
    return status, [("Content-Type", "application/json")], json.dumps(value).encode()


def _route(process: Any, environment: dict[str, str], method: str, path: str, headers: dict[str, str]) -> Answer:
    if path in ("/health", "/ready") and method in ("GET", "HEAD"):
        return 200, [("Content-Type", "text/plain; charset=utf-8")], b"ok"
    if path == "/api/v1/version":
        return _json(200, process.container.version)
    if path == "/api/v1/info":
        try:
            return _json(200, info(process, environment))
        except store.StoreError as failure:
            return _json(500, {"detail": ["RuntimeError", str(failure).removeprefix("RuntimeError: ")]})
    if path == "/api/v1/login" and method == "POST":
        return _login(process, environment)
    if path == "/api/v1/current-user":
        return _current_user(process, environment, headers)
    if path == "/api/v1/settings" and not process.is_pro:
        return _json(200, {"server_name": "default", "active": True})
    if path.startswith("/api/"):
        return _json(404, {"detail": "Not Found"})
    if process.is_pro:
        return 307, [("Location", _dashboard(environment))], b""
    return 200, [("Content-Type", "text/html")], b"<!doctype html><html><head><title>ZenML Dashboard</title></head><body></body></html>"


def _pro(environment: dict[str, str], name: str) -> str | None:
    return environment.get(f"ZENML_SERVER_PRO_{name}") or None


def _dashboard(environment: dict[str, str]) -> str:
    return f"{(_pro(environment, 'DASHBOARD_URL') or '').rstrip('/')}/workspaces/{_pro(environment, 'WORKSPACE_NAME')}"


def _origins(process: Any, environment: dict[str, str]) -> set[str]:
    found = set((environment.get("ZENML_SERVER_CORS_ALLOW_ORIGINS") or "").split(","))
    found.add(environment.get("ZENML_SERVER_SERVER_URL") or "")
    if process.is_pro:
        found |= {_pro(environment, "DASHBOARD_URL") or "", _pro(environment, "API_URL") or ""}
    return {_origin(url) for url in found if url}


def _origin(url: str) -> str:
    parts = urlsplit(url.strip())
    return f"{parts.scheme}://{parts.netloc}" if parts.netloc else url.strip().rstrip("/")


def _uuid(value: str | None) -> str | None:
    return str(uuid.UUID(value)) if value else None


def _deployment_id(process: Any, environment: dict[str, str]) -> str:
    try:
        settings = store.settings_of(environment)
    except store.StoreError:
        settings = None
    instance = store.instance_at(process.place.account_id, settings.host) if settings else None
    if instance is not None and schema.of(instance).deployment_id:
        return str(schema.of(instance).deployment_id)
    return _uuid(_pro(environment, "WORKSPACE_ID")) or process.instance_id


def info(process: Any, environment: dict[str, str]) -> dict[str, Any]:
    """/api/v1/info; reads the database, so it raises StoreError when that is gone."""
    opened = store.connect(environment, process.place)
    pro = process.is_pro
    name = (_pro(environment, "WORKSPACE_NAME") if pro else None) or "default"
    kind = environment.get("ZENML_SECRETS_STORE_TYPE") or "sql"
    url = environment.get("ZENML_SERVER_SERVER_URL") or ""
    return {
        "id": _deployment_id(process, environment),
        "name": name,
        "version": process.container.version,
        "active": True,
        "debug": False,
        "deployment_type": environment.get("ZENML_SERVER_DEPLOYMENT_TYPE") or "other",
        "database_type": "mysql" if opened else "sqlite",
        "secrets_store_type": kind,
        "auth_scheme": "EXTERNAL" if pro else environment.get("ZENML_SERVER_AUTH_SCHEME") or "OAUTH2_PASSWORD_BEARER",
        "server_url": url.rstrip("/"),
        "dashboard_url": _dashboard(environment) if pro else environment.get("ZENML_SERVER_DASHBOARD_URL") or "",
        "analytics_enabled": store.truthy(environment.get("ZENML_ANALYTICS_OPT_IN", "true")),
        "metadata": _metadata(environment) if pro else {},
        "last_user_activity": None,
        "pro_dashboard_url": (_pro(environment, "DASHBOARD_URL") or "").rstrip("/") if pro else None,
        "pro_api_url": (_pro(environment, "API_URL") or "").rstrip("/") if pro else None,
        "pro_organization_id": _uuid(_pro(environment, "ORGANIZATION_ID")) if pro else None,
        "pro_organization_name": _pro(environment, "ORGANIZATION_NAME") if pro else None,
        "pro_workspace_id": _uuid(_pro(environment, "WORKSPACE_ID")) if pro else None,
        "pro_workspace_name": _pro(environment, "WORKSPACE_NAME") if pro else None,
    }


def _metadata(environment: dict[str, str]) -> dict[str, Any]:
    return {
        "account_id": None,
        "organization_id": _uuid(_pro(environment, "ORGANIZATION_ID")),
        "workspace_id": _uuid(_pro(environment, "WORKSPACE_ID")),
        "organization_name": _pro(environment, "ORGANIZATION_NAME"),
        "workspace_name": _pro(environment, "WORKSPACE_NAME"),
    }


# ------------------------------------------------------------------------------------------------ tokens


def signing_key(process: Any, environment: dict[str, str]) -> str:
    """Without a configured key every process has its own: replicas then refuse each other's tokens."""
    return environment.get("ZENML_SERVER_JWT_SECRET_KEY") or process.instance_id


def replicas_agree(tasks: list[Any]) -> bool:
    return len({signing_key(task.life.process, task.life.process.container.environment) for task in tasks if task.life.process.server}) <= 1


def _token(key: str) -> str:
    return "sandbox." + hmac.new(key.encode(), b"sandbox", hashlib.sha256).hexdigest()


def _login(process: Any, environment: dict[str, str]) -> Answer:
    if process.is_pro:
        return _json(200, {"authorization_url": f"{(_pro(environment, 'DASHBOARD_URL') or '').rstrip('/')}/api/auth/login"})
    return _json(200, {"access_token": _token(signing_key(process, environment)), "token_type": "bearer"})


def _current_user(process: Any, environment: dict[str, str], headers: dict[str, str]) -> Answer:
    given = headers.get("authorization", "")
    if not given:
        return _json(401, {"detail": "Not authenticated"})
    if hmac.compare_digest(given.removeprefix("Bearer ").encode(), _token(signing_key(process, environment)).encode()):
        return _json(200, {"name": "default", "active": True})
    return _json(401, {"detail": ["CredentialsNotValid", "Invalid JWT token: Signature verification failed."]})
