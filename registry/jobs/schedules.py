"""Background work that people begin or schedule, done task by task on whichever node takes one first."""

import logging
import threading
from collections.abc import Callable, Mapping

from registry.core.executions import LEASE_MS, Ending, Interrupted, Run, WorkFailed
from storage.blobs import BlobStoreError
from storage.clock import now_ms
from storage.metadata import executions
from storage.metadata.database import Database, DatabaseError
from storage.metadata.executions import ERROR, SUCCESS

LOOK_SECONDS = 2
_BATCH = 20
_AGAIN_SECONDS = 60
_MOST_TRIES = 50  # a process that dies of a task gives it to the next one

log = logging.getLogger("cove.jobs")

Handler = Callable[[Run], None]


class Worker:
    """Does the tasks of some kinds of work, one after the other; `ended` is called with each run that has ended.

    What a handler raises beside `WorkFailed` and errors of the storage is a bug: the task fails, and the error goes on.
    """

    def __init__(
        self,
        database: Database,
        handlers: Mapping[str, Handler],
        *,
        ended: Ending = lambda _tx, _execution_id: None,
        clock: Callable[[], int] = now_ms,
    ) -> None:
        self._database = database
        self._handlers = handlers
        self._ended = ended
        self._clock = clock
        self._ending = threading.Event()

    def run(self) -> int:
        """Do what is due; tells how many tasks were begun."""
        begun = 0
        while not self._ending.is_set():
            with self._database.read() as tx:
                due = executions.list_due(tx, self._handlers.keys(), self._clock(), _BATCH)
            if not due:
                break
            begun += sum(self._try(task_id) for task_id in due if not self._ending.is_set())
        return begun

    def stop(self) -> None:
        """Put off what is under way, from another thread, and begin nothing any more."""
        self._ending.set()

    def _try(self, task_id: int) -> bool:
        run = self._take(task_id)
        if run is None:
            return False
        try:
            self._do(run)
        except Interrupted:
            run.put_off(0)
        except WorkFailed as error:
            self._fail(run, error)
        except (BlobStoreError, DatabaseError) as error:
            log.error("task %d was put off: %s", task_id, error)  # noqa: TRY400 -- no bug, no traceback
            run.put_off(_AGAIN_SECONDS, str(error))
        except Exception:
            run.finish(ERROR, "an internal error: see the log of the registry")
            raise
        else:
            run.finish(SUCCESS)
        return True

    def _take(self, task_id: int) -> Run | None:
        now = self._clock()
        with self._database.write(durable=False) as tx:
            task = executions.take(tx, task_id, now=now, until=now + LEASE_MS)
            execution = executions.find(tx, task.execution_id) if task else None
        if task is None or execution is None:
            return None
        return Run(self._database, execution, task, self._ending.is_set, self._ended, self._clock)

    def _do(self, run: Run) -> None:
        if run.task.run_count > _MOST_TRIES:
            raise WorkFailed(f"it did not end in {_MOST_TRIES} tries")
        self._handlers[run.execution.vendor](run)

    def _fail(self, run: Run, error: WorkFailed) -> None:
        run.log(str(error))
        if error.retry_after is None:
            run.finish(ERROR, str(error))
        else:
            run.put_off(error.retry_after, str(error))
