"""Projects: the unit of visibility and of roles."""

from dataclasses import dataclass

from sqlalchemy import Connection, and_, bindparam, delete, select, update

from storage.metadata import blobs
from storage.metadata.database import insert_row
from storage.metadata.tables import members, projects, repositories, repository_blobs

_BATCH = 500


@dataclass(frozen=True, slots=True)
class ProjectRecord:
    """`used_bytes` are in use, and `quota_bytes` may be; None for no limit."""

    id: int
    name: str
    is_public: bool
    created_at: int
    quota_bytes: int | None = None
    used_bytes: int = 0


_COLUMNS = [projects.c[name] for name in ProjectRecord.__slots__]
_BY_NAME = select(*_COLUMNS).where(projects.c.name == bindparam("name"))
_WITH_ROLE = (
    select(*_COLUMNS, members.c.role)
    .outerjoin(members, and_(members.c.project_id == projects.c.id, members.c.user_id == bindparam("user_id")))
    .where(projects.c.name == bindparam("name"))
)


def find(tx: Connection, name: str) -> ProjectRecord | None:
    row = tx.execute(_BY_NAME, {"name": name}).one_or_none()
    return ProjectRecord(*row) if row else None


def find_with_role(tx: Connection, name: str, user_id: int | None) -> tuple[ProjectRecord, int | None] | None:
    """The project and the number of the role that the account has in it, if any."""
    row = tx.execute(_WITH_ROLE, {"name": name, "user_id": user_id}).one_or_none()
    return (ProjectRecord(*row[:-1]), row[-1]) if row else None


def list_all(tx: Connection) -> list[ProjectRecord]:
    return [ProjectRecord(*row) for row in tx.execute(select(*_COLUMNS).order_by(projects.c.name))]


def add(tx: Connection, name: str, *, is_public: bool, now: int, quota: int | None = None) -> ProjectRecord:
    values = {"name": name, "is_public": is_public, "created_at": now, "quota_bytes": quota}
    return ProjectRecord(insert_row(tx, projects, values), name, is_public, now, quota)


def set_public(tx: Connection, project_id: int, *, public: bool) -> None:
    tx.execute(update(projects).where(projects.c.id == project_id).values(is_public=public))


def remove(tx: Connection, project_id: int, now: int) -> None:
    """Drop the project and all that is in it; blobs lose their links and stay until they are collected."""
    own = select(repositories.c.id).where(repositories.c.project_id == project_id)
    in_project = repository_blobs.c.repository_id.in_(own)
    held = list(tx.execute(select(repository_blobs.c.blob_id).distinct().where(in_project)).scalars())
    tx.execute(delete(repository_blobs).where(in_project))
    for start in range(0, len(held), _BATCH):
        blobs.mark_unlinked(tx, held[start : start + _BATCH], now)
    tx.execute(delete(projects).where(projects.c.id == project_id))
