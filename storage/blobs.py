"""Where blobs are kept: the contract of every blob store.

A store keeps immutable objects under *locations* that it chooses itself and never uses twice; which digest lives at
which location is the database's business. Bytes first go to a *staged* place that grows, and become an object by
`commit`. A store knows no repositories, no permissions and no HTTP.

    stage -> open_staged/append/checkpoint ... -> commit -> open/size -> delete
                                               -> discard

Beside the objects a store keeps *notes*, the registry's own: files with names, which may be written again.

What is staged has a name that may change with every checkpoint: it says all that it takes to go on, anywhere. Whoever
stages keeps the newest name, together with the number of bytes that it stands for.

Errors:

    BlobStoreError           the medium failed, or the name cannot be one of this store's
    +-- BlobMissing          nothing is kept at that location, or a staged place is gone
    +-- StagedBusy           another writer, in this process or another, has the staged place open
    +-- StoreFull            the disk or the quota of the medium is exhausted
    +-- StoreUnavailable     the medium does not answer at the moment; nothing that was acknowledged is lost
"""

import re
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from io import FileIO
from typing import Protocol

from storage.digest import Digest

NOTE_NAME_LIMIT = 200  # characters
_NOTE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)*")


class BlobStoreError(Exception):
    """A store could not do what was asked; the subclasses say why."""


class BlobMissing(BlobStoreError):
    """Nothing is kept at that location, or the staged place is gone."""


class StagedBusy(BlobStoreError):
    """Another writer, in this process or another, has the staged place open."""


class StoreFull(BlobStoreError):
    """No space is left; what was acknowledged before stays."""


class StoreUnavailable(BlobStoreError):
    """The medium does not answer at the moment; what was acknowledged before stays."""


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object by its location, or a note by its name: its bytes, and since when it is there (UTC, ms since 1970).

    A service may tell of the time when writing it began.
    """

    location: str
    size: int
    modified_ms: int


def check_note_name(name: str) -> None:
    """Raises `BlobStoreError` for what is no name of a note: words of letters, digits, `.`, `_` and `-` between `/`."""
    if len(name) > NOTE_NAME_LIMIT or not _NOTE_NAME.fullmatch(name):
        raise BlobStoreError(f"{name[:NOTE_NAME_LIMIT]!r} is not a name for a note")


class StagedWriter(Protocol):
    """Appends to a staged place. Not for several threads at once.

    What `checkpoint` and `commit` return is to be saved before anything else is asked of the writer: the next call,
    also `close`, drops what only the name before it leads to. Whoever could not save it calls `revoke` instead.

    An error in `append`, `checkpoint` or `commit` closes the writer. After `StoreFull` from the first two the staged
    place has its checkpointed bytes; after other errors it may be gone, and the content is sent again from the start.
    """

    def start_at(self, offset: int) -> None:
        """Continue after `offset` bytes, and forget what was written beyond them.

        The offset is 0 or what the checkpoint kept that gave the place its name; a store need not be able to continue
        elsewhere. Raises `BlobMissing` when it cannot, or when fewer than `offset` bytes are left.
        """

    def append(self, data: bytes | bytearray | memoryview) -> None:
        """Write `data` at the end. Raises `StoreFull`."""

    def checkpoint(self, *, durable: bool = True) -> str:
        """Return when every byte appended so far would survive a loss of power: the name to go on by.

        Without `durable`, a loss of power may take the whole place; the end of this process may not.

        It is the same name when nothing was appended. Raises `StoreFull`.
        """

    def read(self) -> Iterator[bytes]:
        """Everything appended so far, from the start, in pieces. The place may have a new name then: see `checkpoint`.

        The iteration raises `BlobMissing` when bytes were lost.
        """

    def commit(self, digest: Digest, size: int) -> str:
        """Make the first `size` bytes an object, close the writer and return the object's location.

        The location is durable and was never used for other bytes. Bytes beyond `size` are forgotten, and the staged
        place is gone. The digest only helps people find the object: the caller has verified it, and does so while this
        writer keeps the others from changing the bytes. Raises `BlobMissing` when there are fewer than `size` bytes,
        `StoreFull`. After an error the commit may be tried again: it succeeds only if no byte was lost.
        """

    def revoke(self) -> None:
        """Take the last `checkpoint` or `commit` back, because what it returned could not be saved; close the writer.

        What the place's former name leads to stays: that belongs to whoever has the session's row.
        """

    def close(self) -> None:
        """Let go of the staged place; bytes after the last checkpoint may be lost. A second time does nothing."""


class BlobReader(Protocol):
    """An open object; reading goes on even when the object is deleted meanwhile. Threads may read at the same time."""

    @property
    def size(self) -> int:
        """The object's length in bytes."""

    @property
    def file(self) -> FileIO | None:
        """The open file that is the object, for the kernel to send, at any offset; None where there is no such file."""

    def read(self, offset: int, length: int) -> bytes:
        """Up to `length` bytes from `offset`; fewer only at the end."""

    def close(self) -> None:
        """Let go of the object, once no thread reads any more. A second time does nothing."""


class BlobStore(Protocol):
    @property
    def excludes_writers(self) -> bool:
        """Whether the store keeps a second writer out itself, and knows which places are gone.

        Where it does not, the caller does both, by the session's row: it opens a place only while nobody else may, and
        commits it only together with the end of its row. Whoever has ended the row, and nobody else, may discard it.
        """

    @property
    def checkpoint_bytes(self) -> int:
        """After how many bytes a checkpoint is worth its price, in an upload that goes on."""

    def check(self) -> None:
        """Raises `BlobStoreError` when the store cannot be used at the moment.

        It may be asked all the time; what it says may be a few seconds old.
        """

    def stage(self) -> str:
        """A new, empty staged place; its name goes into the upload session's row. Raises `StoreFull`."""

    def open_staged(self, staged: str) -> StagedWriter:
        """Open a staged place for writing at its end. Raises `BlobMissing`, `StagedBusy`."""

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

    def delete_all(self, locations: Collection[str]) -> dict[str, BlobStoreError]:
        """Delete objects as `delete` does, at less cost than one by one; gives those that are still there, and why.

        Raises `StoreUnavailable`.
        """

    def url(self, location: str, seconds: int) -> str | None:
        """An address where anybody may read the object for so many seconds; None where the store has none."""

    def objects(self) -> Iterator[StoredObject]:
        """Every object, in no particular order; those that come or go meanwhile may be missing.

        What is staged is not among them where the store can tell; where it cannot, the session's row names it.
        """

    def write_note(self, name: str, content: Iterable[bytes]) -> None:
        """Keep a note, in place of one with the same name: durable on return, and never there in part.

        Names are like `snapshots/2026-11-24.gz`; others raise `BlobStoreError`. An error, also one of the iteration,
        leaves the note that was there, or none. Raises `StoreFull`.
        """

    def open_note(self, name: str) -> BlobReader:
        """Open a note for reading, while nobody writes it anew. Raises `BlobMissing`."""

    def notes(self, prefix: str = "") -> Iterator[StoredObject]:
        """Notes whose names begin with `prefix`, in no particular order, each with its name as the location."""

    def delete_note(self, name: str) -> None:
        """Delete a note for good; one that is gone already is fine."""

    def sweep(self, before_ms: int, is_named: Callable[[str], bool]) -> int:
        """Drop staged bytes that a process left behind when it died; tells of how many staged places there were some.

        These are bytes that came in before `before_ms` (UTC, ms since 1970) at the latest, under no session's name:
        `is_named` tells whether the name of any session's staged place contains a text. Objects stay, and what a writer
        on this medium has open.
        """
