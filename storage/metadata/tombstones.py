"""Objects that no blob names any more: rows go before bytes, so that no row ever names what is gone."""

from collections.abc import Sequence

from sqlalchemy import Connection, delete, select

from storage.metadata.database import insert_if_absent
from storage.metadata.tables import tombstones

_BATCH = 500


def add(tx: Connection, location: str, delete_after: int) -> None:
    insert_if_absent(tx, tombstones, {"location": location, "delete_after": delete_after})


def list_due(tx: Connection, now: int, count: int) -> list[str]:
    due = select(tombstones.c.location).where(tombstones.c.delete_after <= now)
    return list(tx.execute(due.order_by(tombstones.c.delete_after).limit(count)).scalars())


def named(tx: Connection, locations: Sequence[str]) -> set[str]:
    """Those of the locations whose objects are about to be deleted."""
    found: set[str] = set()
    for start in range(0, len(locations), _BATCH):
        chosen = tombstones.c.location.in_(locations[start : start + _BATCH])
        found.update(tx.execute(select(tombstones.c.location).where(chosen)).scalars())
    return found


def remove(tx: Connection, location: str) -> None:
    tx.execute(delete(tombstones).where(tombstones.c.location == location))
