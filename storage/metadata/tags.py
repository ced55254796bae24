"""Tags: names of manifests that can move."""

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Connection, delete, select

from storage.metadata.database import put, until_nul
from storage.metadata.tables import tags

_BATCH = 500


@dataclass(frozen=True, slots=True)
class TagRecord:
    name: str
    manifest_id: int
    updated_at: int


def point(tx: Connection, repository_id: int, name: str, manifest_id: int, now: int) -> None:
    row = {"repository_id": repository_id, "name": name, "manifest_id": manifest_id, "updated_at": now}
    put(tx, tags, ("repository_id", "name"), row)


def remove(tx: Connection, repository_id: int, name: str) -> bool:
    """Drop a tag; tells whether it was there."""
    gone = delete(tags).where(tags.c.repository_id == repository_id, tags.c.name == name)
    return tx.execute(gone).rowcount == 1


def find_many(tx: Connection, repository_id: int, names: Iterable[str]) -> dict[str, TagRecord]:
    wanted = list(names)
    found: dict[str, TagRecord] = {}
    for start in range(0, len(wanted), _BATCH):
        chosen = select(tags.c.name, tags.c.manifest_id, tags.c.updated_at).where(
            tags.c.repository_id == repository_id, tags.c.name.in_(wanted[start : start + _BATCH])
        )
        found.update((row.name, TagRecord(*row)) for row in tx.execute(chosen))
    return found


def list_names(tx: Connection, repository_id: int, *, after: str, count: int) -> list[str]:
    """Up to `count` tags after the tag `after`, in bytewise order."""
    listed = select(tags.c.name).where(tags.c.repository_id == repository_id, tags.c.name > until_nul(after))
    return list(tx.execute(listed.order_by(tags.c.name).limit(count)).scalars())
