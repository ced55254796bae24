"""Putting a registry back: all of it from a backup, or, over the store as it is, its records from a snapshot.

Both only ever fill empty places. The records come last, in one transaction, so that whatever ends the work on the way
leaves nothing that looks like a registry, and it can be done again.
"""

import zlib
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from registry.core.backup_folders import OpenBackup
from registry.core.blob_checks import BlobChecks
from registry.core.copiers import BlobCopying, CopyReport, Progress, StoreCopies
from registry.core.findings import CheckReport, Finding
from registry.core.identity import is_ours, make_ours
from registry.core.moving import Move
from registry.core.orphans import RESTORED_AT, Orphans
from registry.core.snapshots import Snapshot, list_newest_first
from registry.errors import Conflict, NotFound
from storage.archives import blob_name
from storage.blobs import BlobStore
from storage.clock import now_ms
from storage.copies import CopyJournal
from storage.digest import Digest
from storage.metadata import copying, facts
from storage.metadata.database import HEAD, Database, DatabaseError, SchemaTooNew, Transaction

_GZIP = 31  # zlib: the format of gzip
_PACKED_PIECE = 64 << 10  # bytes that are unpacked at once, to a thousand times as many at most


def must_be_empty(database: Database) -> None:
    """Raises `Conflict` when there is any record."""
    with database.read() as tx:
        if not copying.is_empty(tx):
            raise Conflict("the database has records already: only an empty one is restored into")


def restore_backup(
    backup: OpenBackup,
    database: Database,
    store: BlobStore,
    journal: CopyJournal,
    *,
    place: str,
    progress: Progress = lambda _: None,
) -> CopyReport:
    """Put everything back; what was damaged on the way is told, and everything else is restored.

    Raises `Conflict` where there is something already, at the store's address `place` too, and what the stores and
    databases raise. Another run goes on from there.
    """
    must_be_empty(database)
    if not is_ours(backup.records, store) and any(True for _ in store.objects()):
        raise Conflict(f"{place} has blobs already: only an empty storage is restored into")
    make_ours(backup.records, store, place)
    copies = StoreCopies(backup.archive, store, journal, locate=lambda blob: blob_name(Digest.parse(blob.digest)))
    copier = BlobCopying(backup.records, copies, progress)
    move = Move(backup.records, to_database=database, copying_blobs=copier, progress=progress)
    return move.finish(leave_damaged=True)


@dataclass(slots=True)
class Recovery:
    """What came back: blobs that were looked for, with the lost ones among them, and records.

    Objects that nothing names came after the snapshot, as far as can be told: their number, their bytes, and when the
    newest was made, in ms since 1970.
    """

    snapshot: str
    blobs: int = 0
    rows: int = 0
    lost: list[Finding] = field(default_factory=list)
    unnamed: int = 0
    unnamed_bytes: int = 0
    newest_unnamed: int | None = None


class StoreRecovery:
    """Restores the records from a snapshot in the store, which is at the address `place`. `work` is an empty folder for
    the time of that.
    """

    def __init__(
        self,
        database: Database,
        store: BlobStore,
        work: Path,
        *,
        place: str,
        progress: Callable[[Recovery], None] = lambda _: None,
        clock: Callable[[], int] = now_ms,
    ) -> None:
        self._database = database
        self._store = store
        self._file = work / "records.db"
        self._place = place
        self._progress = progress
        self._clock = clock

    def run(self, name: str | None = None) -> Recovery:
        """Restore the snapshot of that name, or else the newest. Blobs that are not there are marked as damaged.

        Raises `NotFound`, `Conflict` for a database with records and for a damaged snapshot, `SchemaTooNew`,
        `BlobStoreError`, `DatabaseError`.
        """
        must_be_empty(self._database)
        snapshot = find_snapshot(self._store, name)
        self._fetch(snapshot)
        report = Recovery(snapshot.name)
        with closing(Database.open(self._file)) as records:
            records.migrate()
            make_ours(records, self._store, self._place)
            self._look_at_blobs(records, report)
            self._count_unnamed(records, report)
            with records.write() as old, self._database.write() as new:
                self._copy(old, new, report)
        return report

    def _fetch(self, snapshot: Snapshot) -> None:
        self._file.touch(mode=0o600, exist_ok=False)
        try:
            with self._file.open("wb") as file:
                file.writelines(_unpacked(self._store, snapshot.name))
        except (zlib.error, EOFError):
            raise Conflict(f"{snapshot.name} is damaged: name another with --snapshot") from None

    def _look_at_blobs(self, records: Database, report: Recovery) -> None:
        found = CheckReport()

        def progress() -> None:
            report.blobs = found.blobs
            self._progress(report)

        BlobChecks(records, self._store, found, pace=None, repairs=True, progress=progress, clock=self._clock).run()
        report.lost = found.findings

    def _count_unnamed(self, records: Database, report: Recovery) -> None:
        for found in Orphans(records, self._store, clock=self._clock).find(age_ms=0):
            report.unnamed += 1
            report.unnamed_bytes += found.size
            report.newest_unnamed = max(report.newest_unnamed or 0, found.modified_ms)

    def _copy(self, old: Transaction, new: Transaction, report: Recovery) -> None:
        if not copying.is_empty(new):
            raise Conflict("somebody has written to the database just now: stop every server, and run this again")
        for count in copying.copy(old, new, None):
            report.rows += count
            self._progress(report)
        if table := copying.find_difference(old, new, None):
            raise DatabaseError(f"the database does not give back what it was given, in its table {table}")
        facts.set_value(new, RESTORED_AT, str(self._clock()))


def find_snapshot(store: BlobStore, name: str | None) -> Snapshot:
    """The snapshot of that name, or else the newest. Raises `NotFound`, `SchemaTooNew`."""
    snapshots = list_newest_first(store)
    chosen = next((snapshot for snapshot in snapshots if name in {None, snapshot.name}), None)
    if chosen is None:
        raise NotFound(f"there is no snapshot {name} in the storage" if name else "there is no snapshot in the storage")
    if chosen.schema > HEAD:
        raise SchemaTooNew(f"{chosen.name} has schema {chosen.schema}, this program knows schemas up to {HEAD}")
    return chosen


def _unpacked(store: BlobStore, name: str) -> Iterator[bytes]:
    """The content of a compressed note. Raises `zlib.error`, and `EOFError` where its end is missing."""
    with closing(store.open_note(name)) as reader:
        unpacker = zlib.decompressobj(wbits=_GZIP)
        for offset in range(0, reader.size, _PACKED_PIECE):
            yield unpacker.decompress(reader.read(offset, _PACKED_PIECE))
        if not unpacker.eof:
            raise EOFError
