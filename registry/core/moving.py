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

from collections.abc import Callable

from registry.core.copiers import BlobCopying, CopyReport, Progress
from registry.errors import Conflict
from storage.clock import now_ms
from storage.metadata import blobs, copying, tombstones
from storage.metadata.database import Database, DatabaseError, Transaction


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

    def copy(self) -> CopyReport:
        """Copy the blobs that there are by now; servers may run meanwhile.

        Raises `Conflict` for a database that has records already, and what the stores and databases raise.
        """
        if self._to_database:
            with self._to_database.read() as new:
                if not copying.is_empty(new):
                    raise _taken()
        report = CopyReport()
        if self._blobs:
            self._blobs.run(report)
        return report

    def finish(self, *, leave_damaged: bool = False) -> CopyReport:
        """Copy what came last, and then let the registry be in the new places; no server may run.

        Raises `Conflict` when blobs are damaged, unless they are to be left out, when somebody has written meanwhile,
        and for a database that has other records. A second time, after a finish that nobody saw, it does nothing more.
        """
        report = CopyReport()
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

    def _move_records(self, old: Transaction, target: Database, report: CopyReport) -> None:
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


def _taken() -> Conflict:
    return Conflict("the new database has records already: name an empty one")
