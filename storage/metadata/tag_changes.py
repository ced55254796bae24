"""What became of each tag: every change, when, and by whom."""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, exists, select

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


def list_newest(
    tx: Connection, repository_id: int, tag: str, count: int, *, before: int | None = None
) -> list[TagChange]:
    """The last changes of a tag, the newest first; with `before`, those that came before the change of that id."""
    own = _of(repository_id, tag)
    older = [] if before is None else [tag_changes.c.id < before]
    return _newest(tx, *own, *older, count=count)


def find_at(tx: Connection, repository_id: int, tag: str, time: int) -> TagChange | None:
    """The last change before a time, in milliseconds."""
    found = _newest(tx, *_of(repository_id, tag), tag_changes.c.changed_at < time, count=1)
    return found[0] if found else None


def find_other(tx: Connection, repository_id: int, tag: str, digest: str | None) -> str | None:
    """The digest that a tag pointed to last, other than `digest`; None where there never was one."""
    others = [tag_changes.c.digest.is_not(None)] if digest is None else [tag_changes.c.digest != digest]
    found = _newest(tx, *_of(repository_id, tag), *others, count=1)
    return found[0].digest if found else None


def has_pointed(tx: Connection, repository_id: int, digest: str, *, tag: str | None = None) -> bool:
    """Whether the tag, or any tag of the repository, pointed to a digest at some time."""
    own = exists().where(tag_changes.c.repository_id == repository_id, tag_changes.c.digest == digest)
    return tx.execute(select(own if tag is None else own.where(tag_changes.c.tag == tag))).scalar_one()


def _of(repository_id: int, tag: str) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return tag_changes.c.repository_id == repository_id, tag_changes.c.tag == tag


def _newest(tx: Connection, *conditions: ColumnElement[bool], count: int) -> list[TagChange]:
    chosen = select(*_COLUMNS).where(*conditions).order_by(tag_changes.c.id.desc()).limit(count)
    return [TagChange(*row) for row in tx.execute(chosen)]
