"""Blobs, and the links by which repositories have them."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    bindparam,
    case,
    delete,
    exists,
    func,
    literal,
    select,
    tuple_,
    update,
)

from storage.metadata import tombstones, usage
from storage.metadata.database import insert_if_absent, insert_row
from storage.metadata.prepared import Prepared
from storage.metadata.sights import Sight
from storage.metadata.tables import blobs, manifest_references, manifests, repositories, repository_blobs

_BATCH = 500  # SQLite before 3.32 takes 999 variables a statement
_PAIRS = 400


@dataclass(frozen=True, slots=True)
class BlobRecord:
    """`damage` is what is wrong with its bytes, which are not served then; None for all that is known."""

    id: int
    digest: str
    size: int
    location: str
    created_at: int
    damage: str | None


@dataclass(frozen=True, slots=True)
class LeasedBlob:
    """A blob of a repository, leased since `leased_at` where no manifest of it names the blob; else that is None."""

    blob: BlobRecord
    leased_at: int | None


_COLUMNS = [blobs.c[name] for name in BlobRecord.__slots__]
_by_digest = select(*_COLUMNS).where(blobs.c.digest == bindparam("digest"))
_BY_DIGEST = Prepared(_by_digest)
_linked = (
    select(*_COLUMNS)
    .join(repository_blobs, repository_blobs.c.blob_id == blobs.c.id)
    .where(repository_blobs.c.repository_id == bindparam("repository_id"))
)
_LINKED = Prepared(_linked.where(blobs.c.digest == bindparam("digest")))
_LEASED = Prepared(_linked.where(blobs.c.digest == bindparam("digest")).add_columns(repository_blobs.c.leased_at))
_SIZES = Prepared(
    _linked.with_only_columns(blobs.c.digest, blobs.c.size).where(
        blobs.c.damage.is_(None), blobs.c.digest.in_(bindparam("digests", expanding=True))
    )
)
_IS_LINK = repository_blobs.c.repository_id == bindparam("repository"), repository_blobs.c.blob_id == bindparam("blob")
_leased = case((repository_blobs.c.leased_at.is_(None), None), else_=bindparam("now"))
_REFRESH = Prepared(update(repository_blobs).where(*_IS_LINK).values(leased_at=_leased))
_IS_MARKED = blobs.c.id == bindparam("blob"), blobs.c.unlinked_at.is_not(None)
_UNMARK = Prepared(update(blobs).where(*_IS_MARKED).values(unlinked_at=None))
_named = select(manifest_references.c.digest).where(manifest_references.c.manifest_id == bindparam("manifest"))
_KEEP_NAMED = Prepared(
    update(repository_blobs)
    .where(repository_blobs.c.repository_id == bindparam("repository"), repository_blobs.c.leased_at.is_not(None))
    .where(repository_blobs.c.blob_id.in_(select(blobs.c.id).where(blobs.c.digest.in_(_named))))
    .values(leased_at=None)
)


def find(tx: Connection, digest: str) -> BlobRecord | None:
    """By digest alone: for committing uploads only, never for answering a client."""
    row = _BY_DIGEST.row(tx, digest=digest)
    return BlobRecord(*row) if row else None


def find_many(tx: Connection, digests: Iterable[str]) -> dict[str, BlobRecord]:
    """Those of the digests that are known, as `find` knows them: never for answering a client."""
    wanted = list(digests)
    found: dict[str, BlobRecord] = {}
    for start in range(0, len(wanted), _BATCH):
        chosen = select(*_COLUMNS).where(blobs.c.digest.in_(wanted[start : start + _BATCH]))
        found.update((row.digest, BlobRecord(*row)) for row in tx.execute(chosen))
    return found


def named(tx: Connection, locations: Collection[str]) -> set[str]:
    """Those of the locations where a blob is."""
    return set(tx.execute(select(blobs.c.location).where(blobs.c.location.in_(list(locations)))).scalars())


def find_linked(tx: Connection, repository_id: int, digest: str) -> BlobRecord | None:
    row = _LINKED.row(tx, repository_id=repository_id, digest=digest)
    return BlobRecord(*row) if row else None


def find_leased(tx: Connection, repository_id: int, digest: str) -> LeasedBlob | None:
    """As `find_linked`, with the lease."""
    row = _LEASED.row(tx, repository_id=repository_id, digest=digest)
    return LeasedBlob(BlobRecord(*row[:-1]), row[-1]) if row else None


def find_visible(tx: Connection, sight: Sight, digest: str) -> BlobRecord | None:
    """The blob, if some repository within the sight has it."""
    holders = exists().where(
        repository_blobs.c.blob_id == blobs.c.id, repositories.c.id == repository_blobs.c.repository_id
    )
    holders = holders.where(sight.shows(repositories.c.project_id))
    row = tx.execute(_by_digest.where(holders), {"digest": digest}).one_or_none()
    return BlobRecord(*row) if row else None


def linked_sizes(tx: Connection, repository_id: int, digests: Iterable[str]) -> dict[str, int]:
    """Sizes in bytes of those digests that the repository has as blobs in good order."""
    return dict(_SIZES.rows(tx, repository_id=repository_id, digests=list(digests)))


def add(tx: Connection, digest: str, size: int, location: str, now: int) -> int:
    """Insert a blob and return its id; its bytes are durable at `location` already."""
    values = {"digest": digest, "size": size, "location": location, "created_at": now}
    return insert_row(tx, blobs, values)


def relocate(tx: Connection, blob_id: int, location: str) -> None:
    """Let other bytes, which were verified, be the blob's."""
    tx.execute(update(blobs).where(blobs.c.id == blob_id).values(location=location, damage=None, checked_at=None))


