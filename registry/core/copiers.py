"""Copying the blobs of a registry elsewhere, several at a time: to another store, or to a backup."""

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Protocol

from storage.blobs import BlobMissing, BlobStore, BlobStoreError
from storage.copies import BlobDamaged, CopyJournal, Source, copy_blob
from storage.digest import Digest
from storage.metadata import blobs
from storage.metadata.blobs import BlobRecord
from storage.metadata.database import Database

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
class CopyReport:
    """What was done: blobs and their bytes that this run has copied, those that an earlier one had, and rows."""

    blobs: int = 0
    bytes: int = 0
    blobs_before: int = 0
    rows: int = 0
    damaged: list[Damage] = field(default_factory=list)


Progress = Callable[[CopyReport], None]


class Stopped(Exception):
    """Another blob has met an error, or somebody has had enough: this copy is not made to its end."""


class Target(Protocol):
    """Where the copies go. Several threads use it at once."""

    def find(self, blob: BlobRecord) -> str | None:
        """Where an earlier run has put the blob, if it is there as a whole."""

    def copy(self, blob: BlobRecord, progress: Callable[[int], None]) -> str:
        """Copy a blob and return where it is now; `progress` gets the bytes of each step, and may raise to give up.

        Raises `BlobDamaged`.
        """

    def superfluous(self, places: Mapping[str, str]) -> Iterable[str]:
        """Where there are copies whose blobs are not among these, by digest: they were deleted since."""


class BlobCopying:
    """Copies the blobs that a database names, in several threads, until no new ones come."""

    def __init__(self, database: Database, target: Target, progress: Progress) -> None:
        self._database = database
        self._target = target
        self._progress = progress
        self._report = CopyReport()
        self._places: dict[str, str] = {}
        self._damaged: set[str] = set()
        self._lock = threading.Lock()
        self._is_stopping = threading.Event()

    @property
    def places(self) -> Mapping[str, str]:
        """Where the copies are, by digest: each was made, or found there, in this run."""
        return self._places

    @property
    def superfluous(self) -> Iterable[str]:
        """Where there are copies whose blobs were deleted since."""
        return self._target.superfluous(self._places)

    def has_met(self, digest: str) -> bool:
        """Whether this run knows the blob; also a damaged one."""
        return digest in self._places or digest in self._damaged

    def run(self, report: CopyReport) -> None:
        """Copy what is not there yet. Raises `BlobStoreError`, `DatabaseError`; another run goes on from there."""
        self._report = report
        with ThreadPoolExecutor(COPIERS, "cove-copy") as pool:
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
        place = self._target.find(blob)
        is_there = place is not None
        try:
            if place is None:
                place = self._target.copy(blob, self._go_on)
        except BlobDamaged as damaged:
            self._leave_out(blob, str(damaged))
            return
        with self._lock:
            self._places[blob.digest] = place
            self._report.blobs += not is_there
            self._report.blobs_before += is_there
            self._progress(self._report)

    def _go_on(self, count: int) -> None:
        """Count bytes that were copied, and give up when the others do."""
        if self._is_stopping.is_set():
            raise Stopped
        with self._lock:
            self._report.bytes += count
            self._progress(self._report)

    def _leave_out(self, blob: BlobRecord, what: str) -> None:
        with self._database.read() as tx:
            damage = Damage(blob.digest, what, blobs.list_holders(tx, blob.id))
        with self._lock:
            self._damaged.add(blob.digest)
            self._report.damaged.append(damage)


def _end(pending: set[Future[None]], when: str) -> set[Future[None]]:
    """Wait for some of them, raise what one has raised, and return those that go on."""
    done, rest = wait(pending, return_when=when)
    for future in done:
        future.result()
    return rest


class StoreCopies:
    """Copies in a blob store, of which a journal tells a later run; `locate` says where the source has a blob."""

    def __init__(
        self,
        source: Source,
        store: BlobStore,
        journal: CopyJournal,
        *,
        locate: Callable[[BlobRecord], str] = lambda blob: blob.location,
    ) -> None:
        self._source = source
        self._store = store
        self._journal = journal
        self._locate = locate
        for staged in journal.unfinished:
            store.discard(staged)

    def find(self, blob: BlobRecord) -> str | None:
        place = self._journal.locations.get(blob.digest)
        return place if place is not None and self._has(place, blob.size) else None

    def copy(self, blob: BlobRecord, progress: Callable[[int], None]) -> str:
        digest, location = Digest.parse(blob.digest), self._locate(blob)
        place = copy_blob(
            self._source, location, self._store, self._journal, digest=digest, size=blob.size, progress=progress
        )
        if not self._has(place, blob.size):
            raise BlobStoreError(f"the new store has lost {blob.digest}, which it has taken")
        return place

    def superfluous(self, places: Mapping[str, str]) -> list[str]:
        return [place for digest, place in self._journal.locations.items() if digest not in places]

    def _has(self, place: str, size: int) -> bool:
        try:
            return self._store.size(place) == size
        except BlobMissing:
            return False
