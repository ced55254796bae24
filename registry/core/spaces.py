"""What takes up space, what of it a clean-up would free, and what clean-ups there were."""

from collections.abc import Callable
from dataclasses import dataclass

from registry.core.cleaning import Preview, Rules
from storage.clock import now_ms
from storage.metadata import clean_ups, overviews, spaces, uploads
from storage.metadata.clean_ups import CleanUpRecord, Freed
from storage.metadata.database import Database
from storage.metadata.spaces import Kept


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


class Spaces:
    def __init__(self, database: Database, rules: Rules, *, clock: Callable[[], int] = now_ms) -> None:
        self._database = database
        self._preview = Preview(database, rules, clock=clock)
        self._clock = clock

    def count(self) -> Space:
        """All of it is looked at: that may take a second for each million of blobs."""
        waiting, now = self._preview.waiting(), self._clock()
        with self._database.read() as tx:
            stored, logical = spaces.sum_sizes(tx), overviews.sum_used_bytes(tx)
            going_on, expired = uploads.count(tx, now), uploads.count_expired(tx, now)
        return Space(
            physical=stored + waiting,
            logical=logical,
            waiting=waiting,
            freed=self._preview.freed(),
            kept=self._preview.kept(),
            restorable_until=self._preview.restorable_until(),
            uploads=going_on,
            expired=expired,
        )

    def history(self, count: int) -> list[CleanUpRecord]:
        """The last runs that did something, the newest first."""
        with self._database.read() as tx:
            return clean_ups.list_newest(tx, count)
