"""Manifests as people see them: artifacts, with the tags, the accessories and the pulls of each.

An accessory is about another artifact of its repository, and says so by its subject, or by a tag of cosign's scheme,
`sha256-<hex>.sig`. Lists of artifacts leave out accessories, and what only an index names.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    and_,
    bindparam,
    case,
    exists,
    false,
    func,
    literal,
    null,
    or_,
    select,
)

from storage.metadata.database import contains, put
from storage.metadata.listings import Field, Filter, Listing, fetch, plain, value_of
from storage.metadata.management_tables import artifact_details, manifest_labels
from storage.metadata.manifests import HAS_SUBJECT, IS_LIVE, IS_NAMED
from storage.metadata.tables import manifest_references, manifests, repositories, tags

_ANNOTATIONS_LIMIT = 64 * 1024  # characters of JSON; of those with more, lists show none
_NAMED_LIMIT = 10_000  # ids in a query
_COSIGN_TAGS = (tags.c.name >= "sha256-") & (tags.c.name < "sha256.")  # what begins with the former
_COSIGN_SUBJECT = literal("sha256:") + func.substr(tags.c.name, 8, 64)


@dataclass(frozen=True, slots=True)
class ArtifactRecord:
    """`size` is in bytes, with all that it names, times are in milliseconds; annotations and attributes are JSON.

    `attributes` is what its config says; None until it was read.
    """

    id: int
    project_id: int
    repository_id: int
    repository: str
    digest: str
    media_type: str
    artifact_type: str | None
    config_media_type: str | None
    kind: str | None
    size: int
    created_at: int
    annotations: str
    pulled_at: int | None
    attributes: str | None


@dataclass(frozen=True, slots=True)
class TagDates:
    """A tag of an artifact, when it was last pushed and pulled, in milliseconds."""

    name: str
    manifest_id: int
    repository_id: int
    updated_at: int
    pulled_at: int | None


@dataclass(frozen=True, slots=True)
class AccessoryRecord:
    """An artifact that is about the one of `subject_id`; `tag` is the one that says so, if any."""

    id: int
    subject_id: int
    subject_digest: str
    digest: str
    artifact_type: str | None
    config_media_type: str | None
    size: int
    created_at: int
    tag: str | None


_SIZE = func.coalesce(manifests.c.total_size, manifests.c.size)
_SHORT_ANNOTATIONS = case(
    (func.length(manifests.c.annotations) <= _ANNOTATIONS_LIMIT, manifests.c.annotations), else_="{}"
)
_CHOSEN: Select[Any] = (
    select(
        manifests.c.id,
        repositories.c.project_id,
        manifests.c.repository_id,
        repositories.c.name,
        manifests.c.digest,
        manifests.c.media_type,
        manifests.c.artifact_type,
        manifests.c.config_media_type,
        manifests.c.kind,
        _SIZE,
        manifests.c.created_at,
        _SHORT_ANNOTATIONS,
        artifact_details.c.pulled_at,
        artifact_details.c.attributes,
    )
    .join(repositories, repositories.c.id == manifests.c.repository_id)
    .outerjoin(artifact_details, artifact_details.c.manifest_id == manifests.c.id)
    .where(manifests.c.deleted_at.is_(None))
)
_FIELDS = {
    "id": Field(manifests.c.id, "number"),
    "digest": Field(manifests.c.digest),
    "type": Field(manifests.c.kind),
    "media_type": Field(func.coalesce(manifests.c.config_media_type, manifests.c.media_type)),
    "manifest_media_type": Field(manifests.c.media_type),
    "artifact_type": Field(manifests.c.artifact_type),
    "size": Field(manifests.c.total_size, "number"),
    "push_time": Field(manifests.c.created_at, "time"),
    "pull_time": Field(artifact_details.c.pulled_at, "time"),
    "repository_id": Field(manifests.c.repository_id, "number"),
    "repository_name": Field(repositories.c.name),
}
_subject = manifests.alias("about")


def list_of_repository(tx: Connection, repository_id: int, listing: Listing) -> tuple[list[ArtifactRecord], int]:
    """A page of the artifacts of a repository, and how many there are. Raises `BadFilter`."""
    own = manifests.c.repository_id == repository_id
    return _list(tx, own, tags.c.repository_id == repository_id, listing)


def list_of_project(
    tx: Connection, project_id: int, listing: Listing, *, only_latest: bool = False
) -> tuple[list[ArtifactRecord], int]:
    """A page of the artifacts of a project, or of the newest in each of its repositories. Raises `BadFilter`."""
    here = select(repositories.c.id).where(repositories.c.project_id == project_id)
    own: ColumnElement[bool] = manifests.c.repository_id.in_(here)
    if only_latest:
        newer = manifests.alias("newer")
        is_newer = (newer.c.created_at > manifests.c.created_at) | (
            (newer.c.created_at == manifests.c.created_at) & (newer.c.id > manifests.c.id)
        )
        same = newer.c.artifact_type.is_not_distinct_from(manifests.c.artifact_type)
        in_repository = (newer.c.repository_id == manifests.c.repository_id) & newer.c.deleted_at.is_(None)
        own = own & ~exists().where(in_repository, same, is_newer)
    return _list(tx, own, tags.c.repository_id.in_(here), listing)


def _list(
    tx: Connection, own: ColumnElement[bool], is_here: ColumnElement[bool], listing: Listing
) -> tuple[list[ArtifactRecord], int]:
    wanted, is_long = [own, *_by_place(is_here, listing)], False
    for each in listing.filters:
        if each.key == "tags" and each.how == "contains" and listing.most:
            ids, is_long = _having_part(tx, is_here, each, listing)
            wanted[0] = own & _by_tags(tx, each) if ids is None else manifests.c.id.in_(ids)
        elif each.key in _OTHERS:
            wanted.append(_OTHERS[each.key](tx, each))
    rows, total = fetch(
        tx,
        _CHOSEN if listing.size else _CHOSEN.where(*wanted),
        _FIELDS,
        listing,
        usual=("-push_time", "-id"),
        key=manifests.c.id,
        keys=_keys(listing).where(*wanted),
        is_long=is_long,
    )
    return [ArtifactRecord(*row) for row in rows], total


def _by_place(is_here: ColumnElement[bool], listing: Listing) -> list[ColumnElement[bool]]:
    """What is about others, or what stands for itself, or all."""
    if listing.wanted("attached"):
        about = manifests.c.subject.is_not(None) & HAS_SUBJECT
        return [or_(about, manifests.c.id.in_(_attached(is_here)))]
    if listing.wanted("base") is not None:
        return []
    return [
        manifests.c.untagged_at.is_(None) | ~IS_NAMED,
        manifests.c.subject.is_(None) | ~HAS_SUBJECT,
        manifests.c.id.not_in(_attached(is_here)),
    ]


def _keys(listing: Listing) -> Select[Any]:
    """Only the ids, of no more tables than the conditions and the order are on."""
    asked = {plain(name.removeprefix("-")) for name in listing.sort} | {each.key for each in listing.filters}
    keys = select(manifests.c.id).where(IS_LIVE)
    if "repositoryname" in asked:
        keys = keys.join(repositories, repositories.c.id == manifests.c.repository_id)
    if asked & {"pulltime", "idlesince"}:
        keys = keys.outerjoin(artifact_details, artifact_details.c.manifest_id == manifests.c.id)
    return keys


def _having_part(
    tx: Connection, is_here: ColumnElement[bool], wanted: Filter, listing: Listing
) -> tuple[list[int] | None, bool]:
    """The ids of the manifests with such a tag, unless they are many: for a page, to look through the tags but once.

    Also whether there are more than are counted of what has such a tag, where nothing else is wanted of it.
    """
    of_tag, most = contains(tx.dialect.name, tags.c.name, _part(wanted)), min(listing.limit, _NAMED_LIMIT)
    having = select(tags.c.manifest_id).distinct().where(is_here, of_tag)
    found = list(tx.execute(having.where(~_COSIGN_TAGS).limit(listing.limit + 1)).scalars())
    if len(found) > most:
        return None, len(found) > listing.limit and len(listing.filters) == 1
    found += tx.execute(having.where(_COSIGN_TAGS).limit(most + 1)).scalars()
    return None if len(found) > most else found, False


def _part(wanted: Filter) -> str:
    return str(wanted.values[0]).replace("\0", "")


def _attached(is_here: ColumnElement[bool]) -> Select[tuple[int]]:
    """Ids of the manifests whose tags say that they are about another."""
    about = exists().where(
        _subject.c.repository_id == tags.c.repository_id,
        _subject.c.digest == _COSIGN_SUBJECT,
        _subject.c.deleted_at.is_(None),
    )
    return select(tags.c.manifest_id).where(is_here, _COSIGN_TAGS, about)


def _by_tags(tx: Connection, wanted: Filter) -> ColumnElement[bool]:
    """`*` is any tag, and `nil` none."""
    value = wanted.values[0] if wanted.values else None
    if wanted.how == "exact" and value == "*":
        return manifests.c.untagged_at.is_(None)
    if wanted.how == "exact" and value == "nil":
        return manifests.c.untagged_at.is_not(None)
    own = exists().where(tags.c.manifest_id == manifests.c.id)
    if wanted.how == "contains":
        return own.where(contains(tx.dialect.name, tags.c.name, _part(wanted)))
    return own.where(tags.c.name.in_([each for each in wanted.values if each]))


def _by_labels(_: Connection, wanted: Filter) -> ColumnElement[bool]:
    """By the ids of labels: of several in round brackets each has to be there, of those in others one."""
    ids = [int(each) for each in wanted.values if each and each.isdecimal() and len(each) < 19]
    own = exists().where(manifest_labels.c.manifest_id == manifests.c.id)
    if not ids:
        return false()
    if wanted.how != "all":
        return own.where(manifest_labels.c.label_id.in_(ids))
    return and_(*(own.where(manifest_labels.c.label_id == label_id) for label_id in ids))


def _by_idleness(_: Connection, wanted: Filter) -> ColumnElement[bool]:
    """What was neither pushed nor pulled since a time in milliseconds. Raises `BadFilter`."""
    since, pulled = value_of("time", str(wanted.values[0])), artifact_details.c.pulled_at
    return (manifests.c.created_at < since) & (pulled.is_(None) | (pulled < since))


_OTHERS = {"tags": _by_tags, "labels": _by_labels, "idlesince": _by_idleness}


def find(tx: Connection, manifest_id: int) -> ArtifactRecord | None:
    row = tx.execute(_CHOSEN.where(manifests.c.id == manifest_id)).one_or_none()
    return ArtifactRecord(*row) if row else None


def find_many(tx: Connection, manifest_ids: Collection[int]) -> list[ArtifactRecord]:
    return [ArtifactRecord(*row) for row in tx.execute(_CHOSEN.where(manifests.c.id.in_(manifest_ids)))]


def list_tags(tx: Connection, manifest_ids: Collection[int]) -> dict[int, list[TagDates]]:
    """The tags of each of the artifacts that has any, in bytewise order."""
    chosen = select(*(tags.c[name] for name in TagDates.__slots__)).where(tags.c.manifest_id.in_(manifest_ids))
    found: dict[int, list[TagDates]] = {}
    for row in tx.execute(chosen.order_by(tags.c.name)):
        found.setdefault(row.manifest_id, []).append(TagDates(*row))
    return found


_TAG_FIELDS = {
    "name": Field(tags.c.name),
    "natural": Field(tags.c.sort_key),
    "push_time": Field(tags.c.updated_at, "time"),
    "pull_time": Field(tags.c.pulled_at, "time"),
}


def page_tags_of_repository(tx: Connection, repository_id: int, listing: Listing) -> tuple[list[TagDates], int]:
    """A page of all tags of a repository and how many it has. Raises `BadFilter`."""
    chosen = select(*(tags.c[name] for name in TagDates.__slots__)).where(tags.c.repository_id == repository_id)
    rows, total = fetch(tx, chosen, _TAG_FIELDS, listing, usual=("-push_time", "-name"), key=tags.c.name)
    return [TagDates(*row) for row in rows], total


def page_tags(tx: Connection, manifest_id: int, listing: Listing) -> tuple[list[TagDates], int]:
    """A page of the tags of an artifact and how many it has. Raises `BadFilter`."""
    chosen = select(*(tags.c[name] for name in TagDates.__slots__)).where(tags.c.manifest_id == manifest_id)
    rows, total = fetch(tx, chosen, _TAG_FIELDS, listing, usual=("-push_time", "name"))
    return [TagDates(*row) for row in rows], total


_ABOUT = select(
    manifests.c.id,
    _subject.c.id,
    _subject.c.digest,
    manifests.c.digest,
    manifests.c.artifact_type,
    manifests.c.config_media_type,
    _SIZE,
    manifests.c.created_at,
).where(
    _subject.c.id.in_(bindparam("subjects", expanding=True)),
    manifests.c.repository_id == _subject.c.repository_id,
    manifests.c.deleted_at.is_(None),
)
_ABOUT_BY_SUBJECT = _ABOUT.add_columns(null()).where(manifests.c.subject == _subject.c.digest)
_COSIGN_NAMES = [func.replace(_subject.c.digest, ":", "-") + f".{suffix}" for suffix in ("sig", "att", "sbom")]
_ABOUT_BY_TAG = _ABOUT.add_columns(tags.c.name).where(
    tags.c.repository_id == _subject.c.repository_id,
    tags.c.name.in_(_COSIGN_NAMES),
    tags.c.manifest_id == manifests.c.id,
)


def list_accessories(tx: Connection, manifest_ids: Collection[int]) -> list[AccessoryRecord]:
    """What is about these artifacts, the oldest first."""
    found: dict[tuple[int, int], AccessoryRecord] = {}
    for query in (_ABOUT_BY_SUBJECT, _ABOUT_BY_TAG):
        for row in tx.execute(query, {"subjects": list(manifest_ids)}):
            found.setdefault((row[0], row[1]), AccessoryRecord(*row))
    return sorted(found.values(), key=lambda each: (each.created_at, each.id))


def is_named(tx: Connection, manifest_id: int) -> bool:
    """Whether an index names the artifact."""
    return tx.execute(select(manifests.c.id).where(manifests.c.id == manifest_id, IS_NAMED)).one_or_none() is not None


_parent, _child = manifests.alias("parent"), manifests.alias("child")
_PARENTS = (
    select(_child.c.id, _parent.c.id, _parent.c.digest)
    .join(manifest_references, manifest_references.c.manifest_id == _parent.c.id)
    .join(_child, _child.c.digest == manifest_references.c.digest)
    .where(manifest_references.c.repository_id == _child.c.repository_id, manifest_references.c.is_manifest)
    .where(_parent.c.deleted_at.is_(None))
    .order_by(_parent.c.id)
)


def list_parents(tx: Connection, manifest_id: int) -> list[str]:
    """Digests of the indexes that name the artifact, in the order in which they came."""
    return [row[2] for row in tx.execute(_PARENTS.where(_child.c.id == manifest_id))]


def list_parents_of(tx: Connection, manifest_ids: Collection[int]) -> list[tuple[int, int]]:
    """Which of the artifacts is named by which index, by the ids of both, in the order in which the indexes came."""
    return [(row[0], row[1]) for row in tx.execute(_PARENTS.where(_child.c.id.in_(manifest_ids)))]


def list_named(tx: Connection, repository_id: int, manifest_ids: Collection[int]) -> list[str]:
    """Digests of the manifests that these name, whether or not they are here."""
    named = manifest_references.c.is_manifest & manifest_references.c.manifest_id.in_(manifest_ids)
    chosen = select(manifest_references.c.digest).where(named, manifest_references.c.repository_id == repository_id)
    return list(tx.execute(chosen).scalars())


def list_only_named_by(tx: Connection, repository_id: int, manifest_ids: Collection[int]) -> dict[int, str]:
    """Ids and digests of manifests without a tag that these name, and no others do."""
    digests = list_named(tx, repository_id, manifest_ids)
    parent, other = manifests.alias("other_parent"), manifest_references.alias("other")
    elsewhere = (
        exists()
        .where(other.c.repository_id == repository_id, other.c.digest == manifests.c.digest, other.c.is_manifest)
        .where(parent.c.id == other.c.manifest_id, parent.c.deleted_at.is_(None), parent.c.id.not_in(manifest_ids))
    )
    chosen = select(manifests.c.id, manifests.c.digest).where(
        manifests.c.repository_id == repository_id, manifests.c.deleted_at.is_(None), manifests.c.digest.in_(digests)
    )
    return dict(tx.execute(chosen.where(manifests.c.untagged_at.is_not(None), ~elsewhere)).all())


def contents(tx: Connection, manifest_ids: Collection[int]) -> dict[int, bytes]:
    chosen = select(manifests.c.id, manifests.c.content).where(manifests.c.id.in_(manifest_ids))
    return {manifest_id: bytes(content) for manifest_id, content in tx.execute(chosen)}


def set_attributes(tx: Connection, manifest_id: int, attributes: str) -> None:
    """Keep what the config of an artifact says, unless the artifact is gone."""
    if tx.execute(select(exists().where(manifests.c.id == manifest_id))).scalar_one():
        put(tx, artifact_details, ("manifest_id",), {"manifest_id": manifest_id, "attributes": attributes})
