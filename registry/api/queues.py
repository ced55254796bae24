"""Background work of all kinds, as Harbor's dashboard of its job service shows it: `/jobservice` and `/schedules`.

There is no such service here: tasks are done by the servers themselves, so there are no pools of workers, and nothing
pauses a queue.
"""

from starlette.responses import Response

from registry.api.answers import Model, done, listed, shown, time_text
from registry.api.bodies import parse_body
from registry.api.queries import parse_listing
from registry.contracts import PAGED, TEXT, answers
from registry.core.queues import Queues
from registry.core.schedules import Schedules
from registry.errors import Unprocessable
from registry.web import Call


class JobQueue(Model, kw_only=True):
    """Harbor's `JobQueue`; `latency` is in seconds."""

    job_type: str
    count: int = 0
    latency: int = 0
    paused: bool


class Action(Model, kw_only=True):
    """Harbor's `ActionRequest`."""

    action: str = ""


class ScheduleTask(Model, kw_only=True):
    """Harbor's `ScheduleTask`."""

    id: int
    vendor_type: str
    vendor_id: int = 0
    cron: str
    update_time: str


class SchedulerStatus(Model, kw_only=True):
    """Harbor's `SchedulerStatus`."""

    paused: bool


class QueueEndpoints:
    def __init__(self, queues: Queues, schedules: Schedules) -> None:
        self._queues = queues
        self._schedules = schedules

    @answers(list[object])
    def pools(self, _call: Call) -> Response:
        return shown([])

    @answers(list[JobQueue])
    def queues(self, _call: Call) -> Response:
        found = self._queues.list()
        return shown(
            [JobQueue(job_type=queue.vendor, count=queue.count, latency=queue.seconds, paused=False) for queue in found]
        )

    @answers(takes=Action)
    def put_queue(self, call: Call) -> Response:
        if parse_body(call.body, Action).action != "stop":
            raise Unprocessable("validation failure: what waits can be stopped, and not paused or resumed")
        self._queues.stop_waiting(call.actor, call.path("job_type"))
        return done()

    @answers()
    def stop_job(self, call: Call) -> Response:
        self._queues.stop(call.actor, call.number("job_id"))
        return done()

    @answers(TEXT)
    def job_log(self, call: Call) -> Response:
        return Response(self._queues.task(call.number("job_id")).log, media_type="text/plain")

    @answers(list[ScheduleTask], query=PAGED)
    def schedules(self, call: Call) -> Response:
        listing = parse_listing(call.request.query_params)
        found, total = self._schedules.page(listing)
        tasks = [
            ScheduleTask(
                id=each.id,
                vendor_type=each.vendor,
                vendor_id=each.vendor_id,
                cron=each.cron,
                update_time=time_text(each.updated_at),
            )
            for each in found
        ]
        return listed(call, listing, tasks, total)

    @answers(SchedulerStatus)
    def is_paused(self, _call: Call) -> Response:
        return shown(SchedulerStatus(paused=False))
