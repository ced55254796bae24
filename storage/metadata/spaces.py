"""What takes up space: what could be freed, and why the rest stays."""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, case, exists, false, func, not_, or_, select, text, true

from storage.metadata.tables import blobs, manifest_references, manifests, repository_blobs


@dataclass(frozen=True, slots=True)
class Kept:
    """Bytes of distinct blobs: those that manifests name, those that only deleted ones name, and the rest.

    `shared` are those of the first that several repositories have.
    """

    in_use: int = 0
    restorable: int = 0
    leased: int = 0
    shared: int = 0

    def __add__(self, other: "Kept") -> "Kept":
        return Kept(*(getattr(self, name) + getattr(other, name) for name in Kept.__slots__))


def count_droppable(tx: Connection, leased_until: int, *, purged_until: int | None) -> tuple[int, int, int]:
    """How many links are leased until then at the latest and named by no manifest, how many blobs would be left without
    any, and the bytes of those. With `purged_until`, as if manifests that were deleted by then were gone.
    """
    remains = true() if purged_until is None else not_(func.coalesce(manifests.c.deleted_at <= purged_until, false()))
    due = repository_blobs.c.leased_at <= leased_until
    if purged_until is not None:
        due = or_(due, repository_blobs.c.leased_at.is_(None))
    lost = (
        select(blobs.c.id, blobs.c.size, func.count().label("lost"))
        .join(repository_blobs, repository_blobs.c.blob_id == blobs.c.id)
        .where(due, ~_is_named(remains))
        .group_by(blobs.c.id, blobs.c.size)
        .subquery()
    )
    all_links = select(func.count()).where(repository_blobs.c.blob_id == lost.c.id).scalar_subquery()
    links = tx.execute(select(func.coalesce(func.sum(lost.c.lost), 0))).scalar_one()
    gone = select(func.count(), func.coalesce(func.sum(lost.c.size), 0)).where(lost.c.lost == all_links)
    count, size = tx.execute(gone).one()
    return int(links), count, int(size)


def count_kept(tx: Connection, after: int, until: int) -> Kept:
    """Of the blobs whose ids are larger than `after`, and `until` at most."""
    links = select(func.count()).where(repository_blobs.c.blob_id == blobs.c.id).scalar_subquery()
    live, deleted = (
        exists().where(repository_blobs.c.blob_id == blobs.c.id, _is_named(condition)).correlate(blobs)
        for condition in (manifests.c.deleted_at.is_(None), manifests.c.deleted_at.is_not(None))
    )
    kind = case((live, case((links > 1, 3), else_=0)), (deleted, 1), else_=2)
    sums = select(kind.label("kind"), func.sum(blobs.c.size)).where(blobs.c.id > after, blobs.c.id <= until)
    sizes = {kind: int(size) for kind, size in tx.execute(sums.group_by(text("kind")))}
    shared = sizes.get(3, 0)
    return Kept(sizes.get(0, 0) + shared, sizes.get(1, 0), sizes.get(2, 0), shared)


def size_only_of(tx: Connection, repository_id: int, manifest_ids: Collection[int]) -> int:
    """Bytes of the distinct blobs that these manifests of a repository name, and no others that are not deleted do, in
    whichever repository.
    """
    own, naming, other = repository_blobs.alias("own"), manifest_references.alias("naming"), manifests.alias("other")
    named = select(manifest_references.c.digest).where(
        manifest_references.c.manifest_id.in_(manifest_ids), ~manifest_references.c.is_manifest
    )
    elsewhere = (
        exists()
        .where(repository_blobs.c.blob_id == blobs.c.id, naming.c.digest == blobs.c.digest)
        .where(naming.c.repository_id == repository_blobs.c.repository_id, other.c.id == naming.c.manifest_id)
        .where(other.c.deleted_at.is_(None), other.c.id.not_in(manifest_ids))
    )
    chosen = select(func.coalesce(func.sum(blobs.c.size), 0)).join(own, own.c.blob_id == blobs.c.id)
    chosen = chosen.where(own.c.repository_id == repository_id, blobs.c.digest.in_(named), ~elsewhere)
    return int(tx.execute(chosen).scalar_one())


def sum_sizes(tx: Connection) -> int:
    """Bytes of all blobs, each once."""
    return int(tx.execute(select(func.coalesce(func.sum(blobs.c.size), 0))).scalar_one())


def last_blob(tx: Connection) -> int:
    """The largest id of a blob; 0 where there is none."""
    return int(tx.execute(select(func.coalesce(func.max(blobs.c.id), 0))).scalar_one())


def last_deletion(tx: Connection) -> int | None:
    """When the manifest was deleted that can be restored for the longest time, in ms since 1970."""
    last: int | None = tx.execute(select(func.max(manifests.c.deleted_at))).scalar_one()
    return last


def _is_named(condition: ColumnElement[bool]) -> ColumnElement[bool]:
    """Whether a manifest of the link's repository that fulfils the condition names the blob."""
    return (
        exists()
        .where(manifest_references.c.digest == blobs.c.digest, manifests.c.id == manifest_references.c.manifest_id)
        .where(manifest_references.c.repository_id == repository_blobs.c.repository_id, condition)
        .correlate(blobs, repository_blobs)
    )
