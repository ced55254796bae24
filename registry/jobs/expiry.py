"""Drops what nobody will ask for again: upload sessions past their time, objects that no blob names any more, and bytes
that a process left behind when it died.
"""

import logging
from collections.abc import Callable

from registry.core.blobs import Blobs
from storage.blobs import BlobStore, BlobStoreError
from storage.clock import now_ms
from storage.metadata import tombstones, uploads
from storage.metadata.database import Database

log = logging.getLogger("cove.jobs")
SWEEP_AGE_MS = 60 * 60 * 1000  # at least: bytes are staged a moment before their session's row is there
BATCH = 100  # so that a run after a long stop does not keep the threads and the disk to itself


class Expiry:
    def __init__(
        self,
        database: Database,
        store: BlobStore,
        blobs: Blobs,
        *,
        expiry_seconds: int,
        clock: Callable[[], int] = now_ms,
    ) -> None:
        self._database = database
        self._store = store
        self._blobs = blobs
        self._expiry_ms = expiry_seconds * 1000
        self._clock = clock

    def run(self) -> int:
        """One batch; tells how many sessions and objects went. Whoever removes a row owns what it named, so any number
        of nodes may do this at once.
        """
        now = self._clock()
        with self._database.read() as tx:
            expired = uploads.list_expired(tx, now, BATCH)
            buried = tombstones.list_due(tx, now, BATCH)
        ended = sum(self._done(lambda upload_id: self._end(upload_id, now), upload_id) for upload_id in expired)
        return ended + sum(self._done(self._blobs.reclaim, location) for location in buried)

    def sweep(self) -> int:
        """Drop staged bytes that no session names, once a session of their age would have expired; tells how many."""
        return self._store.sweep(self._clock() - max(self._expiry_ms, SWEEP_AGE_MS), self._is_named)

    def _is_named(self, text: str) -> bool:
        with self._database.read() as tx:
            return uploads.is_named(tx, text)

    def _done(self, work: Callable[[str], None], item: str) -> bool:
        """One that cannot be deleted must not keep the others: it is told, and its turn comes again."""
        try:
            work(item)
        except BlobStoreError as error:
            log.error("%s could not be deleted: %s", item, error)  # noqa: TRY400 -- no bug, no traceback
            return False
        return True

    def _end(self, upload_id: str, now: int) -> None:
        """Unless it goes on after all: what its row says at this moment counts."""
        with self._database.write() as tx:
            staged = uploads.expire(tx, upload_id, now)
        if staged is not None:
            self._store.discard(staged)
