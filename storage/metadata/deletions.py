"""What is deleted and can still be restored: manifests, the tags that went with them, and whole repositories."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Connection, Select, Subquery, and_, exists, func, select, update

from storage.metadata import blobs as blob_rows
from storage.metadata import usage
from storage.metadata.database import until_nul
from storage.metadata.listings import Field, Listing, fetch
from storage.metadata.tables import (
    blobs,
    manifest_references,
    manifests,
    repositories,
    repository_blobs,
    tag_changes,
)

Item = TypeVar("Item")
_BATCH = 500


@dataclass(frozen=True, slots=True)
class StoredManifest:
    """A manifest, deleted or not: `deleted_at` is None where it is not."""

    id: int
    digest: str
    media_type: str
    size: int
    deleted_at: int | None


@dataclass(frozen=True, slots=True)
class RemovedTag:
    """A tag that pointed to `digest` until it was removed.

    `manifest_id` is None where the manifest has been cleaned up since; `deleted_at` is the manifest's.
    """

    name: str
    digest: str
    removed_at: int
    user_name: str | None
    manifest_id: int | None
    deleted_at: int | None


@dataclass(frozen=True, slots=True)
class DeletedRepository:
    """A repository that was deleted as a whole, and how many of the manifests that it had then are still deleted."""

    name: str
    deleted_at: int
    deleted_by: str | None
    manifests: int


_COLUMNS = [manifests.c[name] for name in StoredManifest.__slots__]
_IS_DELETED = manifests.c.deleted_at.is_not(None)


def find(tx: Connection, repository_id: int, digest: str) -> StoredManifest | None:
    """A manifest of the repository, deleted or not."""
    chosen = select(*_COLUMNS).where(manifests.c.repository_id == repository_id, manifests.c.digest == digest)
    row = tx.execute(chosen).one_or_none()
    return StoredManifest(*row) if row else None


def list_known(tx: Connection, repository_id: int, digests: Collection[str]) -> set[str]:
    """Those of the digests that are of manifests of the repository, deleted or not."""
    own = select(manifests.c.digest).where(manifests.c.repository_id == repository_id)
    batches = _batches(list(digests))
    return {d for chosen in batches for d in tx.execute(own.where(manifests.c.digest.in_(chosen))).scalars()}


def list_page(tx: Connection, repository_id: int, *, deleted: bool, after: str, count: int) -> list[StoredManifest]:
    """Up to `count` manifests of the repository, either deleted ones or the others, after the digest `after`, in the
    order of their digests.
    """
    kind = _IS_DELETED if deleted else ~_IS_DELETED
    listed = select(*_COLUMNS).where(manifests.c.repository_id == repository_id, kind)
    listed = listed.where(manifests.c.digest > after).order_by(manifests.c.digest).limit(count)
    return [StoredManifest(*row) for row in tx.execute(listed)]


def list_at(tx: Connection, repository_id: int, time: int) -> list[StoredManifest]:
    """The manifests of the repository that were deleted at exactly that time, in milliseconds."""
    chosen = select(*_COLUMNS).where(manifests.c.repository_id == repository_id, manifests.c.deleted_at == time)
    return [StoredManifest(*row) for row in tx.execute(chosen)]


def list_children(tx: Connection, repository_id: int, parents: Collection[int]) -> list[StoredManifest]:
    """Deleted manifests that these manifests, given by their ids, name."""
    naming = and_(manifest_references.c.digest == manifests.c.digest, manifest_references.c.is_manifest)
    children = select(*_COLUMNS).join(manifest_references, naming).distinct()
    return _by_ids(tx, children.where(_is_here(repository_id)), manifest_references.c.manifest_id, parents)


def list_referrers(tx: Connection, repository_id: int, subjects: Collection[int]) -> list[StoredManifest]:
    """Manifests that are about these deleted ones, given by their ids, and were deleted with them or later."""
    subject = manifests.alias("subject")
    about = and_(subject.c.repository_id == manifests.c.repository_id, subject.c.digest == manifests.c.subject)
    referrers = select(*_COLUMNS).join(subject, about).where(manifests.c.deleted_at >= subject.c.deleted_at)
    return _by_ids(tx, referrers.where(_is_here(repository_id)), subject.c.id, subjects)


def restore(tx: Connection, repository_id: int, ids: Sequence[int], now: int) -> None:
    """Bring deleted manifests of a repository back, without tags."""
    for chosen in _batches(ids):
        back = update(manifests).where(manifests.c.id.in_(chosen), _IS_DELETED)
        restored = tx.execute(back.values(deleted_at=None, untagged_at=now)).rowcount
        usage.count_restored(tx, repository_id, restored, now)
    leased = select(repository_blobs.c.blob_id).where(
        repository_blobs.c.repository_id == repository_id, repository_blobs.c.leased_at.is_not(None)
    )
    for chosen in _batches(list(tx.execute(leased).scalars())):
        blob_rows.keep_those_named(tx, [(repository_id, blob_id) for blob_id in chosen])


def list_lacking(tx: Connection, repository_id: int, ids: Sequence[int]) -> list[tuple[int, str]]:
    """What manifests name and the repository does not have in good order: the manifest's id and the digest."""
    has_blob = (
        exists()
        .where(blobs.c.digest == manifest_references.c.digest, blobs.c.damage.is_(None))
        .where(repository_blobs.c.blob_id == blobs.c.id, repository_blobs.c.repository_id == repository_id)
    )
    has_manifest = (
        exists()
        .where(manifests.c.repository_id == repository_id, manifests.c.digest == manifest_references.c.digest)
        .where(manifests.c.deleted_at.is_(None))
    )
    references = manifest_references.c
    lacking = select(references.manifest_id, references.digest).where(
        (references.is_manifest & ~has_manifest) | (~references.is_manifest & ~has_blob)
    )
    return [
        (manifest_id, digest)
        for chosen in _batches(ids)
        for manifest_id, digest in tx.execute(lacking.where(references.manifest_id.in_(chosen)))
    ]


