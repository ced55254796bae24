"""Numbers for Prometheus. No label ever holds what a client chose: routes are the templates of the route table."""

import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.registry import Collector

from registry.authorities import describe
from storage.clock import now_ms
from storage.metadata import blobs, clean_ups, executions, settings, tombstones, uploads
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


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a server tells of itself beside its records: its version, its folders, the certificate it shows."""

    version: str = ""
    folders: tuple[Path, ...] = ()
    certificate: Path | None = None


class Metrics:
    """The counts of this process, or of all workers together where they share them, and what the database tells."""

    def __init__(self, database: Database, surroundings: Surroundings | None = None) -> None:
        shared = _FOLDER in os.environ
        self._reported = CollectorRegistry()
        # Where workers share, a process must not report its own counts a second time.
        own = CollectorRegistry() if shared else self._reported
        labels = ("method", "route")
        self._requests = Counter("cove_http_requests", "Requests answered.", (*labels, "status"), registry=own)
        self._seconds = Histogram(
            "cove_http_request_seconds", "Time from request to end of answer.", labels, registry=own, buckets=_SECONDS
        )
        self._under_way = Gauge(
            "cove_http_requests_under_way",
            "Requests that are being answered.",
            registry=own,
            multiprocess_mode="livesum",
        )
        self._received = Counter("cove_received_bytes", "Bytes of request bodies.", registry=own)
        self._sent = Counter("cove_sent_bytes", "Bytes of response bodies.", registry=own)
        self._objects = Counter("cove_cleaned_objects", "Objects deleted by clean-ups.", registry=own)
        self._bytes = Counter("cove_cleaned_bytes", "Bytes of the objects deleted by clean-ups.", registry=own)
        self._checked = Counter("cove_scrubbed_blobs", "Blobs read again to see whether they are right.", registry=own)
        self._read = Counter("cove_scrubbed_bytes", "Bytes of blobs read again.", registry=own)
        self._forwarded = Counter("cove_audit_records_forwarded", "Audit records sent elsewhere.", registry=own)
        self._unforwarded = Counter(
            "cove_audit_forward_failures", "Attempts to send audit records that failed.", registry=own
        )
        self._meters: dict[tuple[str, str, int], Meter] = {}  # prometheus-client takes longer to find one than to count
        if shared:
            MultiProcessCollector(self._reported)  # type: ignore[no-untyped-call]
        self._reported.register(_Stored(database))
        self._reported.register(_Around(surroundings or Surroundings()))

    def meter(self, method: str, route: str, status: int) -> Meter:
        known = method if method in _METHODS else "other"
        kind = known, route, status
        found = self._meters.get(kind)
        if found is None:
            requests, seconds = self._requests.labels(*kind), self._seconds.labels(known, route)
            found = self._meters[kind] = Meter(requests, seconds, self._received, self._sent)
        return found

    def begin(self) -> None:
        """A request has come that is not answered yet."""
        self._under_way.inc()

    def end(self) -> None:
        self._under_way.dec()

    def count_cleaned(self, freed: Freed) -> None:
        self._objects.inc(freed.objects)
        self._bytes.inc(freed.freed_bytes)

    def count_forwarded(self, records: int) -> None:
        self._forwarded.inc(records)

    def count_unforwarded(self) -> None:
        self._unforwarded.inc()

    def count_scrubbed(self, size: int) -> None:
        self._checked.inc()
        self._read.inc(size)

    def render(self) -> bytes:
        """All metrics in Prometheus' text format."""
        if folder := os.environ.get(_FOLDER):
            forget_the_dead(Path(folder))
        return generate_latest(self._reported)


def forget_the_dead(folder: Path) -> None:
    """Drop what processes that have ended said of the present; what they counted stays."""
    for file in folder.glob("gauge_live*_*.db"):
        pid = int(file.stem.rpartition("_")[2])
        if not Path(f"/proc/{pid}").exists():
            mark_process_dead(pid, str(folder))  # type: ignore[no-untyped-call]


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
                cleaned, works = clean_ups.last_finished(tx), executions.count_waiting(tx)
                is_read_only = settings.find(tx, "read_only") == "true"
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
        ended = 0 if cleaned is None else cleaned / 1000
        yield GaugeMetricFamily(
            "cove_last_clean_up_time_seconds", "When the last clean-up ended well, since 1970.", ended
        )
        tasks = sum(count for _, count, _ in works)
        yield GaugeMetricFamily("cove_tasks_waiting", "Tasks of background work that wait.", tasks)
        oldest = max((now_ms() - since for _, _, since in works), default=0) / 1000
        yield GaugeMetricFamily("cove_oldest_task_seconds", "For how long the oldest of these tasks waits.", oldest)
        yield GaugeMetricFamily("cove_read_only", "Whether the registry takes no changes.", int(is_read_only))


class _Around(Collector):
    """What is around the server, as it is when it is asked."""

    def __init__(self, surroundings: Surroundings) -> None:
        self._surroundings = surroundings

    def collect(self) -> Iterator[GaugeMetricFamily]:
        build = GaugeMetricFamily("cove_build_info", "The version that runs, as a label.", labels=["version"])
        build.add_metric([self._surroundings.version], 1)
        yield build
        free = GaugeMetricFamily(
            "cove_disk_free_bytes", "Bytes that are free on the disk of a folder.", labels=["folder"]
        )
        size = GaugeMetricFamily("cove_disk_size_bytes", "Bytes that the disk of a folder has.", labels=["folder"])
        for folder in filter(Path.exists, self._surroundings.folders):
            usage = shutil.disk_usage(folder)
            free.add_metric([str(folder)], usage.free)
            size.add_metric([str(folder)], usage.total)
        yield free
        yield size
        certificate = GaugeMetricFamily("cove_certificate_end_time_seconds", "When the certificate ends, since 1970.")
        with suppress(OSError, ValueError):  # what cannot be read now is found by the server, which says so in its log
            if self._surroundings.certificate:
                certificate.add_metric([], describe(self._surroundings.certificate.read_bytes()).expires.timestamp())
        yield certificate
