"""Reading layers for what is in them: asked for by those who look at images, done one at a time in the background.

What was read is kept for as long as the layer is, whoever pushes it. Nothing else waits for it.
"""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Literal

from registry.core import repositories
from registry.core.blobs import Blobs
from registry.core.repositories import Repository
from registry.errors import BlobUnknown
from registry.oci.layers import LayerIndex, pack_index, read_layer, unpack_index
from registry.oci.unpacking import USUAL_LAYER, LayerBounds, LayerUnreadable
from storage.blobs import BlobReader
from storage.digest import Digest
from storage.metadata import layers
from storage.metadata.database import Database
from storage.metadata.layers import LayerRecord

Status = Literal["ready", "waiting", "unreadable"]

WAITING_LIMIT = 1000
"""Layers that wait to be read, in one process; of more it is asked again."""
_PIECE = 1 << 20  # bytes of a layer at once
_NOT_HERE = "its content is not here"


@dataclass(frozen=True, slots=True)
class LayerState:
    """Whether it is known what is in a layer; `reason` is why that cannot be told. `entries` counts what is in it."""

    status: Status
    reason: str = ""
    entries: int = 0


class _Ended(Exception):
    """The server stops."""


class Layers:
    """Thread-safe. A layer that takes longer than so many seconds is given up."""

    def __init__(
        self,
        database: Database,
        blobs: Blobs,
        *,
        bounds: LayerBounds = USUAL_LAYER,
        seconds: float = 600,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._blobs = blobs
        self._bounds = bounds
        self._seconds = seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._waiting: dict[str, Repository] = {}
        self._stopping = threading.Event()

    def states(self, repository: Repository, digests: Sequence[str]) -> list[LayerState]:
        """Of layers of the repository; what has not been read yet will be."""
        states = self._find(repository, digests)
        for digest, state in zip(digests, states, strict=True):
            if state.status == "waiting":
                self._ask(repository, digest)
        return states

    def indexes(self, digests: Sequence[str]) -> Iterator[LayerIndex]:
        """What is in layers whose states are known, one by one; nothing is in those that cannot be read."""
        with self._database.read() as tx:
            for content in layers.contents(tx, digests):
                yield unpack_index(content) if content else LayerIndex((), {})

    def read_waiting(self) -> int:
        """Read all that waits, and tell how many layers that were. Raises `BlobStoreError`, `DatabaseError`."""
        count = 0
        while not self._stopping.is_set() and (asked := self._next()):
            try:
                self._read(*asked)
            except _Ended:
                break
            count += 1
        return count

    def stop(self) -> None:
        """End the reading within moments, from another thread, and every later one."""
        self._stopping.set()

    def _find(self, repository: Repository, digests: Sequence[str]) -> list[LayerState]:
        with self._database.read() as tx:
            row = repositories.find(tx, repository)
            found = layers.find_many(tx, row.id, digests) if row else {}
        return [_state(found.get(digest)) for digest in digests]

    def _ask(self, repository: Repository, digest: str) -> None:
        with self._lock:
            if len(self._waiting) < WAITING_LIMIT:
                self._waiting.setdefault(digest, repository)

    def _next(self) -> tuple[str, Repository] | None:
        with self._lock:
            digest = next(iter(self._waiting), None)
            return (digest, self._waiting.pop(digest)) if digest else None

    def _read(self, digest: str, repository: Repository) -> None:
        if self._find(repository, [digest])[0].status != "waiting":  # another process may have been faster
            return
        try:
            opened = self._blobs.open(repository, Digest.parse(digest))
        except BlobUnknown:
            return
        with closing(opened.reader):
            index, reason = self._look_into(opened.reader)
        content = pack_index(index) if index is not None else None
        with self._database.write(durable=False) as tx:
            layers.put(tx, digest, entries=len(index) if index is not None else 0, content=content, reason=reason)

    def _look_into(self, reader: BlobReader) -> tuple[LayerIndex | None, str | None]:
        try:
            return read_layer(self._pieces(reader), self._bounds), None
        except LayerUnreadable as unreadable:
            return None, str(unreadable)

    def _pieces(self, reader: BlobReader) -> Iterator[bytes]:
        ends_at = self._clock() + self._seconds
        for start in range(0, reader.size, _PIECE):
            if self._stopping.is_set():
                raise _Ended
            if self._clock() > ends_at:
                raise LayerUnreadable(f"reading it takes longer than {self._seconds:g} seconds")
            yield reader.read(start, _PIECE)


def _state(record: LayerRecord | None) -> LayerState:
    if record is None or not record.is_intact:
        return LayerState("unreadable", _NOT_HERE)
    if record.reason is not None:
        return LayerState("unreadable", record.reason)
    return LayerState("waiting") if record.entries is None else LayerState("ready", entries=record.entries)
