"""Labels, of the system or of a project, and the manifests that have them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, delete, func, select, update

from storage.metadata.database import insert_if_absent, insert_row
from storage.metadata.listings import Field, Listing, fetch
from storage.metadata.management_tables import labels, manifest_labels


@dataclass(frozen=True, slots=True)
class LabelRecord:
    """Without a project it is one of the system. Times are in milliseconds."""

    id: int
    project_id: int | None
    name: str
    description: str
    color: str
    created_at: int
    updated_at: int


_COLUMNS = [labels.c[name] for name in LabelRecord.__slots__]
_FIELDS = {
    "id": Field(labels.c.id, "number"),
    "name": Field(labels.c.name),
    "description": Field(labels.c.description),
    "color": Field(labels.c.color),
    "creation_time": Field(labels.c.created_at, "time"),
    "update_time": Field(labels.c.updated_at, "time"),
}


def list_page(tx: Connection, project_id: int | None, listing: Listing) -> tuple[list[LabelRecord], int]:
    """A page of the labels of a project, or of the system, and how many there are. Raises `BadFilter`."""
    chosen = select(*_COLUMNS).where(labels.c.project_id.is_not_distinct_from(project_id))
    rows, total = fetch(tx, chosen, _FIELDS, listing, usual=("name", "id"))
    return [LabelRecord(*row) for row in rows], total


def list_of(tx: Connection, manifest_ids: Sequence[int]) -> dict[int, list[LabelRecord]]:
    """The labels of each of the manifests that has any, by name."""
    chosen = (
        select(manifest_labels.c.manifest_id, *_COLUMNS)
        .join(labels, labels.c.id == manifest_labels.c.label_id)
        .where(manifest_labels.c.manifest_id.in_(manifest_ids))
        .order_by(labels.c.name, labels.c.id)
    )
    found: dict[int, list[LabelRecord]] = {}
    for manifest_id, *label in tx.execute(chosen):
        found.setdefault(manifest_id, []).append(LabelRecord(*label))
    return found


def find(tx: Connection, label_id: int) -> LabelRecord | None:
    row = tx.execute(select(*_COLUMNS).where(labels.c.id == label_id)).one_or_none()
    return LabelRecord(*row) if row else None


def find_by_name(tx: Connection, project_id: int | None, name: str) -> LabelRecord | None:
    same = labels.c.project_id.is_not_distinct_from(project_id) & (labels.c.name == name)
    row = tx.execute(select(*_COLUMNS).where(same)).one_or_none()
    return LabelRecord(*row) if row else None


def add(tx: Connection, values: dict[str, Any]) -> LabelRecord:
    """`values` are those of the record, without its id."""
    return LabelRecord(id=insert_row(tx, labels, values), **values)


def change(tx: Connection, label_id: int, **values: object) -> None:
    tx.execute(update(labels).where(labels.c.id == label_id).values(**values))


def remove(tx: Connection, label_id: int) -> None:
    """It goes from all manifests too."""
    tx.execute(delete(labels).where(labels.c.id == label_id))


def read_marker(tx: Connection, project_id: int) -> tuple[object, ...]:
    """What is another as soon as the artifacts of a project have other labels, or these look otherwise."""
    usable = labels.c.project_id.is_(None) | (labels.c.project_id == project_id)
    look = select(func.count(), func.max(labels.c.updated_at)).where(usable)
    held = select(func.count(), func.sum(manifest_labels.c.manifest_id), func.sum(manifest_labels.c.label_id))
    given = held.where(manifest_labels.c.label_id.in_(select(labels.c.id).where(usable)))
    return (*tx.execute(look).one(), *tx.execute(given).one())


def attach(tx: Connection, manifest_id: int, label_id: int) -> bool:
    """Give a manifest a label; tells whether it did not have it."""
    return insert_if_absent(tx, manifest_labels, {"manifest_id": manifest_id, "label_id": label_id})


def detach(tx: Connection, manifest_id: int, label_id: int) -> bool:
    """Take a label from a manifest; tells whether it had it."""
    same = (manifest_labels.c.manifest_id == manifest_id) & (manifest_labels.c.label_id == label_id)
    return tx.execute(delete(manifest_labels).where(same)).rowcount == 1
