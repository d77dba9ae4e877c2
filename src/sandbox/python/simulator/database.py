"""RDS over time: instances are created, modified and deleted in steps, and hold what they use.

moto's instance is available in the answer to its creation and gone at the next read; every instance has the same
resource id; a parameter group in use can be deleted, which breaks every later DescribeDBInstances. Added here: states,
interfaces in the subnets, pending modifications, final-snapshot rules, log groups, snapshots that take time, restore
that carries the schema level, and version prefixes that resolve to a longer version.
"""
from __future__ import annotations

import random
import string
from typing import Any

from moto.logs.models import logs_backends
from moto.rds import models as rds

from . import clock, database_rules, network, placement, schema
from .database_rules import refuse
from .patching import backends, wrap

Backend = rds.RDSBackend

rds.DBInstance.status = clock.lagging("creating", 4)
rds.DBSnapshot.status = clock.lagging("creating", 2)

# Changes that wait for the maintenance window unless ApplyImmediately is given, and how AWS calls them.
_DEFERRABLE = {
    "db_instance_class": "DBInstanceClass",
    "allocated_storage": "AllocatedStorage",
    "multi_az": "MultiAZ",
    "engine_version": "EngineVersion",
    "storage_type": "StorageType",
    "iops": "Iops",
    "master_user_password": "MasterUserPassword",
    "backup_retention_period": "BackupRetentionPeriod",
}
# Changes during which the instance shows `modifying`.
_SLOW = ("db_instance_class", "allocated_storage", "multi_az", "engine_version", "storage_type", "db_parameter_group_name", "vpc_security_group_ids", "db_port_number")

_moto_endpoint = rds.DBInstance.endpoint


def _endpoint(self: Any) -> Any:
    """There is no endpoint while the instance is being created."""
    return None if self.status == "creating" else _moto_endpoint.fget(self)


rds.DBInstance.endpoint = property(_endpoint)


def _set(values: Any, name: str, value: Any) -> None:
    """Sets a request parameter in moto's mapping, whatever form of the name it is stored under."""
    if name in values:
        values[name] = value
    elif value is not None:
        values[name] = value


@wrap(Backend, "create_db_instance")
def _create(original: Any, self: Any, values: Any) -> Any:
    _set(values, "db_instance_identifier", values["db_instance_identifier"].lower())
    database_rules.check_creation(values)
    version = database_rules.resolve_version(values.get("engine"), values.get("engine_version"))
    _set(values, "engine_version", version)
    if values.get("db_parameter_group_name"):
        _set(values, "db_parameter_group_name", values["db_parameter_group_name"].lower())
    if values.get("db_subnet_group_name"):
        _set(values, "db_subnet_group_name", values["db_subnet_group_name"].lower())
    database_rules.check_family(self, values.get("db_parameter_group_name"), version)
    instance = original(self, values)
    instance.dbi_resource_id = "db-" + "".join(random.choices(string.ascii_uppercase + string.digits, k=26))
    instance.pending_modified_values = {}
    placement.settle(self, instance)
    # With log exports or insights an instance is available for a moment and then modifying once more.
    again = [("available", 1), ("modifying", 2)] if instance.enabled_cloudwatch_logs_exports else []
    clock.phases(instance, ("creating", 4), *again)
    clock.notes(instance)["logs_due"] = clock.after(4)
    return instance


