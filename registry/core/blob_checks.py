"""Whether every blob has its bytes: by asking the store, or by reading them all."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

from registry.core.findings import CheckReport
from registry.core.identity import is_ours
from registry.core.pacing import Pace
from registry.core.quarantine import look_at, read_through
from storage.blobs import BlobStore
from storage.metadata import blobs, checks
from storage.metadata.blobs import BlobRecord
from storage.metadata.database import Database

PAGE = 500
LOOKERS = 8  # blobs that the store is asked for at the same time
PIECE = 1 << 20  # bytes that are read at once


class BlobChecks:
    """`pace` is that of reading; None where only sizes are asked for."""

    def __init__(
        self,
        database: Database,
        store: BlobStore,
        report: CheckReport,
        *,
        pace: Pace | None,
        repairs: bool,
        progress: Callable[[], None],
        clock: Callable[[], int],
    ) -> None:
        self._database = database
        self._store = store
        self._report = report
        self._pace = pace
        self._repairs = repairs
        self._progress = progress
        self._clock = clock

    def run(self) -> None:
        """Raises `BlobStoreError` when the store cannot be asked."""
        for page in self._pages():
            for record, damage in zip(page, self._judge_all(page), strict=True):
                self._settle(record, damage)
                self._report.blobs += 1
                self._progress()

    def _pages(self) -> Iterator[list[BlobRecord]]:
        after = 0
        while True:
            with self._database.read() as tx:
                page = blobs.list_page(tx, after, PAGE)
            if not page:
                return
            yield page
            after = page[-1].id

    def _judge_all(self, page: list[BlobRecord]) -> Iterator[str | None]:
        if self._pace:
            yield from map(self._read, page)
            return
        with ThreadPoolExecutor(LOOKERS, "cove-fsck") as threads:
            yield from threads.map(self._look, page)

    def _look(self, record: BlobRecord) -> str | None:
        return record.damage or look_at(self._store, record)

    def _read(self, record: BlobRecord) -> str | None:
        return read_through(self._store, record, PIECE, self._spend)

    def _spend(self, count: int) -> None:
        self._report.bytes_read += count
        self._progress()
        if self._pace:
            self._pace.spend(count)

    def _settle(self, record: BlobRecord, damage: str | None) -> None:
        if damage is not None:
            self._settle_damage(record, damage)
        elif self._pace:
            self._settle_sound(record)

    def _settle_sound(self, record: BlobRecord) -> None:
        if self._repairs:
            with self._database.write(durable=False) as tx:
                blobs.set_checked(tx, record, self._clock())
        if record.damage:
            what = f"was noted as damaged ({record.damage}), and has the right bytes"
            self._tell(record, what, mended=self._repairs)

    def _settle_damage(self, record: BlobRecord, damage: str) -> None:
        """What is missing may have been cleaned up or pushed anew while it was looked for."""
        with self._database.read() as tx:
            if checks.find_blob(tx, record) is None:
                return
        if self._repairs and is_ours(self._database, self._store):
            with self._database.write(durable=False) as tx:
                blobs.set_damage(tx, record, damage)
        self._tell(record, f"{damage}: push it again to mend it")

    def _tell(self, record: BlobRecord, what: str, *, mended: bool = False) -> None:
        with self._database.read() as tx:
            holders = checks.list_holders(tx, record.id)
            tags = [
                f"{name}:{tag}"
                for repository_id, name in holders
                for tag in checks.list_tags_needing(tx, repository_id, record.digest)
            ]
        self._report.tell(
            "blob", record.digest, what, repositories=[name for _, name in holders], tags=tags, mended=mended
        )
