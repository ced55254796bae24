"""Where blobs are kept: the contract of every blob store.

A store keeps immutable objects under *locations* that it chooses itself and never uses twice; which digest lives at which
location is the database's business. Bytes first go to a *staged* place that grows, and become an object by `commit`.
A store knows no repositories, no permissions and no HTTP.

    stage -> open_staged/append/checkpoint ... -> commit -> open/size -> delete
                                               -> discard

Errors:

    BlobStoreError
    +-- BlobMissing      nothing is kept at that location, or a staged place is gone
    +-- StagedBusy       another writer, in this process or another, has the staged place open
    +-- StoreFull        the disk or the quota of the medium is exhausted
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
    """Appends to a staged place and keeps every other writer out until `close`."""

    def start_at(self, offset: int) -> None:
        """Continue after `offset` bytes and forget what was written beyond it without a checkpoint.

        Raises `BlobMissing` when fewer than `offset` bytes are left (a crash took unacknowledged folders or files along).
        """

    def append(self, data: bytes | bytearray | memoryview) -> None:
        """Write `data` at the end. Raises `StoreFull`."""

    def checkpoint(self) -> None:
        """Return when every byte appended so far would survive a loss of power. Raises `StoreFull`."""

    def close(self) -> None:
        """Let go of the staged place; bytes after the last checkpoint may be lost."""


class BlobReader(Protocol):
    """An open object; reading goes on even when the object is deleted meanwhile."""

    size: int

    def read(self, offset: int, length: int) -> bytes:
        """Up to `length` bytes from `offset`; fewer only at the end."""

    def close(self) -> None: ...


class BlobStore(Protocol):
    def stage(self) -> str:
        """A new, empty staged place; its name goes into the upload session's row."""

    def open_staged(self, staged: str) -> StagedWriter:
        """Open a staged place for writing. Raises `BlobMissing`, `StagedBusy`."""

    def read_staged(self, staged: str, size: int) -> Iterator[bytes]:
        """The first `size` bytes of a staged place in pieces. Raises `BlobMissing` when there are fewer."""

    def commit(self, staged: str, digest: Digest, size: int) -> str:
        """Make the staged `size` bytes an object and return its location, durable and never used before.

        The digest only helps people find the file: the caller has verified it. Raises `BlobMissing`, `StoreFull`.
        """

    def discard(self, staged: str) -> None:
        """Drop a staged place; one that is gone already is fine."""

    def open(self, location: str) -> BlobReader:
        """Open an object for reading. Raises `BlobMissing`."""

    def size(self, location: str) -> int:
        """The object's length in bytes. Raises `BlobMissing`."""

    def delete(self, location: str) -> None:
        """Delete an object; one that is gone already is fine."""
