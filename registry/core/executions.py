"""Runs of background work: begun by hand, by a schedule or by an event, and done by `registry.jobs.schedules`.

A run has tasks. What a task does, and with what it is done, is in the JSON of its attributes; what came of it is added
to them. The names of kinds of work are Harbor's vendor types.
"""

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from registry.core.filters import filtered
from registry.errors import NotFound
from storage.clock import now_ms, utc_text
from storage.metadata import executions
from storage.metadata.database import Database, Transaction
from storage.metadata.executions import ExecutionRecord, TaskRecord
from storage.metadata.listings import Listing

GARBAGE_COLLECTION, PURGE_AUDIT_LOG, RETENTION = "GARBAGE_COLLECTION", "PURGE_AUDIT_LOG", "RETENTION"
WEBHOOK, SLACK = "WEBHOOK", "SLACK"
SYSTEM = 0
"""The `vendor_id` of work on the whole registry."""

Trigger = Literal["MANUAL", "SCHEDULE", "EVENT"]
Attributes = Mapping[str, Any]
LEASE_MS = 120_000
KEPT = 1000
_LOOK_MS = 2000
_LOG_LIMIT = 256 * 1024


class WorkFailed(Exception):
    """A task has failed; the message says why. With `retry_after`, in seconds, it is to be tried again."""

    def __init__(self, message: str, retry_after: int | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Interrupted(Exception):
    """Somebody has stopped the run, or this process ends and another one will begin the task again."""


def start(
    tx: Transaction,
    vendor: str,
    vendor_id: int,
    trigger: Trigger,
    attributes: Attributes,
    *,
    tasks: Sequence[Attributes] = ({},),
    now: int | None = None,
) -> int:
    """Begin a run with these tasks, and return its id. One without a task is done."""
    at = now_ms() if now is None else now
    run = executions.add(tx, vendor, vendor_id, trigger=trigger, attributes=json.dumps(attributes), now=at)
    executions.add_tasks(tx, run, [json.dumps(each) for each in tasks], at)
    if not tasks:
        executions.settle(tx, run, at)
    executions.keep_newest(tx, vendor, vendor_id, KEPT)
    return run


def note(
    tx: Transaction, vendor: str, trigger: Trigger, attributes: Attributes, *, log: str, began_at: int, error: str = ""
) -> int:
    """Put a run on the whole registry that has ended just now among the others, and return its id."""
    run = executions.add(tx, vendor, SYSTEM, trigger=trigger, attributes=json.dumps(attributes), now=began_at)
    executions.add_ended_task(tx, run, log=log, error=error, began_at=began_at, now=now_ms())
    executions.settle(tx, run, now_ms())
    executions.keep_newest(tx, vendor, SYSTEM, KEPT)
    return run


Ending = Callable[[Transaction, int], None]
"""What is to be done in the transaction in which a run ends, by its number."""


@dataclass
class Run:
    """A task in the hands of whoever does it. What is put into `attributes` stays with the task, and what is put into
    `results` is told of the whole run.
    """

    database: Database
    execution: ExecutionRecord
    task: TaskRecord
    is_ending: Callable[[], bool]
    ended: Ending = lambda _tx, _execution_id: None
    clock: Callable[[], int] = now_ms
    attributes: dict[str, Any] = field(default_factory=dict)
    results: dict[str, Any] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)
    _looked_at: int = 0

    def __post_init__(self) -> None:
        self.attributes.update(json.loads(self.task.attributes))
        self._looked_at = self.clock()

    @property
    def parameters(self) -> dict[str, Any]:
        """What the whole run was begun with."""
        found: dict[str, Any] = json.loads(self.execution.attributes)
        return found

    def log(self, line: str) -> None:
        """Add a line to the log of the task."""
        self.lines.append(f"{utc_text(self.clock())} {line}\n")

    def must_go_on(self) -> None:
        """To be asked at least every minute. Raises `Interrupted` once the work is not wanted any more, or not here."""
        now = self.clock()
        if self.is_ending():
            raise Interrupted("the server is ending")
        if now - self._looked_at < _LOOK_MS:
            return
        self._looked_at = now
        with self.database.write(durable=False) as tx:
            if not executions.hold(tx, self.task, until=now + LEASE_MS):
                raise Interrupted("the run was stopped")
            self._tell(tx)

    def finish(self, status: str, message: str = "") -> None:
        """End it with what came of it."""
        with self.database.write() as tx:
            self._note(tx)
            if executions.finish(tx, self.task, status=status, message=message, now=self.clock()):
                self.ended(tx, self.execution.id)

    def put_off(self, seconds: float, message: str = "") -> None:
        """Have it tried again after so many seconds."""
        with self.database.write() as tx:
            self._note(tx)
            executions.put_off(tx, self.task, due_at=self.clock() + int(seconds * 1000), message=message)

    def _note(self, tx: Transaction) -> None:
        log = (self.task.log + "".join(self.lines))[-_LOG_LIMIT:]
        executions.note(tx, self.task, attributes=json.dumps(self.attributes), log=log)
        self._tell(tx)

    def _tell(self, tx: Transaction) -> None:
        if self.results:
            executions.set_attributes(tx, self.execution.id, json.dumps(self.parameters | self.results))


