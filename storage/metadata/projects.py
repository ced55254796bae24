"""Projects: the unit of visibility and of roles."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, and_, bindparam, delete, func, select, update

from storage.metadata import blobs
from storage.metadata.database import insert_row
from storage.metadata.listings import Field, Listing, fetch
from storage.metadata.prepared import Prepared
from storage.metadata.repositories import IS_KNOWN
from storage.metadata.sights import Sight, held_by
from storage.metadata.tables import members, projects, repositories, repository_blobs, users

_BATCH = 500


@dataclass(frozen=True, slots=True)
class ProjectRecord:
    """`used_bytes` are in use, and `quota_bytes` may be; None for no limit. `settings` and `cve_allowlist` are JSON."""

    id: int
    name: str
    is_public: bool
    created_at: int
    quota_bytes: int | None = None
    used_bytes: int = 0
    updated_at: int = 0
    owner_id: int | None = None
    settings: str = "{}"
    cve_allowlist: str = "{}"


_COLUMNS = [projects.c[name] for name in ProjectRecord.__slots__]
_BY_NAME = Prepared(select(*_COLUMNS).where(projects.c.name == bindparam("name")))
_BY_ID = Prepared(select(*_COLUMNS).where(projects.c.id == bindparam("id")))
_OF_USER = held_by(bindparam("user_id"))
_WITH_ROLES = select(*_COLUMNS, members.c.role).select_from(
    projects.outerjoin(members, and_(members.c.project_id == projects.c.id, _OF_USER))
)
_WITH_ROLES_BY_NAME = Prepared(_WITH_ROLES.where(projects.c.name == bindparam("name")))
_WITH_ROLES_BY_ID = Prepared(_WITH_ROLES.where(projects.c.id == bindparam("id")))


def find(tx: Connection, name: str) -> ProjectRecord | None:
    row = _BY_NAME.row(tx, name=name)
    return ProjectRecord(*row) if row else None


def find_by_id(tx: Connection, project_id: int) -> ProjectRecord | None:
    row = _BY_ID.row(tx, id=project_id)
    return ProjectRecord(*row) if row else None


def find_with_roles(tx: Connection, name: str, user_id: int | None) -> tuple[ProjectRecord, list[int]] | None:
    """The project and the numbers of the roles that the account has in it, by itself and by its groups."""
    return _with_roles(_WITH_ROLES_BY_NAME.rows(tx, name=name, user_id=user_id))


def find_with_roles_by_id(
    tx: Connection, project_id: int, user_id: int | None
) -> tuple[ProjectRecord, list[int]] | None:
    return _with_roles(_WITH_ROLES_BY_ID.rows(tx, id=project_id, user_id=user_id))


def _with_roles(rows: Sequence[Sequence[Any]]) -> tuple[ProjectRecord, list[int]] | None:
    if not rows:
        return None
    return ProjectRecord(*rows[0][:-1]), sorted({row[-1] for row in rows if row[-1] is not None})


def list_all(tx: Connection) -> list[ProjectRecord]:
    return [ProjectRecord(*row) for row in tx.execute(select(*_COLUMNS).order_by(projects.c.name))]


@dataclass(frozen=True, slots=True)
class ListedProject:
    """A project of a list, with what people want to know of each."""

    project: ProjectRecord
    owner: str | None
    repositories: int


_LISTED = select(
    *_COLUMNS,
    users.c.name.label("owner"),
    select(func.count())
    .where(repositories.c.project_id == projects.c.id, IS_KNOWN)
    .correlate(projects)
    .scalar_subquery(),
).select_from(projects.outerjoin(users, users.c.id == projects.c.owner_id))
_QUOTA = func.coalesce(projects.c.quota_bytes, -1)
_QUOTA_FIELDS = {
    "id": Field(projects.c.id, "number"),
    "reference_id": Field(projects.c.id, "number"),
    "hard.storage": Field(_QUOTA, "number"),
    "used.storage": Field(projects.c.used_bytes, "number"),
    "creation_time": Field(projects.c.created_at, "time"),
    "update_time": Field(projects.c.updated_at, "time"),
}
_FIELDS = {
    "project_id": Field(projects.c.id, "number"),
    "name": Field(projects.c.name, is_lower=True),
    "public": Field(projects.c.is_public, "flag"),
    "owner": Field(users.c.name),
    "owner_id": Field(projects.c.owner_id, "number"),
    "used_bytes": Field(projects.c.used_bytes, "number"),
    "creation_time": Field(projects.c.created_at, "time"),
    "update_time": Field(projects.c.updated_at, "time"),
}


def list_page(tx: Connection, sight: Sight, listing: Listing) -> tuple[list[ListedProject], int]:
    """The projects of a page that are within the sight, and how many there are in all. Raises `BadFilter`."""
    seen = _LISTED.with_only_columns(projects.c.id).where(sight.shows(projects.c.id))
    rows, total = fetch(tx, _LISTED, _FIELDS, listing, usual=("name",), key=projects.c.id, keys=seen)
    return [ListedProject(ProjectRecord(*row[:-2]), row[-2], row[-1]) for row in rows], total


def list_quotas(tx: Connection, listing: Listing) -> tuple[list[ListedProject], int]:
    """A page of all projects, the newest first, to be sorted by what they keep and may keep. Raises `BadFilter`."""
    rows, total = fetch(tx, _LISTED, _QUOTA_FIELDS, listing, usual=("-creation_time", "-id"), key=projects.c.id)
    return [ListedProject(ProjectRecord(*row[:-2]), row[-2], row[-1]) for row in rows], total


def find_listed(tx: Connection, project_id: int) -> ListedProject | None:
    row = tx.execute(_LISTED.where(projects.c.id == project_id)).one_or_none()
    return ListedProject(ProjectRecord(*row[:-2]), row[-2], row[-1]) if row else None


def list_roles(tx: Connection, project_ids: Sequence[int], user_id: int) -> dict[int, list[int]]:
    """The numbers of the roles that a user has, by itself and by groups, in each of the projects where it has any."""
    held = select(members.c.project_id, members.c.role).where(members.c.project_id.in_(project_ids), _OF_USER)
    roles: dict[int, list[int]] = {}
    for project_id, role in tx.execute(held, {"user_id": user_id}):
        roles.setdefault(project_id, []).append(role)
    return roles


def add(
    tx: Connection,
    name: str,
    *,
    is_public: bool,
    now: int,
    quota: int | None = None,
    owner_id: int | None = None,
    **more: str,
) -> ProjectRecord:
    """`more` are `settings` and `cve_allowlist`, both JSON."""
    values: dict[str, Any] = {
        "name": name,
        "is_public": is_public,
        "created_at": now,
        "quota_bytes": quota,
        "updated_at": now,
        "owner_id": owner_id,
        **more,
    }
    return ProjectRecord(insert_row(tx, projects, values), **values)


def set_public(tx: Connection, project_id: int, *, public: bool) -> None:
    tx.execute(update(projects).where(projects.c.id == project_id).values(is_public=public))


def set_settings(tx: Connection, project_id: int, *, is_public: bool, settings: str, now: int) -> None:
    """`settings` are JSON."""
    values = {"is_public": is_public, "settings": settings, "updated_at": now}
    tx.execute(update(projects).where(projects.c.id == project_id).values(**values))


def read_description(tx: Connection, project_id: int) -> str:
    """Empty also where there is no such project."""
    found = tx.execute(select(projects.c.description).where(projects.c.id == project_id)).scalar_one_or_none()
    return found or ""


def describe(tx: Connection, project_id: int, description: str, now: int) -> None:
    own = projects.c.id == project_id
    tx.execute(update(projects).where(own).values(description=description, updated_at=now))


def set_allowlist(tx: Connection, project_id: int, allowlist: str) -> None:
    """`allowlist` is JSON."""
    tx.execute(update(projects).where(projects.c.id == project_id).values(cve_allowlist=allowlist))


def remove(tx: Connection, project_id: int, now: int) -> None:
    """Drop the project and all that is in it; blobs lose their links and stay until they are collected."""
    own = select(repositories.c.id).where(repositories.c.project_id == project_id)
    in_project = repository_blobs.c.repository_id.in_(own)
    held = list(tx.execute(select(repository_blobs.c.blob_id).distinct().where(in_project)).scalars())
    tx.execute(delete(repository_blobs).where(in_project))
    for start in range(0, len(held), _BATCH):
        blobs.mark_unlinked(tx, held[start : start + _BATCH], now)
    tx.execute(delete(projects).where(projects.c.id == project_id))
