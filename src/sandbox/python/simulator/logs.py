"""CloudWatch Logs: retention values AWS knows, `?A ?B` filters, and the streams that tasks write.

moto takes any retention, ignores filter patterns with question marks (OR), and gives a new group the tags of a deleted one. Tasks write one stream
`<prefix>/<container>/<task id>`, as the awslogs driver does.
"""
from __future__ import annotations

from typing import Any

from moto.core.exceptions import JsonRESTError
from moto.logs import models

from . import clock
from .patching import wrap

RETENTION_DAYS = (1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653)


@wrap(models.LogsBackend, "put_retention_policy")
def _put_retention(original: Any, self: Any, log_group_name: str, retention_in_days: Any) -> Any:
    if int(retention_in_days) not in RETENTION_DAYS:
        raise JsonRESTError(
            "InvalidParameterException",
            f"1 validation error detected: Value '{retention_in_days}' at 'retentionInDays' failed to satisfy constraint: "
            f"Member must satisfy enum value set: {sorted(RETENTION_DAYS)}",
        )
    return original(self, log_group_name, retention_in_days)


@wrap(models.LogsBackend, "delete_log_group")
def _delete(original: Any, self: Any, log_group_name: str) -> None:
    group = self.groups.get(log_group_name)
    original(self, log_group_name)
    if group is not None:
        self.tagger.delete_all_tags_for_resource(group.arn)


@wrap(models.LogStream, "filter_log_events")
def _filter(original: Any, self: Any, start_time: int, end_time: int, filter_pattern: str) -> list[dict[str, Any]]:
    words = (filter_pattern or "").split()
    if not words or not all(word.startswith("?") for word in words):
        return original(self, start_time, end_time, filter_pattern)
    terms = [word[1:].strip('"') for word in words]
    return [event for event in original(self, start_time, end_time, "") if any(term in event["message"] for term in terms)]


def target_of(container: dict[str, Any], task_id: str) -> tuple[str, str] | None:
    """The group and stream a container logs to, None without the awslogs driver."""
    configuration = container.get("logConfiguration") or {}
    options = configuration.get("options") or {}
    if configuration.get("logDriver") != "awslogs" or not options.get("awslogs-group"):
        return None
    prefix = options.get("awslogs-stream-prefix")
    return options["awslogs-group"], f"{prefix}/{container['name']}/{task_id}" if prefix else task_id


def group_exists(account_id: str, region: str, group: str) -> bool:
    return group in models.logs_backends[account_id][region].groups


def write(account_id: str, region: str, target: tuple[str, str] | None, lines: list[str]) -> None:
    """Appends lines; a group that was deleted meanwhile swallows them.

    Lines that are read together have one time, as with the awslogs driver: events are shown in the order of their times, and
    a line must not come after those that are read next.
    """
    backend = models.logs_backends[account_id][region]
    if target is None or target[0] not in backend.groups or not lines:
        return
    group, stream = target
    backend.ensure_log_stream(group, stream)
    moment = int(clock.now() * 1000)
    backend.put_log_events(group, stream, [{"timestamp": moment, "message": line} for line in lines])
