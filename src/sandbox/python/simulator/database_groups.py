"""RDS subnet groups and parameter groups, and the read calls that moto lacks.

Names are stored in lower case, a group in use cannot be deleted, a subnet group needs two zones, parameters are
checked by name and report whether they are in effect (`ParameterApplyStatus`). DescribeDBEngineVersions,
DescribeDBMajorEngineVersions, DescribeOrderableDBInstanceOptions and automated-backup replication exist here and not,
or not usefully, in moto.
"""
from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from moto.core.responses import ActionResult
from moto.rds import models as rds
from moto.rds.responses import RDSResponse

from . import clock, conditions, database_rules, placement
from .database_rules import refuse
from .patching import add, wrap

Backend = rds.RDSBackend

_replications: dict[tuple[str, str, str], dict[str, Any]] = {}
clock.forgets(_replications.clear)


# ------------------------------------------------------------------------------------------------ subnet groups


@wrap(Backend, "create_subnet_group")
def _create_subnet_group(original: Any, self: Any, subnet_name: str, description: str, subnets: Any, *args: Any, **kwargs: Any) -> Any:
    name = subnet_name.lower()
    if name in self.subnet_groups:
        raise refuse("DBSubnetGroupAlreadyExists", f"The DB subnet group '{name}' already exists.")
    _check_zones(subnets)
    return original(self, name, description, subnets, *args, **kwargs)


def _check_zones(subnets: Any) -> None:
    if len({subnet.availability_zone for subnet in subnets}) < 2:
        raise refuse(
            "DBSubnetGroupDoesNotCoverEnoughAZs",
            "The DB subnet group doesn't meet Availability Zone (AZ) coverage requirement. Current AZ coverage: "
            f"{', '.join(sorted({subnet.availability_zone for subnet in subnets}))}. Add subnets to cover at least 2 AZs.",
        )


@wrap(Backend, "describe_db_subnet_groups")
def _describe_subnet_groups(original: Any, self: Any, subnet_group_name: Any) -> Any:
    return original(self, subnet_group_name.lower() if subnet_group_name else subnet_group_name)


@wrap(Backend, "modify_db_subnet_group")
def _modify_subnet_group(original: Any, self: Any, subnet_name: str, description: Any, subnets: Any) -> Any:
    _check_zones(subnets)
    placement.check_leaving(self, subnet_name.lower(), subnets)
    group = original(self, subnet_name.lower(), description, subnets)
    # moto takes the group out and forgets to put it back.
    self.subnet_groups[subnet_name.lower()] = group
    return group


@wrap(Backend, "delete_subnet_group")
def _delete_subnet_group(original: Any, self: Any, subnet_name: str) -> Any:
    name = subnet_name.lower()
    for instance in self.databases.values():
        group = getattr(instance, "db_subnet_group", None)
        if group is not None and group.name == name:
            raise refuse(
                "InvalidDBSubnetGroupStateFault",
                f"Cannot delete the subnet group '{name}' because at least one database instance: {instance.db_instance_identifier} is still using it.",
            )
    return original(self, name)


# ------------------------------------------------------------------------------------------------ parameter groups


@wrap(Backend, "create_db_parameter_group")
def _create_parameter_group(original: Any, self: Any, values: Any) -> Any:
    values["db_parameter_group_name"] = values["db_parameter_group_name"].lower()
    return original(self, values)


@wrap(Backend, "describe_db_parameter_groups")
def _describe_parameter_groups(original: Any, self: Any, values: Any) -> Any:
    name = values.get("db_parameter_group_name")
    found = original(self, {"db_parameter_group_name": name.lower() if name else None})
    if name and not found:
        raise refuse("DBParameterGroupNotFound", f"DBParameterGroup {name.lower()} not found.")
    return found