def list_removed_tags(tx: Connection, repository_id: int, *, since: int, until: int) -> list[RemovedTag]:
    """The tags that were removed between the two times, both included, whatever has become of them since."""
    steps = _steps(repository_id)
    return _removed(tx, repository_id, steps, steps.c.changed_at.between(since, until))


def list_lost_tags(tx: Connection, repository_id: int) -> list[RemovedTag]:
    """The tags that were removed and not set again, and whose manifests are still there, deleted or not."""
    steps = _steps(repository_id)
    return _removed(tx, repository_id, steps, steps.c.following.is_(None), manifests.c.id.is_not(None))


def page_lost_tags(tx: Connection, repository_id: int, since: int, listing: Listing) -> tuple[list[RemovedTag], int]:
    """A page of the tags that were removed since that time and not set again, and whose manifests are still there,
    deleted or not, the last ones first; and how many there are. Raises `BadFilter`.
    """
    removed, before, later = (tag_changes.alias(name) for name in ("removed", "before", "later"))
    own = before.c.repository_id == repository_id, before.c.tag == removed.c.tag, before.c.id < removed.c.id
    digest = select(before.c.digest).where(*own).order_by(before.c.id.desc()).limit(1).scalar_subquery()
    set_again = exists().where(
        later.c.repository_id == repository_id, later.c.tag == removed.c.tag, later.c.id > removed.c.id
    )
    target = and_(manifests.c.repository_id == repository_id, manifests.c.digest == digest)
    chosen = (
        select(
            removed.c.tag,
            manifests.c.digest,
            removed.c.changed_at,
            removed.c.user_name,
            manifests.c.id,
            manifests.c.deleted_at,
        )
        .select_from(removed)
        .join(manifests, target)
        .where(removed.c.repository_id == repository_id, removed.c.digest.is_(None))
        .where(removed.c.changed_at >= since, ~set_again)
    )
    fields = {
        "name": Field(removed.c.tag),
        "deletion_time": Field(removed.c.changed_at, "time"),
        "id": Field(removed.c.id, "number"),
    }
    rows, total = fetch(tx, chosen, fields, listing, usual=("-deletion_time", "-id"))
    return [RemovedTag(*row) for row in rows], total


