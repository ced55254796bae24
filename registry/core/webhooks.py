"""Webhooks of projects: who is told of which events, and what became of that."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import msgspec

from auth.access import Actor
from registry.core import audit
from registry.core.events import EVENTS
from registry.core.executions import SLACK, WEBHOOK, CountedExecution, Executions
from registry.core.filters import filtered
from registry.core.payloads import CLOUD_EVENTS, DEFAULT
from registry.errors import BadQuery, Conflict, NotFound
from storage.clock import now_ms
from storage.metadata import executions, webhooks
from storage.metadata.database import Database, Transaction
from storage.metadata.executions import TaskRecord
from storage.metadata.listings import Listing
from storage.metadata.webhooks import WebhookRecord

VENDORS = (WEBHOOK, SLACK)
FORMATS: Mapping[str, Sequence[str]] = {"http": (CLOUD_EVENTS, DEFAULT), "slack": ()}
"""The kinds of targets, and the forms of payload that they can have."""
_NAME_LIMIT = 255
_ADDRESS_LIMIT = 2000
_LOOKED_AT = 100  # of the newest deliveries, to tell when which event was last delivered


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """Where events go: `auth_header` is sent as it is, as the value of Authorization."""

    type: str = "http"
    address: str = ""
    auth_header: str = ""
    skip_cert_verify: bool = False
    payload_format: str = ""


@dataclass(frozen=True, slots=True)
class Wish:
    """What a webhook is to be."""

    name: str
    targets: Sequence[Target]
    event_types: Sequence[str]
    description: str = ""
    is_enabled: bool = False


@dataclass(frozen=True, slots=True)
class LastTime:
    """When an event was last on its way to a webhook, in milliseconds."""

    webhook: WebhookRecord
    event_type: str
    at: int


class Webhooks:
    def __init__(self, database: Database, *, clock: Callable[[], int] = now_ms) -> None:
        self._database = database
        self._clock = clock
        self._executions = Executions(database, clock=clock)

    def page(self, project_id: int, listing: Listing) -> tuple[list[WebhookRecord], int]:
        """A page of a project's webhooks, the newest first, and how many there are. Raises `BadQuery`."""
        with self._database.read() as tx, filtered():
            return webhooks.list_page(tx, project_id, listing)

    def get(self, project_id: int, webhook_id: int) -> WebhookRecord:
        """Raises `NotFound`."""
        with self._database.read() as tx:
            return _must_exist(tx, project_id, webhook_id)

    def create(self, actor: Actor, project_id: int, wish: Wish) -> WebhookRecord:
        """Raises `BadQuery`, `Conflict`."""
        _must_be_sound(wish)
        now = self._clock()
        with self._database.write() as tx:
            _must_be_free(tx, project_id, wish.name)
            who = {"project_id": project_id, "creator": actor.name, "created_at": now, "updated_at": now}
            made = webhooks.add(tx, who | _values(wish))
            _record(tx, actor, "create", made)
        return made

    def change(self, actor: Actor, project_id: int, webhook_id: int, wish: Wish) -> None:
        """Raises `NotFound`, `BadQuery`, `Conflict`."""
        _must_be_sound(wish)
        with self._database.write() as tx:
            known = _must_exist(tx, project_id, webhook_id)
            if wish.name != known.name:
                _must_be_free(tx, project_id, wish.name)
            webhooks.change(tx, known.id, updated_at=self._clock(), **_values(wish))
            _record(tx, actor, "update", known)

    def delete(self, actor: Actor, project_id: int, webhook_id: int) -> None:
        """Remove it with its deliveries. Raises `NotFound`."""
        with self._database.write() as tx:
            known = _must_exist(tx, project_id, webhook_id)
            webhooks.remove(tx, known.id)
            executions.remove(tx, VENDORS, known.id)
            _record(tx, actor, "delete", known)

    def deliveries(self, project_id: int, webhook_id: int, listing: Listing) -> tuple[list[CountedExecution], int]:
        """A page of what was on its way, the newest first, and how many there are. Raises `NotFound`, `BadQuery`."""
        self.get(project_id, webhook_id)
        return self._executions.page(VENDORS, webhook_id, listing)

    def tasks(
        self, project_id: int, webhook_id: int, execution_id: int, listing: Listing
    ) -> tuple[list[TaskRecord], int]:
        """Raises `NotFound`, `BadQuery`."""
        self.get(project_id, webhook_id)
        return self._executions.tasks(VENDORS, webhook_id, execution_id, listing)

    def task(self, project_id: int, webhook_id: int, execution_id: int, task_id: int) -> TaskRecord:
        """Raises `NotFound`."""
        self.get(project_id, webhook_id)
        return self._executions.task(VENDORS, webhook_id, execution_id, task_id)

    def last_times(self, project_id: int) -> list[LastTime]:
        """For each webhook, which events it was lately told of, and when last."""
        found, _ = self.page(project_id, Listing(size=0))
        return [last for webhook in found for last in self._last_times(webhook)]

    def _last_times(self, webhook: WebhookRecord) -> list[LastTime]:
        latest: dict[str, int] = {}
        for each in self._executions.page(VENDORS, webhook.id, Listing(size=_LOOKED_AT))[0]:
            latest.setdefault(json.loads(each.record.attributes)["event_type"], each.record.started_at)
        return [LastTime(webhook, event_type, at) for event_type, at in latest.items()]


