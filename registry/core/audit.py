"""Records of who did what: written in the transaction of the change itself, so that neither is there without the other.

Pulls are too many for that: they are gathered, and come here in batches.
"""

import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

from auth.access import Access, Actor
from registry.core.clocks import HOUR_MS
from registry.core.filters import filtered
from storage.clock import now_ms
from storage.metadata import audit_records, projects, settings
from storage.metadata.audit_records import AuditRecord
from storage.metadata.database import Database, Transaction
from storage.metadata.listings import Listing
from storage.metadata.sights import Sight

EVENTS = (
    "create_artifact",
    "delete_artifact",
    "pull_artifact",
    "create_tag",
    "delete_tag",
    "create_project",
    "update_project",
    "delete_project",
    "update_repository",
    "delete_repository",
    "login_user",
    "logout_user",
    "create_user",
    "update_user",
    "delete_user",
    "create_robot",
    "update_robot",
    "delete_robot",
    "update_configuration",
    "create_member",
    "update_member",
    "delete_member",
)
"""What can be kept out of the records, or purged from them, by name; other changes are always recorded."""
DISABLED = "disabled_audit_log_event_types"
FORWARDED = "audit_forwarded"
"""The fact that tells up to which record, by its id, they were sent elsewhere."""
_BATCH = 1000


def record(
    tx: Transaction,
    actor: Actor,
    *,
    operation: str,
    resource_type: str,
    resource: str,
    project_id: int | None = None,
    description: str = "",
    succeeded: bool = True,
    at: int | None = None,
) -> None:
    """Note what somebody did, unless an administrator wants no record of such events.

    `operation` is `create`, `update`, `delete`, `login` or the like, and `resource` the name of the thing. `at` is in
    milliseconds, and now by itself.
    """
    row = {
        "at": now_ms() if at is None else at,
        "project_id": project_id,
        "user_name": actor.name,
        "operation": operation,
        "resource_type": resource_type,
        "resource": resource,
        "description": description,
        "succeeded": succeeded,
    }
    record_all(tx, [row])


def record_all(tx: Transaction, rows: Sequence[Mapping[str, Any]]) -> None:
    """As `record`; each has the values of a record in the database, without its id."""
    unwanted = _unwanted(tx)
    wanted = [row for row in rows if f"{row['operation']}_{row['resource_type']}" not in unwanted]
    audit_records.add_all(tx, wanted)


def _unwanted(tx: Transaction) -> frozenset[str]:
    stored = settings.find(tx, DISABLED)
    return frozenset(each.strip() for each in str(json.loads(stored)).split(",")) if stored else frozenset()


def _project_id(tx: Transaction, name: str | None) -> int | None:
    """Of a project that is not there, an id that none has."""
    if name is None:
        return None
    project = projects.find(tx, name)
    return project.id if project else 0


class Audit:
    """Reads the records, and drops the old ones."""

    def __init__(self, database: Database, access: Access, *, clock: Callable[[], int] = now_ms) -> None:
        self._database = database
        self._access = access
        self._clock = clock

    def page(self, actor: Actor, listing: Listing, project: str | None = None) -> tuple[list[AuditRecord], int]:
        """A page of what somebody may read of the records, in all or in a project, and how many there are.

        What was done in no project, or in one that is gone, is for those who may read everything. Raises `BadQuery`.
        """
        with self._database.read() as tx, filtered():
            found = _project_id(tx, project)
            return audit_records.list_page(tx, listing, sight=self._sight(actor), project_id=found)

    def export(self, actor: Actor, listing: Listing, project: str | None = None) -> Iterator[AuditRecord]:
        """All that `page` has pages of, the last written first; it is read while it is taken. Raises `BadQuery`."""
        before = None
        with self._database.read() as tx:
            found = _project_id(tx, project)
        while True:
            with self._database.read() as tx, filtered():
                sight = self._sight(actor)
                rows = audit_records.list_before(
                    tx, listing, before=before, count=_BATCH, sight=sight, project_id=found
                )
            yield from rows
            if len(rows) < _BATCH:
                return
            before = rows[-1].id

    def _sight(self, actor: Actor) -> Sight | None:
        if self._access.may_in_system(actor, "audit-log:list"):
            return None
        return self._access.sight(actor, "log:list", everywhere="audit-log:list")

    def page_of_project(self, project_id: int, listing: Listing) -> tuple[list[AuditRecord], int]:
        """A page of a project's records and how many there are. Raises `BadQuery`."""
        with self._database.read() as tx, filtered():
            return audit_records.list_page(tx, listing, project_id=project_id)

    def count_older(self, hours: int, events: Collection[str]) -> int:
        """How many records `purge` would drop."""
        with self._database.read() as tx:
            return audit_records.count_until(tx, self._before(hours), events)

    def purge(self, hours: int, events: Collection[str], reached: Callable[[int], None] = lambda _: None) -> int:
        """Drop records that are older than `hours`, of these events or of all where none is named; tells how many.

        It is done in steps, and `reached` is told how many are gone after each.
        """
        last, gone, dropped = self._before(hours), 0, _BATCH
        while dropped == _BATCH:
            with self._database.write(durable=False) as tx:
                dropped = audit_records.remove_until(tx, last, events, _BATCH)
            gone += dropped
            reached(gone)
        return gone

    def _before(self, hours: int) -> int:
        return self._clock() - hours * HOUR_MS
