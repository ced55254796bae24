"""Blobs, and the links by which repositories have them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sqlalchemy import Connection, Select, bindparam, delete, exists, func, select, update

from storage.metadata.database import insert_if_absent, insert_row
from storage.metadata.repositories import visible_to
from storage.metadata.tables import blobs, manifest_references, manifests, repositories, repository_blobs

_BATCH = 500  # SQLite before 3.32 takes 999 variables a statement


@dataclass(frozen=True, slots=True)
class BlobRecord:
    id: int
    digest: str
    size: int
    location: str
    created_at: int


_COLUMNS = [blobs.c[name] for name in BlobRecord.__slots__]
_BY_DIGEST = select(*_COLUMNS).where(blobs.c.digest == bindparam("digest"))
_LINKED = (
    select(*_COLUMNS)
    .join(repository_blobs, repository_blobs.c.blob_id == blobs.c.id)
    .where(repository_blobs.c.repository_id == bindparam("repository_id"), blobs.c.digest == bindparam("digest"))
)


def find(tx: Connection, digest: str) -> BlobRecord | None:
    """By digest alone: for committing uploads only, never for answering a client."""
    row = tx.execute(_BY_DIGEST, {"digest": digest}).one_or_none()
    return BlobRecord(*row) if row else None


def find_many(tx: Connection, digests: Iterable[str]) -> dict[str, BlobRecord]:
    """Those of the digests that are known, as `find` knows them: never for answering a client."""
    wanted = list(digests)
    found: dict[str, BlobRecord] = {}
    for start in range(0, len(wanted), _BATCH):
        chosen = select(*_COLUMNS).where(blobs.c.digest.in_(wanted[start : start + _BATCH]))
        found.update((row.digest, BlobRecord(*row)) for row in tx.execute(chosen))
    return found


def find_linked(tx: Connection, repository_id: int, digest: str) -> BlobRecord | None:
    row = tx.execute(_LINKED, {"repository_id": repository_id, "digest": digest}).one_or_none()
    return BlobRecord(*row) if row else None


def find_visible(tx: Connection, user_id: int | None, digest: str, *, everything: bool) -> BlobRecord | None:
    """The blob, if some repository that the account may pull from has it."""
    holders = exists().where(
        repository_blobs.c.blob_id == blobs.c.id, repositories.c.id == repository_blobs.c.repository_id
    )
    if not everything:
        holders = holders.where(visible_to(user_id))
    row = tx.execute(_BY_DIGEST.where(holders), {"digest": digest}).one_or_none()
    return BlobRecord(*row) if row else None


def linked_sizes(tx: Connection, repository_id: int, digests: Iterable[str]) -> dict[str, int]:
    """Sizes in bytes of those digests that the repository has as blobs."""
    wanted = list(digests)
    found: dict[str, int] = {}
    for start in range(0, len(wanted), _BATCH):
        chosen = (
            select(blobs.c.digest, blobs.c.size)
            .join(repository_blobs, repository_blobs.c.blob_id == blobs.c.id)
            .where(
                repository_blobs.c.repository_id == repository_id,
                blobs.c.digest.in_(wanted[start : start + _BATCH]),
            )
        )
        found.update((digest, size) for digest, size in tx.execute(chosen))
    return found


def add(tx: Connection, digest: str, size: int, location: str, now: int) -> int:
    """Insert a blob and return its id; its bytes are durable at `location` already."""
    values = {"digest": digest, "size": size, "location": location, "created_at": now}
    return insert_row(tx, blobs, values)


def relocate(tx: Connection, blob_id: int, location: str) -> None:
    tx.execute(update(blobs).where(blobs.c.id == blob_id).values(location=location))


def link(tx: Connection, repository_id: int, blob_id: int, now: int) -> None:
    insert_if_absent(tx, repository_blobs, {"repository_id": repository_id, "blob_id": blob_id, "leased_at": now})


def unlink(tx: Connection, repository_id: int, blob_id: int) -> None:
    tx.execute(
        delete(repository_blobs).where(
            repository_blobs.c.repository_id == repository_id, repository_blobs.c.blob_id == blob_id
        )
    )


def keep_named(tx: Connection, repository_id: int, manifest_id: int) -> None:
    """The blobs that a manifest of the repository names are in use there: no lease decides about them."""
    tx.execute(
        update(repository_blobs)
        .where(
            repository_blobs.c.repository_id == repository_id,
            repository_blobs.c.leased_at.is_not(None),
            repository_blobs.c.blob_id.in_(_named_by(manifest_id)),
        )
        .values(leased_at=None)
    )


def lease_named(tx: Connection, repository_id: int, manifest_id: int, now: int) -> None:
    """Lease the blobs that this manifest and no other of the repository names: it is about to go."""
    other = (
        exists()
        .where(manifests.c.id == manifest_references.c.manifest_id, manifests.c.id != manifest_id)
        .where(manifests.c.repository_id == repository_id, manifest_references.c.digest == blobs.c.digest)
        .correlate(blobs)
    )
    released = _named_by(manifest_id).where(~other)
    tx.execute(
        update(repository_blobs)
        .where(repository_blobs.c.repository_id == repository_id, repository_blobs.c.blob_id.in_(released))
        .values(leased_at=now)
    )


def _named_by(manifest_id: int) -> Select[tuple[int]]:
    digests = select(manifest_references.c.digest).where(manifest_references.c.manifest_id == manifest_id)
    return select(blobs.c.id).where(blobs.c.digest.in_(digests))


def find_user(tx: Connection, repository_id: int, digest: str) -> str | None:
    """The digest of a manifest in the repository that names the blob, if there is one; deleted ones do not count."""
    naming = (
        select(manifests.c.digest)
        .join(manifest_references, manifest_references.c.manifest_id == manifests.c.id)
        .where(manifests.c.repository_id == repository_id, manifests.c.deleted_at.is_(None))
        .where(manifest_references.c.digest == digest)
        .limit(1)
    )
    user: str | None = tx.execute(naming).scalar_one_or_none()
    return user


def list_page(tx: Connection, after: int, count: int) -> list[BlobRecord]:
    """Blobs whose ids are larger than `after`, in the order of their ids."""
    page = select(*_COLUMNS).where(blobs.c.id > after).order_by(blobs.c.id).limit(count)
    return [BlobRecord(*row) for row in tx.execute(page)]


def list_digests(tx: Connection) -> Iterator[str]:
    """The digest of every blob."""
    return iter(tx.execute(select(blobs.c.digest)).scalars())


def list_holders(tx: Connection, blob_id: int) -> list[str]:
    """Names of the repositories that have the blob."""
    names = (
        select(repositories.c.name)
        .join(repository_blobs, repository_blobs.c.repository_id == repositories.c.id)
        .where(repository_blobs.c.blob_id == blob_id)
        .order_by(repositories.c.name)
    )
    return list(tx.execute(names).scalars())


def count(tx: Connection) -> tuple[int, int]:
    """How many blobs there are, and their bytes in all."""
    number, size = tx.execute(select(func.count(), func.coalesce(func.sum(blobs.c.size), 0)).select_from(blobs)).one()
    return number, int(size)
