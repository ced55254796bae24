"""Upload sessions in a store without locks, through several processes: their rows keep the writers apart."""

import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from auth.access import Access, Actor
from registry.core.blobs import Blobs
from registry.core.claims import CLAIM_MS, RENEWAL_MS
from registry.core.projects import Projects
from registry.core.repositories import Repository
from registry.core.uploads import OpenUpload, Uploads
from registry.errors import BlobUploadUnknown, DigestInvalid, UploadRangeInvalid
from registry.oci.names import RepositoryName
from storage.digest import Digest
from storage.metadata.database import Database, DatabaseBusy
from storage.s3 import S3Store
from tests.clocks import Clock
from tests.storage.s3_server import PART, S3Server, s3_store

NOBODY = Actor()


@dataclass
class Node:
    """One of several processes that serve the same data."""

    uploads: Uploads
    blobs: Blobs
    repository: Repository

    def begin(self) -> str:
        return self.uploads.start(NOBODY, self.repository).id

    def open(self, upload: str) -> OpenUpload:
        return self.uploads.open(NOBODY, self.repository, upload)

    def size(self, upload: str) -> int:
        return self.uploads.find(NOBODY, self.repository, upload).size

    def patch(self, upload: str, content: bytes) -> None:
        with closing(self.open(upload)) as opened:
            opened.append(content)
            opened.save()

    def put(self, upload: str, digest: Digest, content: bytes = b"") -> None:
        with closing(self.open(upload)) as opened:
            opened.append(content)
            opened.finish(digest)

    def content(self, digest: Digest) -> bytes:
        blob = self.blobs.open(self.repository, digest)
        with closing(blob.reader):
            return blob.reader.read(0, blob.size)


@pytest.fixture
def prefix(tmp_path: Path) -> str:
    return f"claims/{tmp_path.name}"


@pytest.fixture
def store(s3: S3Server, prefix: str) -> Iterator[S3Store]:
    with s3_store(s3.endpoint, prefix) as made:
        yield made


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database.open(tmp_path / "cove.db")
    database.migrate()
    yield database
    database.close()


@pytest.fixture
def clock() -> Clock[int]:
    return Clock(1_000_000)


@pytest.fixture
def nodes(database: Database, store: S3Store, clock: Clock[int]) -> tuple[Node, Node]:
    repository = Repository(Projects(database, store).create("team"), RepositoryName.parse("team/app"))

    def node() -> Node:
        blobs = Blobs(database, store, Access(is_open=True), clock=clock)
        return Node(Uploads(database, store, blobs, expiry_seconds=3600, clock=clock), blobs, repository)

    return node(), node()


def test_second_writer_is_refused_until_the_first_has_closed(nodes: tuple[Node, Node]) -> None:
    one, two = nodes
    upload = one.begin()
    with closing(one.open(upload)) as opened:
        opened.append(b"first")
        for node in nodes:
            with pytest.raises(UploadRangeInvalid, match="another request is sending"):
                node.open(upload)
        opened.save()
    two.patch(upload, b", second")
    two.put(upload, Digest.of(b"first, second"))
    assert one.content(Digest.of(b"first, second")) == b"first, second"


def test_of_many_that_open_a_session_at_once_one_gets_it(nodes: tuple[Node, Node]) -> None:
    upload = nodes[0].begin()
    start, got = threading.Barrier(6), []

    def try_it(node: Node) -> None:
        start.wait()
        try:
            got.append(node.open(upload))
        except UploadRangeInvalid:
            return

    threads = [threading.Thread(target=try_it, args=(node,)) for node in nodes * 3]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got) == 1
    got[0].close()
    nodes[1].open(upload).close()


def test_session_that_cannot_be_taken_is_free_for_the_next(nodes: tuple[Node, Node]) -> None:
    one, two = nodes
    upload = one.begin()
    with pytest.raises(UploadRangeInvalid, match="go on at byte 0"):
        one.uploads.open(NOBODY, one.repository, upload, first_byte=7)
    two.open(upload).close()


def test_dead_writer_is_succeeded_after_a_minute_and_can_change_nothing_any_more(
    nodes: tuple[Node, Node], clock: Clock[int]
) -> None:
    dead, heir = nodes
    upload = dead.begin()
    dead.patch(upload, b"kept")
    silent = dead.open(upload)
    silent.append(b" lost")
    clock.now += CLAIM_MS - 1
    with pytest.raises(UploadRangeInvalid):
        heir.open(upload)
    clock.now += 1
    with closing(heir.open(upload)) as opened:
        opened.append(b" and continued")
        with pytest.raises(UploadRangeInvalid):
            silent.append(b", awake again")
        silent.close()
        with pytest.raises(UploadRangeInvalid):
            dead.open(upload)
        opened.finish(Digest.of(b"kept and continued"))
    assert dead.content(Digest.of(b"kept and continued")) == b"kept and continued"


