"""Copying blobs from one store to another, in a way that can be stopped anywhere and continued.

BlobDamaged    the bytes in the old store are not those of the digest
"""

import json
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from storage.blobs import BlobReader, BlobStore, BlobStoreError, StoreUnavailable
from storage.digest import Digest, new_hasher
from storage.locks import held

PIECE = 1 << 20  # bytes read and written at once


class BlobDamaged(Exception):
    """The bytes in the old store are not those of the digest, or not to be had; the message says what is the matter."""


class Source(Protocol):
    """Where objects are read: a blob store, or a backup."""

    def open(self, location: str, /) -> BlobReader: ...


@dataclass(slots=True)
class CopyJournal:
    """What a store has got from another: a line of JSON in a file for each copy, added when the copy is durable.

    A line also says before which staged place a copy goes through, so that one that was broken off leaves no bytes
    behind. A line that a loss of power has torn costs a second copy and nothing else. Thread-safe.
    """

    _descriptor: int
    _locations: dict[str, str] = field(default_factory=dict)
    _unfinished: set[str] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    @contextmanager
    def open(cls, path: Path) -> Iterator["CopyJournal"]:
        """The journal in a file, for one process at a time. Raises `storage.locks.Held`."""
        with held(path, alone=True) as descriptor:
            journal = cls(descriptor)
            content = path.read_bytes()
            for line in content.splitlines():
                journal._replay(line)
            if content and not content.endswith(b"\n"):
                os.write(descriptor, b"\n")
            yield journal

    @property
    def locations(self) -> Mapping[str, str]:
        """Where the copies are, by digest."""
        return self._locations

    @property
    def unfinished(self) -> set[str]:
        """Staged places of copies that were broken off."""
        return set(self._unfinished)

    def begin(self, staged: str) -> None:
        self._write({"staged": staged})

    def add(self, digest: Digest, location: str, staged: str) -> None:
        self._write({"digest": str(digest), "location": location, "staged": staged})

    def _write(self, entry: Mapping[str, str]) -> None:
        line = json.dumps(entry).encode() + b"\n"
        with self._lock:
            os.write(self._descriptor, line)
            self._replay(line)

    def _replay(self, line: bytes) -> None:
        try:
            entry = json.loads(line)
        except ValueError:
            return
        if "digest" in entry:
            self._locations[entry["digest"]] = entry["location"]
            self._unfinished.discard(entry["staged"])
        else:
            self._unfinished.add(entry["staged"])


def copy_blob(
    source: Source,
    location: str,
    target: BlobStore,
    journal: CopyJournal,
    *,
    digest: Digest,
    size: int,
    progress: Callable[[int], None] = lambda _: None,
) -> str:
    """Copy an object, durably and with its digest verified on the way; return its location in the other store.

    `progress` gets the number of bytes of each step, and may raise to give up. Raises `BlobDamaged`, and what the
    stores raise when they fail.
    """
    staged = target.stage()
    journal.begin(staged)
    try:
        with closing(target.open_staged(staged)) as writer:
            for piece in verified_pieces(source, location, digest=digest, size=size):
                writer.append(piece)
                progress(len(piece))
            copied = writer.commit(digest, size)
            try:
                journal.add(digest, copied, staged)
            except BaseException:
                writer.revoke()
                raise
    except BaseException:
        target.discard(staged)
        raise
    return copied


def verified_pieces(
    source: Source, location: str, *, digest: Digest, size: int, piece_bytes: int = PIECE
) -> Iterator[bytes]:
    """The bytes of an object, in pieces. The iteration raises `StoreUnavailable`, and `BlobDamaged`, at its end at the
    latest, when they are not those of the digest.
    """
    hasher = new_hasher(digest.algorithm)
    for piece in _pieces(source, location, size, piece_bytes):
        hasher.update(piece)
        yield piece
    if hasher.hexdigest() != digest.hex:
        raise BlobDamaged(f"has the digest {digest.algorithm}:{hasher.hexdigest()}")


def _pieces(source: Source, location: str, size: int, piece_bytes: int) -> Iterator[bytes]:
    try:
        with closing(source.open(location)) as reader:
            if reader.size != size:
                raise BlobDamaged(f"has {reader.size} bytes instead of {size}")
            for offset in range(0, size, piece_bytes):
                wanted = min(piece_bytes, size - offset)
                piece = reader.read(offset, wanted)
                if len(piece) < wanted:
                    raise BlobDamaged(f"ends after {offset + len(piece)} bytes instead of {size}")
                yield piece
    except StoreUnavailable:
        raise
    except BlobStoreError as error:
        raise BlobDamaged(f"cannot be read: {error}") from error
