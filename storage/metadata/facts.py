"""What there is one of in a registry, such as its own identifier."""

from sqlalchemy import Connection, delete, select

from storage.metadata.database import insert_if_absent, put
from storage.metadata.tables import facts


def find(tx: Connection, name: str) -> str | None:
    return tx.execute(select(facts.c.value).where(facts.c.name == name)).scalar_one_or_none()


def get_or_add(tx: Connection, name: str, value: str) -> str:
    """The fact as it is known, or else `value` from now on."""
    insert_if_absent(tx, facts, {"name": name, "value": value})
    return str(tx.execute(select(facts.c.value).where(facts.c.name == name)).scalar_one())


def set_value(tx: Connection, name: str, value: str) -> None:
    put(tx, facts, ["name"], {"name": name, "value": value})


def remove(tx: Connection, name: str) -> None:
    tx.execute(delete(facts).where(facts.c.name == name))
