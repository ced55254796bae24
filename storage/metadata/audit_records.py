"""Who did what, and when."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, delete, func, or_, select

from storage.metadata import audit_counts
from storage.metadata.database import insert_many
from storage.metadata.listings import Field, Listing, conditions, fetch, plain
from storage.metadata.management_tables import audit_records
from storage.metadata.sights import Sight


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """`at` is in milliseconds; names are those of the time."""

    id: int
    at: int
    project_id: int | None
    user_name: str
    operation: str
    resource_type: str
    resource: str
    description: str
    succeeded: bool


_RECORDS: Select[Any] = select(*(audit_records.c[name] for name in AuditRecord.__slots__))
_FIELDS = {
    "id": Field(audit_records.c.id, "number"),
    "username": Field(audit_records.c.user_name),
    "operation": Field(audit_records.c.operation),
    "resource_type": Field(audit_records.c.resource_type),
    "resource": Field(audit_records.c.resource),
    "operation_result": Field(audit_records.c.succeeded, "flag"),
    "op_time": Field(audit_records.c.at, "time"),
}

# Of projects: SQLite would take the index of a kind or of a person for better than that of projects, whose records are
# fewer, unless these are no columns that have one.
_FIELDS_IN_PROJECTS = _FIELDS | {
    "username": Field(audit_records.c.user_name.concat("")),
    "operation": Field(audit_records.c.operation.concat("")),
}


def add_all(tx: Connection, records: Sequence[Mapping[str, Any]]) -> None:
    """Each has the values of a record, without its id."""
    insert_many(tx, audit_records, records)
    audit_counts.add(tx, records)


def list_page(
    tx: Connection, listing: Listing, *, sight: Sight | None = None, project_id: int | None = None
) -> tuple[list[AuditRecord], int]:
    """A page, the newest first, and how many there are: of one project, of the projects that `sight` shows, or of all.

    Raises `BadFilter`.
    """
    keys = select(audit_records.c.id).where(*_within(sight, project_id))
    is_of_all = sight is None and project_id is None
    known = audit_counts.count(tx, listing, _FIELDS) if is_of_all else None
    fields, usual, key = _FIELDS if is_of_all else _FIELDS_IN_PROJECTS, ("-op_time", "-id"), audit_records.c.id
    listing = _along_index(listing)
    rows, total = fetch(tx, _RECORDS, fields, listing, usual=usual, key=key, keys=keys, total=known)
    return [AuditRecord(*row) for row in rows], total


def _along_index(listing: Listing) -> Listing:
    """What is sorted by people or kinds alone is sorted by the time as well, in the direction that their indexes have:
    otherwise all records of the first one would be sorted to find a page.
    """
    if len(listing.sort) != 1 or plain(listing.sort[0].removeprefix("-")) not in ("username", "operation"):
        return listing
    return replace(listing, sort=(*listing.sort, "-op_time" if listing.sort[0].startswith("-") else "op_time"))


def list_before(
    tx: Connection,
    listing: Listing,
    *,
    before: int | None,
    count: int,
    sight: Sight | None = None,
    project_id: int | None = None,
) -> list[AuditRecord]:
    """Up to `count` of what `list_page` lists, written before the record of that id, the last written first.

    Raises `BadFilter`.
    """
    chosen = _RECORDS.where(*_within(sight, project_id), *conditions(tx, _FIELDS, listing))
    if before is not None:
        chosen = chosen.where(audit_records.c.id < before)
    return [AuditRecord(*row) for row in tx.execute(chosen.order_by(audit_records.c.id.desc()).limit(count))]


def _within(sight: Sight | None, project_id: int | None) -> list[ColumnElement[bool]]:
    within = [] if project_id is None else [audit_records.c.project_id == project_id]
    if sight is None:
        return within
    return [*within, audit_records.c.project_id.in_(sight.projects())]


def count_until(tx: Connection, last: int, events: Collection[str] = ()) -> int:
    """How many records are from before that time; with `events`, of these kinds: `pull_artifact`, or all of `pull`."""
    return int(tx.execute(select(func.count()).where(_old(last, events))).scalar_one())


def remove_until(tx: Connection, last: int, events: Collection[str], count: int) -> int:
    """Remove at most `count` of what `count_until` counts; tells how many."""
    found = select(audit_records.c.id).where(_old(last, events)).order_by(audit_records.c.at).limit(count)
    return _remove(tx, audit_records.c.id.in_(found))


def last_id(tx: Connection) -> int:
    """Of the newest record; 0 where there is none."""
    return int(tx.execute(select(func.coalesce(func.max(audit_records.c.id), 0))).scalar_one())


def list_after(tx: Connection, record_id: int, count: int) -> list[AuditRecord]:
    """Up to `count` that were written after the record of that id, the first written first."""
    later = _RECORDS.where(audit_records.c.id > record_id).order_by(audit_records.c.id).limit(count)
    return [AuditRecord(*row) for row in tx.execute(later)]


def remove_between(tx: Connection, after: int, until: int) -> None:
    """Remove those that were written after the record of one id, up to that of the other."""
    _remove(tx, (audit_records.c.id > after) & (audit_records.c.id <= until))


def _remove(tx: Connection, is_chosen: ColumnElement[bool]) -> int:
    told = (audit_records.c[name] for name in audit_counts.TOLD)
    gone = tx.execute(delete(audit_records).where(is_chosen).returning(*told)).mappings().all()
    audit_counts.remove(tx, [dict(record) for record in gone])
    return len(gone)


def _old(last: int, events: Collection[str]) -> ColumnElement[bool]:
    is_old, operation = audit_records.c.at < last, audit_records.c.operation
    if not events:
        return is_old
    names, event = sorted(events), operation + "_" + audit_records.c.resource_type
    return and_(is_old, or_(operation.in_(names), event.in_(names)))
