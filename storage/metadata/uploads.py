"""Upload sessions: any process continues any session."""

from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from storage.metadata.tables import repositories, uploads


@dataclass(frozen=True, slots=True)
class UploadRecord:
    id: str
    repository_id: int
    user_id: int | None
    staged: str
    size: int
    algorithm: str
    digest: str | None
    expires_at: int


_FIND = select(uploads).where(
    uploads.c.id == bindparam("id"),
    uploads.c.repository_id == bindparam("repository_id"),
    uploads.c.user_id.is_not_distinct_from(bindparam("user_id")),
    uploads.c.expires_at > bindparam("now"),
)


def find(tx: Connection, upload_id: str, repository_id: int, user_id: int | None, now: int) -> UploadRecord | None:
    """The session, if it is of that repository and account and has not expired."""
    key = {"id": upload_id, "repository_id": repository_id, "user_id": user_id, "now": now}
    row = tx.execute(_FIND, key).one_or_none()
    return UploadRecord(*row) if row else None


def add(tx: Connection, record: UploadRecord) -> None:
    columns = {name: getattr(record, name) for name in UploadRecord.__slots__}
    tx.execute(insert(uploads).values(**columns))


def advance(tx: Connection, upload_id: str, *, old: int, new: int, digest: str | None, expires_at: int) -> bool:
    """Move the session from `old` to `new` bytes, unless somebody else moved it meanwhile (compare and swap)."""
    moved = (
        update(uploads)
        .where(uploads.c.id == upload_id, uploads.c.size == old)
        .values(size=new, digest=digest, expires_at=expires_at)
    )
    return tx.execute(moved).rowcount == 1


def remove(tx: Connection, upload_id: str) -> bool:
    """Drop a session; tells whether it was there. Whoever drops it owns its staged bytes."""
    return tx.execute(delete(uploads).where(uploads.c.id == upload_id)).rowcount == 1


def list_staged(tx: Connection, project_id: int) -> list[str]:
    """The staged places of all sessions in a project."""
    own = select(repositories.c.id).where(repositories.c.project_id == project_id)
    return list(tx.execute(select(uploads.c.staged).where(uploads.c.repository_id.in_(own))).scalars())


def count(tx: Connection, now: int) -> int:
    """How many sessions are open."""
    return tx.execute(select(func.count()).select_from(uploads).where(uploads.c.expires_at > now)).scalar_one()
