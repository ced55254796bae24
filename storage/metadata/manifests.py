"""Manifests, byte for byte, with what they name.

One that is deleted stays for a while, so that it can be restored: it keeps its blobs, and no query but those that say
so knows it. No tag points to it.
"""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass

from sqlalchemy import Connection, bindparam, delete, exists, func, select, update

from storage.metadata import blobs, usage
from storage.metadata import tags as tag_rows
from storage.metadata.database import insert_many, insert_row, until_nul
from storage.metadata.prepared import Prepared
from storage.metadata.tables import manifest_references, manifests, tags

_BATCH = 500


@dataclass(frozen=True, slots=True)
class ManifestRecord:
    """A manifest without its content."""

    id: int
    digest: str
    media_type: str
    size: int


@dataclass(frozen=True, slots=True)
class ReferrerRecord:
    id: int
    digest: str
    media_type: str
    artifact_type: str | None
    annotations: Mapping[str, str]
    size: int


@dataclass(frozen=True, slots=True)
class Nature:
    """What a manifest is of, as Harbor calls it; the type of its config; bytes with all that it names."""

    kind: str
    config_media_type: str | None
    total_size: int


_HEAD = select(manifests.c.id, manifests.c.digest, manifests.c.media_type, manifests.c.size)
IS_LIVE = manifests.c.deleted_at.is_(None)
_parent, _subject = manifests.alias("parent"), manifests.alias("subject")
IS_NAMED = (
    exists()
    .where(manifest_references.c.digest == manifests.c.digest, manifest_references.c.is_manifest)
    .where(manifest_references.c.repository_id == manifests.c.repository_id)
    .where(_parent.c.id == manifest_references.c.manifest_id, _parent.c.deleted_at.is_(None))
)
"""Whether an index of the repository names the manifest."""
HAS_SUBJECT = (
    exists()
    .where(_subject.c.repository_id == manifests.c.repository_id, _subject.c.digest == manifests.c.subject)
    .where(_subject.c.deleted_at.is_(None))
)
"""Whether the manifest is about one in its repository."""
_HERE = manifests.c.repository_id == bindparam("repository_id")
_BY_DIGEST = Prepared(_HEAD.where(_HERE, IS_LIVE, manifests.c.digest == bindparam("digest")))
_BURIED = Prepared(select(manifests.c.id).where(_HERE, manifests.c.digest == bindparam("digest")))
_BY_TAG = Prepared(
    _HEAD.join(tags, tags.c.manifest_id == manifests.c.id).where(
        tags.c.repository_id == bindparam("repository_id"), tags.c.name == bindparam("tag")
    )
)
_SIZES = Prepared(
    select(manifests.c.digest, manifests.c.size).where(
        _HERE, IS_LIVE, manifests.c.digest.in_(bindparam("digests", expanding=True))
    )
)
_CONTENT = Prepared(select(manifests.c.content).where(manifests.c.id == bindparam("id")))


def find(tx: Connection, repository_id: int, digest: str) -> ManifestRecord | None:
    row = _BY_DIGEST.row(tx, repository_id=repository_id, digest=digest)
    return ManifestRecord(*row) if row else None


def find_by_tag(tx: Connection, repository_id: int, tag: str) -> ManifestRecord | None:
    row = _BY_TAG.row(tx, repository_id=repository_id, tag=tag)
    return ManifestRecord(*row) if row else None


def find_many(tx: Connection, repository_id: int, digests: Iterable[str]) -> dict[str, ManifestRecord]:
    wanted = list(digests)
    found: dict[str, ManifestRecord] = {}
    for start in range(0, len(wanted), _BATCH):
        chosen = _HEAD.where(
            manifests.c.repository_id == repository_id, IS_LIVE, manifests.c.digest.in_(wanted[start : start + _BATCH])
        )
        found.update((row.digest, ManifestRecord(*row)) for row in tx.execute(chosen))
    return found


def content(tx: Connection, manifest_id: int) -> bytes:
    return bytes(_CONTENT.value(tx, id=manifest_id))


def present(tx: Connection, repository_id: int, digests: Iterable[str]) -> dict[str, int]:
    """Sizes in bytes of those digests that the repository has as manifests."""
    wanted = list(digests)  # none in an image
    return dict(_SIZES.rows(tx, repository_id=repository_id, digests=wanted)) if wanted else {}


def total_size(tx: Connection, repository_id: int, digests: Iterable[str]) -> int:
    """Bytes of those manifests that the repository has, with all that they name."""
    wanted = list(digests)
    own = select(func.coalesce(func.sum(func.coalesce(manifests.c.total_size, manifests.c.size)), 0)).where(
        manifests.c.repository_id == repository_id, IS_LIVE
    )
    batches = (wanted[start : start + _BATCH] for start in range(0, len(wanted), _BATCH))
    return sum(int(tx.execute(own.where(manifests.c.digest.in_(batch))).scalar_one()) for batch in batches)


def list_natureless(tx: Connection, count: int) -> list[tuple[int, int, str, bytes]]:
    """Manifests from before there were natures: id, repository, media type and content; the oldest first."""
    columns = manifests.c.id, manifests.c.repository_id, manifests.c.media_type, manifests.c.content
    chosen = select(*columns).where(manifests.c.kind.is_(None)).order_by(manifests.c.id).limit(count)
    return [(row[0], row[1], row[2], bytes(row[3])) for row in tx.execute(chosen)]


def set_nature(tx: Connection, manifest_id: int, nature: Nature) -> None:
    tx.execute(update(manifests).where(manifests.c.id == manifest_id).values(asdict(nature)))


