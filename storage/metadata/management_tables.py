"""The schema, second page: what people manage, and what is kept of their doing. The first is in `tables`."""

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, Table, Text, UniqueConstraint, text

from storage.metadata.tables import EMPTY, EMPTY_OBJECT, Id, Name, metadata, reference

# Groups of people as LDAP or OpenID Connect tell them; `kind` is Harbor's number: 1 LDAP, 2 HTTP, 3 OpenID Connect.
user_groups = Table(
    "user_groups",
    metadata,
    Column("id", Id, primary_key=True),
    Column("name", Name, nullable=False),
    Column("kind", Integer, nullable=False),
    Column("ldap_dn", Name, nullable=False, server_default=EMPTY),
    # The one spelling of the distinguished name, by which it is known however somebody writes it.
    Column("dn_key", Name, nullable=False, server_default=EMPTY),
    UniqueConstraint("kind", "name", "ldap_dn"),
    sqlite_autoincrement=True,
)

# Who was in which group when they last signed in.
group_members = Table(
    "group_members",
    metadata,
    Column("user_id", Id, reference("users.id"), primary_key=True),
    Column("group_id", Id, reference("user_groups.id"), primary_key=True, index=True),
)

# When the system that somebody comes from was last asked for them, and when it last said that they are still there; and
# what the provider gave for asking.
vouchings = Table(
    "vouchings",
    metadata,
    Column("user_id", Id, reference("users.id"), primary_key=True, autoincrement=False),
    Column("asked_at", BigInteger, nullable=False),
    Column("confirmed_at", BigInteger, nullable=False),
    Column("is_gone", Boolean, nullable=False),
    Column("provider_token", Text, nullable=False),
)

# Accounts of machines, with rights of their own. A robot of no project is the system's.
robots = Table(
    "robots",
    metadata,
    Column("id", Id, primary_key=True),
    Column("project_id", Id, reference("projects.id"), index=True),
    # Without the prefix that all names of robots are shown with: `ci`, and `team+ci` for one of project `team`.
    Column("name", Name, nullable=False, unique=True),
    Column("description", Text, nullable=False),
    # Of a long random text, so that a fast hash is right.
    Column("secret_hash", Text, nullable=False),
    Column("secret_version", Integer, nullable=False),
    # Whole days from its creation on; -1 for ever. `expires_at` is null then.
    Column("duration_days", Integer, nullable=False),
    Column("expires_at", BigInteger),
    Column("is_disabled", Boolean, nullable=False),
    # JSON list: kind, namespace and access of each permission, as Harbor's API has them.
    Column("permissions", Text, nullable=False),
    Column("creator_kind", Text, nullable=False),
    Column("creator_id", Id, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    # When it last signed in, as far as that is noted, and from which address.
    Column("used_at", BigInteger),
    Column("used_from", Text),
    sqlite_autoincrement=True,
)

# Secrets that people make for their programs: never more rights than the account, nor than `permissions`.
access_tokens = Table(
    "access_tokens",
    metadata,
    Column("id", Id, primary_key=True),
    Column("user_id", Id, reference("users.id"), nullable=False, index=True),
    Column("name", Name, nullable=False),
    Column("secret_hash", Name, nullable=False, unique=True),
    # JSON list as for robots; null for all that the account may do.
    Column("permissions", Text),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger),
    Column("used_at", BigInteger),
    UniqueConstraint("user_id", "name"),
    sqlite_autoincrement=True,
)

