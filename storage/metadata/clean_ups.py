"""The history of cleaning up."""

from dataclasses import dataclass

from sqlalchemy import Connection, delete, func, select, update

from storage.metadata.database import insert_row
from storage.metadata.tables import clean_ups


@dataclass(frozen=True, slots=True)
class Freed:
    """What went: numbers of each, and the bytes of the objects that were deleted."""

    manifests: int = 0
    links: int = 0
    blobs: int = 0
    uploads: int = 0
    objects: int = 0
    freed_bytes: int = 0

    def __add__(self, other: "Freed") -> "Freed":
        return Freed(*(getattr(self, name) + getattr(other, name) for name in Freed.__slots__))


@dataclass(frozen=True, slots=True)
class CleanUpRecord:
    """A run; without `finished_at` it goes on, or its process died."""

    id: int
    cause: str
    started_at: int
    finished_at: int | None
    error: str | None
    freed: Freed


_OUTLINE = [clean_ups.c[name] for name in CleanUpRecord.__slots__ if name != "freed"]
_FREED = [clean_ups.c[name] for name in Freed.__slots__]


def begin(tx: Connection, cause: str, now: int) -> int:
    """Note that a run begins, and return its id."""
    nothing = dict.fromkeys(Freed.__slots__, 0)
    return insert_row(tx, clean_ups, {"cause": cause, "started_at": now, **nothing})


def note(tx: Connection, run: int, freed: Freed, *, finished_at: int | None = None, error: str | None = None) -> None:
    """Note what has gone so far, and how the run ended if it did."""
    values = {name: getattr(freed, name) for name in Freed.__slots__}
    tx.execute(update(clean_ups).where(clean_ups.c.id == run).values(finished_at=finished_at, error=error, **values))


def forget(tx: Connection, run: int) -> None:
    """Leave no trace of a run that did nothing."""
    tx.execute(delete(clean_ups).where(clean_ups.c.id == run))


def forget_later(tx: Connection, now: int) -> None:
    """Forget runs that ended after that time."""
    tx.execute(delete(clean_ups).where(clean_ups.c.finished_at > now))


def last_finished(tx: Connection) -> int | None:
    """When the last run ended that did not fail, in ms since 1970."""
    ended = select(func.max(clean_ups.c.finished_at)).where(clean_ups.c.error.is_(None))
    last: int | None = tx.execute(ended).scalar_one()
    return last


def list_newest(tx: Connection, count: int) -> list[CleanUpRecord]:
    listed = select(*_OUTLINE, *_FREED).order_by(clean_ups.c.id.desc()).limit(count)
    return [
        CleanUpRecord(row.id, row.cause, row.started_at, row.finished_at, row.error, Freed(*row[len(_OUTLINE) :]))
        for row in tx.execute(listed)
    ]


def keep_newest(tx: Connection, count: int) -> None:
    """Forget all runs but the last `count`."""
    oldest = select(clean_ups.c.id).order_by(clean_ups.c.id.desc()).limit(1).offset(count - 1).scalar_subquery()
    tx.execute(delete(clean_ups).where(clean_ups.c.id < oldest))
