"""Webhooks of a project, and what became of their deliveries: `/projects/{project}/webhook`."""

import json
from dataclasses import replace

import msgspec
from starlette.responses import Response

from registry.api.answers import Model, created, done, listed, shown, time_text
from registry.api.bodies import parse_body
from registry.api.executions import Execution, Task, shown_execution, shown_task
from registry.api.queries import parse_listing
from registry.contracts import PAGED, TEXT, answers
from registry.core.events import EVENTS
from registry.core.executions import SLACK, CountedExecution
from registry.core.webhooks import FORMATS, LastTime, Target, Webhooks, Wish
from registry.errors import BadQuery
from registry.web import Call
from storage.metadata.listings import Filter
from storage.metadata.webhooks import WebhookRecord


class WebhookTarget(Model, kw_only=True):
    """Harbor's `WebhookTargetObject`."""

    type: str = ""
    address: str = ""
    auth_header: str = ""
    skip_cert_verify: bool = False
    payload_format: str = ""


class WebhookPolicy(Model, kw_only=True):
    """Harbor's `WebhookPolicy`."""

    id: int
    name: str
    description: str = ""
    project_id: int
    targets: list[WebhookTarget]
    event_types: list[str]
    creator: str = ""
    creation_time: str
    update_time: str
    enabled: bool


class NewWebhook(Model, kw_only=True):
    """What of a `WebhookPolicy` somebody may choose."""

    name: str = ""
    description: str = ""
    targets: list[Target] | None = None
    event_types: list[str] | None = None
    enabled: bool = False

    def wish(self) -> Wish:
        return Wish(self.name, self.targets or (), self.event_types or (), self.description, self.enabled)


class WebhookLastTrigger(Model, kw_only=True):
    """Harbor's `WebhookLastTrigger`."""

    policy_name: str
    event_type: str
    enabled: bool = False
    creation_time: str
    last_trigger_time: str


class WebhookJob(Model, kw_only=True):
    """Harbor's `WebhookJob`."""

    id: int
    policy_id: int
    event_type: str
    notify_type: str
    status: str
    job_detail: str = ""
    creation_time: str
    update_time: str


class WebhookEndpoints:
    def __init__(self, webhooks: Webhooks) -> None:
        self._webhooks = webhooks

    @answers(list[WebhookPolicy], query=PAGED)
    def index(self, call: Call) -> Response:
        listing = parse_listing(call.request.query_params)
        found, total = self._webhooks.page(call.project.id, listing)
        return listed(call, listing, [_shown(each) for each in found], total)

    @answers(takes=NewWebhook, status=201, refuses=(409,))
    def post(self, call: Call) -> Response:
        wish = parse_body(call.body, NewWebhook).wish()
        return created(call, self._webhooks.create(call.actor, call.project.id, wish).id)

    @answers(WebhookPolicy)
    def get(self, call: Call) -> Response:
        return shown(_shown(self._webhooks.get(call.project.id, call.number("webhook_policy_id"))))

    @answers(takes=NewWebhook, refuses=(409,))
    def put(self, call: Call) -> Response:
        wish = parse_body(call.body, NewWebhook).wish()
        self._webhooks.change(call.actor, call.project.id, call.number("webhook_policy_id"), wish)
        return done()

    @answers()
    def delete(self, call: Call) -> Response:
        self._webhooks.delete(call.actor, call.project.id, call.number("webhook_policy_id"))
        return done()

    @answers(dict[str, object])
    def events(self, _call: Call) -> Response:
        formats = [{"notify_type": kind, "formats": list(names)} for kind, names in FORMATS.items() if names]
        return shown({"event_type": list(EVENTS), "notify_type": list(FORMATS), "payload_formats": formats})

    @answers(list[WebhookLastTrigger])
    def last_triggers(self, call: Call) -> Response:
        return shown([_shown_last(each) for each in self._webhooks.last_times(call.project.id)])

    @answers(list[Execution], query=PAGED)
    def executions(self, call: Call) -> Response:
        listing = parse_listing(call.request.query_params)
        found, total = self._webhooks.deliveries(call.project.id, call.number("webhook_policy_id"), listing)
        return listed(call, listing, [shown_execution(each) for each in found], total)

    @answers(list[Task], query=PAGED)
    def tasks(self, call: Call) -> Response:
        listing = parse_listing(call.request.query_params)
        numbers = call.number("webhook_policy_id"), call.number("execution_id")
        found, total = self._webhooks.tasks(call.project.id, *numbers, listing)
        return listed(call, listing, [shown_task(each) for each in found], total)

    @answers(TEXT)
    def task_log(self, call: Call) -> Response:
        numbers = call.number("webhook_policy_id"), call.number("execution_id"), call.number("task_id")
        return Response(self._webhooks.task(call.project.id, *numbers).log, media_type="text/plain")

    @answers(list[WebhookJob], query=(*PAGED, "policy_id!", "status"))
    def jobs(self, call: Call) -> Response:
        """The older list of deliveries; the policy is in the query."""
        policy = call.query("policy_id") or ""
        if not policy.isdecimal():
            raise BadQuery("bad request: policy_id in query is required")
        listing = parse_listing(call.request.query_params)
        wanted = call.request.query_params.getlist("status")
        if wanted:
            more = Filter("status", "any", tuple(each.capitalize() for each in wanted))
            listing = replace(listing, filters=(*listing.filters, more))
        found, total = self._webhooks.deliveries(call.project.id, int(policy), listing)
        return listed(call, listing, [_shown_job(each) for each in found], total)


def _shown(found: WebhookRecord) -> WebhookPolicy:
    return WebhookPolicy(
        id=found.id,
        name=found.name,
        description=found.description,
        project_id=found.project_id,
        targets=msgspec.json.decode(found.targets, type=list[WebhookTarget]),
        event_types=json.loads(found.event_types),
        creator=found.creator,
        creation_time=time_text(found.created_at),
        update_time=time_text(found.updated_at),
        enabled=found.is_enabled,
    )


def _shown_last(last: LastTime) -> WebhookLastTrigger:
    return WebhookLastTrigger(
        policy_name=last.webhook.name,
        event_type=last.event_type,
        enabled=last.webhook.is_enabled,
        creation_time=time_text(last.webhook.created_at),
        last_trigger_time=time_text(last.at),
    )


def _shown_job(found: CountedExecution) -> WebhookJob:
    run = found.record
    return WebhookJob(
        id=run.id,
        policy_id=run.vendor_id,
        event_type=json.loads(run.attributes)["event_type"],
        notify_type="slack" if run.vendor == SLACK else "http",
        status=run.status,
        job_detail=run.attributes,
        creation_time=time_text(run.started_at),
        update_time=time_text(run.finished_at or run.started_at),
    )
