"""A registry with projects whose use of space tests watch."""

from collections.abc import Callable
from contextlib import closing

from auth.access import Access, Actor
from registry.core.blobs import Blobs
from registry.core.cleaning import Cleaning, Rules
from registry.core.manifests import Manifests
from registry.core.projects import Projects
from registry.core.repositories import Repository
from registry.core.uploads import Uploads
from registry.errors import QuotaExceeded
from registry.oci.names import Reference, RepositoryName
from storage.blobs import BlobStore
from storage.digest import Digest
from storage.metadata import usage
from storage.metadata.database import Database
from tests.core.images import IMAGE_TYPE, image

NOBODY = Actor()


class World:
    """One node; `team` and `other` are projects, and repositories are named in full."""

    def __init__(self, database: Database, store: BlobStore) -> None:
        self.database = database
        self.store = store
        self.projects = Projects(database, store)
        self.blobs = Blobs(database, store, Access(is_open=True))
        self.uploads = Uploads(database, store, self.blobs, expiry_seconds=3600)
        self.manifests = Manifests(database, sparse="none")
        for name in ("team", "other"):
            self.projects.ensure_public(name)

    def repository(self, name: str) -> Repository:
        """As the gate gives it: with what the project's record says now."""
        return Repository(self.projects.find(name.partition("/")[0]), RepositoryName.parse(name))

    def begin(self, repository: str) -> str:
        return self.uploads.start(NOBODY, self.repository(repository)).id

    def push(self, repository: str, content: bytes) -> Digest:
        where, digest = self.repository(repository), Digest.of(content)
        with closing(self.uploads.open(NOBODY, where, self.begin(repository))) as upload:
            upload.append(content)
            upload.finish(digest)
        return digest

    def mount(self, repository: str, content: bytes, source: str) -> bool:
        where, digest = self.repository(repository), Digest.of(content)
        return self.blobs.mount(NOBODY, where, digest, RepositoryName.parse(source))

    def push_manifest(self, repository: str, tag: str, content: bytes) -> Digest:
        where = self.repository(repository)
        return self.manifests.push(NOBODY, where, Reference.parse(tag), IMAGE_TYPE, content).digest

    def push_image(self, repository: str, tag: str, *contents: bytes) -> bytes:
        """Of blobs that it may already have; gives the manifest."""
        for content in contents:
            self.push(repository, content)
        manifest = image(*contents)
        self.push_manifest(repository, tag, manifest)
        return manifest

    def delete(self, repository: str, reference: object) -> None:
        self.manifests.delete(NOBODY, self.repository(repository), Reference.parse(str(reference)))

    def clean(self) -> None:
        """Let everything go that may ever go."""
        Cleaning(self.database, self.store, Rules(grace=0, keep_deleted=0)).run("test")

    def limit(self, quota: int | None, project: str = "team") -> None:
        self.projects.set_quota(project, quota)

    def used(self, project: str = "team") -> int:
        """As it is on record, which is held to what is there."""
        record = self.projects.find(project)
        with self.database.read() as tx:
            assert usage.count(tx, record.id) == record.used_bytes
        return record.used_bytes


def refusal(work: Callable[[], object]) -> QuotaExceeded | None:
    """Why the work was refused; None when it was done."""
    try:
        work()
    except QuotaExceeded as error:
        return error
    return None
