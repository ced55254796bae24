"""Artifacts: manifests as people see them, with all that lists tell of each."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass

import msgspec

from registry.core import manifests, repositories
from registry.core.blobs import Blobs
from registry.core.filters import filtered
from registry.core.immutability import active_rules, covered
from registry.core.repositories import Repository
from registry.errors import BlobUnknown
from registry.oci import media_types
from registry.oci.artifacts import Child, attributes_of, children_of
from registry.oci.names import Reference, RepositoryName
from storage.blobs import BlobStoreError
from storage.digest import Digest
from storage.metadata import artifacts, labels
from storage.metadata import manifests as manifest_rows
from storage.metadata.artifacts import AccessoryRecord, ArtifactRecord, TagDates
from storage.metadata.database import Database, DatabaseBusy, DatabaseFull, Transaction
from storage.metadata.labels import LabelRecord
from storage.metadata.listings import Listing
from storage.metadata.projects import ProjectRecord

CONFIG_LIMIT = 4 << 20  # bytes of a config that is looked into
_READ = 100  # configs that are read for one answer; the others are told of the next time
_BATCH = 500


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be told beside the artifact itself."""

    tags: bool = True
    labels: bool = False
    accessories: bool = True
    immutable: bool = False
    inherited: bool = False


@dataclass(frozen=True, slots=True)
class ShownTag:
    dates: TagDates
    is_immutable: bool = False


@dataclass(frozen=True, slots=True)
class Artifact:
    """`children` are what an index names, with the ids of those that are here; `attributes` is JSON, of its config, and
    `inherited` are the accessories of the indexes that name it.
    """

    record: ArtifactRecord
    attributes: str
    children: Sequence[tuple[Child, int | None]] = ()
    tags: Sequence[ShownTag] = ()
    labels: Sequence[LabelRecord] = ()
    accessories: Sequence[AccessoryRecord] = ()
    inherited: Sequence[AccessoryRecord] = ()


class Artifacts:
    def __init__(self, database: Database, blobs: Blobs) -> None:
        self._database = database
        self._blobs = blobs

    def page(self, repository: Repository, listing: Listing, wanted: Wanted) -> tuple[list[Artifact], int]:
        """A page of the artifacts of a repository, and how many there are. Raises `NotFound`, `BadQuery`."""
        with self._database.read() as tx, filtered():
            row = repositories.must_be_known(tx, repository)
            found, total = artifacts.list_of_repository(tx, row.id, listing)
        return self._told(repository.project, found, wanted), total

    def page_by_tag(self, repository: Repository, listing: Listing) -> tuple[list[tuple[ShownTag, Artifact]], int]:
        """A page of the tags of a repository, each with its artifact, and how many there are; what the configs say is
        left out. Raises `NotFound`, `BadQuery`.
        """
        with self._database.read() as tx, filtered():
            row = repositories.must_be_known(tx, repository)
            found, total = artifacts.page_tags_of_repository(tx, row.id, listing)
            records = artifacts.find_many(tx, {tag.manifest_id for tag in found})
            told = {each.record.id: each for each in _assembled(tx, records, {}, Wanted(tags=False))}
            kept = covered(active_rules(tx, repository.project.id), row.name, [tag.name for tag in found])
        return [(ShownTag(tag, tag.name in kept), told[tag.manifest_id]) for tag in found], total

    def page_of_project(
        self, project: ProjectRecord, listing: Listing, wanted: Wanted, *, only_latest: bool = False
    ) -> tuple[list[Artifact], int]:
        """Those of all its repositories, or the newest of each. Raises `BadQuery`."""
        with self._database.read() as tx, filtered():
            found, total = artifacts.list_of_project(tx, project.id, listing, only_latest=only_latest)
        return self._told(project, found, wanted), total

    def get(self, repository: Repository, reference: Reference, wanted: Wanted) -> Artifact:
        """Raises `NameUnknown`, `ManifestUnknown`."""
        with self._database.read() as tx:
            record = must_exist(tx, repository, reference)
        return self._told(repository.project, [record], wanted)[0]

    def page_tags(
        self, repository: Repository, reference: Reference, listing: Listing, *, immutable: bool
    ) -> tuple[list[ShownTag], int]:
        """A page of the tags of an artifact. Raises `NameUnknown`, `ManifestUnknown`, `BadQuery`."""
        with self._database.read() as tx, filtered():
            record = must_exist(tx, repository, reference)
            found, total = artifacts.page_tags(tx, record.id, listing)
            kept = _immutable(tx, [record], {record.id: found}) if immutable else set()
        return [ShownTag(tag, (record.id, tag.name) in kept) for tag in found], total

    def list_accessories(self, repository: Repository, reference: Reference) -> list[AccessoryRecord]:
        """All that is about an artifact. Raises `NameUnknown`, `ManifestUnknown`."""
        with self._database.read() as tx:
            record = must_exist(tx, repository, reference)
            return artifacts.list_accessories(tx, [record.id])

    def read_config(self, project: ProjectRecord, record: ArtifactRecord) -> bytes | None:
        """The config of an artifact; None where there is none that can be read, or one that is too large."""
        with self._database.read() as tx:
            document = msgspec.json.decode(manifest_rows.content(tx, record.id), type=_Document)
        if document.config is None or document.config.size > CONFIG_LIMIT:
            return None
        return self.read_blob(project, record, document.config.digest, document.config.size)

    def read_blob(self, project: ProjectRecord, record: ArtifactRecord, digest: str, limit: int) -> bytes | None:
        """The first bytes of a blob of the artifact's repository, `limit` at most; None where it is not there."""
        repository = Repository(project, RepositoryName.parse(record.repository))
        try:
            opened = self._blobs.open(repository, Digest.parse(digest))
        except BlobUnknown:
            return None
        with closing(opened.reader):
            return opened.reader.read(0, min(opened.size, limit))

    def _told(self, project: ProjectRecord, found: Sequence[ArtifactRecord], wanted: Wanted) -> list[Artifact]:
        attributes = self._attributes(project, found)
        told: list[Artifact] = []
        for start in range(0, len(found), _BATCH):
            with self._database.read() as tx:
                told += _assembled(tx, found[start : start + _BATCH], attributes, wanted)
        return told

    def _attributes(self, project: ProjectRecord, found: Sequence[ArtifactRecord]) -> dict[int, str]:
        """What the configs say, by the ids of the artifacts; what had to be read is kept."""
        known = {record.id: record.attributes for record in found if record.attributes is not None}
        read = dict(self._read(project, [record for record in found if record.id not in known][:_READ]))
        if read:
            # The next one to ask will find them or read them again: no reason not to answer this one.
            with suppress(DatabaseBusy, DatabaseFull), self._database.write(durable=False) as tx:
                for manifest_id, attributes in read.items():
                    artifacts.set_attributes(tx, manifest_id, attributes)
        return known | read

    def _read(self, project: ProjectRecord, records: Sequence[ArtifactRecord]) -> Iterator[tuple[int, str]]:
        """Up to where the store fails: lists are there without it."""
        for record in records:
            try:
                config = None if record.media_type in media_types.INDEX_TYPES else self.read_config(project, record)
            except BlobStoreError:
                return
            attributes = attributes_of(record.kind or "", config) if config else {}
            yield record.id, msgspec.json.encode(attributes).decode()


