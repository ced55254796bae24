"""Objects that no row names: what a process made when it died before it could say so, or could not take back.

Every object is named by a blob, a session or a tombstone from a moment after it was made until it is deleted. So one
that nothing names after a day is garbage, and its location, which is never used twice, can be given to a tombstone.
Objects of an adopted storage are left alone: the registry that wrote them may still know them.
"""

from collections.abc import Callable, Iterator
from itertools import islice

from registry.core.clocks import DAY_MS
from registry.core.identity import is_ours
from storage.blobs import BlobStore, StoredObject
from storage.clock import now_ms
from storage.legacy import is_blob_location
from storage.metadata import blobs, facts, tombstones, uploads
from storage.metadata.database import Database, Transaction

AGE_MS = DAY_MS
RESTORED_AT = "restored-at"  # a fact: when the records were last put back from a copy, in ms since 1970
BATCH = 200


class Orphans:
    """`kept_ms` is how long objects stay that came after the copy which the records were restored from."""

    def __init__(
        self, database: Database, store: BlobStore, *, kept_ms: int = 7 * AGE_MS, clock: Callable[[], int] = now_ms
    ) -> None:
        self._database = database
        self._store = store
        self._kept_ms = kept_ms
        self._clock = clock

    def find(self, age_ms: int = AGE_MS) -> Iterator[StoredObject]:
        """Objects of at least that age that nothing names."""
        before = self._clock() - age_ms
        old = (found for found in self._store.objects() if found.modified_ms <= before)
        own = (found for found in old if not is_blob_location(found.location))
        while batch := list(islice(own, BATCH)):
            with self._database.read() as tx:
                yield from _unnamed(tx, batch)

    def bury(self) -> int:
        """Have them deleted; tells how many there were. Does nothing in a store that may be another registry's.

        For a while after a restoration, too: what was pushed after the copy was made is all that is left of it.
        """
        with self._database.read() as tx:
            restored_at = int(facts.find(tx, RESTORED_AT) or 0)
        if self._clock() - restored_at < self._kept_ms or not is_ours(self._database, self._store):
            return 0
        count, orphans = 0, self.find()
        while batch := list(islice(orphans, BATCH)):
            with self._database.write() as tx:
                for orphan in _unnamed(tx, batch):
                    tombstones.add(tx, orphan.location, self._clock(), orphan.size)
                    count += 1
        return count


def _unnamed(tx: Transaction, objects: list[StoredObject]) -> list[StoredObject]:
    locations = [found.location for found in objects]
    named = blobs.named(tx, locations) | tombstones.named(tx, locations)
    return [found for found in objects if found.location not in named and not uploads.is_named(tx, found.location)]