@wrap(Backend, "modify_db_parameter_group")
def _modify_parameter_group(original: Any, self: Any, name: str, parameters: Any) -> Any:
    parameters = [dict(parameter) for parameter in parameters]
    if len(parameters) > 20:
        raise refuse("InvalidParameterValue", "The parameter list may contain at most 20 parameters.")
    for parameter in parameters:
        database_rules.check_parameter(parameter)
        static = parameter["ParameterName"] in database_rules.STATIC_PARAMETERS
        parameter.update(Source="user", ApplyType="static" if static else "dynamic", IsModifiable=True)
    group = original(self, name.lower(), parameters)
    if any(parameter.get("ApplyMethod") == "pending-reboot" for parameter in parameters):
        for instance in self.databases.values():
            if instance.db_parameter_group_name == name.lower():
                clock.notes(instance)["apply_status"] = "pending-reboot"
    return group


@add(RDSResponse, "reset_db_parameter_group")
def _reset_parameter_group(self: Any) -> ActionResult:
    """moto lacks it. Static parameters take effect with the next restart, as with a modification."""
    backend, name = self.backend, self.params["DBParameterGroupName"].lower()
    group = backend.describe_db_parameter_groups({"db_parameter_group_name": name})[0]
    given = [parameter["ParameterName"] for parameter in self.params.get("Parameters", [])]
    names = list(group.parameters) if self.params.get("ResetAllParameters") else given
    for parameter in names:
        database_rules.check_parameter({"ParameterName": parameter})
        group.parameters.pop(parameter, None)
    if database_rules.STATIC_PARAMETERS.intersection(names):
        for instance in backend.databases.values():
            if instance.db_parameter_group_name == name:
                clock.notes(instance)["apply_status"] = "pending-reboot"
    return ActionResult({"DBParameterGroupName": name})


@wrap(Backend, "delete_db_parameter_group")
def _delete_parameter_group(original: Any, self: Any, name: str) -> Any:
    if any(instance.db_parameter_group_name == name.lower() for instance in self.databases.values()):
        raise refuse("InvalidDBParameterGroupState", "One or more database instances are still members of this parameter group, so the group cannot be deleted")
    return original(self, name.lower())


def _group_status(self: Any) -> list[dict[str, str]]:
    status = clock.notes(self).get("apply_status", "in-sync")
    return [{"DBParameterGroupName": group.name, "ParameterApplyStatus": status} for group in self.db_parameter_groups()]


rds.DBInstance.db_parameter_group_status_list = property(_group_status)


@wrap(RDSResponse, "describe_db_parameters")
def _describe_parameters(original: Any, self: Any) -> Any:
    """Only parameters that were set are known here, so other sources are empty."""
    response = original(self)
    if self.params.get("Source") not in (None, "user"):
        return ActionResult({"Parameters": []})
    return response


# ------------------------------------------------------------------------------------------------ catalogue


@add(RDSResponse, "describe_db_engine_versions")
def _engine_versions(self: Any) -> ActionResult:
    engine, wanted = self.params.get("Engine"), self.params.get("EngineVersion")
    versions = [
        {
            "Engine": "mysql",
            "EngineVersion": version,
            "DBParameterGroupFamily": database_rules.family_of(version),
            "DBEngineDescription": "MySQL Community Edition",
            "DBEngineVersionDescription": f"MySQL {version}",
            "ExportableLogTypes": ["audit", "error", "general", "slowquery"],
            "SupportsLogExportsToCloudwatchLogs": True,
            "Status": "available",
        }
        for version in conditions.value("versions", database_rules.MYSQL_VERSIONS)
        if engine in (None, "mysql") and (not wanted or version == wanted or version.startswith(wanted + "."))
    ]
    return ActionResult({"DBEngineVersions": versions[-1:] if self.params.get("DefaultOnly") else versions})


