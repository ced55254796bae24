"""Repositories. One exists from its first upload on, but counts as known only while it holds a manifest that is not
deleted."""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, bindparam, exists, func, or_, select

from storage.metadata.database import insert_if_absent, until_nul
from storage.metadata.tables import manifests, members, projects, repositories


@dataclass(frozen=True, slots=True)
class RepositoryRecord:
    id: int
    project_id: int
    name: str
    created_at: int


_BY_NAME = select(repositories).where(repositories.c.name == bindparam("name"))
_HAS_MANIFEST = exists().where(manifests.c.repository_id == repositories.c.id, manifests.c.deleted_at.is_(None))


def find(tx: Connection, name: str) -> RepositoryRecord | None:
    row = tx.execute(_BY_NAME, {"name": name}).one_or_none()
    return RepositoryRecord(*row) if row else None


def get_or_create(tx: Connection, project_id: int, name: str, now: int) -> RepositoryRecord:
    found = find(tx, name)
    if found is None:
        insert_if_absent(tx, repositories, {"project_id": project_id, "name": name, "created_at": now})
        found = find(tx, name)
    assert found is not None, "the row was inserted in this transaction or is there already"  # noqa: S101
    return found


def holds_manifests(tx: Connection, repository_id: int) -> bool:
    live = exists().where(manifests.c.repository_id == repository_id, manifests.c.deleted_at.is_(None))
    return tx.execute(select(live)).scalar_one()


def count_in_project(tx: Connection, project_id: int) -> int:
    counted = select(func.count()).select_from(repositories)
    return tx.execute(counted.where(repositories.c.project_id == project_id, _HAS_MANIFEST)).scalar_one()


def list_names(tx: Connection, user_id: int | None, *, everything: bool, after: str, count: int) -> list[str]:
    """Names of known repositories after `after`: all, or those in public projects and the account's own."""
    listed = select(repositories.c.name).where(repositories.c.name > until_nul(after), _HAS_MANIFEST)
    if not everything:
        listed = listed.where(visible_to(user_id))
    return list(tx.execute(listed.order_by(repositories.c.name).limit(count)).scalars())


def visible_to(user_id: int | None) -> ColumnElement[bool]:
    """A condition on `repositories`: its project is public, or the account is a member of it."""
    public = exists().where(projects.c.id == repositories.c.project_id, projects.c.is_public)
    own = exists().where(members.c.project_id == repositories.c.project_id, members.c.user_id == user_id)
    return or_(public, own)
