"""RDS input rules: what AWS refuses and moto accepts when an instance or a parameter group is created or changed.

Classes, versions, storage, password alphabet, names and parameter names. Kept apart from `database`, which is about
what happens to an instance over time.
"""
from __future__ import annotations

import re
from typing import Any

from moto.rds.exceptions import RDSClientError

# What RDS resolves a version prefix to: the reported version is longer than the requested one.
MYSQL_VERSIONS = ("5.7.44", "8.0.39", "8.0.40", "8.0.41", "8.0.42", "8.0.43", "8.4.3", "8.4.4", "8.4.5", "8.4.6")
DEFAULT_MYSQL = "8.4.6"

INSTANCE_CLASS = re.compile(r"^db\.[a-z][a-z0-9-]*\.(micro|small|medium|large|\d*xlarge)$")
_MASTER_USER = re.compile(r"^[A-Za-z][A-Za-z0-9_]{0,15}$")
_DATABASE = re.compile(r"^[A-Za-z][A-Za-z0-9_]{0,63}$")

STATIC_PARAMETERS = frozenset(
    "back_log gtid-mode enforce_gtid_consistency innodb_file_per_table innodb_log_buffer_size innodb_page_size "
    "log_bin_use_v1_row_events lower_case_table_names performance_schema skip_name_resolve".split()
)
_DYNAMIC_PARAMETERS = frozenset(
    "auto_increment_increment auto_increment_offset binlog_format binlog_row_image character_set_client "
    "character_set_connection character_set_database character_set_filesystem character_set_results character_set_server "
    "collation_connection collation_server connect_timeout default_storage_engine event_scheduler explicit_defaults_for_timestamp "
    "general_log group_concat_max_len init_connect interactive_timeout lock_wait_timeout log_bin_trust_function_creators "
    "log_output log_queries_not_using_indexes log_slow_admin_statements long_query_time max_allowed_packet max_connections "
    "max_connect_errors max_execution_time max_heap_table_size net_read_timeout net_write_timeout read_buffer_size "
    "require_secure_transport slow_query_log sort_buffer_size sql_mode table_definition_cache table_open_cache "
    "thread_cache_size time_zone tls_version tmp_table_size transaction_isolation wait_timeout".split()
)


def refuse(code: str, message: str) -> RDSClientError:
    return RDSClientError(code, message)


def resolve_version(engine: str, wanted: str | None) -> str | None:
    """`8.4` becomes the newest `8.4.x`, a full version stays."""
    if (engine or "").lower() != "mysql":
        return wanted
    if not wanted:
        return DEFAULT_MYSQL
    matching = [version for version in MYSQL_VERSIONS if version == wanted or version.startswith(wanted + ".")]
    if not matching:
        raise refuse("InvalidParameterCombination", f"Cannot find version {wanted} for mysql")
    return matching[-1]


def family_of(version: str) -> str:
    return "mysql" + ".".join(version.split(".")[:2])


def check_values(values: Any) -> None:
    """Rules that hold for creation and modification alike; a value that is absent is not checked."""
    given = values.get
    if given("db_instance_class") and not INSTANCE_CLASS.match(given("db_instance_class")):
        raise refuse("InvalidParameterValue", f"Invalid DB Instance class: {given('db_instance_class')}")
    if given("master_user_password"):
        _check_password(given("master_user_password"))
    if given("backup_retention_period") is not None and not 0 <= int(given("backup_retention_period")) <= 35:
        raise refuse(
            "InvalidParameterValue",
            f"Invalid backup retention period: {given('backup_retention_period')}. Must be between 0 and 35.",
        )


def check_creation(values: Any) -> None:
    given = values.get
    check_values(values)
    name = given("db_instance_identifier") or ""
    if not re.match(r"^[A-Za-z][A-Za-z0-9-]{0,62}$", name) or "--" in name or name.endswith("-"):
        raise refuse("InvalidParameterValue", "The parameter DBInstanceIdentifier is not a valid identifier.")
    if given("master_username") and not _MASTER_USER.match(given("master_username")):
        raise refuse("InvalidParameterValue", "The parameter MasterUsername is not a valid identifier.")
    if given("db_name") and not _DATABASE.match(given("db_name")):
        raise refuse("InvalidParameterValue", "DBName must begin with a letter and contain only alphanumeric characters.")
    storage, kind = given("allocated_storage"), given("storage_type")
    if storage and kind in ("gp2", "gp3") and not 20 <= int(storage) <= 65536:
        raise refuse("InvalidParameterValue", f"Invalid storage size for engine name mysql and storage type {kind}: {storage}")
    if kind == "gp3" and storage and int(storage) < 400 and (given("iops") or given("storage_throughput")):
        raise refuse(
            "InvalidParameterCombination",
            "You can't specify IOPS or storage throughput for engine mysql and a storage size less than 400.",
        )


def check_family(backend: Any, group: str | None, version: str | None) -> None:
    """The parameter group's family has to be the engine version's."""
    known = backend.db_parameter_groups.get((group or "").lower())
    if known is not None and version and (known.family or "").startswith("mysql") and known.family != family_of(version):
        raise refuse(
            "InvalidParameterCombination",
            f"The parameter group with DBParameterGroupFamily {known.family} can't be used for this instance. "
            f"Please use a parameter group with DBParameterGroupFamily {family_of(version)}.",
        )


def check_parameter(parameter: dict[str, Any]) -> None:
    name = parameter.get("ParameterName", "")
    known = name in STATIC_PARAMETERS or name in _DYNAMIC_PARAMETERS or name.startswith(("innodb_", "performance_schema", "binlog_", "optimizer_"))
    if not known:
        raise refuse("InvalidParameterValue", f"Could not find parameter with name: {name}")
    if name in STATIC_PARAMETERS and parameter.get("ApplyMethod") == "immediate":
        raise refuse("InvalidParameterCombination", "cannot use immediate apply method for static parameter")


def _check_password(password: str) -> None:
    if len(password) < 8:
        raise refuse(
            "InvalidParameterValue",
            "The parameter MasterUserPassword is not a valid password because it is shorter than 8 characters.",
        )
    if len(password) > 41:
        raise refuse(
            "InvalidParameterValue",
            "The parameter MasterUserPassword is not a valid password because it is longer than 41 characters.",
        )
    if any(letter in '/@" ' or not 32 < ord(letter) < 127 for letter in password):
        raise refuse(
            "InvalidParameterValue",
            "The parameter MasterUserPassword is not a valid password. Only printable ASCII characters besides '/', '@', '\"', ' ' may be used.",
        )
