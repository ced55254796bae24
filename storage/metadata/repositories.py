"""Repositories. One exists from its first upload on, but is known from its first manifest on, until it is deleted as a
whole.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, bindparam, func, select, update

from storage.metadata import tags as tag_rows
from storage.metadata import usage
from storage.metadata.database import insert_if_absent, until_nul
from storage.metadata.listings import Field, Listing, fetch
from storage.metadata.manifests import IS_LIVE, IS_NAMED
from storage.metadata.prepared import Prepared
from storage.metadata.sights import Sight
from storage.metadata.tables import blobs, manifests, repositories, repository_blobs, tag_changes, tags


@dataclass(frozen=True, slots=True)
class RepositoryRecord:
    """`deleted_at` is when it was last deleted as a whole; None where it never was, or was restored."""

    id: int
    project_id: int
    name: str
    created_at: int
    deleted_at: int | None


@dataclass(frozen=True, slots=True)
class RepositorySize:
    """A known repository and how many manifests and tags it has."""

    name: str
    manifests: int
    tags: int


_BY_NAME = Prepared(
    select(*(repositories.c[name] for name in RepositoryRecord.__slots__)).where(
        repositories.c.name == bindparam("name")
    )
)
IS_KNOWN = repositories.c.known_since.is_not(None)  # as the indexes say it
_HOLDS_SOMETHING = repositories.c.manifest_count > 0


def find(tx: Connection, name: str) -> RepositoryRecord | None:
    row = _BY_NAME.row(tx, name=name)
    return RepositoryRecord(*row) if row else None


def get_or_create(tx: Connection, project_id: int, name: str, now: int) -> RepositoryRecord:
    found = find(tx, name)
    if found is None:
        values = {"project_id": project_id, "name": name, "created_at": now, "updated_at": now}
        insert_if_absent(tx, repositories, values)
        found = find(tx, name)
    assert found is not None, "the row was inserted in this transaction or is there already"  # noqa: S101
    return found


def is_known(tx: Connection, repository_id: int) -> bool:
    known = select(repositories.c.id).where(repositories.c.id == repository_id, IS_KNOWN)
    return tx.execute(known).one_or_none() is not None


def holds_manifests(tx: Connection, repository_id: int) -> bool:
    """Whether it has any that is not deleted."""
    holding = select(repositories.c.id).where(repositories.c.id == repository_id, _HOLDS_SOMETHING)
    return tx.execute(holding).one_or_none() is not None


def count_in_project(tx: Connection, project_id: int) -> int:
    counted = select(func.count()).select_from(repositories)
    return tx.execute(counted.where(repositories.c.project_id == project_id, IS_KNOWN)).scalar_one()


def list_names(tx: Connection, sight: Sight, *, after: str, count: int) -> list[str]:
    """Names of repositories after `after` that hold something and are within the sight."""
    listed = select(repositories.c.name).where(repositories.c.name > until_nul(after), IS_KNOWN, _HOLDS_SOMETHING)
    listed = listed.where(sight.shows(repositories.c.project_id))
    return list(tx.execute(listed.order_by(repositories.c.name).limit(count)).scalars())


def list_sizes(tx: Connection, *, after: str, count: int) -> list[RepositorySize]:
    """Known repositories after the name `after`, in bytewise order."""
    tagged = select(func.count()).where(tags.c.repository_id == repositories.c.id)
    listed = select(repositories.c.name, repositories.c.manifest_count, tagged.scalar_subquery())
    known = listed.where(repositories.c.name > after, IS_KNOWN)
    return [RepositorySize(*row) for row in tx.execute(known.order_by(repositories.c.name).limit(count))]


@dataclass(frozen=True, slots=True)
class ListedRepository:
    """A known repository of a list. `artifacts` are its manifests, without those that only an index names; times are in
    milliseconds.
    """

    id: int
    project_id: int
    name: str
    description: str
    created_at: int
    updated_at: int
    pull_count: int
    artifacts: int


_ARTIFACTS = (
    select(func.count())
    .where(manifests.c.repository_id == repositories.c.id, IS_LIVE)
    .where(manifests.c.untagged_at.is_(None) | ~IS_NAMED)
    .correlate(repositories)
    .scalar_subquery()
)
_LISTED: Select[Any] = select(*(repositories.c[name] for name in ListedRepository.__slots__[:-1]), _ARTIFACTS)
_FIELDS = {
    "id": Field(repositories.c.id, "number"),
    "repository_id": Field(repositories.c.id, "number"),
    "project_id": Field(repositories.c.project_id, "number"),
    "name": Field(repositories.c.name, is_lower=True),
    "description": Field(repositories.c.description),
    "pull_count": Field(repositories.c.pull_count, "number"),
    "artifact_count": Field(_ARTIFACTS, "number"),
    "creation_time": Field(repositories.c.created_at, "time"),
    "update_time": Field(repositories.c.updated_at, "time"),
}


def list_page(
    tx: Connection, listing: Listing, *, sight: Sight | None = None, project_id: int | None = None
) -> tuple[list[ListedRepository], int]:
    """A page of known repositories, the newest first, and how many there are: of one project, or of those in sight.

    `blob_digest` asks for those that have the blob of that digest. Raises `BadFilter`.
    """
    chosen = select(repositories.c.id).where(IS_KNOWN)
    if project_id is not None:
        chosen = chosen.where(repositories.c.project_id == project_id)
    if sight is not None and not sight.everything:
        # A sum has no index: the way is along that of the order, where SQLite would collect what is seen, and sort it.
        chosen = chosen.where((repositories.c.project_id + 0).in_(sight.projects()))
    wanted = listing.wanted("blob_digest")
    if wanted:
        chosen = chosen.where(_holds(str(wanted.values[0])))
    usual, key = ("-creation_time", "-id"), repositories.c.id
    rows, total = fetch(tx, _LISTED, _FIELDS, listing, usual=usual, key=key, keys=chosen)
    return [ListedRepository(*row) for row in rows], total


def _holds(digest: str) -> ColumnElement[bool]:
    having = (
        select(repository_blobs.c.repository_id)
        .join(blobs, blobs.c.id == repository_blobs.c.blob_id)
        .where(blobs.c.digest == digest)
    )
    return repositories.c.id.in_(having)


def find_listed(tx: Connection, repository_id: int) -> ListedRepository | None:
    """One as lists show it; None unless it is known."""
    row = tx.execute(_LISTED.where(repositories.c.id == repository_id, IS_KNOWN)).one_or_none()
    return ListedRepository(*row) if row else None


def count_tags(tx: Connection, repository_ids: Sequence[int]) -> dict[int, int]:
    """How many tags each has, without those that have none."""
    counted = select(tags.c.repository_id, func.count()).where(tags.c.repository_id.in_(repository_ids))
    return {row[0]: row[1] for row in tx.execute(counted.group_by(tags.c.repository_id))}


def read_marker_of_project(tx: Connection, project_id: int) -> tuple[object, ...]:
    """What is another as soon as the list of a project's repositories is, or a tag anywhere: to look for the tags of a
    project alone would take as long as the list.
    """
    counted = select(
        func.count(repositories.c.known_since),
        func.max(repositories.c.updated_at),
        func.sum(repositories.c.manifest_count),
        func.sum(repositories.c.pull_count),
        select(func.max(tag_changes.c.id)).scalar_subquery(),
    )
    return tuple(tx.execute(counted.where(repositories.c.project_id == project_id)).one())


def read_marker(tx: Connection, repository_id: int) -> tuple[object, ...]:
    """What is another as soon as a repository's list of artifacts or tags is."""
    removed = tag_changes.c.repository_id == repository_id, tag_changes.c.digest.is_(None)
    chosen = select(
        repositories.c.updated_at,
        repositories.c.manifest_count,
        repositories.c.pull_count,
        select(func.max(tags.c.updated_at)).where(tags.c.repository_id == repository_id).scalar_subquery(),
        select(func.max(tag_changes.c.changed_at)).where(*removed).scalar_subquery(),
    )
    return tuple(tx.execute(chosen.where(repositories.c.id == repository_id)).one())


