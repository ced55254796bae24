"""Cleaning up while the registry serves: what nobody can ask for any more goes, and nothing else.

Rows go first, in short transactions; the objects that they named go later, outside of any transaction. No location is
ever used twice, and that is what makes it safe:

I1  A row of a blob means that its bytes are there. It is written when they are durable; they are deleted when no row
    names them any more, and no later row can. Whoever pushes the same digest meanwhile either finds the row and keeps
    it by a link, or finds none and writes to a new location, which this deletion cannot meet.
I2  A manifest has the blobs that it names. Writers take turns, so a push looks for them and names them in one
    transaction, and a link goes only in one that has looked for every manifest of its repository, deleted ones too.
I3  Whoever was told that a repository has a blob may name it in a manifest for the whole time of grace. A link that no
    manifest needs is leased; being asked for it begins the lease anew, and so does the end of the last manifest that
    needed it. The lease is the link's, not the blob's: the blob may well live on elsewhere.
I4  Reading goes on. A reader has looked the location up, and on a disk an open file outlives its name; where clients
    fetch from the store by themselves, an object outlives its row for as long as they were told that it can be fetched.
I5  Every location is named by exactly one of a session, a blob and a tombstone. An upload ends once: whoever removes
    the session's row owns its bytes, be it a commit, a cancellation or its expiry.

One process at a time cleans up, on whichever node, by a lease that every transaction renews: a cleaner that fell asleep
and was replaced finds its lease gone before it changes anything.
"""

import logging
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from registry.core.clocks import DAY_MS, HOUR_MS, ClockJumped, WatchedClock
from registry.core.executions import Interrupted
from registry.errors import Conflict
from storage.blobs import BlobStore
from storage.clock import now_ms
from storage.metadata import blobs, clean_ups, leases, manifests, spaces, tombstones, uploads
from storage.metadata.clean_ups import Freed
from storage.metadata.database import Database, Transaction
from storage.metadata.spaces import Kept

log = logging.getLogger("cove.cleaning")
CLEANING, BACKUP = "cleaning", "backup"  # leases: who cleans up, and who needs every object to stay
LEASE_MS = 60_000
BATCH = 100
OBJECTS = 500  # that are deleted at once
PAUSE_SECONDS = 0.02  # between two batches, for those who wait to write
HISTORY = 1000  # runs that are remembered
COUNTED = 10_000  # blobs that are counted at once


@dataclass(frozen=True, slots=True)
class Rules:
    """How long things stay, in milliseconds. `untagged` is None where manifests without a tag stay for ever.

    With `at_once`, what was deleted goes now, and so do the blobs that only it needed: for people who know that nobody
    is pushing them.
    """

    grace: int = HOUR_MS
    keep_deleted: int = 7 * DAY_MS
    untagged: int | None = None
    reading: int = 0
    at_once: bool = False

    @property
    def lease(self) -> int:
        """A lease is not renewed in its first tenth, so it has to last for that much longer than the time of grace."""
        return self.grace + renewal(self.grace)


def renewal(grace: int) -> int:
    """How old a lease may get before being asked for the blob begins it anew, in ms."""
    return grace // 10


class LeaseLost(Conflict):
    """Somebody else cleans up, or this process was silent for so long that somebody else may."""


