"""Looking at the whole registry for what is not as it should be, and mending what can be mended without a loss.

Servers may run meanwhile. So what is found is looked at once more, in another transaction, before it is told: it may
have been on its way in or out. Nothing is changed unless repairs are asked for, and then never what people have pushed:
damaged blobs are no longer served, objects that nothing names are given to the clean-up, and what is counted or derived
is counted and derived anew.
"""

from collections.abc import Callable
from dataclasses import dataclass

from registry.core.blob_checks import BlobChecks
from registry.core.findings import CheckReport
from registry.core.identity import NotOurStorage, accept, has_some, is_anothers, must_be_ours
from registry.core.manifest_checks import ManifestChecks
from registry.core.manifests import Sparse
from registry.core.orphans import Orphans
from registry.core.pacing import Pace
from registry.oci.bounds import Bounds
from registry.values import size_text
from storage.blobs import BlobMissing, BlobStore, StoredObject
from storage.clock import now_ms
from storage.metadata import checks, projects, tombstones, uploads, usage
from storage.metadata.checks import Mark
from storage.metadata.database import Database
from storage.metadata.projects import ProjectRecord

HOUR_MS = 60 * 60 * 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Extent:
    """What is checked and done: `reads` every blob, `rate` bytes a second at most; `repairs`; `accepts` the storage
    whatever it is.

    `sparse`, `bounds` and `expiry_ms` are the registry's settings: what manifests may lack, what they may hold, and how
    long an upload may rest.
    """

    reads: bool = False
    rate: int | None = None
    repairs: bool = False
    accepts: bool = False
    sparse: Sparse = "none"
    bounds: Bounds
    expiry_ms: int


class Check:
    """One check of a registry; `place` is the address of its store. `progress` gets the report as it grows."""

    def __init__(
        self,
        database: Database,
        store: BlobStore,
        place: str,
        extent: Extent,
        *,
        progress: Callable[[CheckReport], None] = lambda _: None,
        clock: Callable[[], int] = now_ms,
    ) -> None:
        self._database = database
        self._store = store
        self._place = place
        self._extent = extent
        self._repairs = extent.repairs
        self._report = CheckReport()
        self._progress = lambda: progress(self._report)
        self._clock = clock

    def run(self) -> CheckReport:
        """Raises `NotOurStorage` instead of repairs that would be meant for another storage; `BlobStoreError` and
        `DatabaseError` when one of the two cannot be asked.
        """
        if not self._check_database():
            return self._report
        is_ours = self._check_storage()
        self._check_manifests()
        if is_ours:
            self._check_blobs()
            self._check_objects()
            self._check_uploads()
        self._check_usage()
        for mark in checks.MARKS:
            self._check_mark(mark)
        return self._report

    def _check_database(self) -> bool:
        with self._database.read() as tx:
            faults = checks.list_faults(tx)
        for fault in faults:
            self._report.tell("database", "the database", f"is damaged, so nothing else was looked at: {fault}")
        return not faults

    def _check_storage(self) -> bool:
        try:
            must_be_ours(self._database, self._store, self._place)
        except NotOurStorage as refusal:
            self._settle_storage(str(refusal))
            return self._repairs
        return True

    def _settle_storage(self, refusal: str) -> None:
        if self._repairs:
            self._must_be_acceptable(refusal)
            accept(self._database, self._store)
        self._report.tell("storage", self._place, refusal.removeprefix(f"{self._place} "), mended=self._repairs)

    def _must_be_acceptable(self, refusal: str) -> None:
        if self._extent.accepts:
            return
        if is_anothers(self._database, self._store):
            raise NotOurStorage(refusal)
        if not has_some(self._database, self._store):
            raise NotOurStorage(
                f"{self._place} has none of the blobs that should be in it: repairing would give all of them up. Mount"
                " the storage, or add --accept-storage if it is lost"
            )

    def _check_manifests(self) -> None:
        extent = self._extent
        ManifestChecks(
            self._database,
            self._report,
            sparse=extent.sparse,
            bounds=extent.bounds,
            repairs=self._repairs,
            progress=self._progress,
        ).run()

    def _check_blobs(self) -> None:
        BlobChecks(
            self._database,
            self._store,
            self._report,
            pace=Pace(self._extent.rate) if self._extent.reads else None,
            repairs=self._repairs,
            progress=self._progress,
            clock=self._clock,
        ).run()

    def _check_objects(self) -> None:
        orphans = Orphans(self._database, self._store, clock=self._clock)
        found = [orphan for orphan in orphans.find(HOUR_MS) if self._is_there(orphan)]
        if self._repairs and found:
            orphans.bury()
        with self._database.read() as tx:
            buried = tombstones.named(tx, [orphan.location for orphan in found])
        for orphan in found:
            what = f"is named by no record, and takes {size_text(orphan.size)}"
            self._report.tell("object", orphan.location, what, mended=orphan.location in buried)
        self._check_condemned()

    def _is_there(self, found: StoredObject) -> bool:
        try:
            return self._store.size(found.location) == found.size
        except BlobMissing:
            return False

    def _check_condemned(self) -> None:
        with self._database.read() as tx:
            if not checks.list_condemned(tx):
                return
        with self._database.write() as tx:
            condemned = checks.list_condemned(tx)
            if self._repairs:
                tombstones.remove(tx, condemned)
        for location in condemned:
            self._report.tell("object", location, "was to be deleted, and a blob needs it", mended=self._repairs)

    def _check_uploads(self) -> None:
        before, left = self._clock() - max(self._extent.expiry_ms, HOUR_MS), []

        def is_spared(text: str) -> bool:
            with self._database.read() as tx:
                is_named = uploads.is_named(tx, text)
            if not is_named:
                left.append(text)
            return is_named or not self._repairs

        self._store.sweep(before, is_spared)
        for staged in left:
            self._report.tell("upload", staged, "is left from an upload that has ended", mended=self._repairs)

    def _check_usage(self) -> None:
        with self._database.read() as tx:
            wrong = [project for project in projects.list_all(tx) if usage.count(tx, project.id) != project.used_bytes]
        for project in wrong:
            self._settle_usage(project)

    def _settle_usage(self, project: ProjectRecord) -> None:
        with self._database.write() as tx:
            known = projects.find(tx, project.name)
            if known is None or known.used_bytes == (used := usage.count(tx, known.id)):
                return
            if self._repairs:
                usage.correct(tx, known.id)
        what = f"has {size_text(used)} in use, and {size_text(known.used_bytes)} on record"
        self._report.tell("usage", project.name, what, mended=self._repairs)

    def _check_mark(self, mark: Mark) -> None:
        with self._database.read() as tx:
            if not mark.count(tx):
                return
        with self._database.write() as tx:
            count = mark.mend(tx, self._clock()) if self._repairs else mark.count(tx)
        if count:
            self._report.tell("mark", f"{count:,}", mark.what, mended=self._repairs)
