"""Webhooks of a project, and what became of what they were told."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from starlette.responses import Response

from registry.core.events import DELETED, PULLED, PUSHED, QUOTA_EXCEEDED, QUOTA_WARNING, RETAINED
from registry.core.executions import CountedExecution
from registry.core.payloads import CLOUD_EVENTS, DEFAULT
from registry.core.webhooks import Target, Webhooks, Wish
from registry.errors import BadQuery, Conflict
from registry.ui.languages import marked
from registry.ui.lists import listing_of, shown
from registry.ui.pages import Pages
from registry.ui.storage import STATUSES
from registry.ui.texts import reason
from registry.web import PAGES, Call
from storage.metadata.executions import ExecutionRecord, TaskRecord
from storage.metadata.listings import Listing
from storage.metadata.webhooks import WebhookRecord

EVENTS = {
    PUSHED: marked("an artifact is pushed"),
    PULLED: marked("an artifact is pulled"),
    DELETED: marked("an artifact is deleted"),
    QUOTA_WARNING: marked("the quota is nearly used up"),
    QUOTA_EXCEEDED: marked("something does not fit into the quota"),
    RETAINED: marked("the retention rules were followed"),
}
"""What there is to tell; of the others of Harbor's none ever comes."""
KINDS = {
    f"http {DEFAULT}": marked("JSON in Harbor's form"),
    f"http {CLOUD_EVENTS}": marked("JSON as CloudEvents"),
    "slack ": marked("a message for Slack"),
}
"""Types of targets, each with a form of payload."""


@dataclass(frozen=True, slots=True)
class ShownWebhook:
    """`targets` are all that it tells, of which forms show the first."""

    record: WebhookRecord
    targets: Sequence[Target]
    events: Sequence[str]

    @property
    def target(self) -> Target:
        return self.targets[0]


@dataclass(frozen=True, slots=True)
class ShownDelivery:
    record: ExecutionRecord
    event: str
    operator: str


@dataclass(frozen=True, slots=True)
class ShownTask:
    record: TaskRecord
    event: str


class WebhookScreens:
    def __init__(self, pages: Pages, webhooks: Webhooks) -> None:
        self._pages = pages
        self._webhooks = webhooks

    def index(self, call: Call) -> Response:
        found, total = self._webhooks.page(call.project.id, listing_of(call))
        listed = shown(call, ([_shown(webhook) for webhook in found], total))
        last: dict[int, int] = {}
        for each in self._webhooks.last_times(call.project.id):
            last[each.webhook.id] = max(each.at, last.get(each.webhook.id, 0))
        return self._pages.show(call, "webhooks.html", list=listed, events=EVENTS, last=last)

    def new(self, call: Call) -> Response:
        return self._form(call, Wish("", (Target(),), (PUSHED,), is_enabled=True))

    def create(self, call: Call) -> Response:
        wish = _wish(call)
        try:
            self._webhooks.create(call.actor, call.project.id, wish)
        except Conflict:
            return self._form(call, wish, marked("There is a webhook of this name already."))
        except BadQuery as error:
            return self._form(call, wish, marked("The webhook was not made:"), reason(error))
        return self._pages.go(call, _address(call), marked("Webhook %(name)s was made."), name=wish.name)

    def get(self, call: Call) -> Response:
        return self._of_one(call, self._found(call))

    def change(self, call: Call) -> Response:
        known = self._found(call)
        wish = _wish(call, known)
        try:
            self._webhooks.change(call.actor, call.project.id, known.record.id, wish)
        except Conflict:
            return self._of_one(call, known, wish, marked("There is a webhook of this name already."))
        except BadQuery as error:
            return self._of_one(call, known, wish, marked("The webhook was not changed:"), reason(error))
        return self._pages.go(call, _address(call), marked("Webhook %(name)s was changed."), name=wish.name)

    def ask_delete(self, call: Call) -> Response:
        return self._pages.show(call, "delete_webhook.html", webhook=self._found(call))

    def delete(self, call: Call) -> Response:
        known = self._found(call).record
        self._webhooks.delete(call.actor, call.project.id, known.id)
        return self._pages.go(call, _address(call), marked("Webhook %(name)s was deleted."), name=known.name)

    def delivery(self, call: Call) -> Response:
        """What became of telling one event."""
        known, number = self._found(call), call.number("execution_id")
        tasks, _ = self._webhooks.tasks(call.project.id, known.record.id, number, Listing(size=0, sort=("id",)))
        told = [ShownTask(task, _pretty(task.attributes)) for task in tasks]
        return self._pages.show(
            call, "delivery.html", webhook=known, number=number, tasks=told, statuses=STATUSES, events=EVENTS
        )

    def _found(self, call: Call) -> ShownWebhook:
        """Raises `NotFound`."""
        return _shown(self._webhooks.get(call.project.id, call.number("webhook_id")))

    def _of_one(
        self, call: Call, known: ShownWebhook, wish: Wish | None = None, error: str = "", detail: str = ""
    ) -> Response:
        record = known.record
        held = Wish(record.name, known.targets, known.events, record.description, record.is_enabled)
        found, total = self._webhooks.deliveries(call.project.id, record.id, listing_of(call))
        deliveries = shown(call, ([_delivery(each) for each in found], total))
        more = {"webhook": known, "list": deliveries}
        return self._form(call, wish or held, error, detail, more)

    def _form(
        self, call: Call, wish: Wish, error: str = "", detail: str = "", more: Mapping[str, object] | None = None
    ) -> Response:
        values = {"webhook": None, "list": None, **(more or {})}
        return self._pages.show(
            call,
            "webhook.html",
            422 if error else 200,
            wish=wish,
            target=wish.targets[0],
            kind=_kind(wish.targets[0]),
            events=EVENTS,
            kinds=KINDS,
            statuses=STATUSES,
            base=_address(call),
            error=error,
            detail=detail,
            **values,
        )


def _address(call: Call) -> str:
    return f"{PAGES}/projects/{call.project.name}/webhooks"


def _kind(target: Target) -> str:
    """The choice of `KINDS` that a target is."""
    return f"{target.type} {'' if target.type == 'slack' else target.payload_format or DEFAULT}"


def _wish(call: Call, known: ShownWebhook | None = None) -> Wish:
    """What the form asks for; a secret that is left empty stays, and so do other targets and events."""
    type_, _, payload_format = call.secret("kind").partition(" ")
    target = Target(
        type=type_,
        address=call.form("url"),
        auth_header=call.form("auth_header") or (known.target.auth_header if known else ""),
        skip_cert_verify=bool(call.form("skip_cert_verify")),
        payload_format=payload_format,
    )
    events = [event for event in call.fields.get("event", ()) if event in EVENTS]
    others = [event for event in known.events if event not in EVENTS] if known else []
    targets = (target, *(known.targets[1:] if known else ()))
    return Wish(call.form("name"), targets, (*events, *others), call.form("description"), bool(call.form("enabled")))


def _shown(webhook: WebhookRecord) -> ShownWebhook:
    targets = msgspec.json.decode(webhook.targets, type=list[Target])
    return ShownWebhook(webhook, targets, json.loads(webhook.event_types))


def _delivery(found: CountedExecution) -> ShownDelivery:
    told = msgspec.json.decode(found.record.attributes, type=dict[str, Any])
    return ShownDelivery(found.record, told["event_type"], told.get("operator", ""))


def _pretty(attributes: str) -> str:
    """The event that was told, as JSON for people."""
    told: dict[str, Any] = json.loads(attributes)
    return json.dumps(told.get("event", {}), indent=2, ensure_ascii=False)