class Cleaning:
    """One cleaner. `reached` is told what has gone so far, after each step."""

    def __init__(
        self,
        database: Database,
        store: BlobStore,
        rules: Rules,
        *,
        clock: Callable[[], int] = now_ms,
        reached: Callable[[Freed], None] = lambda _: None,
    ) -> None:
        self._database = database
        self._store = store
        self._rules = rules
        self._clock = clock
        self._reached = reached
        self._holder = secrets.token_urlsafe(9)
        self._watched = WatchedClock(clock)
        self._stopping = threading.Event()
        self._refusal = ""

    def is_due(self) -> bool:
        """Whether there is anything to do; a question, and no write."""
        now, rules = self._clock(), self._rules
        with self._database.read() as tx:
            if leases.is_held(tx, CLEANING, now=now):
                return False
            return bool(
                uploads.list_expired(tx, now, 1)
                or (tombstones.list_due(tx, now, 1) and not leases.is_held(tx, BACKUP, now=now))
                or blobs.has_unlinked(tx)
                or blobs.list_leased_until(tx, now - rules.lease, 1)
                or manifests.list_deleted_until(tx, now - rules.keep_deleted, 1)
                or (rules.untagged is not None and manifests.list_untagged_until(tx, now - rules.untagged, 1))
            )

    def run(self, cause: str) -> Freed:
        """Clean up until nothing is left that may go, and note it in the history.

        Raises `LeaseLost`, `ClockJumped`, `BlobStoreError`, `DatabaseError`; what has gone until then is noted too.
        """
        run = self._begin(cause)
        freed, error = Freed(), None
        try:
            for step in self._steps():
                freed += step
                self._reached(freed)
                if self._stopping.wait(PAUSE_SECONDS):
                    break
        except Exception as failure:
            error = str(failure)
            raise
        finally:
            self._note(run, freed, error)
        return freed

    def stop(self) -> None:
        """Have a run end after its next step, and those to come after their first."""
        self._stopping.set()

    def believe_the_clock(self) -> None:
        """Forget runs that ended later than now: the clock was wrong then."""
        with self._database.write() as tx:
            clean_ups.forget_later(tx, self._clock())

    def _begin(self, cause: str) -> int:
        try:
            with self._turn() as tx:
                self._must_be_later_than_before(tx)
                run = clean_ups.begin(tx, cause, self._watched.now())
        except ClockJumped as error:
            self._refuse(cause, str(error))
            raise
        self._refusal = ""
        return run

    def _refuse(self, cause: str, refusal: str) -> None:
        """Note it once, for it stays so until somebody sets the clock."""
        if refusal == self._refusal:
            return
        self._refusal = refusal
        log.error(refusal)
        with self._database.write() as tx:
            if [run.error for run in clean_ups.list_newest(tx, 1)] != [refusal]:
                now = self._clock()
                clean_ups.note(tx, clean_ups.begin(tx, cause, now), Freed(), finished_at=now, error=refusal)

    def _note(self, run: int, freed: Freed, error: str | None) -> None:
        with self._database.write() as tx:
            clean_ups.note(tx, run, freed, finished_at=self._clock(), error=error)
            if freed == Freed() and error is None:
                clean_ups.forget(tx, run)
            clean_ups.keep_newest(tx, HISTORY)
            leases.release(tx, CLEANING, self._holder)

    @contextmanager
    def _turn(self) -> Iterator[Transaction]:
        """A write transaction of the one cleaner. Raises `LeaseLost`, `ClockJumped`."""
        now = self._watched.now()
        with self._database.write() as tx:
            if not leases.take(tx, CLEANING, self._holder, now=now, until=now + LEASE_MS):
                raise LeaseLost("another process is cleaning up")
            yield tx

    def _must_be_later_than_before(self, tx: Transaction) -> None:
        last = clean_ups.last_finished(tx)
        if last is not None and last > self._watched.now() + HOUR_MS:
            raise ClockJumped("the clock is behind the last clean-up by more than an hour: nothing is cleaned up")

    def _steps(self) -> Iterator[Freed]:
        for step in (
            self._end_uploads,
            self._trash_untagged,
            self._purge_manifests,
            self._drop_links,
            self._bury_blobs,
            self._delete_objects,
        ):
            freed = step()
            while freed is not None:
                yield freed
                freed = step()

    # Each does one batch, and gives None when there is nothing left for it.

    def _end_uploads(self) -> Freed | None:
        now = self._watched.now()
        with self._turn() as tx:
            staged = [uploads.expire(tx, upload_id, now) for upload_id in uploads.list_expired(tx, now, BATCH)]
        for place in filter(None, staged):
            self._store.discard(place)
        return Freed(uploads=len(staged)) if staged else None

    def _trash_untagged(self) -> Freed | None:
        if self._rules.untagged is None:
            return None
        last = self._watched.now() - self._rules.untagged
        with self._database.read() as tx:  # it passes by every child of an index, while nobody waits
            found = manifests.list_untagged_until(tx, last, BATCH)
        if not found:
            return None
        with self._turn() as tx:
            now = self._watched.now()  # in turn: what is about an image that was deleted just now is deleted after it
            for manifest_id in manifests.list_untagged_until(tx, last, BATCH, among=found):
                manifests.delete_softly(tx, manifest_id, now)
        return Freed()

    def _purge_manifests(self) -> Freed | None:
        with self._turn() as tx:
            now = self._watched.now()  # in turn: a lease that begins before others wait for it would end too early
            last = now if self._rules.at_once else now - self._rules.keep_deleted
            found = manifests.list_deleted_until(tx, last, BATCH)
            manifests.remove(tx, found, 0 if self._rules.at_once else now)
        return Freed(manifests=len(found)) if found else None

    def _drop_links(self) -> Freed | None:
        now = self._watched.now()
        with self._turn() as tx:
            found = blobs.list_leased_until(tx, now - self._rules.lease, BATCH)
            blobs.keep_those_named(tx, found)
            dropped = blobs.unlink_leased(tx, found, now)
        return Freed(links=dropped) if found else None

    def _bury_blobs(self) -> Freed | None:
        delete_after = self._watched.now() + self._rules.reading
        with self._turn() as tx:
            found = blobs.has_unlinked(tx)
            sizes = blobs.bury_unlinked(tx, delete_after, BATCH)
        return Freed(blobs=len(sizes)) if found else None

    def _delete_objects(self) -> Freed | None:
        now = self._watched.now()
        with self._turn() as tx:
            due = {} if leases.is_held(tx, BACKUP, now=now) else tombstones.list_due(tx, now, OBJECTS)
        if not due:
            return None
        # One that cannot be deleted must not keep the others: it is told, and its turn comes again.
        failed = self._store.delete_all(due)
        for location, error in failed.items():
            log.error("%s could not be deleted: %s", location, error)
        gone = {location: size for location, size in due.items() if location not in failed}
        with self._turn() as tx:
            tombstones.remove(tx, gone)
            for location in failed:
                tombstones.postpone(tx, location, now + HOUR_MS)
        return Freed(objects=len(gone), freed_bytes=sum(gone.values()))


