"""The generation of what pulls see: a number that grows with every change that could make an answer to a pull untrue.

Triggers count, in the transaction of the change: so no program that writes to the file can forget to, and the number is
never behind. Only what takes something away or alters it counts. An insertion makes no answer untrue that was given
before, so the generation lasts while new images are pushed; nor does what decides about no pull, such as bytes in use.

SQLite alone has triggers and a `Watch` on the generation. To ask PostgreSQL costs what an answer from it costs.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import DDL, MetaData, event


@dataclass(frozen=True, slots=True)
class Watched:
    """Columns whose changes count, a condition for a deletion to count, and whether an insertion does."""

    columns: tuple[str, ...]
    deleted: str = ""
    inserted: bool = False


WATCHED = {
    "users": Watched(("name", "is_admin", "is_disabled", "credential_version")),
    "robots": Watched(("name", "project_id", "permissions", "secret_version", "expires_at", "is_disabled")),
    "access_tokens": Watched(("user_id", "permissions", "expires_at")),
    "group_members": Watched(("user_id", "group_id")),
    "projects": Watched(("name", "is_public", "settings", "cve_allowlist")),
    "members": Watched(("project_id", "user_id", "group_id", "role")),
    "repositories": Watched(("project_id", "name")),
    "manifests": Watched(
        ("repository_id", "digest", "media_type", "size", "content", "deleted_at"), "WHEN OLD.deleted_at IS NULL"
    ),
    "tags": Watched(("repository_id", "name", "manifest_id")),
    "blobs": Watched(("digest", "size", "location", "damage")),
    "repository_blobs": Watched(("repository_id", "blob_id")),
    "signing_keys": Watched(("id", "private_pem")),
    "settings": Watched(("name", "value"), inserted=True),
}

# What decides about no pull, or only by being inserted.
UNWATCHED = {
    "artifact_details", "audit_counts", "audit_records", "clean_ups", "daily_counts", "disk_samples", "executions",
    "facts", "generations", "immutable_rules", "labels", "layer_indexes", "leases", "login_failures", "manifest_labels",
    "manifest_references", "retention_policies", "schedules", "sessions", "tag_changes", "tasks", "tombstones",
    "transfer_reports", "uploads", "user_groups", "vouchings", "webhook_policies",
}  # fmt: skip

_COUNT = (
    "BEGIN INSERT INTO generations (subject, number) VALUES ('pulls', 1)"
    " ON CONFLICT (subject) DO UPDATE SET number = number + 1; END"
)


def statements() -> Iterator[str]:
    """What makes the triggers."""
    for table, watched in WATCHED.items():
        changed = " OR ".join(f"OLD.{column} IS NOT NEW.{column}" for column in watched.columns)
        columns = ", ".join(watched.columns)
        yield f"CREATE TRIGGER generation_{table}_delete AFTER DELETE ON {table} {watched.deleted} {_COUNT}"
        yield f"CREATE TRIGGER generation_{table}_update AFTER UPDATE OF {columns} ON {table} WHEN {changed} {_COUNT}"
        if watched.inserted:
            yield f"CREATE TRIGGER generation_{table}_insert AFTER INSERT ON {table} {_COUNT}"


def attach(metadata: MetaData) -> None:
    """Have the triggers made with the tables."""
    for statement in statements():
        trigger = DDL(statement).execute_if(dialect="sqlite")  # type: ignore[no-untyped-call]
        event.listen(metadata, "after_create", trigger)
