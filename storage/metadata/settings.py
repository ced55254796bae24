"""Settings that are changed while the registry runs; each value is a JSON text."""

from collections.abc import Mapping

from sqlalchemy import Connection, bindparam, select

from storage.metadata.database import put
from storage.metadata.management_tables import settings
from storage.metadata.prepared import Prepared

_BY_NAME = Prepared(select(settings.c.value).where(settings.c.name == bindparam("name")))


def find(tx: Connection, name: str) -> str | None:
    value: str | None = _BY_NAME.value(tx, name=name)
    return value


def list_all(tx: Connection) -> dict[str, str]:
    return {row.name: row.value for row in tx.execute(select(settings.c.name, settings.c.value))}


def put_all(tx: Connection, values: Mapping[str, str]) -> None:
    for name, value in values.items():
        put(tx, settings, ("name",), {"name": name, "value": value})