def list_tagless(tx: Connection, repository_id: int, count: int) -> list[StoredManifest]:
    """Up to `count` deleted manifests that had no tag when they were deleted, and that nothing deleted names or is the
    subject of; the last ones first.
    """
    parent, subject = manifests.alias("parent"), manifests.alias("subject")
    named = (
        exists()
        .where(manifest_references.c.repository_id == repository_id, manifest_references.c.is_manifest)
        .where(manifest_references.c.digest == manifests.c.digest, parent.c.id == manifest_references.c.manifest_id)
        .where(parent.c.deleted_at.is_not(None))
    )
    about = exists().where(
        subject.c.repository_id == repository_id,
        subject.c.digest == manifests.c.subject,
        subject.c.deleted_at.is_not(None),
    )
    chosen = select(*_COLUMNS).where(_is_here(repository_id), manifests.c.untagged_at < manifests.c.deleted_at)
    newest = chosen.where(~named, ~about).order_by(manifests.c.deleted_at.desc(), manifests.c.id.desc()).limit(count)
    return [StoredManifest(*row) for row in tx.execute(newest)]


def list_repositories(
    tx: Connection, *, after: str, count: int, project_id: int | None = None
) -> list[DeletedRepository]:
    """Repositories, of a project or of all, after the name `after`, of which something can be restored, in bytewise
    order.
    """
    then = manifests.c.deleted_at == repositories.c.deleted_at
    left = select(func.count()).where(manifests.c.repository_id == repositories.c.id, then).scalar_subquery()
    listed = select(repositories.c.name, repositories.c.deleted_at, repositories.c.deleted_by, left)
    listed = listed.where(repositories.c.deleted_at.is_not(None), repositories.c.name > until_nul(after), left > 0)
    if project_id is not None:
        listed = listed.where(repositories.c.project_id == project_id)
    return [DeletedRepository(*row) for row in tx.execute(listed.order_by(repositories.c.name).limit(count))]


def _steps(repository_id: int) -> Subquery:
    """Every change of a tag with the digest before it and the id of the change after it."""
    fields = tag_changes.c
    before = func.lag(fields.digest).over(partition_by=fields.tag, order_by=fields.id)
    following = func.lead(fields.id).over(partition_by=fields.tag, order_by=fields.id)
    steps = select(tag_changes, before.label("before"), following.label("following"))
    return steps.where(fields.repository_id == repository_id).subquery()


def _removed(tx: Connection, repository_id: int, steps: Subquery, *conditions: ColumnElement[bool]) -> list[RemovedTag]:
    step = steps.c
    target = and_(manifests.c.repository_id == repository_id, manifests.c.digest == step.before)
    removed = select(
        step.tag, step.before, step.changed_at, step.user_name, manifests.c.id, manifests.c.deleted_at
    ).outerjoin(manifests, target)
    chosen = removed.where(step.digest.is_(None), *conditions).order_by(step.tag, step.id)
    return [RemovedTag(*row) for row in tx.execute(chosen)]


def _is_here(repository_id: int) -> ColumnElement[bool]:
    return and_(manifests.c.repository_id == repository_id, _IS_DELETED)


def _by_ids(
    tx: Connection, query: Select[Any], column: ColumnElement[int], ids: Collection[int]
) -> list[StoredManifest]:
    rows = (row for chosen in _batches(list(ids)) for row in tx.execute(query.where(column.in_(chosen))))
    return [StoredManifest(*row) for row in rows]


def _batches(items: Sequence[Item]) -> Iterator[Sequence[Item]]:
    return (items[start : start + _BATCH] for start in range(0, len(items), _BATCH))
