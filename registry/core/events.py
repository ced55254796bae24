"""What happens in projects, told to the webhooks that listen: the run that delivers it begins in the transaction of the
change itself, so that neither is there without the other.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import msgspec

from registry.core import executions, settings
from registry.core.executions import SLACK, WEBHOOK
from registry.errors import QuotaExceeded
from storage.clock import now_ms
from storage.metadata import projects, tags, webhooks
from storage.metadata.database import Database, Transaction
from storage.metadata.projects import ProjectRecord
from storage.metadata.repositories import RepositoryRecord
from storage.metadata.webhooks import WebhookRecord

PUSHED, PULLED, DELETED = "PUSH_ARTIFACT", "PULL_ARTIFACT", "DELETE_ARTIFACT"
QUOTA_EXCEEDED, QUOTA_WARNING, RETAINED = "QUOTA_EXCEED", "QUOTA_WARNING", "TAG_RETENTION"
EVENTS = (
    DELETED,
    PULLED,
    PUSHED,
    QUOTA_EXCEEDED,
    QUOTA_WARNING,
    "REPLICATION",
    "SCANNING_COMPLETED",
    "SCANNING_FAILED",
    "SCANNING_STOPPED",
    RETAINED,
)
"""What webhooks can listen to; nothing here replicates or scans, so these never come."""


class Resource(msgspec.Struct, frozen=True):
    """An artifact, and one of its tags where it has one."""

    digest: str
    tag: str = ""


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened in a project, at `at` in milliseconds; `more` is what the payload has beside."""

    type: str
    at: int
    operator: str
    project_id: int
    project: str
    is_public: bool
    repository: str = ""
    repository_created_at: int = 0
    resources: tuple[Resource, ...] = ()
    more: Mapping[str, Any] = {}


def is_heard(tx: Transaction, type_: str, project_id: int) -> bool:
    """Whether anybody listens to such events of a project."""
    return bool(_listening(tx, type_, project_id))


def _listening(tx: Transaction, type_: str, project_id: int) -> list[WebhookRecord]:
    enabled = webhooks.list_enabled(tx, project_id)
    listening = [webhook for webhook in enabled if type_ in json.loads(webhook.event_types)]
    return listening if listening and settings.read_flag(tx, "notification_enable") else []


def announce(tx: Transaction, type_: str, project_id: int, make: Callable[[], Event]) -> None:
    """Have it delivered to all who listen to it. The event is made only where somebody does."""
    listening = _listening(tx, type_, project_id)
    if not listening:
        return
    event = make()
    about = {"event_type": event.type, "operator": event.operator}
    for webhook in listening:
        for number, target in enumerate(json.loads(webhook.targets)):
            task = {"event_type": event.type, "event": msgspec.to_builtins(event), "target": number}
            vendor = SLACK if target["type"] == "slack" else WEBHOOK
            executions.start(tx, vendor, webhook.id, "EVENT", about, tasks=[task], now=event.at)


def announce_artifacts(
    tx: Transaction,
    type_: str,
    repository: RepositoryRecord,
    resources: Callable[[], Iterable[Resource]],
    *,
    operator: str,
    at: int,
) -> None:
    """Tell that something was done to artifacts of a repository."""

    def make() -> Event:
        about = of_project(tx, type_, repository.project_id, operator=operator, at=at)
        return msgspec.structs.replace(
            about,
            repository=repository.name,
            repository_created_at=repository.created_at,
            resources=tuple(resources()),
        )

    announce(tx, type_, repository.project_id, make)


def resources_of(tx: Transaction, repository_id: int, manifest_id: int, digest: str) -> list[Resource]:
    """An artifact, once for each of its tags."""
    return [Resource(digest, tag) for tag in tags.list_all(tx, repository_id, manifest_id)] or [Resource(digest)]


def announce_nearly_full(tx: Transaction, project_name: str, message: str) -> None:
    """Tell that a project has little room left."""
    project = projects.find(tx, project_name)
    if project:
        _announce_quota(tx, QUOTA_WARNING, project.id, message, "")


@contextmanager
def telling_of_excess(database: Database, project: ProjectRecord, operator: str) -> Iterator[None]:
    """Where the block ends because something does not fit into a project, tell so: after all of it was undone."""
    try:
        yield
    except QuotaExceeded as error:
        tell_of_excess(database, project, error, operator)
        raise


def tell_of_excess(database: Database, project: ProjectRecord, excess: QuotaExceeded, operator: str) -> None:
    """Tell that something did not fit into a project, all of which was undone."""
    with database.read() as tx:
        if not is_heard(tx, QUOTA_EXCEEDED, project.id):
            return
    with database.write() as tx:
        if projects.find_by_id(tx, project.id):
            _announce_quota(tx, QUOTA_EXCEEDED, project.id, excess.message, operator)


def _announce_quota(tx: Transaction, type_: str, project_id: int, message: str, operator: str) -> None:
    def make() -> Event:
        details = {"Details": message}
        return of_project(tx, type_, project_id, operator=operator, at=now_ms(), custom_attributes=details)

    announce(tx, type_, project_id, make)


def of_project(tx: Transaction, type_: str, project_id: int, *, operator: str, at: int, **more: object) -> Event:
    """An event of a project, which is there."""
    project = projects.find_by_id(tx, project_id)
    assert project is not None, "whoever listens belongs to it"  # noqa: S101
    return Event(
        type=type_,
        at=at,
        operator=operator,
        project_id=project.id,
        project=project.name,
        is_public=project.is_public,
        more=more,
    )
