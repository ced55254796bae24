"""What is asked of the records to find out whether they are right: in themselves, and with what they were made from."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from sqlalchemy import Column, ColumnElement, Connection, delete, exists, func, or_, select, update

from storage.metadata import blobs as blob_rows
from storage.metadata.blobs import BlobRecord
from storage.metadata.database import insert_many
from storage.metadata.tables import (
    blobs,
    manifest_references,
    manifests,
    repositories,
    repository_blobs,
    tags,
    tombstones,
)

Item = TypeVar("Item")
_BATCH = 500
_PROBLEMS = 20  # of a damaged file that are told


@dataclass(frozen=True, slots=True)
class KeptManifest:
    """A manifest with its content, and what the records say that it names (digest -> whether as a manifest)."""

    id: int
    repository_id: int
    repository: str
    digest: str
    media_type: str
    subject: str | None
    size: int
    content: bytes
    is_deleted: bool
    references: Mapping[str, bool]


def list_faults(tx: Connection) -> list[str]:
    """What is wrong with the database's file, as SQLite tells it. PostgreSQL has its own tools for that."""
    if tx.dialect.name != "sqlite":
        return []
    faults = [str(row[0]) for row in tx.exec_driver_sql(f"PRAGMA quick_check({_PROBLEMS})") if row[0] != "ok"]
    dangling = Counter((row[0], row[2]) for row in tx.exec_driver_sql("PRAGMA foreign_key_check"))
    return faults + [
        f"{count} rows of {table} name {parent} that are gone" for (table, parent), count in dangling.items()
    ]


def list_manifests(tx: Connection, after: int, count: int) -> list[KeptManifest]:
    """Manifests, deleted ones too, whose ids are larger than `after`, in the order of their ids."""
    fields = manifests.c
    page = (
        select(manifests, repositories.c.name.label("repository"))
        .join(repositories, repositories.c.id == fields.repository_id)
        .where(fields.id > after)
    )
    rows = tx.execute(page.order_by(fields.id).limit(count)).all()
    named: dict[int, dict[str, bool]] = {row.id: {} for row in rows}
    references = manifest_references.c
    chosen = select(references.manifest_id, references.digest, references.is_manifest)
    for manifest_id, digest, is_manifest in tx.execute(chosen.where(references.manifest_id.in_(named))):
        named[manifest_id][digest] = is_manifest
    return [
        KeptManifest(
            id=row.id,
            repository_id=row.repository_id,
            repository=row.repository,
            digest=row.digest,
            media_type=row.media_type,
            subject=row.subject,
            size=row.size,
            content=bytes(row.content),
            is_deleted=row.deleted_at is not None,
            references=named[row.id],
        )
        for row in rows
    ]


def set_references(tx: Connection, manifest: KeptManifest, references: Mapping[str, bool]) -> None:
    """Let the records say what a manifest names, as its content does."""
    tx.execute(delete(manifest_references).where(manifest_references.c.manifest_id == manifest.id))
    own = {"manifest_id": manifest.id, "repository_id": manifest.repository_id}
    insert_many(tx, manifest_references, [{**own, "digest": d, "is_manifest": m} for d, m in references.items()])
    blob_rows.keep_named(tx, manifest.repository_id, manifest.id)


def linked(tx: Connection, repository_id: int, digests: Collection[str]) -> set[str]:
    """Those of the digests that the repository has as blobs, whatever their bytes are like."""
    has = select(blobs.c.digest).join(repository_blobs, repository_blobs.c.blob_id == blobs.c.id)
    own = has.where(repository_blobs.c.repository_id == repository_id)
    batches = _batches(list(digests))
    return {digest for chosen in batches for digest in tx.execute(own.where(blobs.c.digest.in_(chosen))).scalars()}


def list_holders(tx: Connection, blob_id: int) -> list[tuple[int, str]]:
    """Ids and names of the repositories that have a blob."""
    holders = select(repositories.c.id, repositories.c.name).join(
        repository_blobs, repository_blobs.c.repository_id == repositories.c.id
    )
    rows = tx.execute(holders.where(repository_blobs.c.blob_id == blob_id).order_by(repositories.c.name))
    return [(repository_id, name) for repository_id, name in rows]


def list_tags_needing(tx: Connection, repository_id: int, digest: str) -> list[str]:
    """Tags of the repository that lead to a blob, by a manifest or by an index of manifests."""
    needing: set[int] = set()
    wanted = [digest]
    while wanted:
        parents = _parents(tx, repository_id, wanted)
        wanted = [parent for number, parent in parents.items() if number not in needing]
        needing |= parents.keys()
    pointing = select(tags.c.name).where(tags.c.repository_id == repository_id)
    batches = _batches(sorted(needing))
    return sorted(
        name for chosen in batches for name in tx.execute(pointing.where(tags.c.manifest_id.in_(chosen))).scalars()
    )