def count_manifests(tx: Connection, repository_id: int) -> int:
    """Those that are not deleted, as they are kept count of."""
    own = select(repositories.c.manifest_count).where(repositories.c.id == repository_id)
    count: int = tx.execute(own).scalar_one()
    return count


def read_description(tx: Connection, repository_id: int) -> str:
    text: str = tx.execute(select(repositories.c.description).where(repositories.c.id == repository_id)).scalar_one()
    return text


def describe(tx: Connection, repository_id: int, description: str, now: int) -> None:
    own = repositories.c.id == repository_id
    tx.execute(update(repositories).where(own).values(description=description, updated_at=now))


def delete_softly(tx: Connection, repository_id: int, now: int, *, user_name: str | None = None) -> tuple[int, int]:
    """Take all manifests and tags from everybody's sight; tells how many of each there were."""
    removed = tag_rows.remove_all(tx, tags.c.repository_id == repository_id, now, user_name=user_name)
    live = update(manifests).where(manifests.c.repository_id == repository_id, manifests.c.deleted_at.is_(None))
    deleted = tx.execute(live.values(deleted_at=now)).rowcount
    usage.count_gone(tx, repository_id, deleted)
    mark_deleted(tx, repository_id, now, user_name=user_name)
    return deleted, removed


def mark_deleted(tx: Connection, repository_id: int, at: int | None, *, user_name: str | None = None) -> None:
    """Note when a repository was deleted as a whole, and so is not known any more, or that it no longer is."""
    gone = {} if at is None else {"known_since": None}
    own = update(repositories).where(repositories.c.id == repository_id)
    tx.execute(own.values(deleted_at=at, deleted_by=user_name, **gone))
