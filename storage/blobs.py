"""Where blobs are kept: the contract of every blob store.

A store keeps immutable objects under *locations* that it chooses itself and never uses twice; which digest lives at
which location is the database's business. Bytes first go to a *staged* place that grows, and become an object by
`commit`. A store knows no repositories, no permissions and no HTTP.

    stage -> open_staged/append/checkpoint ... -> commit -> open/size -> delete
                                               -> discard

Errors:

    BlobStoreError           the medium failed, or the name cannot be one of this store's
    +-- BlobMissing          nothing is kept at that location, or a staged place is gone
    +-- StagedBusy           another writer, in this process or another, has the staged place open
    +-- StoreFull            the disk or the quota of the medium is exhausted
"""

from collections.abc import Iterator
from typing import Protocol

from storage.digest import Digest


class BlobStoreError(Exception):
    """A store could not do what was asked; the subclasses say why."""


class BlobMissing(BlobStoreError):
    """Nothing is kept at that location, or the staged place is gone."""


class StagedBusy(BlobStoreError):
    """Another writer, in this process or another, has the staged place open."""


class StoreFull(BlobStoreError):
    """No space is left; what was acknowledged before stays."""


class StagedWriter(Protocol):
    """Appends to a staged place and keeps every other writer out until `close`, or until its process dies.

    An error in `append`, `checkpoint` or `commit` closes the writer. After `StoreFull` from the first two the staged
    place has its checkpointed bytes; after other errors it may be gone, and the content is sent again from the start.
    """

    def start_at(self, offset: int) -> None:
        """Continue after `offset` bytes, as many as a checkpoint kept, and forget what was written beyond them.

        Raises `BlobMissing` when fewer than `offset` bytes are left.
        """

    def append(self, data: bytes | bytearray | memoryview) -> None:
        """Write `data` at the end. Raises `StoreFull`."""

    def checkpoint(self) -> None:
        """Return when every byte appended so far would survive a loss of power. Raises `StoreFull`."""

    def commit(self, digest: Digest, size: int) -> str:
        """Make the first `size` bytes an object, close the writer and return the object's location.

        The location is durable and was never used before. Bytes beyond `size` are forgotten, and the staged place is
        gone. The digest only helps people find the object: the caller has verified it, and does so while this writer
        keeps the others from changing the bytes. Raises `BlobMissing` when there are fewer than `size` bytes,
        `StoreFull`. After an error the commit may be tried again: it succeeds only if no byte was lost.
        """

    def close(self) -> None:
        """Let go of the staged place; bytes after the last checkpoint may be lost. A second time does nothing."""


class BlobReader(Protocol):
    """An open object; reading goes on even when the object is deleted meanwhile. Threads may read at the same time."""

    @property
    def size(self) -> int:
        """The object's length in bytes."""

    def read(self, offset: int, length: int) -> bytes:
        """Up to `length` bytes from `offset`; fewer only at the end."""

    def close(self) -> None:
        """Let go of the object, once no thread reads any more. A second time does nothing."""


class BlobStore(Protocol):
    def stage(self) -> str:
        """A new, empty staged place; its name goes into the upload session's row. Raises `StoreFull`."""

    def open_staged(self, staged: str) -> StagedWriter:
        """Open a staged place for writing at its end. Raises `BlobMissing`, `StagedBusy`."""

    def read_staged(self, staged: str, size: int) -> Iterator[bytes]:
        """The first `size` bytes of a staged place in pieces; a writer may have it open.

        The iteration raises `BlobMissing` when there are fewer.
        """

    def commit(self, staged: str, digest: Digest, size: int) -> str:
        """Open a staged place and `StagedWriter.commit` it; for bytes that no other writer can be changing.

        Raises `BlobMissing`, `StagedBusy`, `StoreFull`.
        """

    def discard(self, staged: str) -> None:
        """Drop a staged place; one that is gone already is fine."""

    def open(self, location: str) -> BlobReader:
        """Open an object for reading. Raises `BlobMissing`."""

    def size(self, location: str) -> int:
        """The object's length in bytes. Raises `BlobMissing`."""

    def delete(self, location: str) -> None:
        """Delete an object for good; one that is gone already is fine."""
