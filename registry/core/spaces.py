"""What takes up space, what of it a clean-up would free, and what clean-ups there were."""

import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace

import msgspec

from registry.core.cleaning import Preview, Rules
from registry.core.executions import Interrupted
from storage.clock import now_ms
from storage.metadata import clean_ups, facts, leases, overviews, spaces, uploads
from storage.metadata.clean_ups import CleanUpRecord, Freed
from storage.metadata.database import Database
from storage.metadata.spaces import Kept

QUICK = 5_000
"""Blobs up to which the count is a matter of milliseconds, and made for whoever asks."""
FRESH_MS = 300_000
_LEASE_MS = 600_000
_FACT = "space"


@dataclass(frozen=True, slots=True)
class Space:
    """Bytes that are stored, `waiting` ones of objects among them that some may still be reading, and how many bytes
    projects have in use, each for itself; what a clean-up would free; why the rest stays, and until when the last of
    what is deleted does, in milliseconds; uploads that go on, and that nobody continued in time.
    """

    physical: int
    logical: int
    waiting: int
    freed: Freed
    kept: Kept
    restorable_until: int | None
    uploads: int
    expired: int


@dataclass(frozen=True, slots=True)
class Told:
    """What was counted, and when, in milliseconds; `is_going_on` where it is about to be counted anew."""

    space: Space
    at: int
    is_going_on: bool = False


class Spaces:
    """Where there is much, it is counted in the background, for whoever asks next, and kept in the records."""

    def __init__(self, database: Database, rules: Rules, *, clock: Callable[[], int] = now_ms) -> None:
        self._database = database
        self._preview = Preview(database, rules, clock=clock)
        self._clock = clock
        self._holder = secrets.token_hex(8)
        self._wanted, self._stopping = threading.Event(), threading.Event()

    def tell(self) -> Told | None:
        """What is known of it, at once; None where it is still to be counted. What is old is counted anew, by
        `count_if_wanted`.
        """
        now = self._clock()
        with self._database.read() as tx:
            if spaces.last_blob(tx) <= QUICK:
                return Told(self.count(), now)
            text = facts.find(tx, _FACT)
        known = msgspec.json.decode(text, type=Told) if text else None
        if known and now - known.at < FRESH_MS:
            return known
        self._wanted.set()
        return replace(known, is_going_on=True) if known else None

    def count_if_wanted(self) -> None:
        """Do it if somebody has asked here since the last time, and no other process is at it."""
        if not self._wanted.is_set():
            return
        self._wanted.clear()
        now = self._clock()
        with self._database.write(durable=False) as tx:
            if not leases.take(tx, _FACT, self._holder, now=now, until=now + _LEASE_MS):
                return
        try:
            told = Told(self.count(), now)
        except Interrupted:
            told = None
        with self._database.write(durable=False) as tx:
            leases.release(tx, _FACT, self._holder)
            if told:
                facts.set_value(tx, _FACT, msgspec.json.encode(told).decode())

    def stop(self) -> None:
        """Have a count end early, with nothing to tell."""
        self._stopping.set()

    def count(self) -> Space:
        """All of it is looked at: that takes some seconds for each million of blobs. Raises `Interrupted`."""
        waiting, now = self._preview.waiting(), self._clock()
        with self._database.read() as tx:
            stored, logical = spaces.sum_sizes(tx), overviews.sum_used_bytes(tx)
            going_on, expired = uploads.count(tx, now), uploads.count_expired(tx, now)
        return Space(
            physical=stored + waiting,
            logical=logical,
            waiting=waiting,
            freed=self._preview.freed(),
            kept=self._preview.kept(self._stopping.is_set),
            restorable_until=self._preview.restorable_until(),
            uploads=going_on,
            expired=expired,
        )

    def history(self, count: int) -> list[CleanUpRecord]:
        """The last runs that did something, the newest first."""
        with self._database.read() as tx:
            return clean_ups.list_newest(tx, count)
