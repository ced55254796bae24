"""Work that leaves the medium to others: so many bytes a second at most."""

import time
from collections.abc import Callable


class Pace:
    """`wait` waits for so many seconds, or raises to end the work. Without a rate nothing waits."""

    def __init__(
        self,
        bytes_per_second: int | None,
        wait: Callable[[float], object] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._rate = bytes_per_second
        self._wait = wait
        self._clock = clock
        self._free_at = 0.0

    def spend(self, count: int) -> None:
        """Wait until so many bytes more are due. Time that was not used is not made up for."""
        if self._rate is None:
            return
        now = self._clock()
        self._free_at = max(self._free_at, now) + count / self._rate
        self._wait(self._free_at - now)
