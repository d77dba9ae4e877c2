"""Log lines as the ZenML server writes them, in its console or its JSON layout.

In JSON a traceback is one event whose message ends with the cause; on the console every line of it is an event.
"""
from __future__ import annotations

import json
import random
from datetime import datetime, timezone


class Log:
    """Formats lines for one process; the layout is chosen by its environment."""

    def __init__(self, environment: dict[str, str]) -> None:
        layout = environment.get("ZENML_CONSOLE_LOGGING_FORMAT") or environment.get("ZENML_LOGGING_FORMAT") or ""
        self._json = layout.lower() == "json"
        self._number = random.randrange(7, 40)

    def line(self, level: str, message: str, logger: str = "zenml.zen_server.zen_server_api") -> list[str]:
        moment = datetime.now(timezone.utc)
        if self._json:
            text = {"timestamp": moment.isoformat(timespec="milliseconds"), "level": level, "logger": logger}
            return [json.dumps({**text, "function": "initialize", "line": 311, "message": message})]
        stamp = moment.strftime("%Y-%m-%d %H:%M:%S,") + f"{moment.microsecond // 1000:03d}"
        first, *rest = message.split("\n")
        return [f"{stamp} | {level:<8} | {logger}:initialize:311 | {first}", *rest]

    def start(self) -> list[str]:
        return [
            *self.line("INFO", f"Started server process [{self._number}]", "uvicorn.error"),
            *self.line("INFO", "Waiting for application startup.", "uvicorn.error"),
            *self.line("INFO", "Not writing the global configuration to disk in a ZenML server environment.", "zenml.config.global_config"),
        ]

    def started(self, port: int) -> list[str]:
        return [
            *self.line("INFO", "Application startup complete.", "uvicorn.error"),
            *self.line("INFO", f"Uvicorn running on http://0.0.0.0:{port} (Press CTRL+C to quit)", "uvicorn.error"),
        ]

    def failed(self, cause: str) -> list[str]:
        trace = "Traceback (most recent call last):\n  File \"/usr/local/lib/python3.12/site-packages/starlette/routing.py\", line 693, in lifespan\n" + cause
        return [*self.line("ERROR", trace, "uvicorn.error"), *self.line("ERROR", "Application startup failed. Exiting.", "uvicorn.error")]

    def stopped(self) -> list[str]:
        return [
            *self.line("INFO", "Shutting down", "uvicorn.error"),
            *self.line("INFO", f"Finished server process [{self._number}]", "uvicorn.error"),
        ]
