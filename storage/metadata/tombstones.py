"""Objects that no blob names any more: rows go before bytes, so that no row ever names what is gone."""

from sqlalchemy import Connection, delete, select

from storage.metadata.database import insert_if_absent
from storage.metadata.tables import tombstones


def add(tx: Connection, location: str, delete_after: int) -> None:
    insert_if_absent(tx, tombstones, {"location": location, "delete_after": delete_after})


def list_due(tx: Connection, now: int, count: int) -> list[str]:
    due = select(tombstones.c.location).where(tombstones.c.delete_after <= now)
    return list(tx.execute(due.order_by(tombstones.c.delete_after).limit(count)).scalars())


def remove(tx: Connection, location: str) -> None:
    tx.execute(delete(tombstones).where(tombstones.c.location == location))
