"""Projects: the unit of visibility and of roles."""

from dataclasses import dataclass

from sqlalchemy import Connection, and_, bindparam, delete, select, update

from storage.metadata.database import insert_row
from storage.metadata.tables import members, projects


@dataclass(frozen=True, slots=True)
class ProjectRecord:
    id: int
    name: str
    is_public: bool
    created_at: int


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


def add(tx: Connection, name: str, *, is_public: bool, now: int) -> ProjectRecord:
    project_id = insert_row(tx, projects, {"name": name, "is_public": is_public, "created_at": now})
    return ProjectRecord(project_id, name, is_public, now)


def set_public(tx: Connection, project_id: int, *, public: bool) -> None:
    tx.execute(update(projects).where(projects.c.id == project_id).values(is_public=public))


def remove(tx: Connection, project_id: int) -> None:
    """Drop the project and all that is in it; blobs lose their links and stay until they are collected."""
    tx.execute(delete(projects).where(projects.c.id == project_id))
