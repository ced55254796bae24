"""Moving a registry to another database, another blob store, or both.

Blobs are copied first, while servers run over the old places: nothing that they use is touched. That can be stopped
and continued, and repeated for what was pushed meanwhile. The last step is short, and nobody may write during it: it
copies what came last, and then, in one transaction, either all records into the new database, where they are compared
one by one, or the new locations into the records that stay. So there is never a moment at which the old places or the
new ones are half of a registry.

Nothing is deleted: the old places stay as they were, but for the locations where only the blobs have moved.

A blob whose bytes are damaged is not copied. Its record and the manifests that name it are kept: it is missing in the
new store, as it is of no use in the old one, and whoever pushes it mends it.
"""

import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field

from registry.errors import Conflict
from storage.blobs import BlobMissing, BlobStore, BlobStoreError
from storage.clock import now_ms
from storage.copies import BlobDamaged, CopyJournal, copy_blob
from storage.digest import Digest
from storage.metadata import blobs, copying, tombstones
from storage.metadata.blobs import BlobRecord
from storage.metadata.database import Database, DatabaseError, Transaction

COPIERS = 8  # blobs that are copied at the same time
QUEUE = 64  # blobs that wait for that, so that a registry of millions takes no more memory
PAGE = 500


@dataclass(frozen=True, slots=True)
class Damage:
    """A blob that was left out: what is the matter with it, and the repositories that have it."""

    digest: str
    what: str
    repositories: list[str]


@dataclass(slots=True)
class MoveReport:
    """What was done: blobs and their bytes that this run has copied, those that an earlier one had, and rows."""

    blobs: int = 0
    bytes: int = 0
    blobs_before: int = 0
    rows: int = 0
    damaged: list[Damage] = field(default_factory=list)


Progress = Callable[[MoveReport], None]


class Stopped(Exception):
    """Another blob has met an error, or the person has had enough: this one is not copied to its end."""


class BlobCopying:
    """Copies the blobs of a registry to another store, in several threads, until no new ones come."""

    def __init__(
        self, database: Database, source: BlobStore, target: BlobStore, journal: CopyJournal, progress: Progress
    ) -> None:
        self._database = database
        self._source = source
        self._target = target
        self._journal = journal
        self._progress = progress
        self._report = MoveReport()
        self._places: dict[str, str] = {}
        self._damaged: set[str] = set()
        self._lock = threading.Lock()
        self._is_stopping = threading.Event()

    @property
    def places(self) -> Mapping[str, str]:
        """Where the blobs are in the other store, by digest: each was copied, or found there, in this run."""
        return self._places

    @property
    def superfluous(self) -> list[str]:
        """Locations of copies whose blobs were deleted since."""
        return [place for digest, place in self._journal.locations.items() if digest not in self._places]

    def has_met(self, digest: str) -> bool:
        """Whether this run knows the blob; also a damaged one."""
        return digest in self._places or digest in self._damaged

    def run(self, report: MoveReport) -> None:
        """Copy what is not there yet. Raises `BlobStoreError`, `DatabaseError`; another run goes on from there."""
        self._report = report
        for staged in self._journal.unfinished:
            self._target.discard(staged)
        with ThreadPoolExecutor(COPIERS, "cove-move") as pool:
            try:
                while self._pass(pool):
                    pass
            finally:
                self._is_stopping.set()

    def _pass(self, pool: ThreadPoolExecutor) -> bool:
        """Tells whether there was anything that the passes before have not seen."""
        pending: set[Future[None]] = set()
        is_new = False
        for blob in self._new_blobs():
            is_new = True
            pending.add(pool.submit(self._settle, blob))
            if len(pending) >= QUEUE:
                pending = _end(pending, FIRST_COMPLETED)
        while pending:
            pending = _end(pending, FIRST_EXCEPTION)
        return is_new

    def _new_blobs(self) -> Iterator[BlobRecord]:
        after = 0
        while True:
            with self._database.read() as tx:
                page = blobs.list_page(tx, after, PAGE)
            if not page:
                return
            after = page[-1].id
            yield from (blob for blob in page if not self.has_met(blob.digest))

    def _settle(self, blob: BlobRecord) -> None:
        self._go_on(0)
        place = self._journal.locations.get(blob.digest)
        is_there = place is not None and self._has(place, blob.size)
        try:
            if place is None or not is_there:
                place = self._copy(blob)
        except BlobDamaged as damaged:
            self._leave_out(blob, str(damaged))
            return
        with self._lock:
            self._places[blob.digest] = place
            self._report.blobs += not is_there
            self._report.blobs_before += is_there
            self._progress(self._report)

    def _copy(self, blob: BlobRecord) -> str:
        digest = Digest.parse(blob.digest)
        place = copy_blob(
            self._source,
            blob.location,
            self._target,
            self._journal,
            digest=digest,
            size=blob.size,
            progress=self._go_on,
        )
        if not self._has(place, blob.size):
            raise BlobStoreError(f"the new store has lost {blob.digest}, which it has taken")
        return place

    def _go_on(self, count: int) -> None:
        """Count bytes that were copied, and give up when the others do."""
        if self._is_stopping.is_set():
            raise Stopped
        with self._lock:
            self._report.bytes += count
            self._progress(self._report)

    def _has(self, place: str, size: int) -> bool:
        try:
            return self._target.size(place) == size
        except BlobMissing:
            return False

    def _leave_out(self, blob: BlobRecord, what: str) -> None:
        with self._database.read() as tx:
            damage = Damage(blob.digest, what, blobs.list_holders(tx, blob.id))
        with self._lock:
            self._damaged.add(blob.digest)
            self._report.damaged.append(damage)


