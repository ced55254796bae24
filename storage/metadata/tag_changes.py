"""What became of each tag: every change, when, and by whom."""

from dataclasses import dataclass

from sqlalchemy import Connection, select

from storage.metadata.database import insert_row
from storage.metadata.tables import tag_changes


@dataclass(frozen=True, slots=True)
class TagChange:
    """From `changed_at` on the tag pointed to `digest`; None: it was removed."""

    id: int
    tag: str
    digest: str | None
    user_name: str | None
    changed_at: int


_COLUMNS = [tag_changes.c[name] for name in TagChange.__slots__]


def add(tx: Connection, repository_id: int, tag: str, digest: str | None, *, user_name: str | None, now: int) -> None:
    values = {"repository_id": repository_id, "tag": tag, "digest": digest, "user_name": user_name, "changed_at": now}
    insert_row(tx, tag_changes, values)


def list_newest(tx: Connection, repository_id: int, tag: str, count: int) -> list[TagChange]:
    """The last changes of a tag, the newest first."""
    own = select(*_COLUMNS).where(tag_changes.c.repository_id == repository_id, tag_changes.c.tag == tag)
    return [TagChange(*row) for row in tx.execute(own.order_by(tag_changes.c.id.desc()).limit(count))]