@pytest.mark.parametrize("content", [b"small", b"x" * (PART + 10)], ids=["small", "large"])
def test_late_save_of_a_dead_writer_is_refused_and_takes_nothing_along(
    nodes: tuple[Node, Node], clock: Clock[int], s3: S3Server, prefix: str, content: bytes
) -> None:
    dead, heir = nodes
    upload = dead.begin()
    dead.patch(upload, content)
    silent = dead.open(upload)
    silent.append(b"more")
    clock.now += CLAIM_MS
    with closing(heir.open(upload)) as opened:
        with pytest.raises(BlobUploadUnknown):
            silent.save()
        silent.close()
        opened.finish(Digest.of(content))
    assert heir.content(Digest.of(content)) == content
    assert len(s3.objects(prefix)) == 1


@pytest.mark.parametrize("is_over", [False, True], ids=["while the heir is at work", "after the heir has finished"])
def test_late_finish_of_a_dead_writer_is_refused_and_harms_no_blob(
    nodes: tuple[Node, Node], clock: Clock[int], is_over: bool
) -> None:
    """Both would commit the very same object: the bytes were kept by one that then fell silent."""
    dead, heir = nodes
    digest, upload = Digest.of(b"the same object"), dead.begin()
    dead.patch(upload, b"the same object")
    silent = dead.open(upload)
    clock.now += CLAIM_MS
    with closing(heir.open(upload)) as opened:
        if is_over:
            opened.finish(digest)
        with pytest.raises(BlobUploadUnknown):
            silent.finish(digest)
        silent.close()
        if not is_over:
            opened.finish(digest)
    assert heir.content(digest) == b"the same object"


def test_claim_lasts_as_long_as_bytes_flow(nodes: tuple[Node, Node], clock: Clock[int]) -> None:
    one, two = nodes
    upload = one.begin()
    with closing(one.open(upload)) as opened:
        for _ in range(10):
            clock.now += RENEWAL_MS
            opened.append(b"x")
        with pytest.raises(UploadRangeInvalid):
            two.open(upload)
        opened.save()
    assert two.size(upload) == 10


@pytest.mark.parametrize("content", [b"", b"small", b"x" * (PART + 10)], ids=["empty", "small", "large"])
def test_upload_cancelled_while_somebody_sends_leaves_nothing(
    nodes: tuple[Node, Node], s3: S3Server, prefix: str, content: bytes
) -> None:
    one, two = nodes
    upload = one.begin()
    one.patch(upload, content)
    with closing(one.open(upload)) as opened:
        opened.append(b"more")
        two.uploads.cancel(NOBODY, two.repository, upload)
        with pytest.raises(BlobUploadUnknown):
            opened.finish(Digest.of(content + b"more"))
    assert s3.objects(prefix) == set()
    assert s3.uploads(prefix) == []


def test_chunks_through_changing_processes_make_one_blob(nodes: tuple[Node, Node], s3: S3Server, prefix: str) -> None:
    """The last process has not seen the first bytes, and a multipart upload cannot be read: it reads the object."""
    one, two = nodes
    chunks = [bytes([number]) * size for number, size in enumerate([3, PART - 1, 2 * PART, 1, PART // 2, 7])]
    content = b"".join(chunks)
    upload = one.begin()
    for number, chunk in enumerate(chunks[:-1]):
        nodes[number % 2].patch(upload, chunk)
    two.put(upload, Digest.of(content), chunks[-1])
    assert one.content(Digest.of(content)) == content
    assert len(s3.objects(prefix)) == 1
    assert s3.uploads(prefix) == []


@pytest.mark.parametrize("size", [10, 2 * PART + 10])
def test_wrong_digest_of_content_that_has_to_be_read_again_lets_the_session_go_on(
    nodes: tuple[Node, Node], s3: S3Server, prefix: str, size: int
) -> None:
    one, two = nodes
    content, upload = b"x" * size, one.begin()
    one.patch(upload, content[:-5])
    one.patch(upload, content[-5:])
    with pytest.raises(DigestInvalid):
        two.put(upload, Digest.of(b"something else", "sha512"), b"and a body")
    assert two.size(upload) == size
    two.put(upload, Digest.of(content, "sha512"))
    assert one.content(Digest.of(content, "sha512")) == content
    assert len(s3.objects(prefix)) == 1


def test_claim_that_cannot_be_given_back_does_not_undo_what_was_saved(
    nodes: tuple[Node, Node], database: Database, clock: Clock[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = nodes
    upload = one.begin()
    opened = one.open(upload)
    opened.append(b"saved")
    opened.save()
    with monkeypatch.context() as busy:
        busy.setattr(database, "write", _busy)
        opened.close()
    with pytest.raises(UploadRangeInvalid):
        two.open(upload)
    clock.now += CLAIM_MS
    two.put(upload, Digest.of(b"saved"))


def _busy(*, durable: bool) -> None:
    raise DatabaseBusy("another writer has it")