class Preview:
    """What a run would do now, without doing it."""

    def __init__(self, database: Database, rules: Rules, *, clock: Callable[[], int] = now_ms) -> None:
        self._database = database
        self._rules = rules
        self._clock = clock

    def freed(self) -> Freed:
        now, rules = self._clock(), self._rules
        with self._database.read() as tx:
            deleted_until = now if rules.at_once else now - rules.keep_deleted
            links, going, size = spaces.count_droppable(
                tx, now - rules.lease, purged_until=deleted_until if rules.at_once else None
            )
            objects, buried = tombstones.count(tx)
            return Freed(
                manifests=manifests.count_deleted_until(tx, deleted_until),
                links=links,
                blobs=going,
                uploads=uploads.count_expired(tx, now),
                objects=objects + going,
                freed_bytes=size + buried,
            )

    def kept(self, is_ending: Callable[[], bool] = lambda: False) -> Kept:
        """Why the rest stays; counted in parts, since each may take a moment. Raises `Interrupted`."""
        with self._database.read() as tx:
            last = spaces.last_blob(tx)
        kept = Kept()
        for after in range(0, last, COUNTED):
            if is_ending():
                raise Interrupted("the server is ending")
            with self._database.read() as tx:
                kept += spaces.count_kept(tx, after, after + COUNTED)
        return kept

    def waiting(self) -> int:
        """Bytes of objects that no blob has any more, and somebody may still be reading."""
        with self._database.read() as tx:
            return tombstones.count(tx)[1]

    def restorable_until(self) -> int | None:
        """When the last of what is deleted now goes, in ms since 1970; None where there is nothing."""
        with self._database.read() as tx:
            last = spaces.last_deletion(tx)
        return None if last is None else last + self._rules.keep_deleted