def set_damage(tx: Connection, record: BlobRecord, damage: str) -> bool:
    """Serve the blob no longer until it is pushed again; tells whether it still was as in `record`, and served."""
    damaged = update(blobs).where(*_is_as(record), blobs.c.damage.is_(None)).values(damage=damage)
    return tx.execute(damaged).rowcount == 1


def set_checked(tx: Connection, record: BlobRecord, now: int) -> bool:
    """The bytes were read and are right, so nothing is wrong with them any more; tells whether that means the blob."""
    checked = update(blobs).where(*_is_as(record)).values(damage=None, checked_at=now)
    return tx.execute(checked).rowcount == 1


def _is_as(record: BlobRecord) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return blobs.c.id == record.id, blobs.c.location == record.location


def link(tx: Connection, repository_id: int, blob_id: int, now: int) -> None:
    """Let the repository have a blob; unless a manifest names it already, it is leased from now on."""
    if not insert_if_absent(
        tx, repository_blobs, {"repository_id": repository_id, "blob_id": blob_id, "leased_at": now}
    ):
        refresh(tx, repository_id, blob_id, now)
        return
    usage.charge(tx, repository_id, blob_id)
    _UNMARK.run(tx, blob=blob_id)


def refresh(tx: Connection, repository_id: int, blob_id: int, now: int) -> bool:
    """Begin the lease anew, where there is one; tells whether the repository still has the blob."""
    return _REFRESH.run(tx, repository=repository_id, blob=blob_id, now=now) == 1


def unlink(tx: Connection, links: Collection[tuple[int, int]], now: int) -> int:
    """Take blobs from repositories, as pairs of ids, and mark those that no repository has any more; tells how many
    links there were.
    """
    chosen = tuple_(repository_blobs.c.repository_id, repository_blobs.c.blob_id).in_(list(links))
    gone = delete(repository_blobs).where(chosen)
    pairs = [
        (repository_id, blob_id)
        for repository_id, blob_id in tx.execute(
            gone.returning(repository_blobs.c.repository_id, repository_blobs.c.blob_id)
        )
    ]
    usage.release(tx, pairs)
    mark_unlinked(tx, {blob_id for _, blob_id in pairs}, now)
    return len(pairs)


def mark_unlinked(tx: Connection, blob_ids: Collection[int], now: int) -> None:
    """Those of the blobs that no repository has are to be cleaned up."""
    is_free = and_(blobs.c.id.in_(list(blob_ids)), ~_is_linked(), blobs.c.unlinked_at.is_(None))
    tx.execute(update(blobs).where(is_free).values(unlinked_at=now))


def list_leased_until(tx: Connection, last: int, count: int) -> list[tuple[int, int]]:
    """Links that were leased at the time `last` or before, as pairs of ids, the oldest first."""
    due = select(repository_blobs.c.repository_id, repository_blobs.c.blob_id)
    due = due.where(repository_blobs.c.leased_at <= last).order_by(repository_blobs.c.leased_at).limit(count)
    return [(repository_id, blob_id) for repository_id, blob_id in tx.execute(due)]


def keep_those_named(tx: Connection, links: Collection[tuple[int, int]]) -> None:
    """End the leases of links that a manifest of the repository needs after all."""
    chosen = tuple_(repository_blobs.c.repository_id, repository_blobs.c.blob_id).in_(list(links))
    naming = (
        exists()
        .where(blobs.c.id == repository_blobs.c.blob_id, manifest_references.c.digest == blobs.c.digest)
        .where(manifest_references.c.repository_id == repository_blobs.c.repository_id)
        .correlate(repository_blobs)
    )
    tx.execute(update(repository_blobs).where(chosen, naming).values(leased_at=None))


def unlink_leased(tx: Connection, links: Collection[tuple[int, int]], now: int) -> int:
    """`unlink` those of the links that are still leased."""
    chosen = tuple_(repository_blobs.c.repository_id, repository_blobs.c.blob_id).in_(list(links))
    leased = select(repository_blobs.c.repository_id, repository_blobs.c.blob_id)
    rows = tx.execute(leased.where(chosen, repository_blobs.c.leased_at.is_not(None)))
    return unlink(tx, [(repository_id, blob_id) for repository_id, blob_id in rows], now)


