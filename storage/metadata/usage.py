"""How many bytes each project has in use: each blob once, however many of its repositories have it, and manifests; and
how many manifests each repository has that are not deleted.

The numbers are kept with every change, in the same transaction. Writers take turns, and the change itself holds the
project's row until the transaction ends: what is found after it is exact.
"""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, exists, func, select, update

from storage.metadata.prepared import Prepared
from storage.metadata.tables import blobs, manifests, projects, repositories, repository_blobs


@dataclass(frozen=True, slots=True)
class UsageRecord:
    """Bytes that a project has in use, and how many it may have; None for no limit."""

    project: str
    used: int
    quota: int | None


_own = repositories.alias("own")  # or a query around it that reads the table too would lend it its rows
_OWNER = select(_own.c.project_id).where(_own.c.id == bindparam("repository")).scalar_subquery()
_has_another = (
    exists()
    .where(repository_blobs.c.blob_id == bindparam("blob"), repository_blobs.c.repository_id != bindparam("repository"))
    .where(repositories.c.id == repository_blobs.c.repository_id, repositories.c.project_id == _OWNER)
)
_NEW_BYTES = select(func.coalesce(func.sum(blobs.c.size), 0)).where(blobs.c.id == bindparam("blob"), ~_has_another)
_charge = update(projects).where(projects.c.id == _OWNER)
_CHARGE_BLOB = Prepared(_charge.values(used_bytes=projects.c.used_bytes + _NEW_BYTES.scalar_subquery()))
_CHARGE_MANIFEST = Prepared(_charge.values(used_bytes=projects.c.used_bytes + bindparam("bytes")))
_OF_REPOSITORY = Prepared(
    select(projects.c.name, projects.c.used_bytes, projects.c.quota_bytes)
    .join(repositories, repositories.c.project_id == projects.c.id)
    .where(repositories.c.id == bindparam("repository_id"))
)


def find(tx: Connection, repository_id: int) -> UsageRecord:
    """That of the repository's project."""
    (row,) = _OF_REPOSITORY.rows(tx, repository_id=repository_id)
    return UsageRecord(*row)


def charge(tx: Connection, repository_id: int, blob_id: int) -> None:
    """Count a blob that the repository has just got, unless another one of its project has it too."""
    _CHARGE_BLOB.run(tx, repository=repository_id, blob=blob_id)


def release(tx: Connection, links: Collection[tuple[int, int]]) -> None:
    """Count blobs no longer that repositories have just lost, as pairs of ids, where no other one of the project has
    them.
    """
    blob_ids = {blob_id for _, blob_id in links}
    chosen = repositories.c.id.in_({repository_id for repository_id, _ in links})
    owners = dict(tx.execute(select(repositories.c.id, repositories.c.project_id).where(chosen)).all())
    sizes = dict(tx.execute(select(blobs.c.id, blobs.c.size).where(blobs.c.id.in_(blob_ids))).all())
    held = (
        select(repositories.c.project_id, repository_blobs.c.blob_id)
        .distinct()
        .join(repository_blobs, repository_blobs.c.repository_id == repositories.c.id)
        .where(repository_blobs.c.blob_id.in_(blob_ids), repositories.c.project_id.in_(set(owners.values())))
    )
    lost = {(owners[repository_id], blob_id) for repository_id, blob_id in links}
    lost -= {(project_id, blob_id) for project_id, blob_id in tx.execute(held)}
    for project_id in {project_id for project_id, _ in lost}:
        size = sum(sizes[blob_id] for owner, blob_id in lost if owner == project_id)
        _add(tx, project_id, -size)


def charge_manifest(tx: Connection, repository_id: int, size: int) -> None:
    """Count a manifest of the repository."""
    _CHARGE_MANIFEST.run(tx, repository=repository_id, bytes=size)


_more = (
    update(repositories)
    .where(repositories.c.id == bindparam("repository"))
    .values(manifest_count=repositories.c.manifest_count + bindparam("more"))
)
_known = _more.values(known_since=func.coalesce(repositories.c.known_since, bindparam("now")))
_COUNT_LESS = Prepared(_more)
_COUNT_MORE = Prepared(_known)
_COUNT_PUSHED = Prepared(_known.values(updated_at=bindparam("now")))


def count_pushed(tx: Connection, repository_id: int, now: int) -> None:
    """Count one manifest more of a repository, which was pushed to it."""
    _COUNT_PUSHED.run(tx, repository=repository_id, more=1, now=now)


def count_restored(tx: Connection, repository_id: int, more: int, now: int) -> None:
    """Count manifests of a repository that came back."""
    if more:
        _COUNT_MORE.run(tx, repository=repository_id, more=more, now=now)


def count_gone(tx: Connection, repository_id: int, less: int) -> None:
    """Count manifests of a repository no longer."""
    _COUNT_LESS.run(tx, repository=repository_id, more=-less)


def release_manifests(tx: Connection, manifest_ids: Collection[int]) -> None:
    """Count manifests no longer that are about to go."""
    live = select(manifests.c.repository_id, func.count()).where(
        manifests.c.id.in_(list(manifest_ids)), manifests.c.deleted_at.is_(None)
    )
    for repository_id, count in tx.execute(live.group_by(manifests.c.repository_id)).all():
        count_gone(tx, repository_id, count)
    sizes = (
        select(repositories.c.project_id, func.sum(manifests.c.size))
        .join(manifests, manifests.c.repository_id == repositories.c.id)
        .where(manifests.c.id.in_(list(manifest_ids)))
        .group_by(repositories.c.project_id)
    )
    for project_id, size in tx.execute(sizes).all():
        _add(tx, project_id, -int(size))


def set_quota(tx: Connection, project_id: int, quota: int | None) -> None:
    tx.execute(update(projects).where(projects.c.id == project_id).values(quota_bytes=quota))


def count(tx: Connection, project_id: int) -> int:
    """What the project has in use, counted anew."""
    own = select(repositories.c.id).where(repositories.c.project_id == project_id)
    has = exists().where(repository_blobs.c.blob_id == blobs.c.id, repository_blobs.c.repository_id.in_(own))
    in_blobs = select(func.coalesce(func.sum(blobs.c.size), 0)).where(has)
    in_manifests = select(func.coalesce(func.sum(manifests.c.size), 0)).where(manifests.c.repository_id.in_(own))
    return sum(int(tx.execute(each).scalar_one()) for each in (in_blobs, in_manifests))


def correct(tx: Connection, project_id: int) -> int:
    """Count anew, and keep what comes out; also how many manifests each repository of the project has."""
    used = count(tx, project_id)
    live = select(func.count()).where(manifests.c.repository_id == repositories.c.id, manifests.c.deleted_at.is_(None))
    own = update(repositories).where(repositories.c.project_id == project_id)
    tx.execute(own.values(manifest_count=live.scalar_subquery()))
    unknown = own.where(repositories.c.known_since.is_(None), repositories.c.manifest_count > 0)
    tx.execute(unknown.values(known_since=repositories.c.created_at))
    tx.execute(update(projects).where(projects.c.id == project_id).values(used_bytes=used))
    return used


def _add(tx: Connection, project_id: int, size: int) -> None:
    own = update(projects).where(projects.c.id == project_id)
    tx.execute(own.values(used_bytes=projects.c.used_bytes + size))