@dataclass(frozen=True, slots=True)
class CountedExecution:
    """A run, and how many of its tasks have which status."""

    record: ExecutionRecord
    counts: Mapping[str, int]


class Executions:
    """Looks at runs, and stops them."""

    def __init__(self, database: Database, *, clock: Callable[[], int] = now_ms) -> None:
        self._database = database
        self._clock = clock

    def page(self, vendors: Collection[str], vendor_id: int, listing: Listing) -> tuple[list[CountedExecution], int]:
        """A page of the runs, the newest first, and how many there are. Raises `BadQuery`."""
        with self._database.read() as tx, filtered():
            found, total = executions.list_page(tx, vendors, vendor_id, listing)
            counts = executions.count_by_status(tx, [each.id for each in found])
        return [CountedExecution(each, counts.get(each.id, {})) for each in found], total

    def get(self, vendors: Collection[str], vendor_id: int, execution_id: int) -> ExecutionRecord:
        """Raises `NotFound`."""
        with self._database.read() as tx:
            return _must_exist(tx, vendors, vendor_id, execution_id)

    def tasks(
        self, vendors: Collection[str], vendor_id: int, execution_id: int, listing: Listing
    ) -> tuple[list[TaskRecord], int]:
        """A page of the tasks of a run, and how many there are. Raises `NotFound`, `BadQuery`."""
        with self._database.read() as tx, filtered():
            _must_exist(tx, vendors, vendor_id, execution_id)
            return executions.list_tasks(tx, execution_id, listing)

    def task(self, vendors: Collection[str], vendor_id: int, execution_id: int, task_id: int) -> TaskRecord:
        """Raises `NotFound`."""
        with self._database.read() as tx:
            _must_exist(tx, vendors, vendor_id, execution_id)
            task = executions.find_task(tx, task_id)
        if task is None or task.execution_id != execution_id:
            raise NotFound(f"task {task_id} not found")
        return task

    def log(self, vendors: Collection[str], vendor_id: int, execution_id: int) -> str:
        """What all tasks of a run have told. Raises `NotFound`."""
        found, _ = self.tasks(vendors, vendor_id, execution_id, Listing(size=0))
        return "".join(task.log for task in found)

    def stop(self, vendors: Collection[str], vendor_id: int, execution_id: int) -> None:
        """Have a run end within moments. Raises `NotFound`."""
        with self._database.write() as tx:
            _must_exist(tx, vendors, vendor_id, execution_id)
            executions.stop(tx, execution_id, self._clock())


def _must_exist(tx: Transaction, vendors: Collection[str], vendor_id: int, execution_id: int) -> ExecutionRecord:
    found = executions.find(tx, execution_id)
    if found is None or found.vendor not in vendors or found.vendor_id != vendor_id:
        raise NotFound(f"execution {execution_id} not found")
    return found