@add(RDSResponse, "describe_orderable_db_instance_options")
def _orderable_options(self: Any) -> ActionResult:
    wanted, version = self.params.get("DBInstanceClass"), self.params.get("EngineVersion")
    if self.params.get("Engine") != "mysql" or (wanted and not database_rules.INSTANCE_CLASS.match(wanted)):
        return ActionResult({"OrderableDBInstanceOptions": []})
    offers = conditions.value("offers", {})
    zones = [{"Name": name} for name in offers.get("zones", [f"{self.region}{letter}" for letter in "abc"])]
    options = [
        {
            "Engine": "mysql",
            "EngineVersion": one,
            "DBInstanceClass": name,
            "LicenseModel": "general-public-license",
            "AvailabilityZones": zones,
            "MultiAZCapable": offers.get("multi_az", True),
            "Vpc": True,
            "SupportsStorageEncryption": True,
            "StorageType": kind,
            "MinStorageSize": 20,
            "MaxStorageSize": 65536,
        }
        for name in ([wanted] if wanted else ["db.t3.micro", "db.t4g.small", "db.t4g.medium", "db.m7g.large"])
        for kind in ("gp2", "gp3")
        for one in ([database_rules.resolve_version("mysql", version)] if version else database_rules.MYSQL_VERSIONS)
    ]
    return ActionResult({"OrderableDBInstanceOptions": options})


# Last day of standard support.
SUPPORTED_UNTIL = {"8.0": "2026-07-31", "8.4": "2029-07-31"}


@add(RDSResponse, "describe_db_major_engine_versions")
def _major_versions(self: Any) -> ActionResult:
    if self.params.get("Engine") not in (None, "mysql"):
        return ActionResult({"DBMajorEngineVersions": []})
    ends = {**SUPPORTED_UNTIL, **conditions.value("support", {})}
    versions = [
        {
            "Engine": "mysql",
            "MajorEngineVersion": major,
            "SupportedEngineLifecycles": [
                {
                    "LifecycleSupportName": "open-source-rds-standard-support",
                    "LifecycleSupportEndDate": datetime.fromisoformat(f"{end}T23:59:59+00:00"),
                }
            ],
        }
        for major, end in ends.items()
    ]
    return ActionResult({"DBMajorEngineVersions": versions})


@add(RDSResponse, "describe_db_instance_automated_backups")
def _automated_backups(self: Any) -> ActionResult:
    backend, wanted = self.backend, self.params.get("DBInstanceIdentifier")
    found = [
        {
            "DBInstanceArn": instance.db_instance_arn,
            "DBInstanceIdentifier": instance.db_instance_identifier,
            "DbiResourceId": instance.dbi_resource_id,
            "Region": backend.region_name,
            "Status": "active",
            "BackupRetentionPeriod": int(instance.backup_retention_period),
        }
        for instance in backend.databases.values()
        if wanted in (None, instance.db_instance_identifier) and int(instance.backup_retention_period or 0)
    ]
    here = (backend.account_id, backend.region_name)
    return ActionResult({"DBInstanceAutomatedBackups": found + [copy for key, copy in _replications.items() if key[:2] == here]})


@add(RDSResponse, "start_db_instance_automated_backups_replication")
def _start_replication(self: Any) -> ActionResult:
    backend, source = self.backend, self.params["SourceDBInstanceArn"]
    _, _, _, region, account, _, name = source.split(":")
    instance = rds.rds_backends[account][region].databases.get(name)
    if instance is None:
        raise refuse("DBInstanceNotFound", f"DBInstance {name} not found.")
    _replications[(backend.account_id, backend.region_name, source)] = copy = {
        "DBInstanceArn": source,
        "DBInstanceIdentifier": name,
        "Region": region,
        "Status": "replicating",
        "Engine": instance.engine,
        "BackupRetentionPeriod": int(self.params.get("BackupRetentionPeriod") or 7),
        "DBInstanceAutomatedBackupsArn": f"arn:aws:rds:{backend.region_name}:{account}:auto-backup:ab-{uuid.uuid4().hex[:26]}",
    }
    return ActionResult({"DBInstanceAutomatedBackup": copy})


@add(RDSResponse, "stop_db_instance_automated_backups_replication")
def _stop_replication(self: Any) -> ActionResult:
    copy = _replications.pop((self.backend.account_id, self.backend.region_name, self.params["SourceDBInstanceArn"]), None)
    if copy is None:
        raise refuse("DBInstanceNotFound", "There is no replicated backup for this instance.")
    return ActionResult({"DBInstanceAutomatedBackup": {**copy, "Status": "deleting"}})
