"""Telling webhooks what happened, again and again where that fails."""

import json
from dataclasses import dataclass

import msgspec

from registry.core.events import Event
from registry.core.executions import SLACK, Run, WorkFailed
from registry.core.payloads import CLOUD_EVENTS, as_cloud_event, for_slack, in_default_form
from registry.core.webhooks import Target
from registry.outgoing import NotAllowed, OutgoingError, Request, Sender
from storage.metadata import webhooks
from storage.metadata.database import Database
from storage.metadata.webhooks import WebhookRecord

LANES = 4
"""Deliveries at the same time: a server that is slow to answer keeps no more than one of them."""
_PAUSES = (10, 60, 300)  # seconds before it is tried again
_JSON, _CLOUD_EVENT = "application/json", "application/cloudevents+json"


@dataclass(frozen=True, slots=True)
class Deliveries:
    """`host` is the registry's as its clients know it."""

    database: Database
    host: str
    sender: Sender

    def deliver(self, run: Run) -> None:
        """Send an event to its target. Raises `WorkFailed`."""
        with self.database.read() as tx:
            webhook = webhooks.find(tx, run.execution.vendor_id)
        target = _target(webhook, run.attributes["target"])
        if target is None or webhook is None:
            raise WorkFailed("the webhook is not there any more, or not enabled")
        try:
            status = self.sender.send(self._request(run, webhook, target))
        except NotAllowed as error:
            raise WorkFailed(str(error)) from None
        except OutgoingError as error:
            raise _failure(run, str(error)) from None
        if not 200 <= status < 300:
            raise _failure(run, f"the answer was {status}")
        run.log(f"delivered: the answer was {status}")

    def _request(self, run: Run, webhook: WebhookRecord, target: Target) -> Request:
        event, kind = msgspec.convert(run.attributes["event"], Event), _JSON
        if run.execution.vendor == SLACK:
            payload = for_slack(event, self.host)
        elif target.payload_format == CLOUD_EVENTS:
            payload, kind = as_cloud_event(event, self.host, webhook.id, run.task.id), _CLOUD_EVENT
        else:
            payload = in_default_form(event, self.host)
        headers = {"Content-Type": kind, "User-Agent": "cove"}
        if target.auth_header:
            headers["Authorization"] = target.auth_header
        return Request(target.address, headers, json.dumps(payload).encode(), verify=not target.skip_cert_verify)


def _target(webhook: WebhookRecord | None, number: int) -> Target | None:
    if webhook is None or not webhook.is_enabled:
        return None
    targets = msgspec.json.decode(webhook.targets, type=list[Target])
    return targets[number] if number < len(targets) else None


def _failure(run: Run, reason: str) -> WorkFailed:
    tries = run.task.run_count
    return WorkFailed(reason, retry_after=_PAUSES[tries - 1] if tries <= len(_PAUSES) else None)
