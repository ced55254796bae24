"""Content on its way into a store and out again."""

from contextlib import closing

from storage.blobs import BlobStore
from storage.digest import Digest


def put_staged(store: BlobStore, content: bytes) -> str:
    """A staged place with acknowledged content that nobody has open."""
    with closing(store.open_staged(store.stage())) as writer:
        writer.append(content)
        return writer.checkpoint()


def put(store: BlobStore, content: bytes) -> str:
    return store.commit(put_staged(store, content), Digest.of(content), len(content))


def staged_bytes(store: BlobStore, staged: str, size: int) -> bytes:
    """The first bytes of a staged place that nobody has open."""
    with closing(store.open_staged(staged)) as writer:
        writer.start_at(size)
        return b"".join(writer.read())


def content_of(store: BlobStore, location: str) -> bytes:
    with closing(store.open(location)) as reader:
        return reader.read(0, reader.size + 1)
