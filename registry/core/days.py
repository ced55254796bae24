"""What happened by the day: pushes and pulls, and how the disk fills up. Days are UTC, and count from 1970."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from auth.access import Access, Actor
from registry.core.clocks import DAY_MS
from storage.clock import now_ms
from storage.metadata import days, overviews
from storage.metadata.database import Database
from storage.metadata.days import DayCount, DiskSample

SHOWN = 30
"""Days that are told of."""
LEAST = 7
"""Days that a forecast takes."""
_KEPT = 400  # days


@dataclass(frozen=True, slots=True)
class Forecast:
    """By the straight line that fits the samples best; `known` is how many there are. `daily` is None for too few of
    them, and `days_left` where the disk does not fill up, or has no end.
    """

    known: int
    daily: float | None = None
    days_left: int | None = None


class Days:
    """`folder` is where the blobs are on a disk, None where they are elsewhere."""

    def __init__(
        self, database: Database, access: Access, folder: Path | None, *, clock: Callable[[], int] = now_ms
    ) -> None:
        self._database = database
        self._access = access
        self._folder = folder
        self._clock = clock

    def counts(self, actor: Actor, project_id: int | None = None) -> list[DayCount]:
        """Of each of the last days, in all that somebody may see or in one project."""
        today = self._clock() // DAY_MS
        since = today - SHOWN + 1
        sight = self._access.sight(actor, "project:read")
        with self._database.read() as tx:
            found = {each.day: each for each in days.list_counts(tx, since, sight, project_id)}
        return [found.get(day, DayCount(day, 0, 0)) for day in range(since, today + 1)]

    def disk(self) -> list[DiskSample]:
        """The samples of the last days, one for each that has one."""
        with self._database.read() as tx:
            return days.list_disk(tx, self._clock() // DAY_MS - SHOWN + 1)

    def sample(self) -> None:
        """Note how full the disk is today, and forget what is long ago."""
        today = self._clock() // DAY_MS
        with self._database.write(durable=False) as tx:
            used, total = overviews.sum_used_bytes(tx), None
            if self._folder is not None:
                usage = shutil.disk_usage(self._folder)
                used, total = usage.total - usage.free, usage.total
            days.put_disk(tx, DiskSample(today, used, total))
            days.drop_before(tx, today - _KEPT)


def forecast(samples: Sequence[DiskSample]) -> Forecast:
    """How the disk fills up, by least squares."""
    if len(samples) < LEAST:
        return Forecast(len(samples))
    middle = sum(each.day for each in samples) / len(samples)
    mean = sum(each.used for each in samples) / len(samples)
    spread = sum((each.day - middle) ** 2 for each in samples)
    daily = sum((each.day - middle) * (each.used - mean) for each in samples) / spread
    last = samples[-1]
    days_left = int((last.total - last.used) / daily) if last.total is not None and daily > 0 else None
    return Forecast(len(samples), daily, days_left)