class _Described(msgspec.Struct):
    digest: str
    size: int


class _Document(msgspec.Struct):
    """A stored manifest, as much of it as is needed to find its config."""

    config: _Described | None = None


def must_exist(tx: Transaction, repository: Repository, reference: Reference) -> ArtifactRecord:
    """Raises `NameUnknown`, `ManifestUnknown`."""
    record = artifacts.find(tx, manifests.must_exist(tx, repository, reference).id)
    assert record is not None, "it was found in this transaction"  # noqa: S101
    return record


def _assembled(
    tx: Transaction, found: Sequence[ArtifactRecord], attributes: dict[int, str], wanted: Wanted
) -> list[Artifact]:
    ids = [record.id for record in found]
    children = _children(tx, found)
    tags = _tags(tx, found, immutable=wanted.immutable) if wanted.tags else {}
    labelled = labels.list_of(tx, ids) if wanted.labels else {}
    about = _accessories(tx, ids) if wanted.accessories else {}
    inherited = _inherited(tx, ids) if wanted.inherited else {}
    return [
        Artifact(
            record,
            attributes.get(record.id, "{}"),
            children.get(record.id, ()),
            tags.get(record.id, ()),
            labelled.get(record.id, ()),
            about.get(record.id, ()),
            inherited.get(record.id, ()),
        )
        for record in found
    ]


def _children(tx: Transaction, found: Sequence[ArtifactRecord]) -> dict[int, list[tuple[Child, int | None]]]:
    indexes = {record.id: record for record in found if record.media_type in media_types.INDEX_TYPES}
    told = {}
    for index_id, content in artifacts.contents(tx, indexes).items():
        named = children_of(content)
        here = manifest_rows.find_many(tx, indexes[index_id].repository_id, [child.digest for child in named])
        told[index_id] = [(child, here[child.digest].id if child.digest in here else None) for child in named]
    return told


def _tags(tx: Transaction, found: Sequence[ArtifactRecord], *, immutable: bool) -> dict[int, list[ShownTag]]:
    tagged = artifacts.list_tags(tx, [record.id for record in found])
    kept = _immutable(tx, found, tagged) if immutable else set()
    return {number: [ShownTag(tag, (number, tag.name) in kept) for tag in own] for number, own in tagged.items()}


def _immutable(
    tx: Transaction, found: Sequence[ArtifactRecord], tagged: Mapping[int, Sequence[TagDates]]
) -> set[tuple[int, str]]:
    """Which tags of which artifacts, all of one project, stay where they are."""
    rules = active_rules(tx, found[0].project_id) if found else []
    return {
        (record.id, name)
        for record in found
        for name in covered(rules, record.repository, [tag.name for tag in tagged.get(record.id, ())])
    }


def _accessories(tx: Transaction, ids: Sequence[int]) -> dict[int, list[AccessoryRecord]]:
    told: dict[int, list[AccessoryRecord]] = {}
    for accessory in artifacts.list_accessories(tx, ids):
        told.setdefault(accessory.subject_id, []).append(accessory)
    return told


def _inherited(tx: Transaction, ids: Sequence[int]) -> dict[int, list[AccessoryRecord]]:
    """What is about the indexes that name the artifacts, and so about each of these: the signature of an image for
    several platforms is its index's.
    """
    parents = artifacts.list_parents_of(tx, ids)
    about = _accessories(tx, list({parent for _, parent in parents}))
    told: dict[int, list[AccessoryRecord]] = {}
    for child, parent in parents:
        told.setdefault(child, []).extend(about.get(parent, ()))
    return told