def add(
    tx: Connection,
    repository_id: int,
    *,
    digest: str,
    media_type: str,
    artifact_type: str | None,
    subject: str | None,
    annotations: Mapping[str, str],
    content: bytes,
    references: Mapping[str, bool],
    now: int,
    nature: Nature | None = None,
    pushed_at: int | None = None,
) -> int:
    """Insert a manifest and what it names (digest -> whether as a manifest), as yet without a tag; return its id.

    One that was deleted comes back. `pushed_at` is when it was made, where that was not now.
    """
    created_at = now if pushed_at is None else pushed_at
    known: int | None = _BURIED.value(tx, repository_id=repository_id, digest=digest)
    if known is not None:
        back = {"deleted_at": None, "untagged_at": now, "created_at": created_at, "media_type": media_type}
        mend(tx, known, content)
        tx.execute(update(manifests).where(manifests.c.id == known).values(back))
        blobs.keep_named(tx, repository_id, known)
        usage.count_pushed(tx, repository_id, now)
        return known
    values = {
        "repository_id": repository_id,
        "digest": digest,
        "media_type": media_type,
        "artifact_type": artifact_type,
        "subject": subject,
        "annotations": json.dumps(dict(annotations)),
        "size": len(content),
        "content": content,
        "created_at": created_at,
        "untagged_at": now,
        **(asdict(nature) if nature else {}),
    }
    manifest_id = insert_row(tx, manifests, values)
    own = {"manifest_id": manifest_id, "repository_id": repository_id}
    insert_many(tx, manifest_references, [{**own, "digest": d, "is_manifest": m} for d, m in references.items()])
    blobs.keep_named(tx, repository_id, manifest_id)
    usage.charge_manifest(tx, repository_id, len(content))
    usage.count_pushed(tx, repository_id, now)
    return manifest_id


_MEND = Prepared(
    update(manifests)
    .where(manifests.c.id == bindparam("manifest_id"), manifests.c.content != bindparam("whole"))
    .values(content=bindparam("whole"))
)


def mend(tx: Connection, manifest_id: int, content: bytes) -> None:
    """Give a manifest the content of its digest again, where it has lost it."""
    _MEND.run(tx, manifest_id=manifest_id, whole=content)


def set_media_type(tx: Connection, manifest_id: int, media_type: str) -> None:
    tx.execute(manifests.update().where(manifests.c.id == manifest_id).values(media_type=media_type))


def delete_softly(tx: Connection, manifest_id: int, now: int, *, user_name: str | None = None) -> None:
    """Take a manifest and the tags that point to it from everybody's sight."""
    tag_rows.remove_all(tx, tag_rows.of_manifest(manifest_id), now, user_name=user_name)
    live = update(manifests).where(manifests.c.id == manifest_id, IS_LIVE).values(deleted_at=now)
    repository_id = tx.execute(live.returning(manifests.c.repository_id)).scalar_one_or_none()
    if repository_id is not None:
        usage.count_gone(tx, repository_id, 1)


def remove(tx: Connection, manifest_ids: Collection[int], now: int) -> None:
    """Drop manifests, the tags that point to them, and their references; blobs that they alone name are leased from
    now.
    """
    blobs.lease_named(tx, manifest_ids, now)
    usage.release_manifests(tx, manifest_ids)
    tx.execute(delete(manifests).where(manifests.c.id.in_(list(manifest_ids))))


def list_deleted_until(tx: Connection, last: int, count: int) -> list[int]:
    """Ids of manifests that were deleted at the time `last` or before, the first ones first."""
    due = select(manifests.c.id).where(manifests.c.deleted_at <= last)
    return list(tx.execute(due.order_by(manifests.c.deleted_at).limit(count)).scalars())


def count_deleted_until(tx: Connection, last: int) -> int:
    return tx.execute(select(func.count()).select_from(manifests).where(manifests.c.deleted_at <= last)).scalar_one()


def list_untagged_until(tx: Connection, last: int, count: int, *, among: Collection[int] | None = None) -> list[int]:
    """Ids of manifests, `among` these, without a tag since the time `last` or before, which no index of the repository
    names and which are about no manifest in it.
    """
    due = select(manifests.c.id).where(IS_LIVE, manifests.c.untagged_at <= last, ~IS_NAMED, ~HAS_SUBJECT)
    if among is not None:
        due = due.where(manifests.c.id.in_(list(among)))
    return list(tx.execute(due.order_by(manifests.c.untagged_at).limit(count)).scalars())


def list_referrers(
    tx: Connection, repository_id: int, subject: str, *, artifact_types: list[str], after: str, count: int
) -> Iterator[ReferrerRecord]:
    """Manifests whose subject is `subject`, ordered by digest, after the digest `after`.

    Read as they are asked for, since each may have megabytes of annotations.
    """
    listed = select(
        manifests.c.id,
        manifests.c.digest,
        manifests.c.media_type,
        manifests.c.artifact_type,
        manifests.c.annotations,
        manifests.c.size,
    ).where(
        manifests.c.repository_id == repository_id,
        IS_LIVE,
        manifests.c.subject == subject,
        manifests.c.digest > until_nul(after),
    )
    if artifact_types:
        # PostgreSQL takes no NUL character, and no type has one.
        listed = listed.where(manifests.c.artifact_type.in_([name for name in artifact_types if "\0" not in name]))
    few_at_once = listed.order_by(manifests.c.digest).limit(count).execution_options(yield_per=4)
    with tx.execute(few_at_once) as rows:
        for row in rows:
            annotations = json.loads(row.annotations)
            yield ReferrerRecord(row.id, row.digest, row.media_type, row.artifact_type, annotations, row.size)
