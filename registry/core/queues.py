"""Background work of all kinds: what waits, and what is scheduled."""

from collections.abc import Callable
from dataclasses import dataclass

from auth.access import Actor
from registry.core import audit
from registry.errors import NotFound
from storage.clock import now_ms
from storage.metadata import executions
from storage.metadata.database import Database
from storage.metadata.executions import TaskRecord

EVERY = "all"


@dataclass(frozen=True, slots=True)
class Queue:
    """Tasks of a kind that wait: how many, and for how long the first of them, in seconds."""

    vendor: str
    count: int
    seconds: int


class Queues:
    def __init__(self, database: Database, *, clock: Callable[[], int] = now_ms) -> None:
        self._database = database
        self._clock = clock

    def list(self) -> list[Queue]:
        now = self._clock()
        with self._database.read() as tx:
            waiting = executions.count_waiting(tx)
        return [Queue(vendor, count, max(now - since, 0) // 1000) for vendor, count, since in waiting]

    def task(self, task_id: int) -> TaskRecord:
        """Raises `NotFound`."""
        with self._database.read() as tx:
            task = executions.find_task(tx, task_id)
        if task is None:
            raise NotFound(f"job {task_id} not found")
        return task

    def stop(self, actor: Actor, task_id: int) -> None:
        """Stop the run that a task belongs to. Raises `NotFound`."""
        task = self.task(task_id)
        with self._database.write() as tx:
            executions.stop(tx, task.execution_id, self._clock())
            audit.record(tx, actor, operation="stop", resource_type="execution", resource=str(task.execution_id))

    def stop_waiting(self, actor: Actor, vendor: str) -> None:
        """Stop all runs of a kind, or of all kinds, that have a task which waits."""
        with self._database.write() as tx:
            for execution_id in executions.list_waiting(tx, None if vendor == EVERY else vendor):
                executions.stop(tx, execution_id, self._clock())
            audit.record(tx, actor, operation="stop", resource_type="queue", resource=vendor)
