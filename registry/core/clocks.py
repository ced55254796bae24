"""Whether the time can be believed, by those who delete what is old.

A clock that was set wrong makes everything look old at once: what was deleted just now, and what a push needs. Another
clock, which only counts, shows that it has jumped.
"""

import time
from collections.abc import Callable

from registry.errors import Conflict
from storage.clock import now_ms

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


class ClockJumped(Conflict):
    """What is old cannot be told from what is new."""


def counted_ms() -> int:
    """A count that nobody sets, in ms; where the system can tell, it goes on while the machine sleeps."""
    clock = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    return time.clock_gettime_ns(clock) // 1_000_000


class WatchedClock:
    """The time, unless it has jumped by more than a day since it was first asked for.

    After a jump it is not believed for another day: until then somebody can see that, and set it right.
    """

    def __init__(self, clock: Callable[[], int] = now_ms, counted: Callable[[], int] = counted_ms) -> None:
        self._clock = clock
        self._counted = counted
        self._began = clock() - counted()
        self._jumped_at: int | None = None

    def now(self) -> int:
        """UTC, in ms since 1970. Raises `ClockJumped`."""
        now, counted = self._clock(), self._counted()
        if abs(now - counted - self._began) <= DAY_MS:
            self._jumped_at = None
            return now
        if self._jumped_at is None:
            self._jumped_at = counted
        if counted - self._jumped_at < DAY_MS:
            raise ClockJumped("the clock has jumped by more than a day: nothing is cleaned up until a day has passed")
        self._began, self._jumped_at = now - counted, None
        return now
