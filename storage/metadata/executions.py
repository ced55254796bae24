"""Runs of background work. Each has tasks, which processes take one by one.

Who takes a task puts the time of its next try off, and goes on doing so while it works: what a process leaves behind
that died is taken by another one.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, and_, delete, func, select, update

from storage.metadata.database import insert_many, insert_row
from storage.metadata.listings import Field, Listing, fetch
from storage.metadata.management_tables import executions, tasks

PENDING, RUNNING, SUCCESS, STOPPED, ERROR = "Pending", "Running", "Success", "Stopped", "Error"


@dataclass(frozen=True, slots=True)
class ExecutionRecord:
    """One run; `attributes` is a JSON object. Times are in milliseconds."""

    id: int
    vendor: str
    vendor_id: int
    status: str
    status_message: str
    trigger: str
    attributes: str
    started_at: int
    finished_at: int | None


@dataclass(frozen=True, slots=True)
class TaskRecord:
    """A part of a run; without `due_at` it is done. `attributes` is a JSON object. Times are in milliseconds."""

    id: int
    execution_id: int
    status: str
    status_message: str
    attributes: str
    log: str
    run_count: int
    due_at: int | None
    created_at: int
    started_at: int | None
    finished_at: int | None


_EXECUTION = [executions.c[name] for name in ExecutionRecord.__slots__]
_TASK = [tasks.c[name] for name in TaskRecord.__slots__]
_EXECUTION_FIELDS = {
    "id": Field(executions.c.id, "number"),
    "status": Field(executions.c.status),
    "trigger": Field(executions.c.trigger),
    "start_time": Field(executions.c.started_at, "time"),
    "end_time": Field(executions.c.finished_at, "time"),
    "creation_time": Field(executions.c.started_at, "time"),
}
_TASK_FIELDS = {
    "id": Field(tasks.c.id, "number"),
    "status": Field(tasks.c.status),
    "creation_time": Field(tasks.c.created_at, "time"),
    "start_time": Field(tasks.c.started_at, "time"),
    "end_time": Field(tasks.c.finished_at, "time"),
}


def add(tx: Connection, vendor: str, vendor_id: int, *, trigger: str, attributes: str, now: int) -> int:
    """A run without tasks yet; returns its id."""
    values = {
        "vendor": vendor,
        "vendor_id": vendor_id,
        "status": PENDING,
        "trigger": trigger,
        "attributes": attributes,
        "started_at": now,
    }
    return insert_row(tx, executions, values)


def add_tasks(tx: Connection, execution_id: int, attributes: Sequence[str], now: int) -> None:
    """A task with each of the attributes, due at once."""
    common = {"execution_id": execution_id, "status": PENDING, "due_at": now, "created_at": now}
    insert_many(tx, tasks, [common | {"attributes": each} for each in attributes])


def add_ended_task(tx: Connection, execution_id: int, *, log: str, error: str, began_at: int, now: int) -> None:
    """A task that is done already; with an `error` it has failed."""
    values = {
        "execution_id": execution_id,
        "status": ERROR if error else SUCCESS,
        "status_message": error,
        "attributes": "{}",
        "log": log,
        "created_at": began_at,
        "started_at": began_at,
        "finished_at": now,
    }
    insert_row(tx, tasks, values)


def find(tx: Connection, execution_id: int) -> ExecutionRecord | None:
    row = tx.execute(select(*_EXECUTION).where(executions.c.id == execution_id)).one_or_none()
    return ExecutionRecord(*row) if row else None


def find_task(tx: Connection, task_id: int) -> TaskRecord | None:
    row = tx.execute(select(*_TASK).where(tasks.c.id == task_id)).one_or_none()
    return TaskRecord(*row) if row else None


def list_page(
    tx: Connection, vendors: Collection[str], vendor_id: int, listing: Listing
) -> tuple[list[ExecutionRecord], int]:
    """A page of the runs, the newest first, and how many there are. Raises `BadFilter`."""
    chosen = select(*_EXECUTION).where(executions.c.vendor.in_(vendors), executions.c.vendor_id == vendor_id)
    rows, total = fetch(tx, chosen, _EXECUTION_FIELDS, listing, usual=("-id",))
    return [ExecutionRecord(*row) for row in rows], total


def list_tasks(tx: Connection, execution_id: int, listing: Listing) -> tuple[list[TaskRecord], int]:
    """A page of the tasks of a run, and how many there are. Raises `BadFilter`."""
    chosen = select(*_TASK).where(tasks.c.execution_id == execution_id)
    rows, total = fetch(tx, chosen, _TASK_FIELDS, listing, usual=("id",))
    return [TaskRecord(*row) for row in rows], total


def count_by_status(tx: Connection, execution_ids: Collection[int]) -> dict[int, dict[str, int]]:
    """How many tasks of each run have which status."""
    counted = (
        select(tasks.c.execution_id, tasks.c.status, func.count())
        .where(tasks.c.execution_id.in_(execution_ids))
        .group_by(tasks.c.execution_id, tasks.c.status)
    )
    found: dict[int, dict[str, int]] = {}
    for execution_id, status, count in tx.execute(counted):
        found.setdefault(execution_id, {})[status] = count
    return found


def is_under_way(tx: Connection, vendor: str, vendor_id: int) -> bool:
    same = (executions.c.vendor == vendor) & (executions.c.vendor_id == vendor_id)
    return (
        tx.execute(select(executions.c.id).where(same, executions.c.finished_at.is_(None)).limit(1)).first() is not None
    )


def list_due(tx: Connection, vendors: Collection[str], now: int, count: int) -> list[int]:
    """Ids of tasks of these kinds of work whose time has come, the longest waiting first."""
    due = (
        select(tasks.c.id)
        .join(executions, executions.c.id == tasks.c.execution_id)
        .where(tasks.c.due_at <= now, executions.c.vendor.in_(vendors))
        .order_by(tasks.c.due_at, tasks.c.id)
        .limit(count)
    )
    return list(tx.execute(due).scalars())


def take(tx: Connection, task_id: int, *, now: int, until: int) -> TaskRecord | None:
    """Begin a task that is due; None where somebody else did so first."""
    begun = (
        update(tasks)
        .where(tasks.c.id == task_id, tasks.c.due_at <= now)
        .values(status=RUNNING, run_count=tasks.c.run_count + 1, due_at=until, started_at=now)
    )
    if tx.execute(begun).rowcount != 1:
        return None
    task = find_task(tx, task_id)
    if task:
        running = update(executions).where(executions.c.id == task.execution_id, executions.c.finished_at.is_(None))
        tx.execute(running.values(status=RUNNING))
    return task


def _still(task: TaskRecord) -> ColumnElement[bool]:
    return and_(tasks.c.id == task.id, tasks.c.run_count == task.run_count, tasks.c.status == RUNNING)


def hold(tx: Connection, task: TaskRecord, *, until: int) -> bool:
    """Keep a task that was taken; tells whether it is still the taker's, and wanted."""
    return tx.execute(update(tasks).where(_still(task)).values(due_at=until)).rowcount == 1


