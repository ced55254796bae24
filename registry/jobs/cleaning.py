"""Cleaning up from time to time, on whichever node gets to it first."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace

from registry.core.cleaning import Cleaning, LeaseLost, Preview, Rules
from registry.core.clocks import DAY_MS, HOUR_MS, ClockJumped
from registry.core.executions import Run, WorkFailed
from registry.core.orphans import Orphans
from registry.core.system_jobs import clean_and_tell, freed_text, told_of
from storage.blobs import BlobStore
from storage.clock import now_ms
from storage.metadata import leases, uploads
from storage.metadata.clean_ups import Freed
from storage.metadata.database import Database

SWEEP_AGE_MS = HOUR_MS  # at least: bytes are staged a moment before their session's row is there
_BUSY_SECONDS = 10


def clean_if_due(
    database: Database, cleaning: Cleaning, rules: Rules, count: Callable[[Freed], None] = lambda _: None
) -> Freed | None:
    """One run, unless there is nothing to do, somebody else is at it, or the clock cannot be believed."""
    if not cleaning.is_due():
        return None
    try:
        freed = clean_and_tell(database, cleaning, "schedule", "SCHEDULE", rules, began_at=now_ms())
    except (LeaseLost, ClockJumped):
        return None
    count(freed)
    return freed


class Sweep:
    """Drops what a process left behind when it died: staged bytes, each time, and once a day objects."""

    def __init__(
        self, database: Database, store: BlobStore, *, expiry_seconds: int, clock: Callable[[], int] = now_ms
    ) -> None:
        self._database = database
        self._store = store
        self._expiry_ms = expiry_seconds * 1000
        self._clock = clock
        self._orphans = Orphans(database, store, clock=clock)

    def run(self) -> int:
        """Drop staged bytes that no session names, once a session of their age would have expired; tells how many."""
        if self._is_daily_due():
            self._orphans.bury()
        return self._store.sweep(self._clock() - max(self._expiry_ms, SWEEP_AGE_MS), self._is_named)

    def _is_daily_due(self) -> bool:
        """On one node of all: whoever says so first does it."""
        now = self._clock()
        with self._database.write(durable=False) as tx:
            return leases.take(tx, "orphans", secrets.token_urlsafe(9), now=now, until=now + DAY_MS)

    def _is_named(self, text: str) -> bool:
        with self._database.read() as tx:
            return uploads.is_named(tx, text)


@dataclass(frozen=True, slots=True)
class CleanUps:
    """Cleaning up as a run of background work; `count` is told what went."""

    database: Database
    store: BlobStore
    rules: Rules
    count: Callable[[Freed], None] = lambda _: None

    def run(self, run: Run) -> None:
        """Do what the run's parameters say, or tell what would go. Raises `Interrupted`, `WorkFailed`."""
        rules = self.rules
        if run.parameters["delete_untagged"]:
            rules = replace(rules, untagged=rules.grace if rules.untagged is None else min(rules.grace, rules.untagged))
        if run.parameters.get("free_now"):
            rules = replace(rules, at_once=True, reading=0)
        if run.parameters["dry_run"]:
            freed = Preview(self.database, rules).freed()
            run.log(freed_text(freed, "would free"))
        else:
            freed = self._clean(run, rules)
            run.log(freed_text(freed))
        run.results |= told_of(freed)

    def _clean(self, run: Run, rules: Rules) -> Freed:
        def reached(freed: Freed) -> None:
            run.results |= told_of(freed)
            run.must_go_on()

        try:
            freed = Cleaning(self.database, self.store, rules, reached=reached).run(run.execution.trigger.lower())
        except LeaseLost as error:
            raise WorkFailed(str(error), retry_after=_BUSY_SECONDS) from None
        except ClockJumped as error:
            raise WorkFailed(str(error)) from None
        self.count(freed)
        return freed