def _must_exist(tx: Transaction, project_id: int, webhook_id: int) -> WebhookRecord:
    found = webhooks.find(tx, webhook_id)
    if found is None or found.project_id != project_id:
        raise NotFound(f"notification policy {webhook_id} not found")
    return found


def _must_be_free(tx: Transaction, project_id: int, name: str) -> None:
    if webhooks.find_by_name(tx, project_id, name):
        raise Conflict(f"notification policy named {name} already exists")


def _must_be_sound(wish: Wish) -> None:
    """Raises `BadQuery`."""
    if not 1 <= len(wish.name) <= _NAME_LIMIT or not wish.name.isprintable():
        raise BadQuery(f"bad request: the name of a policy has 1 to {_NAME_LIMIT} printable characters")
    if not wish.event_types or not wish.targets:
        raise BadQuery("bad request: a policy has at least one event type and one target")
    unknown = [each for each in wish.event_types if each not in EVENTS]
    if unknown:
        raise BadQuery(f"bad request: unsupported event type {unknown[0][:80]}")
    for target in wish.targets:
        _must_be_a_target(target)


def _must_be_a_target(target: Target) -> None:
    if target.type not in FORMATS:
        raise BadQuery(f"bad request: unsupported target type {target.type[:80]}, with policy")
    if target.payload_format and target.payload_format not in FORMATS[target.type]:
        raise BadQuery(f"bad request: unsupported payload format {target.payload_format[:80]} for {target.type}")
    if not target.auth_header.isascii() or not target.auth_header.isprintable():
        raise BadQuery("bad request: the auth header is a line of printable ASCII characters")
    if not _is_address(target.address):
        raise BadQuery("bad request: the address of a target begins with http:// or https:// and a host")


def _is_address(text: str) -> bool:
    """Whether it can be asked as it is: no spaces, no account before the host, no fragment (RFC 3986)."""
    if len(text) > _ADDRESS_LIMIT or not text.isascii() or not text.isprintable() or " " in text or "#" in text:
        return False
    try:
        url = urlsplit(text)
        return url.scheme in ("http", "https") and bool(url.hostname) and "@" not in url.netloc and url.port != 0
    except ValueError:
        return False


def _values(wish: Wish) -> dict[str, Any]:
    return {
        "name": wish.name,
        "description": wish.description,
        "is_enabled": wish.is_enabled,
        "targets": msgspec.json.encode(wish.targets).decode(),
        "event_types": json.dumps(list(dict.fromkeys(wish.event_types))),
    }


def _record(tx: Transaction, actor: Actor, operation: str, webhook: WebhookRecord) -> None:
    audit.record(
        tx,
        actor,
        operation=operation,
        resource_type="webhook",
        resource=webhook.name,
        project_id=webhook.project_id,
    )
