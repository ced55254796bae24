"""What is inside one artifact, and what names it."""

from collections.abc import Mapping
from dataclasses import dataclass

from auth.access import Access, Actor
from registry.core.artifacts import Artifact, Artifacts, Wanted, must_exist
from registry.core.repositories import Repository
from registry.oci.insides import layers_of
from registry.oci.names import Reference
from storage.digest import Digest
from storage.metadata import artifacts, layers, manifests, searches
from storage.metadata.database import Database

ELSEWHERE = 10
SHARING = 100
_LAYERS = 200  # of which it is told


@dataclass(frozen=True, slots=True)
class Inside:
    """`config` is empty where there is none that can be read; `parents` are the digests of the indexes that name it,
    and `elsewhere` is in which other repositories it is too, up to `ELSEWHERE` of those that the reader may see.
    `sharing` is how many of those have each of its layers, up to `SHARING`.
    """

    artifact: Artifact
    manifest: bytes
    config: bytes
    parents: list[str]
    elsewhere: list[str]
    sharing: Mapping[str, int]


class Insides:
    def __init__(self, database: Database, artifacts: Artifacts, access: Access) -> None:
        self._database = database
        self._artifacts = artifacts
        self._access = access

    def get(self, actor: Actor, repository: Repository, reference: Reference) -> Inside:
        """Raises `NameUnknown`, `ManifestUnknown`."""
        artifact = self._artifacts.get(repository, reference, Wanted(labels=True))
        record = artifact.record
        with self._database.read() as tx:
            must_exist(tx, repository, Reference(digest=Digest.parse(record.digest)))  # it may be gone by now
            content, parents = manifests.content(tx, record.id), artifacts.list_parents(tx, record.id)
            sight = self._access.sight(actor, "artifact:list")
            same = searches.find_artifacts(tx, sight, record.digest, count=ELSEWHERE + 1)
            digests = [layer.digest for layer in layers_of(content)[:_LAYERS]]
            sharing = layers.count_sharing(tx, sight, record.repository_id, digests, count=SHARING)
        elsewhere = [each.repository for each in same if each.repository != record.repository][:ELSEWHERE]
        config = self._artifacts.read_config(repository.project, record) or b""
        return Inside(artifact, content, config, parents, elsewhere, sharing)