def note(tx: Connection, task: TaskRecord, *, attributes: str, log: str) -> None:
    tx.execute(update(tasks).where(_still(task)).values(attributes=attributes, log=log))


def set_attributes(tx: Connection, execution_id: int, attributes: str) -> None:
    tx.execute(update(executions).where(executions.c.id == execution_id).values(attributes=attributes))


def put_off(tx: Connection, task: TaskRecord, *, due_at: int, message: str = "") -> None:
    """Give back a task that was taken, to be tried again."""
    values = {"status": PENDING, "due_at": due_at, "status_message": message}
    tx.execute(update(tasks).where(_still(task)).values(**values))


def finish(tx: Connection, task: TaskRecord, *, status: str, message: str, now: int) -> bool:
    """End a task that was taken, and the run with its last one; tells whether the run has ended by that."""
    ended = update(tasks).where(_still(task))
    tx.execute(ended.values(status=status, status_message=message, due_at=None, finished_at=now))
    return settle(tx, task.execution_id, now)


def stop(tx: Connection, execution_id: int, now: int) -> None:
    """Have no task begin any more; who works on one finds that it is not wanted."""
    open_tasks = update(tasks).where(tasks.c.execution_id == execution_id, tasks.c.due_at.is_not(None))
    tx.execute(open_tasks.values(status=STOPPED, due_at=None, finished_at=now))
    settle(tx, execution_id, now)


def settle(tx: Connection, execution_id: int, now: int) -> bool:
    """End a run that has no task left to be done; tells whether it has ended just now."""
    counts = count_by_status(tx, [execution_id]).get(execution_id, {})
    if counts.keys() & {PENDING, RUNNING}:
        return False
    status = next((each for each in (ERROR, STOPPED) if each in counts), SUCCESS)
    message = select(tasks.c.status_message).where(tasks.c.execution_id == execution_id, tasks.c.status == status)
    text = tx.execute(message.order_by(tasks.c.id).limit(1)).scalar() or ""
    ended = update(executions).where(executions.c.id == execution_id, executions.c.finished_at.is_(None))
    return tx.execute(ended.values(status=status, status_message=text, finished_at=now)).rowcount == 1


def keep_newest(tx: Connection, vendor: str, vendor_id: int, count: int) -> None:
    """Forget runs that have ended, but for the last `count`."""
    same = (executions.c.vendor == vendor) & (executions.c.vendor_id == vendor_id)
    oldest = select(executions.c.id).where(same).order_by(executions.c.id.desc()).limit(1).offset(count - 1)
    older = executions.c.id < oldest.scalar_subquery()
    tx.execute(delete(executions).where(same, older, executions.c.finished_at.is_not(None)))


def remove(tx: Connection, vendors: Collection[str], vendor_id: int) -> None:
    """Forget all runs for something that is gone."""
    tx.execute(delete(executions).where(executions.c.vendor.in_(vendors), executions.c.vendor_id == vendor_id))


def count_waiting(tx: Connection) -> list[tuple[str, int, int]]:
    """For each kind of work with tasks that wait: its name, how many, and since when, in milliseconds."""
    waiting = (
        select(executions.c.vendor, func.count(), func.min(tasks.c.created_at))
        .join(executions, executions.c.id == tasks.c.execution_id)
        .where(tasks.c.due_at.is_not(None), tasks.c.status == PENDING)
        .group_by(executions.c.vendor)
        .order_by(executions.c.vendor)
    )
    return [(vendor, count, since) for vendor, count, since in tx.execute(waiting)]


def list_waiting(tx: Connection, vendor: str | None) -> list[int]:
    """Ids of the runs of a kind, or of all, that have a task which waits."""
    waiting = (
        select(executions.c.id)
        .join(tasks, tasks.c.execution_id == executions.c.id)
        .where(tasks.c.due_at.is_not(None), tasks.c.status == PENDING)
        .distinct()
    )
    return list(tx.execute(waiting if vendor is None else waiting.where(executions.c.vendor == vendor)).scalars())
