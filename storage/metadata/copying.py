"""Copying all records from one database to another, of whichever kind either is, and comparing the two.

Identifiers stay, and so do the counters that give out new ones: one that was given out and is gone is not given again.
"""

import hashlib
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import closing
from itertools import zip_longest
from pathlib import Path
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    LargeBinary,
    RowMapping,
    Table,
    bindparam,
    delete,
    exists,
    func,
    select,
    text,
    tuple_,
    update,
)

from storage.metadata.database import Database, insert_many
from storage.metadata.errors import DatabaseError
from storage.metadata.management_tables import artifact_details
from storage.metadata.schema import metadata
from storage.metadata.tables import (
    blobs,
    clean_ups,
    daily_counts,
    disk_samples,
    facts,
    generations,
    layer_indexes,
    leases,
    login_failures,
    manifests,
    repositories,
    repository_blobs,
    tags,
    tombstones,
    transfer_reports,
    uploads,
)

ROWS = 500
LARGE_ROWS = 16  # of a table whose rows may have megabytes each

Tables = frozenset[Table]

# What a database counts for itself is neither copied nor compared.
RECORDS = [table for table in metadata.sorted_tables if table is not generations]

# What is about staged places and objects of one blob store, and means nothing beside another.
_OF_A_STORE = frozenset({uploads, tombstones})

# What means nothing any more when it comes back later, or is made anew: beside the same store, and beside another one.
PASSING: Tables = frozenset({uploads, leases, layer_indexes, transfer_reports})
PASSING_OR_OF_A_STORE: Tables = PASSING | _OF_A_STORE

# What changes all the time, and is no loss, or never changes without something that is compared.
_UNIMPORTANT = PASSING.union(
    {tombstones, login_failures, clean_ups, facts, artifact_details, daily_counts, disk_samples}
)
_UNIMPORTANT_COLUMNS = frozenset(
    {
        blobs.c.checked_at,
        repository_blobs.c.leased_at,
        manifests.c.content,
        repositories.c.pull_count,
        tags.c.pulled_at,
    }
)

_LEFT_OUT = "was damaged when everything else was copied"

# Where blobs are in another store, by digest; None where they stay. A blob that is not among them keeps its location,
# at which that store has nothing: it counts as damaged there, until somebody pushes it again.
Places = Mapping[str, str] | None


def is_empty(tx: Connection) -> bool:
    """Whether there is no record at all."""
    return not any(tx.execute(select(exists(select(table)))).scalar_one() for table in RECORDS)


def copy(old: Connection, new: Connection, places: Places, without: Tables = frozenset()) -> Iterator[int]:
    """Copy every row into an empty database, but of the tables `without`; yields the number of rows of each step.

    With `places` the blobs are in another store by now: they get their new locations, and what is about the old store
    stays behind.
    """
    for table in _tables(places, without):
        for page in _pages(old, table, places):
            insert_many(new, table, page)
            yield len(page)
    for table in _numbered():
        _set_last_id(new, table, _last_id(old, table))


def find_difference(old: Connection, new: Connection, places: Places, without: Tables = frozenset()) -> str | None:
    """The name of a table whose rows or counter `copy` would not have made like that; None when all are alike."""
    for table in _tables(places, without):
        # Pages of both end at the same rows, as long as the rows are the same.
        if any(ours != theirs for ours, theirs in zip_longest(_pages(old, table, places), _pages(new, table, None))):
            return table.name
    for table in _numbered():
        if _last_id(old, table) != _last_id(new, table):
            return table.name
    return None


def copy_to_file(
    database: Database, path: Path, without: Tables, *, compare: bool, progress: Callable[[int], None] = lambda _: None
) -> None:
    """Make a SQLite file of the records, as they all are at one moment; `compare` reads them all again afterwards.

    `progress` gets the number of rows of each step. Raises `DatabaseError`.
    """
    path.touch(mode=0o600, exist_ok=False)
    with closing(Database.open(path)) as file:
        file.migrate()
        with file.write() as new, database.read() as old:
            for count in copy(old, new, None, without):
                progress(count)
            if compare and (table := find_difference(old, new, None, without)):
                raise DatabaseError(f"the copy does not give back what it was given, in its table {table}")


def count_rows(tx: Connection) -> dict[str, int]:
    """How many records there are, by table."""
    return {table.name: tx.execute(select(func.count()).select_from(table)).scalar_one() for table in RECORDS}


def fingerprint(tx: Connection, progress: Callable[[int], None] = lambda _: None) -> str:
    """A hash of all records that would be missed: another one means that there is something new to keep."""
    hasher = hashlib.sha256()
    for table in RECORDS:
        if table in _UNIMPORTANT:
            continue
        hasher.update(table.name.encode())
        for page in _pages(tx, table, None, without=_UNIMPORTANT_COLUMNS):
            hasher.update(repr([tuple(row.values()) for row in page]).encode())
            progress(len(page))
    return hasher.hexdigest()


def relocate(tx: Connection, places: Mapping[str, str]) -> None:
    """Let the blobs be in another store from now on, and forget what is about the old one."""
    moved = update(blobs).where(blobs.c.digest == bindparam("blob")).values(location=bindparam("place"), damage=None)
    tx.execute(update(blobs).values(damage=func.coalesce(blobs.c.damage, _LEFT_OUT)))
    rows = [{"blob": digest, "place": location} for digest, location in places.items()]
    for start in range(0, len(rows), ROWS):
        tx.execute(moved, rows[start : start + ROWS])
    for table in _OF_A_STORE:
        tx.execute(delete(table))


def _tables(places: Places, without: Tables) -> list[Table]:
    """Whose rows are copied: those that others refer to come first."""
    left_out = without if places is None else without | _OF_A_STORE
    return [table for table in RECORDS if table not in left_out]


def _numbered() -> list[Table]:
    return [table for table in RECORDS if "id" in table.c and isinstance(table.c.id.type, BigInteger)]


Page = list[Mapping[str, Any]]


def _pages(
    tx: Connection, table: Table, places: Places, *, without: Collection[Column[Any]] = frozenset()
) -> Iterator[Page]:
    """All rows by their keys, as they are to be in the other database."""
    key = tuple_(*table.primary_key)
    columns = [column for column in table.c if column not in without]
    count = LARGE_ROWS if any(isinstance(column.type, LargeBinary) for column in columns) else ROWS
    chosen = select(*columns).order_by(*table.primary_key).limit(count)
    rows = tx.execute(chosen).mappings().all()
    while rows:
        yield [_moved(row, table, places) for row in rows]
        last = [rows[-1][column.name] for column in table.primary_key]
        rows = tx.execute(chosen.where(key > tuple_(*last))).mappings().all()


def _moved(row: RowMapping, table: Table, places: Places) -> Mapping[str, Any]:
    values = dict(row)
    if places is not None and table is blobs:
        # What was copied was verified on the way.
        place = places.get(row["digest"])
        values |= {"location": place, "damage": None} if place else {"damage": row["damage"] or _LEFT_OUT}
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
