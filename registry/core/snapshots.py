"""Snapshots: the records, kept in the blob store from time to time, for the day on which the database is lost.

A snapshot is a note named `snapshots/<UTC time>-<schema>.sqlite.gz`: all records as they were at one moment, in a
SQLite file, compressed. It says everything that the database says, so it has the hashes of passwords and the keys that
sign tokens in it, as the database has.

Uploads are left out, and leases: both are about a moment. What is to be deleted is kept: it is about the same store.
"""

import re
import secrets
import threading
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import gettempdir

import msgspec

from registry.core.copiers import Stopped
from registry.core.holding import holding
from registry.core.identity import is_ours
from registry.errors import Conflict
from storage.blobs import BlobStore, StoredObject
from storage.clock import now_ms
from storage.copies import PIECE
from storage.disk_files import plain_errors
from storage.metadata import copying, facts
from storage.metadata.database import HEAD, Database
from storage.scratch import scratch

FOLDER = "snapshots/"
LEASE = "snapshot"
_LAST = "last-snapshot"  # a fact
_NAME = re.compile(r"snapshots/(\d{8}T\d{6}Z)-(\w+)\.sqlite\.gz")
_TIME = "%Y%m%dT%H%M%SZ"
_GZIP = 31  # zlib: the largest window, in the format of gzip (RFC 1952)


class SnapshotUnderWay(Conflict):
    """Another process makes one."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One that is there: the note's name, the time that it is of, the schema, and its bytes."""

    name: str
    taken_at: datetime
    schema: str
    size: int


def list_newest_first(store: BlobStore) -> list[Snapshot]:
    found = filter(None, map(_parse, store.notes(FOLDER)))
    return sorted(found, key=lambda snapshot: snapshot.name, reverse=True)


def _parse(note: StoredObject) -> Snapshot | None:
    """None for a note that is no snapshot."""
    match = _NAME.fullmatch(note.location)
    if not match:
        return None
    try:
        taken_at = datetime.strptime(match[1], _TIME).replace(tzinfo=UTC)
    except ValueError:
        return None
    return Snapshot(note.location, taken_at, match[2], note.size)


@dataclass(frozen=True, slots=True)
class _Last:
    """When there was last a look at whether anything is new, in ms; what was kept, under which name."""

    looked_at: int
    name: str
    fingerprint: str


class Snapshots:
    """Makes snapshots every so many seconds, and keeps the last `count`. Files on the way are in the folder `data`."""

    def __init__(
        self,
        database: Database,
        store: BlobStore,
        data: Path | None,
        *,
        seconds: int,
        count: int,
        clock: Callable[[], int] = now_ms,
    ) -> None:
        self._database = database
        self._store = store
        self._data = data
        self._interval = seconds * 1000
        self._count = count
        self._clock = clock
        self._holder = secrets.token_urlsafe(9)
        self._is_stopping = threading.Event()

    def stop(self) -> None:
        """Have `take` end soon, from another thread: the next one begins anew."""
        self._is_stopping.set()

    def is_due(self) -> bool:
        """Whether it is time to look for changes; a question, and no write."""
        last = self._find_last()
        return last is None or abs(self._clock() - last.looked_at) >= self._interval

    def take(self) -> str | None:
        """Make a snapshot unless nothing has changed since the last one; its name.

        Raises `SnapshotUnderWay`, `BlobStoreError`, `DatabaseError`, and `Stopped` after `stop`.
        """
        refusal = SnapshotUnderWay("another process makes a snapshot")
        with holding(self._database, LEASE, self._holder, refusal, clock=self._clock):
            if not self.is_due() or not is_ours(self._database, self._store):
                return None
            now, last = self._clock(), self._find_last()
            with self._database.read() as tx:
                fingerprint = copying.fingerprint(tx, self._go_on)
            kept = [snapshot.name for snapshot in list_newest_first(self._store)]
            is_new = last is None or last.fingerprint != fingerprint or last.name not in kept
            name = self._write(now) if is_new or last is None else last.name
            self._set_last(_Last(now, name, fingerprint))
            for surplus in kept[self._count - is_new :]:
                self._store.delete_note(surplus)
        return name if is_new else None

    def _write(self, now: int) -> str:
        name = f"{FOLDER}{datetime.fromtimestamp(now / 1000, UTC).strftime(_TIME)}-{HEAD}.sqlite.gz"
        with plain_errors(self._data or Path(gettempdir())), scratch(self._data, LEASE) as folder:
            file = folder / "records.db"
            copying.copy_to_file(self._database, file, copying.PASSING, compare=False, progress=self._go_on)
            self._store.write_note(name, self._compressed(file))
        return name

    def _compressed(self, file: Path) -> Iterator[bytes]:
        compressor = zlib.compressobj(wbits=_GZIP)
        with file.open("rb") as opened:
            while piece := opened.read(PIECE):
                yield compressor.compress(piece)
                self._go_on(len(piece))
        yield compressor.flush()

    def _go_on(self, _count: int) -> None:
        if self._is_stopping.is_set():
            raise Stopped

    def _find_last(self) -> _Last | None:
        with self._database.read() as tx:
            last = facts.find(tx, _LAST)
        return msgspec.json.decode(last, type=_Last) if last else None

    def _set_last(self, last: _Last) -> None:
        with self._database.write() as tx:
            facts.set_value(tx, _LAST, msgspec.json.encode(last).decode())
