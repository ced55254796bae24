"""Whether a service can be used, for those who ask all the time."""

import threading
import time
from collections.abc import Callable

from storage.blobs import BlobStoreError

GOOD_FOR_SECONDS = 2


class Check:
    """The outcome of `ask`, which raises `BlobStoreError`; it is good for a moment, for all threads."""

    def __init__(self, ask: Callable[[], None], *, clock: Callable[[], float] = time.monotonic) -> None:
        self._ask = ask
        self._clock = clock
        self._asked_at: float | None = None
        self._problem: str | None = None
        self._lock = threading.Lock()

    def must_succeed(self) -> None:
        """Raises `BlobStoreError`."""
        with self._lock:
            if self._asked_at is None or self._clock() - self._asked_at >= GOOD_FOR_SECONDS:
                self._problem = self._find_problem()
                self._asked_at = self._clock()
            problem = self._problem
        if problem:
            raise BlobStoreError(problem)

    def _find_problem(self) -> str | None:
        try:
            self._ask()
        except BlobStoreError as error:
            return str(error)
        return None
