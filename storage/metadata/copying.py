"""Copying all records from one database to another, of whichever kind either is, and comparing the two.

Identifiers stay, and so do the counters that give out new ones: one that was given out and is gone is not given again.
"""

from collections.abc import Iterator, Mapping
from itertools import zip_longest
from typing import Any

from sqlalchemy import (
    BigInteger,
    Connection,
    LargeBinary,
    RowMapping,
    Table,
    bindparam,
    delete,
    exists,
    select,
    text,
    tuple_,
    update,
)

from storage.metadata.database import insert_many
from storage.metadata.tables import blobs, metadata, tombstones, uploads

ROWS = 500
LARGE_ROWS = 16  # of a table whose rows may have megabytes each

# What is about staged places and objects of one blob store, and means nothing beside another.
_OF_A_STORE = frozenset({uploads, tombstones})


# Where blobs are in another store, by digest; None where they stay. A blob that is not among them keeps its location,
# at which that store has nothing: it counts as damaged there, until somebody pushes it again.
Places = Mapping[str, str] | None


def is_empty(tx: Connection) -> bool:
    """Whether there is no record at all."""
    return not any(tx.execute(select(exists(select(table)))).scalar_one() for table in metadata.sorted_tables)


def copy(old: Connection, new: Connection, places: Places) -> Iterator[int]:
    """Copy every row into an empty database; yields the number of rows of each step.

    With `places` the blobs are in another store by now: they get their new locations, and what is about the old store
    stays behind.
    """
    for table in _tables(places):
        for page in _pages(old, table, places):
            insert_many(new, table, page)
            yield len(page)
    for table in _numbered():
        _set_last_id(new, table, _last_id(old, table))


def find_difference(old: Connection, new: Connection, places: Places) -> str | None:
    """The name of a table whose rows or counter `copy` would not have made like that; None when all are alike."""
    for table in _tables(places):
        # Pages of both end at the same rows, as long as the rows are the same.
        if any(ours != theirs for ours, theirs in zip_longest(_pages(old, table, places), _pages(new, table, None))):
            return table.name
    for table in _numbered():
        if _last_id(old, table) != _last_id(new, table):
            return table.name
    return None


def relocate(tx: Connection, places: Mapping[str, str]) -> None:
    """Let the blobs be in another store from now on, and forget what is about the old one."""
    moved = update(blobs).where(blobs.c.digest == bindparam("blob")).values(location=bindparam("place"))
    rows = [{"blob": digest, "place": location} for digest, location in places.items()]
    for start in range(0, len(rows), ROWS):
        tx.execute(moved, rows[start : start + ROWS])
    for table in _OF_A_STORE:
        tx.execute(delete(table))


def _tables(places: Places) -> list[Table]:
    """Whose rows are copied: those that others refer to come first."""
    return [table for table in metadata.sorted_tables if places is None or table not in _OF_A_STORE]


def _numbered() -> list[Table]:
    return [table for table in metadata.sorted_tables if "id" in table.c and isinstance(table.c.id.type, BigInteger)]


Page = list[Mapping[str, Any]]


def _pages(tx: Connection, table: Table, places: Places) -> Iterator[Page]:
    """All rows by their keys, as they are to be in the other database."""
    key = tuple_(*table.primary_key)
    count = LARGE_ROWS if any(isinstance(column.type, LargeBinary) for column in table.c) else ROWS
    chosen = select(table).order_by(*table.primary_key).limit(count)
    rows = tx.execute(chosen).mappings().all()
    while rows:
        yield [_moved(row, table, places) for row in rows]
        last = [rows[-1][column.name] for column in table.primary_key]
        rows = tx.execute(chosen.where(key > tuple_(*last))).mappings().all()


def _moved(row: RowMapping, table: Table, places: Places) -> Mapping[str, Any]:
    values = dict(row)
    if places is not None and table is blobs:
        values["location"] = places.get(row["digest"], row["location"])
    return values


def _last_id(tx: Connection, table: Table) -> int:
    """The largest identifier that was ever given out in a table; 0 where none was."""
    if tx.dialect.name == "sqlite":
        last = tx.execute(text("SELECT seq FROM sqlite_sequence WHERE name = :name"), {"name": table.name})
        return int(last.scalar() or 0)
    sequence = tx.execute(_SEQUENCE, {"name": table.name}).scalar_one()
    value, is_given = tx.execute(text(f"SELECT last_value, is_called FROM {sequence}")).one()  # noqa: S608 -- as the server wrote it
    return int(value) if is_given else 0


def _set_last_id(tx: Connection, table: Table, last: int) -> None:
    if last == 0:
        return
    if tx.dialect.name == "sqlite":
        tx.execute(text("DELETE FROM sqlite_sequence WHERE name = :name"), {"name": table.name})
        new = text("INSERT INTO sqlite_sequence (name, seq) VALUES (:name, :last)")
        tx.execute(new, {"name": table.name, "last": last})
    else:
        sequence = tx.execute(_SEQUENCE, {"name": table.name}).scalar_one()
        tx.execute(text("SELECT setval(:sequence, :last)"), {"sequence": sequence, "last": last})


_SEQUENCE = text("SELECT pg_get_serial_sequence(:name, 'id')")
