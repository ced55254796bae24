"""Runs of background work and their tasks, as Harbor's API shows those of any kind."""

import json

from registry.api.answers import Model, time_text
from registry.core.executions import CountedExecution
from storage.metadata.executions import ERROR, PENDING, RUNNING, STOPPED, SUCCESS, TaskRecord


class Metrics(Model, kw_only=True):
    """Harbor's `Metrics`: of a run's tasks, how many have which status."""

    task_count: int = 0
    success_task_count: int = 0
    error_task_count: int = 0
    pending_task_count: int = 0
    running_task_count: int = 0
    stopped_task_count: int = 0


class Execution(Model, kw_only=True):
    """Harbor's `Execution`."""

    id: int
    vendor_type: str
    vendor_id: int = 0
    status: str
    status_message: str = ""
    metrics: Metrics
    trigger: str
    extra_attrs: dict[str, object]
    start_time: str
    end_time: str


class Task(Model, kw_only=True):
    """Harbor's `Task`."""

    id: int
    execution_id: int
    status: str
    status_message: str = ""
    run_count: int = 0
    extra_attrs: dict[str, object]
    creation_time: str
    update_time: str
    start_time: str
    end_time: str


def shown_execution(found: CountedExecution) -> Execution:
    run, counts = found.record, found.counts
    return Execution(
        id=run.id,
        vendor_type=run.vendor,
        vendor_id=run.vendor_id,
        status=run.status,
        status_message=run.status_message,
        metrics=Metrics(
            task_count=sum(counts.values()),
            success_task_count=counts.get(SUCCESS, 0),
            error_task_count=counts.get(ERROR, 0),
            pending_task_count=counts.get(PENDING, 0),
            running_task_count=counts.get(RUNNING, 0),
            stopped_task_count=counts.get(STOPPED, 0),
        ),
        trigger=run.trigger,
        extra_attrs=json.loads(run.attributes),
        start_time=time_text(run.started_at),
        end_time=time_text(run.finished_at),
    )


def shown_task(task: TaskRecord) -> Task:
    return Task(
        id=task.id,
        execution_id=task.execution_id,
        status=task.status,
        status_message=task.status_message,
        run_count=task.run_count,
        extra_attrs=json.loads(task.attributes),
        creation_time=time_text(task.created_at),
        update_time=time_text(task.finished_at or task.started_at or task.created_at),
        start_time=time_text(task.started_at),
        end_time=time_text(task.finished_at),
    )
