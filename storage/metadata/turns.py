"""Turns: one thread of a process writes at a time, the others wait."""

import threading
import time

from storage.metadata.errors import DatabaseBusy


class Turns:
    """Thread-safe. In SQLite's own waiting, which is a poll, and in the pools of SQLAlchemy some threads starve."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ended = threading.Condition(self._lock)
        self._is_taken = False
        self._waiting = 0

    def take(self, patience: float) -> None:
        """Raises `DatabaseBusy` when the others take longer than so many seconds."""
        with self._lock:
            if self._is_taken:
                self._wait(patience)
            self._is_taken = True

    @property
    def is_awaited(self) -> bool:
        """Whether somebody waited for a turn a moment ago."""
        return self._waiting > 0

    def pass_on(self) -> bool:
        """End the turn if somebody waits for one; tells so. Somebody is sure to take it then."""
        with self._lock:
            if self._waiting:
                self._is_taken = False
                self._ended.notify()
            return not self._is_taken

    def end(self) -> None:
        with self._lock:
            self._is_taken = False
            if self._waiting:
                self._ended.notify()

    def _wait(self, patience: float) -> None:
        """Whoever has waited too long looks once more: the turn may have been passed on to it just then."""
        deadline = time.monotonic() + patience
        self._waiting += 1
        try:
            while self._is_taken:
                if not self._ended.wait(deadline - time.monotonic()) and self._is_taken:
                    raise DatabaseBusy(f"no write transaction could begin within {patience:g} s")
        finally:
            self._waiting -= 1
