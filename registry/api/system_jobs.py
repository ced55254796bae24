"""Background work on the whole registry: `/system/gc` and `/system/purgeaudit`, which have one form."""

import json

import msgspec
from starlette.responses import Response

from registry.api.answers import Model, created, done, listed, shown, time_text
from registry.api.bodies import parse_body
from registry.api.queries import parse_listing
from registry.contracts import PAGED, TEXT, answers
from registry.core.schedules import Timing
from registry.core.system_jobs import SystemJobs
from registry.web import Call
from storage.metadata.executions import ExecutionRecord
from storage.metadata.schedules import ScheduleRecord


class ScheduleObject(Model, kw_only=True):
    """Harbor's `ScheduleObj`."""

    type: str = ""
    cron: str = ""
    next_scheduled_time: str = ""


class JobHistory(Model, kw_only=True):
    """Harbor's `GCHistory` and `ExecHistory`; `job_parameters` is JSON within JSON."""

    id: int
    job_name: str = ""
    job_kind: str
    job_parameters: str
    schedule: ScheduleObject
    job_status: str = ""
    deleted: bool = False
    creation_time: str
    update_time: str


class Schedule(Model, kw_only=True):
    """Harbor's `Schedule`."""

    schedule: ScheduleObject = msgspec.field(default_factory=ScheduleObject)
    parameters: dict[str, object] | None = None

    def timing(self) -> Timing:
        return Timing(self.schedule.type, self.schedule.cron)


class SystemJobEndpoints:
    """`path` is the address of the runs."""

    def __init__(self, jobs: SystemJobs, path: str) -> None:
        self._jobs = jobs
        self._path = path

    @answers(list[JobHistory], query=PAGED)
    def index(self, call: Call) -> Response:
        listing = parse_listing(call.request.query_params)
        found, total = self._jobs.page(listing)
        return listed(call, listing, [_shown(each) for each in found], total)

    @answers(JobHistory)
    def get(self, call: Call) -> Response:
        return shown(_shown(self._jobs.get(call.number("execution_id"))))

    @answers(TEXT)
    def log(self, call: Call) -> Response:
        return Response(self._jobs.log(call.number("execution_id")), media_type="text/plain")

    @answers()
    def stop(self, call: Call) -> Response:
        self._jobs.stop(call.number("execution_id"))
        return done()

    @answers(dict[str, object])
    def get_schedule(self, _call: Call) -> Response:
        """An empty object where there is none: clients can read that, and not an empty body."""
        found = self._jobs.schedule()
        return shown({} if found is None else _shown_schedule(found))

    @answers(takes=Schedule, status=201, refuses=(409,))
    def post_schedule(self, call: Call) -> Response:
        body = parse_body(call.body, Schedule)
        run = self._jobs.begin(call.actor, body.timing(), body.parameters or {}, is_new=True)
        return created(call, f"{self._path}/{run}")

    @answers(takes=Schedule)
    def put_schedule(self, call: Call) -> Response:
        body = parse_body(call.body, Schedule)
        self._jobs.begin(call.actor, body.timing(), body.parameters or {})
        return done()


def _shown(run: ExecutionRecord) -> JobHistory:
    return JobHistory(
        id=run.id,
        job_name=run.vendor,
        job_kind=run.trigger,
        job_parameters=run.attributes,
        schedule=ScheduleObject(type=run.trigger.capitalize()),
        job_status=run.status,
        creation_time=time_text(run.started_at),
        update_time=time_text(run.finished_at or run.started_at),
    )


def _shown_schedule(found: ScheduleRecord) -> JobHistory:
    return JobHistory(
        id=found.id,
        job_kind=found.cron,
        job_parameters=json.dumps(json.loads(found.parameters)),
        schedule=ScheduleObject(type=found.kind, cron=found.cron, next_scheduled_time=time_text(found.next_at)),
        creation_time=time_text(found.created_at),
        update_time=time_text(found.updated_at),
    )
