"""How many records there are of who did what, by the day and the kind.

To count a million takes a tenth of a second, and each list tells how long it is. So they are counted when they are
written and removed, in the same transaction; of the two days that a span of time begins and ends in, the records
themselves are counted.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import Connection, delete, func, select

from storage.metadata.database import upsert
from storage.metadata.listings import Field, Filter, Listing, conditions, plain, value_of
from storage.metadata.management_tables import audit_counts, audit_records
from storage.metadata.prepared import Prepared

DAY_MS = 24 * 60 * 60 * 1000
_KINDS = ("operation", "resource_type", "user_name", "succeeded")
TOLD = ("at", *_KINDS)
"""The columns of a record that it is counted by."""
_FIELDS = {
    "username": Field(audit_counts.c.user_name),
    "operation": Field(audit_counts.c.operation),
    "resource_type": Field(audit_counts.c.resource_type),
    "operation_result": Field(audit_counts.c.succeeded, "flag"),
}
_TIME = "optime"
_KEYS = {_TIME, *map(plain, _FIELDS)}
_FAR = (2**31 - 1) * DAY_MS - 1  # the end of the last day that the column has room for


def add(tx: Connection, records: Sequence[Mapping[str, Any]]) -> None:
    """Count records that are new. They have at least the values of `TOLD`."""
    _change(tx, records, 1)


def remove(tx: Connection, records: Sequence[Mapping[str, Any]]) -> None:
    """Count records no longer."""
    _change(tx, records, -1)
    tx.execute(delete(audit_counts).where(audit_counts.c.records == 0))


def count(tx: Connection, listing: Listing, fields: Mapping[str, Field]) -> int | None:
    """How many records a list of all has, with these fields; None where it asks for what is not counted.

    Raises `BadFilter`.
    """
    known = {plain(name) for name in fields}
    asked = [each for each in listing.filters if each.key in known]
    times = [each for each in asked if each.key == _TIME]
    if not _KEYS.issuperset(each.key for each in asked) or [each.how for each in times] not in ([], ["range"]):
        return None
    least, most = _span(times)
    first, end = -(-least // DAY_MS), (most + 1) // DAY_MS  # whole days
    if first >= end:
        return None
    whole = select(func.coalesce(func.sum(audit_counts.c.records), 0)).where(
        audit_counts.c.day >= first, audit_counts.c.day < end, *conditions(tx, _FIELDS, listing)
    )
    part = select(func.count()).select_from(audit_records).where(*conditions(tx, fields, listing))
    total = int(tx.execute(whole).scalar_one())
    for since, until in ((least, first * DAY_MS - 1), (end * DAY_MS, most)):
        total += int(tx.execute(part.where(audit_records.c.at.between(since, until))).scalar_one())
    return total


def _span(times: Sequence[Filter]) -> tuple[int, int]:
    """The first and the last millisecond that a condition on the time leaves."""
    least, most = times[0].values if times else (None, None)
    first = 0 if least is None else int(value_of("time", least))
    last = _FAR if most is None else int(value_of("time", most))
    return max(first, 0), min(last, _FAR)


def _change(tx: Connection, records: Sequence[Mapping[str, Any]], sign: int) -> None:
    kinds = Counter((record["at"] // DAY_MS, *(record[name] for name in _KINDS)) for record in records)
    names = ("day", *_KINDS, "records")
    rows = [dict(zip(names, (*kind, sign * times), strict=True)) for kind, times in kinds.items()]
    _counting(tx.dialect.name).run_many(tx, rows)


@cache
def _counting(dialect: str) -> Prepared:
    insertion = upsert(dialect, audit_counts)
    total = audit_counts.c.records + insertion.excluded.records
    added = insertion.on_conflict_do_update(index_elements=["day", *_KINDS], set_={"records": total})
    return Prepared(added, "day", *_KINDS, "records")
