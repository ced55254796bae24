"""What is inside one artifact, and what names it."""

from dataclasses import dataclass

from registry.core.artifacts import Artifact, Artifacts, Wanted, must_exist
from registry.core.repositories import Repository
from registry.oci.names import Reference
from storage.digest import Digest
from storage.metadata import artifacts, manifests
from storage.metadata.database import Database


@dataclass(frozen=True, slots=True)
class Inside:
    """`config` is empty where there is none that can be read; `parents` are the digests of the indexes that name it."""

    artifact: Artifact
    manifest: bytes
    config: bytes
    parents: list[str]


class Insides:
    def __init__(self, database: Database, artifacts: Artifacts) -> None:
        self._database = database
        self._artifacts = artifacts

    def get(self, repository: Repository, reference: Reference) -> Inside:
        """Raises `NameUnknown`, `ManifestUnknown`."""
        artifact = self._artifacts.get(repository, reference, Wanted(labels=True))
        record = artifact.record
        with self._database.read() as tx:
            must_exist(tx, repository, Reference(digest=Digest.parse(record.digest)))  # it may be gone by now
            content, parents = manifests.content(tx, record.id), artifacts.list_parents(tx, record.id)
        return Inside(artifact, content, self._artifacts.read_config(repository.project, record) or b"", parents)