@wrap(Backend, "modify_db_instance")
def _modify(original: Any, self: Any, identifier: str, values: Any) -> Any:
    instance = self.describe_db_instances(identifier.lower())[0]
    database_rules.check_values(values)
    if values.get("allocated_storage") and int(values["allocated_storage"]) < int(instance.allocated_storage):
        raise refuse("InvalidParameterCombination", "Requested storage size is smaller than the current one")
    if instance.status not in ("available", "configuring-log-exports", "storage-optimization"):
        raise refuse("InvalidDBInstanceState", f"Database instance is not in available state (state: {instance.status}).")
    if values.get("engine_version"):
        _set(values, "engine_version", database_rules.resolve_version(instance.engine, values["engine_version"]))
    changes = {key: values.get(key) for key in _DEFERRABLE if values.get(key) is not None and values.get(key) != _current(instance, key)}
    if not values.get("apply_immediately"):
        instance.pending_modified_values.update({_DEFERRABLE[key]: "****" if "password" in key else value for key, value in changes.items()})
        clock.notes(instance).setdefault("deferred", {}).update(changes)
        kept = {key: value for key, value in _plain(values).items() if key not in _DEFERRABLE}
    elif set(_plain(values)) <= {"db_instance_identifier", "apply_immediately", "cloudwatch_logs_export_configuration"}:
        # Log exports are always applied at once, and apply nothing else.
        kept = _plain(values)
    else:
        deferred = clock.notes(instance).pop("deferred", {})
        instance.pending_modified_values = {}
        kept = {**deferred, **_plain(values)}
        changes = {**deferred, **changes}
    group_before, groups_before = instance.db_parameter_group_name, list(instance.vpc_security_group_ids)
    if kept.get("db_port_number"):
        # Always at once, whatever ApplyImmediately says; moto ignores it.
        instance.port = int(kept["db_port_number"])
    modified = original(self, identifier.lower(), kept)
    _after_modification(self, modified, changes if values.get("apply_immediately") else {}, kept, group_before, groups_before)
    return modified


def _current(instance: Any, key: str) -> Any:
    """What is set now; the password can be compared, though not read through the API."""
    return instance._master_user_password if key == "master_user_password" else getattr(instance, key, None)


def _plain(values: Any) -> dict[str, Any]:
    """The request as a plain dict with moto's own parameter names."""
    return {key: values[key] for key in dict(**values)}


def _after_modification(self: Any, instance: Any, changes: dict[str, Any], kept: Any, group_before: Any, groups_before: Any) -> None:
    if kept.get("db_port_number"):
        changes = {**changes, "db_port_number": True}
    if kept.get("vpc_security_group_ids") and kept["vpc_security_group_ids"] != groups_before:
        network.move_interfaces(network.backend_of(self), clock.notes(instance).get("interfaces", []), instance.vpc_security_group_ids)
        changes = {**changes, "vpc_security_group_ids": True}
    if kept.get("db_parameter_group_name") and kept["db_parameter_group_name"] != group_before:
        clock.notes(instance)["apply_status"] = "pending-reboot"
        changes = {**changes, "db_parameter_group_name": True}
    if "multi_az" in changes:
        placement.settle(self, instance)
    if "master_user_password" in changes and len(changes) == 1:
        clock.phases(instance, ("resetting-master-credentials", 1))
    elif any(key in changes for key in _SLOW):
        clock.phases(instance, ("modifying", 3))
    elif kept.get("cloudwatch_logs_export_configuration"):
        clock.phases(instance, ("configuring-log-exports", 1))
        clock.notes(instance)["logs_due"] = clock.after(1)


@wrap(Backend, "reboot_db_instance")
def _reboot(original: Any, self: Any, identifier: str) -> Any:
    instance = original(self, identifier.lower())
    clock.notes(instance).pop("apply_status", None)
    clock.phases(instance, ("rebooting", 2))
    return instance


