"""Upload sessions: any process continues any session."""

from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, delete, exists, func, insert, or_, select, update

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


_FIND = select(*(uploads.c[name] for name in UploadRecord.__slots__)).where(
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


def advance(tx: Connection, old: UploadRecord, new: UploadRecord, claim: str | None) -> bool:
    """Move the session on, unless somebody else moved it or claimed it meanwhile (compare and swap)."""
    moved = (
        update(uploads)
        .where(uploads.c.id == old.id, uploads.c.size == old.size, uploads.c.claim.is_not_distinct_from(claim))
        .values(staged=new.staged, size=new.size, digest=new.digest, expires_at=new.expires_at)
    )
    return tx.execute(moved).rowcount == 1


def claim(tx: Connection, upload_id: str, token: str, *, now: int, until: int) -> bool:
    """Claim the session, unless somebody else has it; tells whether that succeeded."""
    is_free = or_(uploads.c.claim.is_(None), uploads.c.claimed_until <= now)
    taken = update(uploads).where(uploads.c.id == upload_id, is_free).values(claim=token, claimed_until=until)
    return tx.execute(taken).rowcount == 1


def renew(tx: Connection, upload_id: str, token: str, until: int) -> bool:
    """Make a claim last on; tells whether it still held."""
    renewed = update(uploads).where(uploads.c.id == upload_id, uploads.c.claim == token).values(claimed_until=until)
    return tx.execute(renewed).rowcount == 1


def release(tx: Connection, upload_id: str, token: str) -> None:
    """Give a claim back; one that is gone is fine."""
    held = update(uploads).where(uploads.c.id == upload_id, uploads.c.claim == token)
    tx.execute(held.values(claim=None, claimed_until=None))


def finish(tx: Connection, upload_id: str, claim: str | None) -> bool:
    """Drop a session whose bytes became a blob; tells whether it was there and still claimed so."""
    finished = delete(uploads).where(uploads.c.id == upload_id, uploads.c.claim.is_not_distinct_from(claim))
    return tx.execute(finished).rowcount == 1


def remove(tx: Connection, upload_id: str) -> str | None:
    """Drop a session, whoever writes to it, and return its staged place; None if there is no such session.

    Whoever drops a session owns its staged bytes.
    """
    removed = delete(uploads).where(uploads.c.id == upload_id).returning(uploads.c.staged)
    return tx.execute(removed).scalar()


def list_staged(tx: Connection, project_id: int) -> list[str]:
    """The staged places of all sessions in a project."""
    own = select(repositories.c.id).where(repositories.c.project_id == project_id)
    return list(tx.execute(select(uploads.c.staged).where(uploads.c.repository_id.in_(own))).scalars())


def count(tx: Connection, now: int) -> int:
    """How many sessions are open."""
    return tx.execute(select(func.count()).select_from(uploads).where(uploads.c.expires_at > now)).scalar_one()


def count_of_user(tx: Connection, user_id: int | None, now: int) -> int:
    """How many sessions the account has open; of nobody, how many nobody in particular has."""
    # Not IS NOT DISTINCT FROM, for which PostgreSQL uses no index.
    own = uploads.c.user_id.is_(None) if user_id is None else uploads.c.user_id == user_id
    return tx.execute(select(func.count()).select_from(uploads).where(own, uploads.c.expires_at > now)).scalar_one()


def count_in_project(tx: Connection, project_id: int, now: int) -> int:
    """How many sessions are open in a project."""
    own = select(repositories.c.id).where(repositories.c.project_id == project_id)
    inside = uploads.c.repository_id.in_(own), uploads.c.expires_at > now
    return tx.execute(select(func.count()).select_from(uploads).where(*inside)).scalar_one()


def list_expired(tx: Connection, now: int, count: int) -> list[str]:
    """Ids of sessions that nobody continued in time, the oldest first."""
    expired = select(uploads.c.id).where(uploads.c.expires_at <= now)
    return list(tx.execute(expired.order_by(uploads.c.expires_at).limit(count)).scalars())


def count_expired(tx: Connection, now: int) -> int:
    return tx.execute(select(func.count()).select_from(uploads).where(uploads.c.expires_at <= now)).scalar_one()


def expire(tx: Connection, upload_id: str, now: int) -> str | None:
    """Drop a session that is still expired and return its staged place, which belongs to whoever dropped it."""
    expired = delete(uploads).where(uploads.c.id == upload_id, uploads.c.expires_at <= now)
    staged: str | None = tx.execute(expired.returning(uploads.c.staged)).scalar_one_or_none()
    return staged


def is_named(tx: Connection, text: str) -> bool:
    """Whether the staged place of any session has a name that contains `text`."""
    naming = select(exists().where(uploads.c.staged.contains(text, autoescape=True)))
    return tx.execute(naming).scalar_one()
