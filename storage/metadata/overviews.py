"""Numbers of the registry as a whole, and finding by a part of a name."""

from dataclasses import dataclass

from sqlalchemy import Connection, exists, func, or_, select, true

from storage.metadata.management_tables import group_members
from storage.metadata.repositories import IS_KNOWN
from storage.metadata.sights import Sight
from storage.metadata.tables import members, projects, repositories


@dataclass(frozen=True, slots=True)
class Counts:
    """Projects, and repositories that hold something."""

    projects: int
    repositories: int


@dataclass(frozen=True, slots=True)
class FoundRepository:
    """A repository whose name has what was looked for; `manifests` are those that are not deleted."""

    project_id: int
    project: str
    is_public: bool
    name: str
    pull_count: int
    manifests: int


def count_all(tx: Connection) -> Counts:
    return Counts(
        tx.execute(select(func.count()).select_from(projects)).scalar_one(),
        tx.execute(select(func.count()).select_from(repositories).where(IS_KNOWN)).scalar_one(),
    )


def count(tx: Connection, sight: Sight, *, public: bool) -> Counts:
    """What is public, or what is not, of what is within the sight."""
    wanted = projects.c.is_public if public else ~projects.c.is_public
    seen = select(projects.c.id).where(wanted, projects.c.id.in_(sight.projects()))
    held = select(func.count()).select_from(repositories).where(repositories.c.project_id.in_(seen), IS_KNOWN)
    return Counts(
        tx.execute(select(func.count()).select_from(seen.subquery())).scalar_one(), tx.execute(held).scalar_one()
    )


def sum_used_bytes(tx: Connection) -> int:
    """Over all projects; what several of them have counts in each."""
    return int(tx.execute(select(func.coalesce(func.sum(projects.c.used_bytes), 0))).scalar_one())


def find_repositories(tx: Connection, sight: Sight, part: str, *, count: int) -> list[FoundRepository]:
    """Up to `count` known repositories with that part in their names, which are within the sight, in bytewise order."""
    seen = sight.projects()
    chosen = (
        select(
            projects.c.id,
            projects.c.name,
            projects.c.is_public,
            repositories.c.name,
            repositories.c.pull_count,
            repositories.c.manifest_count,
        )
        .join(projects, projects.c.id == repositories.c.project_id)
        .where(repositories.c.name.contains(part.lower(), autoescape=True), IS_KNOWN)
        .where(true() if sight.everything else repositories.c.project_id.in_(seen))
        .order_by(repositories.c.name)
        .limit(count)
    )
    return [FoundRepository(*row) for row in tx.execute(chosen)]


def has_role(tx: Connection, user_id: int, role: int) -> bool:
    """Whether somebody has the role in any project, by itself or by a group."""
    groups = select(group_members.c.group_id).where(group_members.c.user_id == user_id)
    own = or_(members.c.user_id == user_id, members.c.group_id.in_(groups))
    return bool(tx.execute(select(exists().where(members.c.role == role, own))).scalar_one())
