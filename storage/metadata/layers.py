"""What is in layers, as far as they have been read."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Integer, LargeBinary, Text, bindparam, func, select, true

from storage.metadata.database import upsert
from storage.metadata.sights import Sight
from storage.metadata.tables import blobs, layer_indexes, repositories, repository_blobs

_BATCH = 500  # SQLite before 3.32 takes 999 variables a statement


@dataclass(frozen=True, slots=True)
class LayerRecord:
    """A layer that is here. `entries` is how many it has, and None before it was read; `reason` is why it cannot be."""

    digest: str
    is_intact: bool
    entries: int | None
    reason: str | None


def find_many(tx: Connection, repository_id: int, digests: Sequence[str]) -> dict[str, LayerRecord]:
    """Those that the repository has, by their digests."""
    chosen = (
        select(blobs.c.digest, blobs.c.damage.is_(None), layer_indexes.c.entries, layer_indexes.c.reason)
        .join(repository_blobs, repository_blobs.c.blob_id == blobs.c.id)
        .join(layer_indexes, layer_indexes.c.blob_id == blobs.c.id, isouter=True)
        .where(repository_blobs.c.repository_id == repository_id)
    )
    found = (
        LayerRecord(*row)
        for start in range(0, len(digests), _BATCH)
        for row in tx.execute(chosen.where(blobs.c.digest.in_(digests[start : start + _BATCH])))
    )
    return {record.digest: record for record in found}


def count_sharing(
    tx: Connection, sight: Sight, repository_id: int, digests: Sequence[str], *, count: int
) -> dict[str, int]:
    """How many other repositories within the sight have each of the layers, up to `count`."""
    seen = sight.projects()
    others = (
        select(repository_blobs.c.repository_id)
        .join(repositories, repositories.c.id == repository_blobs.c.repository_id)
        .where(repository_blobs.c.blob_id == blobs.c.id, repository_blobs.c.repository_id != repository_id)
        .where(true() if sight.everything else repositories.c.project_id.in_(seen))
        .limit(count)
        .correlate(blobs)
        .subquery()
    )
    sharing = select(func.count()).select_from(others).scalar_subquery()
    rows = tx.execute(select(blobs.c.digest, sharing).where(blobs.c.digest.in_(digests[:_BATCH])))
    return {digest: number for digest, number in rows if number}


def contents(tx: Connection, digests: Sequence[str]) -> Iterator[bytes | None]:
    """What was put, one by one; None for what cannot be read, or is gone."""
    chosen = select(layer_indexes.c.content).join(blobs, blobs.c.id == layer_indexes.c.blob_id)
    for digest in digests:
        yield tx.execute(chosen.where(blobs.c.digest == digest)).scalar()


def put(tx: Connection, digest: str, *, entries: int, content: bytes | None, reason: str | None) -> None:
    """Keep what is in a layer, or why that cannot be told; nothing, where the blob is gone by now."""
    values = bindparam("entries", entries, Integer), bindparam("content", content, LargeBinary)
    row = select(blobs.c.id, *values, bindparam("reason", reason, Text)).where(blobs.c.digest == digest)
    insertion = upsert(tx.dialect.name, layer_indexes).from_select(["blob_id", "entries", "content", "reason"], row)
    tx.execute(insertion.on_conflict_do_nothing())