class Move:
    """A move to another database, to another store, or to both; whatever is None stays.

    `progress` gets the report as it grows, from one thread at a time.
    """

    def __init__(
        self,
        database: Database,
        *,
        to_database: Database | None = None,
        copying_blobs: BlobCopying | None = None,
        progress: Progress = lambda _: None,
        clock: Callable[[], int] = now_ms,
    ) -> None:
        self._database = database
        self._to_database = to_database
        self._blobs = copying_blobs
        self._progress = progress
        self._clock = clock

    def copy(self) -> MoveReport:
        """Copy the blobs that there are by now; servers may run meanwhile.

        Raises `Conflict` for a database that has records already, and what the stores and databases raise.
        """
        if self._to_database:
            with self._to_database.read() as new:
                if not copying.is_empty(new):
                    raise _taken()
        report = MoveReport()
        if self._blobs:
            self._blobs.run(report)
        return report

    def finish(self, *, leave_damaged: bool = False) -> MoveReport:
        """Copy what came last, and then let the registry be in the new places; no server may run.

        Raises `Conflict` when blobs are damaged, unless they are to be left out, when somebody has written meanwhile,
        and for a database that has other records. A second time, after a finish that nobody saw, it does nothing more.
        """
        report = MoveReport()
        if self._blobs:
            self._blobs.run(report)
        if report.damaged and not leave_damaged:
            raise Conflict(
                f"damaged blobs: {len(report.damaged)}; a run without --finish lists them. Push them again first, or"
                " leave them out with --leave-damaged"
            )
        with self._database.write() as old:  # while it is open, nobody else writes, on no node
            self._must_have_met_all(old)
            if self._to_database:
                self._move_records(old, self._to_database, report)
            elif self._blobs:
                copying.relocate(old, self._blobs.places)
                self._bury(old)
        return report

    def _must_have_met_all(self, old: Transaction) -> None:
        if self._blobs and not all(map(self._blobs.has_met, blobs.list_digests(old))):
            raise Conflict("something was pushed just now: stop every server of this registry, and run this again")

    def _move_records(self, old: Transaction, target: Database, report: MoveReport) -> None:
        places = self._blobs.places if self._blobs else None
        with target.read() as new:
            if not copying.is_empty(new):
                if copying.find_difference(old, new, places):
                    raise _taken()
                return
        with target.write() as new:
            for count in copying.copy(old, new, places):
                report.rows += count
                self._progress(report)
            if table := copying.find_difference(old, new, places):
                raise DatabaseError(f"the new database does not give back what it was given, in its table {table}")
            self._bury(new)

    def _bury(self, tx: Transaction) -> None:
        """Have copies deleted whose blobs are gone."""
        for place in self._blobs.superfluous if self._blobs else ():
            tombstones.add(tx, place, self._clock())


def _end(pending: set[Future[None]], when: str) -> set[Future[None]]:
    """Wait for some of them, raise what one has raised, and return those that go on."""
    done, rest = wait(pending, return_when=when)
    for future in done:
        future.result()
    return rest


def _taken() -> Conflict:
    return Conflict("the new database has records already: name an empty one")
