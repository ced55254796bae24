"""A registry without a server: images are pushed and pulled by the rules themselves."""

import json
from contextlib import closing
from dataclasses import dataclass, field

from auth.access import Access, Actor
from registry.core.blobs import Blobs
from registry.core.identity import must_be_ours
from registry.core.manifests import Manifests
from registry.core.repositories import Repository
from registry.core.uploads import Uploads
from registry.oci.names import Reference, RepositoryName
from storage.blobs import BlobStore
from storage.digest import Digest
from storage.metadata import blobs, projects, tags
from storage.metadata import repositories as rows
from storage.metadata.database import Database
from tests.core.images import IMAGE_TYPE, image


@dataclass
class SmallRegistry:
    database: Database
    store: BlobStore
    blobs: Blobs = field(init=False)
    uploads: Uploads = field(init=False)
    manifests: Manifests = field(init=False)

    def __post_init__(self) -> None:
        self.blobs = Blobs(self.database, self.store, Access())
        self.uploads = Uploads(self.database, self.store, self.blobs, expiry_seconds=3600)
        self.manifests = Manifests(self.database, sparse="none")

    def begin(self) -> "SmallRegistry":
        """The first start."""
        must_be_ours(self.database, self.store, "here")
        with self.database.write() as tx:
            projects.add(tx, "team", is_public=False, now=1)
        return self

    def repository(self, name: str = "team/app") -> Repository:
        with self.database.read() as tx:
            project = projects.find(tx, "team")
        assert project
        return Repository(project, RepositoryName.parse(name))

    def push_blob(self, content: bytes, name: str = "team/app") -> None:
        repository = self.repository(name)
        session = self.uploads.start(Actor(), repository)
        with closing(self.uploads.open(Actor(), repository, session.id)) as upload:
            upload.append(content)
            upload.finish(Digest.of(content))

    def push(self, tag: str, *layers: bytes, name: str = "team/app") -> Digest:
        """An image of these layers; gives its digest."""
        for content in (b"{}", *layers):
            self.push_blob(content, name)
        manifest = image(b"{}", *layers)
        self.manifests.push(Actor(), self.repository(name), Reference.parse(tag), IMAGE_TYPE, manifest)
        return Digest.of(manifest)

    def delete(self, digest: Digest, name: str = "team/app") -> None:
        self.manifests.delete(Actor(), self.repository(name), Reference.parse(str(digest)))

    def pull(self, tag: str, name: str = "team/app") -> list[bytes]:
        """The layers of an image, each by its digest."""
        _, content = self.manifests.read(self.repository(name), Reference.parse(tag))
        document = json.loads(content)
        return [self.read(Digest.parse(layer["digest"]), name) for layer in document["layers"]]

    def read(self, digest: Digest, name: str = "team/app") -> bytes:
        opened = self.blobs.open(self.repository(name), digest)
        with closing(opened.reader):
            content = opened.reader.read(0, opened.size)
        assert Digest.of(content) == digest
        return content

    def tags(self, name: str = "team/app") -> list[str]:
        with self.database.read() as tx:
            row = rows.find(tx, name)
            return tags.list_names(tx, row.id, after="", count=10_000) if row else []

    def location(self, content: bytes) -> str:
        with self.database.read() as tx:
            record = blobs.find(tx, str(Digest.of(content)))
        assert record
        return record.location
