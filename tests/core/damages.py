"""A small registry whose blobs tests damage."""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from auth.access import Access, Actor
from registry.core.blobs import Blobs
from registry.core.checking import Check, Extent
from registry.core.findings import CheckReport, Finding
from registry.core.identity import accept
from registry.core.manifests import Manifests
from registry.core.repositories import Repository
from registry.core.uploads import Uploads
from registry.oci.bounds import Bounds
from registry.oci.names import Reference, RepositoryName
from storage.blobs import BlobStore
from storage.clock import now_ms
from storage.digest import Digest
from storage.metadata import blobs, projects
from storage.metadata.blobs import BlobRecord
from storage.metadata.database import Database
from tests.core.images import IMAGE_TYPE, INDEX_TYPE, image
from tests.storage.s3_server import S3Server

HOUR_MS = 3_600_000
NOBODY = Actor()
LAYER = b"layer " * 1000

Change = Callable[[bytes], bytes | None]


def flip(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


def zero(content: bytes) -> bytes:
    return bytes(len(content))


def truncate(content: bytes) -> bytes:
    return content[:-1]


def empty(_: bytes) -> bytes:
    return b""


def lengthen(content: bytes) -> bytes:
    return content + b"!"


def delete(_: bytes) -> None:
    return None


class World:
    """A registry whose clock may be ahead, and whose objects are below `folder`: in a bucket, if there is one."""

    def __init__(self, folder: Path, store: BlobStore, database: Database, bucket: S3Server | None = None) -> None:
        self.folder = folder
        self.bucket = bucket
        self.store = store
        self.database = database
        self.ahead = 0
        self.blobs = Blobs(database, store, Access(), clock=self.clock)
        self.uploads = Uploads(database, store, self.blobs, expiry_seconds=3600, clock=self.clock)
        self.manifests = Manifests(database, sparse="all", clock=self.clock)
        with database.write() as tx:
            self.project = projects.add(tx, "team", is_public=False, now=1)
        self.app = Repository(self.project, RepositoryName("team", "app"))
        accept(database, store)

    def clock(self) -> int:
        return now_ms() + self.ahead

    def push_blob(self, content: bytes, repository: Repository | None = None) -> Digest:
        where = repository or self.app
        with closing(self.uploads.open(NOBODY, where, self.uploads.start(NOBODY, where).id)) as upload:
            upload.append(content)
            upload.finish(Digest.of(content))
        return Digest.of(content)

    def push_manifest(self, reference: str, content: bytes, repository: Repository | None = None) -> Digest:
        kind = INDEX_TYPE if b'"manifests"' in content else IMAGE_TYPE
        return self.manifests.push(NOBODY, repository or self.app, Reference.parse(reference), kind, content).digest

    def push(self, tag: str, *layers: bytes) -> Digest:
        """An image whose configuration is its tag."""
        for content in (tag.encode(), *layers):
            self.push_blob(content)
        return self.push_manifest(tag, image(tag.encode(), *layers))

    def record(self, content: bytes) -> BlobRecord:
        with self.database.read() as tx:
            found = blobs.find(tx, str(Digest.of(content)))
        assert found
        return found

    def file(self, content: bytes) -> Path:
        return self.folder / self.record(content).location

    def spoil(self, content: bytes, change: "Change") -> None:
        """Have other bytes in place of a blob's, or none."""
        spoilt, file = change(content), self.file(content)
        if self.bucket is None:
            file.unlink() if spoilt is None else file.write_bytes(spoilt)
        elif spoilt is None:
            self.bucket.delete(str(file))
        else:
            self.bucket.put(str(file), spoilt)

    def check(self, **extent: object) -> CheckReport:
        wished = {"bounds": Bounds(), "expiry_ms": HOUR_MS, **extent}
        return Check(self.database, self.store, "here", Extent(**wished), clock=self.clock).run()  # type: ignore[arg-type]  # as the test says

    def findings(self, **extent: object) -> list[Finding]:
        return self.check(**extent).findings

    def sql(self, statement: str) -> object:
        with self.database.write() as tx:
            return tx.exec_driver_sql(statement)

    def reads(self, content: bytes) -> bytes:
        opened = self.blobs.open(self.app, Digest.of(content))
        with closing(opened.reader) as reader:
            return reader.read(0, opened.size)
