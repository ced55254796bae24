"""Upload sessions: any process continues any session."""

from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, delete, exists, func, insert, or_, select, update

from storage.metadata.management_tables import robots
from storage.metadata.prepared import Prepared
from storage.metadata.tables import repositories, uploads, users


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


_FIND = Prepared(
    select(*(uploads.c[name] for name in UploadRecord.__slots__)).where(
        uploads.c.id == bindparam("id"),
        uploads.c.repository_id == bindparam("repository_id"),
        uploads.c.user_id.is_not_distinct_from(bindparam("user_id")),
        uploads.c.expires_at > bindparam("now"),
    )
)
_ADD = Prepared(insert(uploads), *UploadRecord.__slots__)
_IS_CLAIMED_SO = uploads.c.id == bindparam("upload"), uploads.c.claim.is_not_distinct_from(bindparam("token"))
_ADVANCE = Prepared(
    update(uploads)
    .where(*_IS_CLAIMED_SO, uploads.c.size == bindparam("old_size"))
    .values({name: bindparam(f"new_{name}") for name in ("staged", "size", "digest", "expires_at")})
)
_FINISH = Prepared(delete(uploads).where(*_IS_CLAIMED_SO))
_count = select(func.count()).select_from(uploads).where(uploads.c.expires_at > bindparam("now"))
_COUNT_OF_USER = Prepared(_count.where(uploads.c.user_id == bindparam("user")))
_COUNT_OF_NOBODY = Prepared(_count.where(uploads.c.user_id.is_(None)))
_IN_PROJECT = select(repositories.c.id).where(repositories.c.project_id == bindparam("project"))
_COUNT_IN_PROJECT = Prepared(_count.where(uploads.c.repository_id.in_(_IN_PROJECT)))


def find(tx: Connection, upload_id: str, repository_id: int, user_id: int | None, now: int) -> UploadRecord | None:
    """The session, if it is of that repository and account and has not expired."""
    row = _FIND.row(tx, id=upload_id, repository_id=repository_id, user_id=user_id, now=now)
    return UploadRecord(*row) if row else None


def add(tx: Connection, record: UploadRecord) -> None:
    _ADD.run(tx, **{name: getattr(record, name) for name in UploadRecord.__slots__})


def advance(tx: Connection, old: UploadRecord, new: UploadRecord, claim: str | None) -> bool:
    """Move the session on, unless somebody else moved it or claimed it meanwhile (compare and swap)."""
    new_values = {f"new_{name}": getattr(new, name) for name in ("staged", "size", "digest", "expires_at")}
    return _ADVANCE.run(tx, upload=old.id, token=claim, old_size=old.size, **new_values) == 1


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
    return _FINISH.run(tx, upload=upload_id, token=claim) == 1


def remove(tx: Connection, upload_id: str) -> str | None:
    """Drop a session, whoever writes to it, and return its staged place; None if there is no such session.

    Whoever drops a session owns its staged bytes.
    """
    removed = delete(uploads).where(uploads.c.id == upload_id).returning(uploads.c.staged)
    return tx.execute(removed).scalar()


@dataclass(frozen=True, slots=True)
class OpenUpload:
    """A session with whatever it is of; `user` is the name of the account, without the prefix that robots are shown
    with.
    """

    id: str
    repository: str
    project_id: int
    user: str | None
    staged: str
    size: int
    expires_at: int


_OPEN = (
    select(
        uploads.c.id,
        repositories.c.name,
        repositories.c.project_id,
        func.coalesce(users.c.name, robots.c.name),
        uploads.c.staged,
        uploads.c.size,
        uploads.c.expires_at,
    )
    .join(repositories, repositories.c.id == uploads.c.repository_id)
    .outerjoin(users, users.c.id == uploads.c.user_id)
    .outerjoin(robots, robots.c.id == -uploads.c.user_id)
    .where(uploads.c.expires_at > bindparam("now"))
)


def list_open(tx: Connection, now: int, count: int) -> list[OpenUpload]:
    """Up to `count` open sessions, those that expire last first."""
    chosen = _OPEN.order_by(uploads.c.expires_at.desc(), uploads.c.id).limit(count)
    return [OpenUpload(*row) for row in tx.execute(chosen, {"now": now})]


def find_open(tx: Connection, upload_id: str, now: int) -> OpenUpload | None:
    """An open session, whoever has it."""
    row = tx.execute(_OPEN.where(uploads.c.id == upload_id), {"now": now}).one_or_none()
    return OpenUpload(*row) if row else None


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
    if user_id is None:
        return int(_COUNT_OF_NOBODY.value(tx, now=now))
    return int(_COUNT_OF_USER.value(tx, user=user_id, now=now))


def count_in_project(tx: Connection, project_id: int, now: int) -> int:
    """How many sessions are open in a project."""
    return int(_COUNT_IN_PROJECT.value(tx, project=project_id, now=now))


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
