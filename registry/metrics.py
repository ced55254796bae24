"""Numbers for Prometheus. No label ever holds what a client chose: routes are the templates of the route table."""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from storage.clock import now_ms
from storage.metadata import blobs, tombstones, uploads
from storage.metadata.clean_ups import Freed
from storage.metadata.database import Database, DatabaseError

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_METHODS = frozenset({"GET", "HEAD", "PUT", "POST", "PATCH", "DELETE"})
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
_FOLDER = "PROMETHEUS_MULTIPROC_DIR"  # prometheus-client's own variable, read when it is imported


def share_between_workers(folder: Path) -> None:
    """Let processes started from here on keep their counts in `folder`, where each of them can report all."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    os.environ[_FOLDER] = str(folder)


@dataclass(frozen=True, slots=True)
class Meter:
    """Where requests of one kind that are answered alike are counted."""

    requests: Counter
    seconds: Histogram
    received: Counter
    sent: Counter

    def count(self, seconds: float, *, bytes_in: int = 0, bytes_out: int, times: int = 1) -> None:
        """Count so many requests, each of which took so long and had so many bytes."""
        self.requests.inc(times)
        for _ in range(times):
            self.seconds.observe(seconds)
        self.received.inc(times * bytes_in)
        self.sent.inc(times * bytes_out)


class Metrics:
    """The counts of this process, or of all workers together where they share them, and what the database tells."""

    def __init__(self, database: Database) -> None:
        shared = _FOLDER in os.environ
        self._reported = CollectorRegistry()
        # Where workers share, a process must not report its own counts a second time.
        own = CollectorRegistry() if shared else self._reported
        labels = ("method", "route")
        self._requests = Counter("cove_http_requests", "Requests answered.", (*labels, "status"), registry=own)
        self._seconds = Histogram(
            "cove_http_request_seconds", "Time from request to end of answer.", labels, registry=own, buckets=_SECONDS
        )
        self._received = Counter("cove_received_bytes", "Bytes of request bodies.", registry=own)
        self._sent = Counter("cove_sent_bytes", "Bytes of response bodies.", registry=own)
        self._objects = Counter("cove_cleaned_objects", "Objects deleted by clean-ups.", registry=own)
        self._bytes = Counter("cove_cleaned_bytes", "Bytes of the objects deleted by clean-ups.", registry=own)
        self._checked = Counter("cove_scrubbed_blobs", "Blobs read again to see whether they are right.", registry=own)
        self._read = Counter("cove_scrubbed_bytes", "Bytes of blobs read again.", registry=own)
        self._meters: dict[tuple[str, str, int], Meter] = {}  # prometheus-client takes longer to find one than to count
        if shared:
            MultiProcessCollector(self._reported)  # type: ignore[no-untyped-call]
        self._reported.register(_Stored(database))

    def meter(self, method: str, route: str, status: int) -> Meter:
        known = method if method in _METHODS else "other"
        kind = known, route, status
        found = self._meters.get(kind)
        if found is None:
            requests, seconds = self._requests.labels(*kind), self._seconds.labels(known, route)
            found = self._meters[kind] = Meter(requests, seconds, self._received, self._sent)
        return found

    def count_cleaned(self, freed: Freed) -> None:
        self._objects.inc(freed.objects)
        self._bytes.inc(freed.freed_bytes)

    def count_scrubbed(self, size: int) -> None:
        self._checked.inc()
        self._read.inc(size)

    def render(self) -> bytes:
        """All metrics in Prometheus' text format."""
        return generate_latest(self._reported)


class _Stored(Collector):
    """What is stored, counted by the database at the time it is asked."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def collect(self) -> Iterator[GaugeMetricFamily]:
        try:
            with self._database.read() as tx:
                census = blobs.survey(tx)
                open_uploads = uploads.count(tx, now_ms())
                waiting, _ = tombstones.count(tx)
        except DatabaseError:
            yield GaugeMetricFamily("cove_database_up", "Whether the database answers.", 0)
            return
        yield GaugeMetricFamily("cove_database_up", "Whether the database answers.", 1)
        yield GaugeMetricFamily("cove_uploads_in_progress", "Upload sessions that are open.", open_uploads)
        yield GaugeMetricFamily("cove_objects_to_delete", "Objects that no blob names any more.", waiting)
        yield GaugeMetricFamily("cove_blobs", "Blobs stored, each once.", census.count)
        yield GaugeMetricFamily("cove_storage_used_bytes", "Bytes of the blobs stored, each once.", census.bytes)
        yield GaugeMetricFamily("cove_blobs_damaged", "Blobs that have to be pushed again.", census.damaged)
        age = 0 if census.oldest is None else max(now_ms() - census.oldest, 0) / 1000
        yield GaugeMetricFamily("cove_oldest_check_seconds", "Age of the oldest reading of a sound blob.", age)