@wrap(Backend, "delete_db_instance")
def _delete(original: Any, self: Any, db_instance_identifier: str, final_db_snapshot_identifier: Any = None, skip_final_snapshot: Any = False, *args: Any, **kwargs: Any) -> Any:
    name = db_instance_identifier.lower()
    instance = self.databases.get(name)
    if instance is None:
        return original(self, name, final_db_snapshot_identifier, skip_final_snapshot, *args, **kwargs)
    if instance.deletion_protection:
        raise refuse("InvalidParameterCombination", "Cannot delete protected DB Instance, please disable deletion protection and try again.")
    if "deleting" in clock.notes(instance):
        raise refuse("InvalidDBInstanceState", f"Instance {name} is already being deleted.")
    if skip_final_snapshot and final_db_snapshot_identifier:
        raise refuse("InvalidParameterCombination", "FinalDBSnapshotIdentifier can not be specified when deleting with SkipFinalSnapshot")
    if not skip_final_snapshot:
        if not final_db_snapshot_identifier:
            raise refuse("InvalidParameterCombination", "FinalDBSnapshotIdentifier is required unless SkipFinalSnapshot is specified.")
        if instance.status == "creating":
            raise refuse("InvalidDBInstanceState", f"Instance {name} is currently creating - a final snapshot cannot be taken.")
        clock.phases(instance)  # a deletion may interrupt a modification
        self.create_db_snapshot(name, final_db_snapshot_identifier)
    clock.phases(instance, ("deleting", 4))
    clock.notes(instance)["deleting"] = lambda: original(self, name, None, True, *args, **kwargs)
    return instance


@clock.advances
def _finish() -> bool:
    """Removes instances whose deletion is over, and makes the log groups of those that began to export logs."""
    changed = False
    for backend in backends(rds.rds_backends):
        for instance in list(backend.databases.values()):
            note = clock.notes(instance)
            if "deleting" in note and clock.phase(instance) is None:
                network.release_interfaces(network.backend_of(backend), note.get("interfaces", []))
                note.pop("deleting")()
                changed = True
            elif clock.now() >= note.get("logs_due", float("inf")):
                del note["logs_due"]
                _make_log_groups(backend, instance)
                changed = True
    return changed


def _make_log_groups(backend: Any, instance: Any) -> None:
    """RDS makes a missing group itself, without tags and without retention."""
    logs = logs_backends[backend.account_id][backend.region_name]
    for log in instance.enabled_cloudwatch_logs_exports:
        name = f"/aws/rds/instance/{instance.db_instance_identifier}/{log}"
        if name not in logs.groups:
            logs.create_log_group(name, {})


# ------------------------------------------------------------------------------------------------ snapshots


@wrap(Backend, "create_db_snapshot")
def _create_snapshot(original: Any, self: Any, db_instance_identifier: str, db_snapshot_identifier: str, *args: Any, **kwargs: Any) -> Any:
    instance = self.databases.get(db_instance_identifier.lower())
    manual = "automated" not in (kwargs.get("snapshot_type"), *args)
    if manual and instance is not None and instance.status in ("creating", "modifying", "deleting", "rebooting"):
        raise refuse(
            "InvalidDBInstanceState",
            f"Cannot create a snapshot because the database instance {db_instance_identifier} is not currently in the available state.",
        )
    snapshot = original(self, db_instance_identifier.lower(), db_snapshot_identifier.lower(), *args, **kwargs)
    schema.keep_in(snapshot, instance)
    return snapshot


@wrap(Backend, "restore_db_instance_from_db_snapshot")
def _restore(original: Any, self: Any, from_snapshot_id: str, overrides: Any) -> Any:
    name = from_snapshot_id.split(":")[-1].lower() if from_snapshot_id.startswith("arn:") else from_snapshot_id.lower()
    snapshot = self.get_db_snapshot(name)
    if snapshot.status != "available":
        raise refuse("InvalidDBSnapshotState", f"Snapshot {name} is not in the available state.")
    instance = original(self, name, overrides)
    instance.deletion_protection = bool(overrides.get("deletion_protection"))
    schema.bring_back(instance, snapshot)
    return instance


@wrap(Backend, "restore_db_instance_to_point_in_time")
def _restore_to_time(original: Any, self: Any, source: str, target: str, overrides: Any) -> Any:
    instance = original(self, source, target.lower(), overrides)
    instance.deletion_protection = bool(overrides.get("deletion_protection"))
    schema.bring_back(instance, self.databases[source.lower()])
    return instance
