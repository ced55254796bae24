"""When background work is to be done again."""

from dataclasses import dataclass

from sqlalchemy import Connection, delete, select, update

from storage.metadata.database import put
from storage.metadata.listings import Field, Listing, fetch
from storage.metadata.management_tables import schedules


@dataclass(frozen=True, slots=True)
class ScheduleRecord:
    """`vendor` and `vendor_id` are Harbor's words for what is done and to what; `parameters` is JSON. Times are in
    milliseconds.
    """

    id: int
    vendor: str
    vendor_id: int
    kind: str
    cron: str
    parameters: str
    next_at: int | None
    created_at: int
    updated_at: int


_COLUMNS = [schedules.c[name] for name in ScheduleRecord.__slots__]
_FIELDS = {
    "id": Field(schedules.c.id, "number"),
    "vendor_type": Field(schedules.c.vendor),
    "vendor_id": Field(schedules.c.vendor_id, "number"),
    "update_time": Field(schedules.c.updated_at, "time"),
}


def find(tx: Connection, vendor: str, vendor_id: int) -> ScheduleRecord | None:
    same = (schedules.c.vendor == vendor) & (schedules.c.vendor_id == vendor_id)
    row = tx.execute(select(*_COLUMNS).where(same)).one_or_none()
    return ScheduleRecord(*row) if row else None


def list_page(tx: Connection, listing: Listing) -> tuple[list[ScheduleRecord], int]:
    """A page, and how many there are. Raises `BadFilter`."""
    rows, total = fetch(tx, select(*_COLUMNS), _FIELDS, listing, usual=("id",))
    return [ScheduleRecord(*row) for row in rows], total


def list_due(tx: Connection, now: int) -> list[ScheduleRecord]:
    due = select(*_COLUMNS).where(schedules.c.next_at <= now).order_by(schedules.c.next_at, schedules.c.id)
    return [ScheduleRecord(*row) for row in tx.execute(due)]


def put_one(
    tx: Connection, vendor: str, vendor_id: int, *, kind: str, cron: str, parameters: str, next_at: int, now: int
) -> None:
    """Make it, or give it another time."""
    known = find(tx, vendor, vendor_id)
    values = {
        "vendor": vendor,
        "vendor_id": vendor_id,
        "kind": kind,
        "cron": cron,
        "parameters": parameters,
        "next_at": next_at,
        "created_at": known.created_at if known else now,
        "updated_at": now,
    }
    put(tx, schedules, ("vendor", "vendor_id"), values)


def set_next(tx: Connection, schedule_id: int, next_at: int) -> None:
    tx.execute(update(schedules).where(schedules.c.id == schedule_id).values(next_at=next_at))


def remove(tx: Connection, vendor: str, vendor_id: int) -> None:
    same = (schedules.c.vendor == vendor) & (schedules.c.vendor_id == vendor_id)
    tx.execute(delete(schedules).where(same))
