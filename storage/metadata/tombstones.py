"""Objects that no blob names any more: rows go before bytes, so that no row ever names what is gone."""

from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, Select, delete, exists, func, insert, select, update

from storage.metadata.database import insert_if_absent
from storage.metadata.tables import blobs, tombstones

_BATCH = 500


def add(tx: Connection, location: str, delete_after: int, size: int = 0) -> None:
    """Have the object deleted at a time; `size` is what that frees, in bytes."""
    insert_if_absent(tx, tombstones, {"location": location, "delete_after": delete_after, "size": size})


def add_all(tx: Connection, chosen: Select[tuple[str, int, int]]) -> None:
    """`add` objects by a query for their locations, times and sizes."""
    columns = [tombstones.c.location, tombstones.c.delete_after, tombstones.c.size]
    is_new = chosen.selected_columns[0].not_in(select(tombstones.c.location))
    tx.execute(insert(tombstones).from_select(columns, chosen.where(is_new)))


def list_due(tx: Connection, now: int, count: int) -> dict[str, int]:
    """Locations of objects that may be deleted by now, with their sizes; never those that a blob has all the same."""
    is_needed = exists().where(blobs.c.location == tombstones.c.location)
    due = select(tombstones.c.location, tombstones.c.size).where(tombstones.c.delete_after <= now, ~is_needed)
    return dict(tx.execute(due.order_by(tombstones.c.delete_after).limit(count)).all())


def count(tx: Connection) -> tuple[int, int]:
    """How many objects are still to be deleted, and their bytes in all."""
    total = select(func.count(), func.coalesce(func.sum(tombstones.c.size), 0)).select_from(tombstones)
    number, size = tx.execute(total).one()
    return number, int(size)


def named(tx: Connection, locations: Sequence[str]) -> set[str]:
    """Those of the locations whose objects are about to be deleted."""
    found: set[str] = set()
    for start in range(0, len(locations), _BATCH):
        chosen = tombstones.c.location.in_(locations[start : start + _BATCH])
        found.update(tx.execute(select(tombstones.c.location).where(chosen)).scalars())
    return found


def postpone(tx: Connection, location: str, delete_after: int) -> None:
    tx.execute(update(tombstones).where(tombstones.c.location == location).values(delete_after=delete_after))


def remove(tx: Connection, locations: Iterable[str]) -> None:
    tx.execute(delete(tombstones).where(tombstones.c.location.in_(list(locations))))
