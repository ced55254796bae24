"""Reading every blob again and again, slowly: what a medium has lost is known before somebody needs it.

One node at a time does it, by a lease. A blob that turns out wrong is not served any more; until somebody pushes it
again it is `cove fsck` that tells who needs it.
"""

import secrets
import threading
from collections.abc import Callable, Iterator

from registry.core.pacing import Pace
from registry.core.quarantine import quarantine, read_through
from storage.blobs import BlobStore
from storage.clock import now_ms
from storage.metadata import blobs, leases
from storage.metadata.blobs import BlobRecord
from storage.metadata.database import Database

SCRUB = "scrub"  # the lease
LEASE_MS = 120_000
PIECE = 128 * 1024  # bytes that are read at once
LEAST = 64 * 1024  # bytes that a blob counts for: opening it and noting the result are work as well
BATCH = 100
DAY_MS = 24 * 60 * 60 * 1000
FRESH_MS = DAY_MS  # age of a blob that is read for the first time: by then it comes from the medium
AGAIN_MS = 7 * DAY_MS  # from one reading of a blob to the next


class _Ended(Exception):
    """The server stops, or another node has gone on with it."""


class Scrub:
    """`count` is told of each blob's bytes that were read."""

    def __init__(
        self,
        database: Database,
        store: BlobStore,
        *,
        bytes_per_second: int,
        count: Callable[[int], None] = lambda _: None,
        clock: Callable[[], int] = now_ms,
    ) -> None:
        self._database = database
        self._store = store
        self._count = count
        self._clock = clock
        self._holder = secrets.token_urlsafe(9)
        self._held_until = 0
        self._stopping = threading.Event()
        self._pace = Pace(bytes_per_second, self._wait)

    def run(self) -> None:
        """Read what is due, unless another node is at it. Raises `BlobStoreError`, `DatabaseError`."""
        try:
            for record in self._due():
                self._check(record)
        except _Ended:
            return
        finally:
            self._release()

    def stop(self) -> None:
        """End a run within moments, from another thread, and every later one."""
        self._stopping.set()

    def _due(self) -> Iterator[BlobRecord]:
        while True:
            now = self._clock()
            with self._database.read() as tx:
                due = blobs.list_unchecked(tx, never=now - FRESH_MS, last=now - AGAIN_MS, count=BATCH)
            if not due:
                return
            self._hold()
            yield from due

    def _check(self, record: BlobRecord) -> None:
        damage = read_through(self._store, record, PIECE, self._spend)
        if damage is None:
            with self._database.write(durable=False) as tx:
                blobs.set_checked(tx, record, self._clock())
        else:
            quarantine(self._database, self._store, record, damage)
        self._count(record.size)
        self._spend(max(LEAST - record.size, 0))

    def _spend(self, count: int) -> None:
        self._pace.spend(count)
        self._hold()

    def _wait(self, seconds: float) -> None:
        if self._stopping.wait(seconds):
            raise _Ended

    def _hold(self) -> None:
        """Keep the lease in good time before its end."""
        now = self._clock()
        if self._stopping.is_set():
            raise _Ended
        if self._held_until - now > LEASE_MS // 2:
            return
        with self._database.write(durable=False) as tx:
            is_held = leases.take(tx, SCRUB, self._holder, now=now, until=now + LEASE_MS)
        self._held_until = now + LEASE_MS if is_held else 0
        if not is_held:
            raise _Ended

    def _release(self) -> None:
        if self._held_until:
            self._held_until = 0
            with self._database.write(durable=False) as tx:
                leases.release(tx, SCRUB, self._holder)