# Browsers that are signed in.
sessions = Table(
    "sessions",
    metadata,
    Column("id", Id, primary_key=True),
    Column("secret_hash", Name, nullable=False, unique=True),
    Column("user_id", Id, reference("users.id"), nullable=False, index=True),
    Column("credential_version", Integer, nullable=False),
    Column("address", Text, nullable=False),
    Column("agent", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("used_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False, index=True),
    sqlite_autoincrement=True,
)

# Settings that are changed while the registry runs; the value is JSON.
settings = Table(
    "settings",
    metadata,
    Column("name", Name, primary_key=True),
    Column("value", Text, nullable=False),
)

labels = Table(
    "labels",
    metadata,
    Column("id", Id, primary_key=True),
    # Null for those of the system.
    Column("project_id", Id, reference("projects.id"), index=True),
    Column("name", Name, nullable=False),
    Column("description", Text, nullable=False),
    Column("color", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    sqlite_autoincrement=True,
)

manifest_labels = Table(
    "manifest_labels",
    metadata,
    Column("manifest_id", Id, reference("manifests.id"), primary_key=True),
    Column("label_id", Id, reference("labels.id"), primary_key=True, index=True),
)

# What is in the config of an image, and when it was last pulled: apart, because manifests are large rows.
artifact_details = Table(
    "artifact_details",
    metadata,
    Column("manifest_id", Id, reference("manifests.id"), primary_key=True),
    # JSON object; null until somebody has asked for it.
    Column("attributes", Text),
    Column("pulled_at", BigInteger),
    Column("pull_count", BigInteger, nullable=False, server_default="0"),
)

# Tags that may be neither moved nor deleted. `rule` is Harbor's JSON without the columns here.
immutable_rules = Table(
    "immutable_rules",
    metadata,
    Column("id", Id, primary_key=True),
    Column("project_id", Id, reference("projects.id"), nullable=False, index=True),
    Column("is_disabled", Boolean, nullable=False),
    Column("rule", Text, nullable=False),
    sqlite_autoincrement=True,
)

# What of a project is kept; `policy` is Harbor's JSON.
retention_policies = Table(
    "retention_policies",
    metadata,
    Column("id", Id, primary_key=True),
    Column("project_id", Id, reference("projects.id"), nullable=False, unique=True),
    Column("policy", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    sqlite_autoincrement=True,
)

webhook_policies = Table(
    "webhook_policies",
    metadata,
    Column("id", Id, primary_key=True),
    Column("project_id", Id, reference("projects.id"), nullable=False),
    Column("name", Name, nullable=False),
    Column("description", Text, nullable=False),
    Column("is_enabled", Boolean, nullable=False),
    # JSON lists, as Harbor's API has them.
    Column("targets", Text, nullable=False),
    Column("event_types", Text, nullable=False),
    Column("creator", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    UniqueConstraint("project_id", "name"),
    sqlite_autoincrement=True,
)

# When background work is to be done again: at the time `next_at`, by `cron` (six fields, the first is seconds).
schedules = Table(
    "schedules",
    metadata,
    Column("id", Id, primary_key=True),
    # What is done, such as GARBAGE_COLLECTION or RETENTION, and to what: Harbor's vendor type and id.
    Column("vendor", Name, nullable=False),
    Column("vendor_id", Id, nullable=False),
    # Hourly, Daily, Weekly, Custom, Manual or None.
    Column("kind", Text, nullable=False),
    Column("cron", Text, nullable=False),
    Column("parameters", Text, nullable=False),
    Column("next_at", BigInteger, index=True),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    UniqueConstraint("vendor", "vendor_id"),
    sqlite_autoincrement=True,
)

# One run of background work, and the parts of it.
executions = Table(
    "executions",
    metadata,
    Column("id", Id, primary_key=True),
    Column("vendor", Name, nullable=False),
    Column("vendor_id", Id, nullable=False),
    # Pending, Running, Success, Stopped or Error; and MANUAL, SCHEDULE or EVENT.
    Column("status", Text, nullable=False),
    Column("status_message", Text, nullable=False, server_default=EMPTY),
    Column("trigger", Text, nullable=False),
    Column("attributes", Text, nullable=False, server_default=EMPTY_OBJECT),
    Column("started_at", BigInteger, nullable=False),
    Column("finished_at", BigInteger),
    Index("ix_executions_vendor", "vendor", "vendor_id", "id"),
    sqlite_autoincrement=True,
)

_is_waiting = text("due_at IS NOT NULL")

tasks = Table(
    "tasks",
    metadata,
    Column("id", Id, primary_key=True),
    Column("execution_id", Id, reference("executions.id"), nullable=False, index=True),
    Column("status", Text, nullable=False),
    Column("status_message", Text, nullable=False, server_default=EMPTY),
    Column("attributes", Text, nullable=False, server_default=EMPTY_OBJECT),
    Column("log", Text, nullable=False, server_default=EMPTY),
    Column("run_count", Integer, nullable=False, server_default="0"),
    # When it is to be tried next; null for what is done.
    Column("due_at", BigInteger),
    Column("created_at", BigInteger, nullable=False),
    Column("started_at", BigInteger),
    Column("finished_at", BigInteger),
    Index("ix_tasks_due_at", "due_at", sqlite_where=_is_waiting, postgresql_where=_is_waiting),
    sqlite_autoincrement=True,
)

# Who did what. Names are those of the time: nothing here goes when an account or a project does.
audit_records = Table(
    "audit_records",
    metadata,
    Column("id", Id, primary_key=True),
    Column("at", BigInteger, nullable=False, index=True),
    Column("project_id", Id),
    Column("user_name", Name, nullable=False),
    # create, update, delete, pull, login or logout; artifact, project, repository, tag, user, robot, ...
    Column("operation", Text, nullable=False),
    Column("resource_type", Text, nullable=False),
    Column("resource", Name, nullable=False),
    Column("description", Text, nullable=False, server_default=EMPTY),
    Column("succeeded", Boolean, nullable=False),
    # With what they are filtered by: somebody who is in many projects sees some records of each.
    Index(
        "ix_audit_records_project_id",
        *("project_id", "at", "operation", "resource_type", "user_name", "succeeded", "resource"),
    ),
    Index("ix_audit_records_user_name", "user_name", "at"),
    Index("ix_audit_records_operation", "operation", "at"),
    sqlite_autoincrement=True,
)

# How many of them there are of each kind, by the day (from 1970, in UTC): a list tells how long it is, and to count a
# million takes a tenth of a second.
audit_counts = Table(
    "audit_counts",
    metadata,
    Column("day", Integer, primary_key=True, autoincrement=False),
    Column("operation", Name, primary_key=True),
    Column("resource_type", Name, primary_key=True),
    Column("user_name", Name, primary_key=True),
    Column("succeeded", Boolean, primary_key=True),
    Column("records", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
