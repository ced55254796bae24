"""Webhooks: who is told of what happens in a project."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, delete, select, update

from storage.metadata.database import insert_row
from storage.metadata.listings import Field, Listing, fetch
from storage.metadata.management_tables import webhook_policies
from storage.metadata.prepared import Prepared


@dataclass(frozen=True, slots=True)
class WebhookRecord:
    """`targets` and `event_types` are JSON lists. Times are in milliseconds."""

    id: int
    project_id: int
    name: str
    description: str
    is_enabled: bool
    targets: str
    event_types: str
    creator: str
    created_at: int
    updated_at: int


_COLUMNS = [webhook_policies.c[name] for name in WebhookRecord.__slots__]
_FIELDS = {
    "id": Field(webhook_policies.c.id, "number"),
    "name": Field(webhook_policies.c.name),
    "description": Field(webhook_policies.c.description),
    "enabled": Field(webhook_policies.c.is_enabled, "flag"),
    "creator": Field(webhook_policies.c.creator),
    "creation_time": Field(webhook_policies.c.created_at, "time"),
    "update_time": Field(webhook_policies.c.updated_at, "time"),
}
_ENABLED = Prepared(
    select(*_COLUMNS)
    .where(webhook_policies.c.project_id == bindparam("project"), webhook_policies.c.is_enabled)
    .order_by(webhook_policies.c.id)
)


def list_page(tx: Connection, project_id: int, listing: Listing) -> tuple[list[WebhookRecord], int]:
    """A page of a project's, and how many there are. Raises `BadFilter`."""
    chosen = select(*_COLUMNS).where(webhook_policies.c.project_id == project_id)
    rows, total = fetch(tx, chosen, _FIELDS, listing, usual=("-creation_time", "-id"))
    return [WebhookRecord(*row) for row in rows], total


def list_enabled(tx: Connection, project_id: int) -> list[WebhookRecord]:
    return [WebhookRecord(*row) for row in _ENABLED.rows(tx, project=project_id)]


def find(tx: Connection, webhook_id: int) -> WebhookRecord | None:
    row = tx.execute(select(*_COLUMNS).where(webhook_policies.c.id == webhook_id)).one_or_none()
    return WebhookRecord(*row) if row else None


def find_by_name(tx: Connection, project_id: int, name: str) -> WebhookRecord | None:
    same = (webhook_policies.c.project_id == project_id) & (webhook_policies.c.name == name)
    row = tx.execute(select(*_COLUMNS).where(same)).one_or_none()
    return WebhookRecord(*row) if row else None


def add(tx: Connection, values: dict[str, Any]) -> WebhookRecord:
    """`values` are those of the record, without its id."""
    return WebhookRecord(id=insert_row(tx, webhook_policies, values), **values)


def change(tx: Connection, webhook_id: int, **values: object) -> None:
    tx.execute(update(webhook_policies).where(webhook_policies.c.id == webhook_id).values(**values))


def remove(tx: Connection, webhook_id: int) -> None:
    tx.execute(delete(webhook_policies).where(webhook_policies.c.id == webhook_id))
