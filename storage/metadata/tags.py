"""Tags: names of manifests that can move. Every change is kept as history, and marks the manifests that lose a tag."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, Text, bindparam, delete, exists, insert, literal, null, select, update

from storage.metadata import tag_changes
from storage.metadata.database import insert_many, put, until_nul
from storage.metadata.natural import sort_key
from storage.metadata.prepared import Prepared
from storage.metadata.tables import manifests, tags
from storage.metadata.tables import tag_changes as changes

_BATCH = 500


@dataclass(frozen=True, slots=True)
class TagRecord:
    name: str
    manifest_id: int
    updated_at: int


@dataclass(frozen=True, slots=True)
class TagOf:
    """A tag and the manifest that it points to."""

    name: str
    manifest_id: int
    digest: str


_IS_THIS = tags.c.repository_id == bindparam("repository"), tags.c.name == bindparam("tag")
_TARGET = Prepared(select(tags.c.manifest_id).where(*_IS_THIS))
_IS_TARGET = manifests.c.id == bindparam("manifest")
_TAGGED = Prepared(update(manifests).where(_IS_TARGET).values(untagged_at=None).returning(manifests.c.digest))
_UNTAGGED = Prepared(
    update(manifests)
    .where(_IS_TARGET, ~exists().where(tags.c.manifest_id == manifests.c.id))
    .values(untagged_at=bindparam("now"))
)


def point(
    tx: Connection, repository_id: int, name: str, manifest_id: int, now: int, *, user_name: str | None = None
) -> bool:
    """Let a tag point to a manifest; tells whether it did not before."""
    before = _TARGET.value(tx, repository=repository_id, tag=name)
    put(tx, tags, ("repository_id", "name"), _row(repository_id, name, manifest_id, now))
    if before == manifest_id:
        return False
    digest = _TAGGED.value(tx, manifest=manifest_id)
    tag_changes.add(tx, repository_id, name, digest, user_name=user_name, now=now)
    if before is not None:
        _UNTAGGED.run(tx, manifest=before, now=now)
    return True


def _row(repository_id: int, name: str, manifest_id: int, now: int) -> dict[str, object]:
    own = {"repository_id": repository_id, "name": name, "manifest_id": manifest_id}
    return {**own, "updated_at": now, "sort_key": sort_key(name)}


def add_all(
    tx: Connection, repository_id: int, new: Sequence[TagOf], now: int, *, user_name: str | None = None
) -> None:
    """Make tags that do not exist."""
    own = {"repository_id": repository_id}
    rows = [_row(repository_id, tag.name, tag.manifest_id, now) for tag in new]
    insert_many(tx, tags, rows)
    made = {**own, "user_name": user_name, "changed_at": now}
    insert_many(tx, changes, [{**made, "tag": tag.name, "digest": tag.digest} for tag in new])
    tagged = list({tag.manifest_id for tag in new})
    for start in range(0, len(tagged), _BATCH):
        chosen = manifests.c.id.in_(tagged[start : start + _BATCH])
        tx.execute(update(manifests).where(chosen).values(untagged_at=None))


def remove(tx: Connection, repository_id: int, name: str, now: int, *, user_name: str | None = None) -> bool:
    """Drop a tag; tells whether it was there."""
    gone = delete(tags).where(*_IS_THIS).returning(tags.c.manifest_id)
    manifest_id = tx.execute(gone, {"repository": repository_id, "tag": name}).scalar_one_or_none()
    if manifest_id is None:
        return False
    tag_changes.add(tx, repository_id, name, None, user_name=user_name, now=now)
    _UNTAGGED.run(tx, manifest=manifest_id, now=now)
    return True


def remove_all(tx: Connection, of: ColumnElement[bool], now: int, *, user_name: str | None = None) -> int:
    """Drop the tags that fulfil a condition on `tags`; tells how many those were."""
    values = [tags.c.repository_id, tags.c.name, null(), literal(user_name, Text), literal(now)]
    columns = ["repository_id", "tag", "digest", "user_name", "changed_at"]
    tx.execute(insert(changes).from_select(columns, select(*values).where(of).order_by(tags.c.name)))
    left = select(tags.c.manifest_id).where(of)
    tx.execute(update(manifests).where(manifests.c.id.in_(left)).values(untagged_at=now))
    return tx.execute(delete(tags).where(of)).rowcount


def of_manifest(manifest_id: int) -> ColumnElement[bool]:
    return tags.c.manifest_id == manifest_id


def find_many(tx: Connection, repository_id: int, names: Iterable[str]) -> dict[str, TagRecord]:
    wanted = list(names)
    found: dict[str, TagRecord] = {}
    for start in range(0, len(wanted), _BATCH):
        chosen = select(tags.c.name, tags.c.manifest_id, tags.c.updated_at).where(
            tags.c.repository_id == repository_id, tags.c.name.in_(wanted[start : start + _BATCH])
        )
        found.update((row.name, TagRecord(*row)) for row in tx.execute(chosen))
    return found


def list_page(tx: Connection, repository_id: int, *, after: str, count: int) -> list[tuple[TagOf, int]]:
    """Up to `count` tags after the tag `after`, in bytewise order, each with the time of its last push."""
    listed = (
        select(tags.c.name, tags.c.manifest_id, manifests.c.digest, tags.c.updated_at)
        .join(manifests, manifests.c.id == tags.c.manifest_id)
        .where(tags.c.repository_id == repository_id, tags.c.name > after)
    )
    return [(TagOf(*row[:3]), row[3]) for row in tx.execute(listed.order_by(tags.c.name).limit(count))]


def list_all(tx: Connection, repository_id: int, manifest_id: int | None = None) -> list[str]:
    """The tags of a repository, or those that point to one manifest of it."""
    own = select(tags.c.name).where(tags.c.repository_id == repository_id)
    return list(tx.execute(own if manifest_id is None else own.where(of_manifest(manifest_id))).scalars())


def list_names(tx: Connection, repository_id: int, *, after: str, count: int) -> list[str]:
    """Up to `count` tags after the tag `after`, in bytewise order."""
    listed = select(tags.c.name).where(tags.c.repository_id == repository_id, tags.c.name > until_nul(after))
    return list(tx.execute(listed.order_by(tags.c.name).limit(count)).scalars())