def list_tags_of(tx: Connection, repository_id: int, digest: str) -> list[str]:
    """Tags of the repository that point to a manifest."""
    pointing = select(tags.c.name).join(manifests, manifests.c.id == tags.c.manifest_id)
    own = pointing.where(tags.c.repository_id == repository_id, manifests.c.digest == digest)
    return list(tx.execute(own.order_by(tags.c.name)).scalars())


def _parents(tx: Connection, repository_id: int, digests: Sequence[str]) -> dict[int, str]:
    naming = select(manifests.c.id, manifests.c.digest).join(
        manifest_references, manifest_references.c.manifest_id == manifests.c.id
    )
    own = naming.where(manifest_references.c.repository_id == repository_id, manifests.c.deleted_at.is_(None))
    return {
        manifest_id: digest
        for chosen in _batches(digests)
        for manifest_id, digest in tx.execute(own.where(manifest_references.c.digest.in_(chosen)))
    }


def list_stray_tags(tx: Connection) -> list[tuple[str, str, str]]:
    """Tags that point to what is deleted, or in another repository: repository, tag and digest."""
    is_stray = or_(manifests.c.deleted_at.is_not(None), manifests.c.repository_id != tags.c.repository_id)
    stray = (
        select(repositories.c.name, tags.c.name, manifests.c.digest)
        .join(tags, tags.c.repository_id == repositories.c.id)
        .join(manifests, manifests.c.id == tags.c.manifest_id)
        .where(is_stray)
    )
    return [(repository, tag, digest) for repository, tag, digest in tx.execute(stray.order_by(tags.c.name))]


def count_tags(tx: Connection) -> int:
    return tx.execute(select(func.count()).select_from(tags)).scalar_one()


def list_condemned(tx: Connection) -> list[str]:
    """Locations of blobs that are there and whose objects would be deleted all the same."""
    return list(
        tx.execute(select(blobs.c.location).join(tombstones, tombstones.c.location == blobs.c.location)).scalars()
    )


def find_blob(tx: Connection, record: BlobRecord) -> BlobRecord | None:
    """The blob as it is now, if it still has its bytes where `record` says, and some repository has it."""
    found = blob_rows.find(tx, record.digest)
    is_same = found is not None and (found.id, found.location) == (record.id, record.location)
    return found if is_same and list_holders(tx, record.id) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """Rows whose mark for cleaning up is not as it should be: what they are, and whether it should be set."""

    what: str
    condition: ColumnElement[bool]
    mark: Column[int | None]
    is_set: bool = True

    def count(self, tx: Connection) -> int:
        return tx.execute(select(func.count()).select_from(self.mark.table).where(self.condition)).scalar_one()

    def mend(self, tx: Connection, now: int) -> int:
        """Give them the right mark; tells how many there were."""
        mended = update(self.mark.table).where(self.condition).values({self.mark: now if self.is_set else None})
        return tx.execute(mended).rowcount


_IS_NAMED = (
    exists()
    .where(manifest_references.c.repository_id == repository_blobs.c.repository_id)
    .where(manifest_references.c.digest == blobs.c.digest, blobs.c.id == repository_blobs.c.blob_id)
    .correlate(repository_blobs)
)
_IS_LINKED = exists().where(repository_blobs.c.blob_id == blobs.c.id)
_IS_TAGGED = exists().where(tags.c.manifest_id == manifests.c.id)

MARKS = (
    Mark(
        what="layers of repositories that no manifest needs, and that would stay for ever",
        condition=repository_blobs.c.leased_at.is_(None) & ~_IS_NAMED,
        mark=repository_blobs.c.leased_at,
    ),
    Mark(
        what="blobs that no repository has, and that would stay for ever",
        condition=blobs.c.unlinked_at.is_(None) & ~_IS_LINKED,
        mark=blobs.c.unlinked_at,
    ),
    Mark(
        what="manifests without a tag that count as tagged",
        condition=manifests.c.untagged_at.is_(None) & ~_IS_TAGGED,
        mark=manifests.c.untagged_at,
    ),
    Mark(
        what="manifests with a tag that count as untagged",
        condition=manifests.c.untagged_at.is_not(None) & _IS_TAGGED,
        mark=manifests.c.untagged_at,
        is_set=False,
    ),
)


def _batches(items: Sequence[Item]) -> Iterator[Sequence[Item]]:
    return (items[start : start + _BATCH] for start in range(0, len(items), _BATCH))
