"""Pulls, counted: in memory while they happen, and in the records from time to time, so that no pull waits for that.

What was counted since the last `flush` is lost with a process that is killed. Whoever gives an answer again that the
ordinary path has given counts the pull again: it is `SCOPE_KEY` in the scope of the request that it was first given to.
"""

import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from registry.core import audit, events, settings
from registry.core.clocks import DAY_MS
from registry.core.events import Resource
from storage.clock import now_ms
from storage.metadata import days, pulls
from storage.metadata.database import Database, Transaction
from storage.metadata.days import DayPulls, DayPushes
from storage.metadata.pulls import PullCount

SCOPE_KEY = "cove.pull"
ANONYMOUS = "anonymous"
MOST = 20_000
"""Pulls that differ in who pulls what, between two flushes; of more the rest is not counted, for memory is finite."""


@dataclass(frozen=True, slots=True)
class Pull:
    """That an account pulls a manifest, by a tag or by its digest; `resource` is what audit records call it."""

    manifest_id: int
    project_id: int
    tag: str | None
    resource: str
    user_name: str


class Pulls:
    """Thread-safe."""

    def __init__(self, database: Database, *, clock: Callable[[], int] = now_ms) -> None:
        self._database = database
        self._clock = clock
        self._lock = threading.Lock()
        self._counts: dict[Pull, tuple[int, int]] = {}
        self._pushes: Counter[tuple[int, int]] = Counter()

    def count(self, pull: Pull, times: int = 1) -> None:
        """Note that it has happened so many times, just now."""
        with self._lock:
            before = self._counts.get(pull)
            if before is not None or len(self._counts) < MOST:
                self._counts[pull] = ((before[0] if before else 0) + times, self._clock())

    def count_push(self, project_id: int) -> None:
        """Note that a manifest was pushed, just now; for the count of the day alone."""
        with self._lock:
            self._pushes[project_id, self._clock() // DAY_MS] += 1

    def flush(self) -> int:
        """Put into the records what has been counted since the last time; tells how many pulls that were.

        Raises `DatabaseError`; nothing is lost then, and the next flush tries again.
        """
        with self._lock:
            taken, self._counts = self._counts, {}
            pushes, self._pushes = self._pushes, Counter()
        try:
            if taken or pushes:
                self._record(taken, pushes)
        except BaseException:
            self._take_back(taken, pushes)
            raise
        return sum(count for count, _ in taken.values())

    def _record(self, taken: dict[Pull, tuple[int, int]], pushes: Counter[tuple[int, int]]) -> None:
        with self._database.write(durable=False) as tx:
            is_dated = not settings.read_flag(tx, "pull_time_update_disable")
            is_counted = not settings.read_flag(tx, "pull_count_update_disable")
            counts = [
                PullCount(pull.manifest_id, pull.tag, count if is_counted else 0, at if is_dated else None)
                for pull, (count, at) in taken.items()
            ]
            pushed = [DayPushes(project, count, day) for (project, day), count in pushes.items()]
            pulled = [DayPulls(pull.manifest_id, count, at // DAY_MS) for pull, (count, at) in taken.items()]
            days.add(tx, pulled if is_counted else [], pushed)
            if not taken:
                return
            pulls.add(tx, counts)
            if not settings.read_flag(tx, "pull_audit_log_disable"):
                audit.record_all(tx, [_audit_row(pull, count, at) for pull, (count, at) in taken.items()])
            _announce(tx, taken)

    def _take_back(self, taken: dict[Pull, tuple[int, int]], pushes: Counter[tuple[int, int]]) -> None:
        with self._lock:
            self._pushes.update(pushes)
            for pull, (count, at) in taken.items():
                more, later = self._counts.get(pull, (0, at))
                self._counts[pull] = (count + more, later)


def _audit_row(pull: Pull, count: int, at: int) -> dict[str, Any]:
    return {
        "at": at,
        "project_id": pull.project_id,
        "user_name": pull.user_name or ANONYMOUS,
        "operation": "pull",
        "resource_type": "artifact",
        "resource": pull.resource,
        "description": f"{count} times" if count > 1 else "",
        "succeeded": True,
    }


def _announce(tx: Transaction, taken: Mapping[Pull, tuple[int, int]]) -> None:
    """Tell those who listen; once for what the same account has pulled several times."""
    projects = {pull.project_id for pull in taken}
    heard = {project_id for project_id in projects if events.is_heard(tx, events.PULLED, project_id)}
    for pull, (_, at) in taken.items():
        found = pulls.find_pulled(tx, pull.manifest_id) if pull.project_id in heard else None
        if found:
            repository, digest = found
            resource = Resource(digest, pull.tag or "")
            operator = pull.user_name or ANONYMOUS
            pulled = partial(_alone, resource)
            events.announce_artifacts(tx, events.PULLED, repository, pulled, operator=operator, at=at)


def _alone(resource: Resource) -> list[Resource]:
    return [resource]