def has_unlinked(tx: Connection) -> bool:
    return tx.execute(select(exists().where(blobs.c.unlinked_at.is_not(None)))).scalar_one()


def bury_unlinked(tx: Connection, delete_after: int, count: int) -> list[int]:
    """Drop up to `count` blobs that no repository has, and have their objects deleted; gives their sizes in bytes."""
    chosen = select(blobs.c.id).where(blobs.c.unlinked_at.is_not(None)).order_by(blobs.c.unlinked_at).limit(count)
    ids = list(tx.execute(chosen).scalars())
    is_free = and_(blobs.c.id.in_(ids), ~_is_linked())
    tombstones.add_all(tx, select(blobs.c.location, literal(delete_after), blobs.c.size).where(is_free))
    sizes = tx.execute(delete(blobs).where(is_free).returning(blobs.c.size)).scalars().all()
    tx.execute(update(blobs).where(blobs.c.id.in_(ids)).values(unlinked_at=None))
    return list(sizes)


def _is_linked() -> ColumnElement[bool]:
    return exists().where(repository_blobs.c.blob_id == blobs.c.id)


def keep_named(tx: Connection, repository_id: int, manifest_id: int) -> None:
    """The blobs that a manifest of the repository names are in use there: no lease decides about them."""
    _KEEP_NAMED.run(tx, repository=repository_id, manifest=manifest_id)


def lease_named(tx: Connection, manifest_ids: Collection[int], now: int) -> None:
    """Lease the blobs that these manifests and no others of their repositories name: they are about to go."""
    ids, other = list(manifest_ids), manifest_references.alias("other")
    named_by_others = (
        exists()
        .where(other.c.repository_id == manifest_references.c.repository_id)
        .where(other.c.digest == manifest_references.c.digest, other.c.manifest_id.not_in(ids))
    )
    released = (
        select(manifest_references.c.repository_id, blobs.c.id)
        .distinct()
        .join(blobs, blobs.c.digest == manifest_references.c.digest)
        .where(manifest_references.c.manifest_id.in_(ids), ~named_by_others)
    )
    links = [(repository_id, blob_id) for repository_id, blob_id in tx.execute(released)]
    for start in range(0, len(links), _PAIRS):
        chosen = tuple_(repository_blobs.c.repository_id, repository_blobs.c.blob_id)
        leased = update(repository_blobs).where(chosen.in_(links[start : start + _PAIRS]))
        tx.execute(leased.values(leased_at=now))


def find_user(tx: Connection, repository_id: int, digest: str) -> str | None:
    """The digest of a manifest in the repository that names the blob, if there is one; deleted ones do not count."""
    naming = (
        select(manifests.c.digest)
        .join(manifest_references, manifest_references.c.manifest_id == manifests.c.id)
        .where(manifest_references.c.repository_id == repository_id, manifest_references.c.digest == digest)
        .where(manifests.c.deleted_at.is_(None))
        .limit(1)
    )
    user: str | None = tx.execute(naming).scalar_one_or_none()
    return user


def list_page(tx: Connection, after: int, count: int) -> list[BlobRecord]:
    """Blobs whose ids are larger than `after`, in the order of their ids."""
    page = select(*_COLUMNS).where(blobs.c.id > after).order_by(blobs.c.id).limit(count)
    return [BlobRecord(*row) for row in tx.execute(page)]


def list_unchecked(tx: Connection, *, never: int, last: int, count: int) -> list[BlobRecord]:
    """Sound blobs to be read: those that never were and came before `never`, then those that were before `last`."""
    sound = select(*_COLUMNS).where(blobs.c.damage.is_(None), blobs.c.unlinked_at.is_(None)).limit(count)
    unread = sound.where(blobs.c.checked_at.is_(None), blobs.c.created_at <= never).order_by(blobs.c.id)
    read = sound.where(blobs.c.checked_at <= last).order_by(blobs.c.checked_at)
    rows = tx.execute(unread).all() or tx.execute(read).all()
    return [BlobRecord(*row) for row in rows]


def list_newest(tx: Connection, count: int) -> list[BlobRecord]:
    newest = select(*_COLUMNS).order_by(blobs.c.id.desc()).limit(count)
    return [BlobRecord(*row) for row in tx.execute(newest)]


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


@dataclass(frozen=True, slots=True)
class Census:
    """How many blobs there are, their bytes, how many are damaged, and since when (in ms) the one has not been read
    that was read the longest time ago; a push counts as reading. None where there is none.
    """

    count: int
    bytes: int
    damaged: int
    oldest: int | None


def survey(tx: Connection) -> Census:
    sound = case((blobs.c.damage.is_(None), func.coalesce(blobs.c.checked_at, blobs.c.created_at)))
    total, size, damaged = func.count(), func.coalesce(func.sum(blobs.c.size), 0), func.count(blobs.c.damage)
    number, in_all, bad, oldest = tx.execute(select(total, size, damaged, func.min(sound)).select_from(blobs)).one()
    return Census(number, int(in_all), bad, oldest)
