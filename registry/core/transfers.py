"""Transfers under way: contents of blobs that come in or go out, in all processes that share the records.

A process keeps its own in memory, and a piece of content costs one addition. Only while somebody watches, who says so
in the records for a few seconds at a time, each process that is at some puts them there, about once a second. What is
small is over by then and not seen. Clocks of machines that differ by more than `FRESH_MS` hide transfers.
"""

import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Literal

import msgspec

from storage.clock import now_ms
from storage.metadata import transfer_reports
from storage.metadata.database import Database

REPORT_SECONDS = 1
FRESH_MS = 5_000
WATCH_MS = 10_000
MOST = 500
"""Transfers in one process's report, the fastest ones."""
_LEFT_BEHIND_MS = 60_000

Way = Literal["upload", "download"]


class Transfer:
    """One that goes on. `total` is what it has at the end, where that is known, and `done` grows to it, in bytes."""

    __slots__ = ("client", "digest", "done", "measured", "repository", "started", "total", "user", "way")

    def __init__(
        self,
        way: Way,
        repository: str,
        *,
        digest: str | None,
        user: str | None,
        client: str | None,
        total: int | None,
        done: int = 0,
    ) -> None:
        self.way = way
        self.repository = repository
        self.digest = digest
        self.user = user
        self.client = client
        self.total = total
        self.done = done
        self.started = time.monotonic()
        self.measured = self.started, done


class ShownTransfer(msgspec.Struct, frozen=True):
    """`rate` is bytes per second of late, `seconds` how long it has been going on."""

    way: Way
    repository: str
    digest: str | None
    user: str | None
    client: str | None
    done: int
    total: int | None
    rate: int
    seconds: int


class Transfers:
    """Those of this process. Thread-safe."""

    def __init__(self, database: Database, *, clock: Callable[[], int] = now_ms) -> None:
        self._database = database
        self._clock = clock
        self._process = uuid.uuid4().hex
        self._lock = threading.Lock()
        self._under_way: set[Transfer] = set()
        self._has_reported = False

    @contextmanager
    def going_on(self, transfer: Transfer) -> Iterator[Transfer]:
        """Show a transfer for as long as this lasts."""
        with self._lock:
            self._under_way.add(transfer)
        try:
            yield transfer
        finally:
            with self._lock:
                self._under_way.discard(transfer)

    def report(self) -> None:
        """Put them into the records, where somebody watches. Raises `DatabaseError`."""
        with self._lock:
            under_way = list(self._under_way)
        if not under_way and not self._has_reported:
            return
        now = self._clock()
        with self._database.read() as tx:
            is_watched = transfer_reports.is_watched(tx, now)
        shown = sorted(map(_measured, under_way), key=_rate, reverse=True)[:MOST] if is_watched else []
        if shown or self._has_reported:
            self._tell(shown, now)

    def _tell(self, shown: list[ShownTransfer], now: int) -> None:
        with self._database.write(durable=False) as tx:
            transfer_reports.forget_before(tx, now - _LEFT_BEHIND_MS)
            if shown:
                transfer_reports.put_report(tx, self._process, now, msgspec.json.encode(shown).decode())
            else:
                transfer_reports.forget(tx, self._process)
        self._has_reported = bool(shown)


class Watcher:
    """Sees those of all processes."""

    def __init__(self, database: Database, *, clock: Callable[[], int] = now_ms) -> None:
        self._database = database
        self._clock = clock

    def watch(self) -> None:
        """Have processes tell of theirs for the next `WATCH_MS`; the first does so within two seconds."""
        with self._database.write(durable=False) as tx:
            transfer_reports.watch(tx, self._clock() + WATCH_MS)

    def list(self) -> list[ShownTransfer]:
        """What was reported last, the fastest first."""
        with self._database.read() as tx:
            reports = transfer_reports.list_since(tx, self._clock() - FRESH_MS)
        return sorted(_decoded(reports), key=_rate, reverse=True)


def _decoded(reports: Iterable[str]) -> Iterator[ShownTransfer]:
    for report in reports:
        yield from msgspec.json.decode(report, type=list[ShownTransfer])


def _rate(transfer: ShownTransfer) -> tuple[int, str]:
    return transfer.rate, transfer.repository


def _measured(transfer: Transfer) -> ShownTransfer:
    """Its rate is that since it was measured last."""
    now, done = time.monotonic(), transfer.done
    since, before = transfer.measured
    transfer.measured = now, done
    return ShownTransfer(
        way=transfer.way,
        repository=transfer.repository,
        digest=transfer.digest,
        user=transfer.user,
        client=transfer.client,
        done=done,
        total=transfer.total,
        rate=round((done - before) / max(now - since, 0.001)),
        seconds=round(now - transfer.started),
    )
