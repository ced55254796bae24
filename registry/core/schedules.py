"""When background work is to be done again, as administrators and owners of projects set it."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from registry.core import executions
from registry.core.crons import next_time
from registry.core.executions import Attributes
from registry.core.filters import filtered
from registry.errors import BadQuery
from storage.clock import now_ms
from storage.metadata import executions as execution_rows
from storage.metadata import schedules
from storage.metadata.database import Database, Transaction
from storage.metadata.listings import Listing
from storage.metadata.schedules import ScheduleRecord

MANUAL, NONE, CUSTOM = "Manual", "None", "Custom"
_USUAL = {"Hourly": "0 0 * * * *", "Daily": "0 0 0 * * *", "Weekly": "0 0 0 * * 0"}

Plan = Callable[[Transaction, int, Attributes], Sequence[Attributes]]
"""The tasks of a run, by the `vendor_id` that it is for and what it is begun with."""


@dataclass(frozen=True, slots=True)
class Timing:
    """Once and now (`Manual`), never (`None`), or by a cron expression, which some kinds have by themselves."""

    kind: str
    cron: str = ""

    def expression(self) -> str:
        """Raises `BadQuery` for a kind that there is not, or that lacks its expression."""
        if self.kind not in _USUAL and self.kind != CUSTOM:
            raise BadQuery(f"bad request: {self.kind[:40]!r} is not a kind of schedule")
        return self.cron or _USUAL.get(self.kind, "")


def put(
    tx: Transaction, vendor: str, vendor_id: int, timing: Timing, parameters: Attributes, *, now: int | None = None
) -> None:
    """Have work done by a schedule, or by none any more where the kind is `None`. Raises `BadQuery`."""
    if timing.kind == NONE:
        schedules.remove(tx, vendor, vendor_id)
        return
    at, cron = now_ms() if now is None else now, timing.expression()
    schedules.put_one(
        tx,
        vendor,
        vendor_id,
        kind=timing.kind,
        cron=cron,
        parameters=json.dumps(parameters),
        next_at=next_time(cron, at),
        now=at,
    )


@dataclass(frozen=True, slots=True)
class Schedules:
    """`plans` are for those kinds of work whose runs have other tasks than a single one without attributes."""

    database: Database
    plans: Mapping[str, Plan] = field(default_factory=dict)
    clock: Callable[[], int] = now_ms

    def find(self, vendor: str, vendor_id: int) -> ScheduleRecord | None:
        with self.database.read() as tx:
            return schedules.find(tx, vendor, vendor_id)

    def page(self, listing: Listing) -> tuple[list[ScheduleRecord], int]:
        """A page of all schedules, and how many there are. Raises `BadQuery`."""
        with self.database.read() as tx, filtered():
            return schedules.list_page(tx, listing)

    def begin_due(self) -> int:
        """Begin what is due, on whichever node gets to it first; tells how many runs that are.

        What was missed while no server ran is done once. A run that goes on keeps the next from beginning.
        """
        now = self.clock()
        with self.database.read() as tx:
            if not schedules.list_due(tx, now):
                return 0
        begun = 0
        with self.database.write() as tx:
            for due in schedules.list_due(tx, now):
                schedules.set_next(tx, due.id, next_time(due.cron, now))
                if not execution_rows.is_under_way(tx, due.vendor, due.vendor_id):
                    self._begin(tx, due, now)
                    begun += 1
        return begun

    def _begin(self, tx: Transaction, due: ScheduleRecord, now: int) -> None:
        parameters, plan = json.loads(due.parameters), self.plans.get(due.vendor)
        tasks = plan(tx, due.vendor_id, parameters) if plan else ({},)
        executions.start(tx, due.vendor, due.vendor_id, "SCHEDULE", parameters, tasks=tasks, now=now)
