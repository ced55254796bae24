"""Keys that sign tokens. They live in the database, so every process of a registry accepts every other's tokens."""

from collections.abc import Collection
from dataclasses import dataclass, field

from sqlalchemy import Connection, delete, insert, select

from storage.metadata.tables import signing_keys


@dataclass(frozen=True, slots=True)
class SigningKeyRecord:
    id: str
    private_pem: str = field(repr=False)
    created_at: int


def list_newest_first(tx: Connection) -> list[SigningKeyRecord]:
    newest = select(signing_keys).order_by(signing_keys.c.created_at.desc(), signing_keys.c.id)
    return [SigningKeyRecord(*row) for row in tx.execute(newest)]


def add(tx: Connection, key_id: str, private_pem: str, now: int) -> None:
    tx.execute(insert(signing_keys).values(id=key_id, private_pem=private_pem, created_at=now))


def remove(tx: Connection, key_ids: Collection[str]) -> None:
    tx.execute(delete(signing_keys).where(signing_keys.c.id.in_(key_ids)))
