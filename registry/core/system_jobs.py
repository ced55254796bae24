"""Background work on the whole registry, which administrators begin, schedule and stop."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from auth.access import Actor
from registry.core import audit, executions, schedules
from registry.core.cleaning import Cleaning, LeaseLost, Rules
from registry.core.clocks import ClockJumped
from registry.core.executions import GARBAGE_COLLECTION, PURGE_AUDIT_LOG, SYSTEM, Attributes, Executions, Trigger
from registry.core.schedules import MANUAL, NONE, Timing
from registry.errors import BadQuery, Conflict
from registry.values import size_text
from storage.clock import now_ms, utc_text
from storage.metadata import schedules as rows
from storage.metadata.clean_ups import Freed
from storage.metadata.database import Database
from storage.metadata.executions import ExecutionRecord
from storage.metadata.listings import Listing
from storage.metadata.schedules import ScheduleRecord

NO_RUN = 0
"""In place of a run's number where work was only scheduled."""
_MOST_WORKERS = 10
_MOST_HOURS = 240_000

Check = Callable[[Mapping[str, Any]], Attributes]


class SystemJobs:
    """One kind of work. `check` makes sound parameters of what somebody sends, or raises `BadQuery`."""

    def __init__(self, database: Database, vendor: str, check: Check, *, clock: Callable[[], int] = now_ms) -> None:
        self._database = database
        self._vendor = vendor
        self._check = check
        self._clock = clock
        self._executions = Executions(database, clock=clock)

    @property
    def vendor(self) -> str:
        return self._vendor

    def schedule(self) -> ScheduleRecord | None:
        with self._database.read() as tx:
            return rows.find(tx, self._vendor, SYSTEM)

    def begin(self, actor: Actor, timing: Timing, parameters: Mapping[str, Any], *, is_new: bool = False) -> int:
        """Do it now, where the timing says so, or by that schedule; returns the number of the run.

        With `is_new`, raises `Conflict` where there is a schedule. Raises `BadQuery`.
        """
        wanted, now = {} if timing.kind == NONE else self._check(parameters), self._clock()
        with self._database.write() as tx:
            if is_new and timing.kind not in (MANUAL, NONE) and rows.find(tx, self._vendor, SYSTEM):
                raise Conflict("there is a schedule already: change it instead")
            run = NO_RUN
            if timing.kind == MANUAL:
                run = executions.start(tx, self._vendor, SYSTEM, "MANUAL", wanted, now=now)
            else:
                schedules.put(tx, self._vendor, SYSTEM, timing, wanted, now=now)
            kind = "execution" if run else "schedule"
            audit.record(tx, actor, operation="create", resource_type=kind, resource=self._vendor, at=now)
            return run

    def page(self, listing: Listing) -> tuple[list[ExecutionRecord], int]:
        """A page of the runs, the newest first, and how many there are. Raises `BadQuery`."""
        found, total = self._executions.page((self._vendor,), SYSTEM, listing)
        return [each.record for each in found], total

    def get(self, execution_id: int) -> ExecutionRecord:
        """Raises `NotFound`."""
        return self._executions.get((self._vendor,), SYSTEM, execution_id)

    def log(self, execution_id: int) -> str:
        """Raises `NotFound`."""
        return self._executions.log((self._vendor,), SYSTEM, execution_id)

    def stop(self, execution_id: int) -> None:
        """Raises `NotFound`."""
        self._executions.stop((self._vendor,), SYSTEM, execution_id)


def clean_ups(database: Database) -> SystemJobs:
    """Cleaning up; `workers` is for Harbor's clients, and changes nothing. With `free_now` also what was deleted goes
    that could be restored.
    """
    return SystemJobs(database, GARBAGE_COLLECTION, _clean_up)


def clean_and_tell(
    database: Database, cleaning: Cleaning, cause: str, trigger: Trigger, rules: Rules, *, began_at: int
) -> Freed:
    """Clean up without a run that somebody began, and tell of it among the runs, unless there was nothing to do.

    Raises what `Cleaning.run` does.
    """
    parameters = {"delete_untagged": rules.untagged is not None, "dry_run": False, "workers": 1}
    tell = partial(executions.note, vendor=GARBAGE_COLLECTION, trigger=trigger, began_at=began_at)
    try:
        freed = cleaning.run(cause)
    except (LeaseLost, ClockJumped):
        raise
    except Exception as error:
        with database.write() as tx:
            tell(tx, attributes=parameters, log=f"{utc_text(now_ms())} failed\n", error=str(error))
        raise
    if freed != Freed():
        with database.write() as tx:
            line = f"{utc_text(now_ms())} {freed_text(freed)}\n"
            tell(tx, attributes=parameters | told_of(freed), log=line)
    return freed


def told_of(freed: Freed) -> dict[str, Any]:
    """What clients are told of a clean-up."""
    return {
        "freed_space": freed.freed_bytes,
        "purged_blobs": freed.blobs,
        "purged_manifests": freed.manifests,
    }


def freed_text(freed: Freed, verb: str = "freed") -> str:
    counted = f"{freed.manifests} manifests, {freed.blobs} blobs, {freed.uploads} uploads, {freed.objects} objects"
    return f"{verb} {size_text(freed.freed_bytes)}: {counted}"


def audit_purges(database: Database) -> SystemJobs:
    return SystemJobs(database, PURGE_AUDIT_LOG, _purge)


def _clean_up(wanted: Mapping[str, Any]) -> Attributes:
    return {
        "delete_untagged": _flag(wanted, "delete_untagged"),
        "dry_run": _flag(wanted, "dry_run"),
        "workers": _whole(wanted, "workers", _MOST_WORKERS, usual=1),
        **({"free_now": True} if _flag(wanted, "free_now") else {}),
    }


def _purge(wanted: Mapping[str, Any]) -> Attributes:
    events = wanted.get("include_event_types", wanted.get("include_operations", ""))
    if not isinstance(events, str):
        raise BadQuery("bad request: include_event_types must be a list of names with commas between them")
    return {
        "audit_retention_hour": _whole(wanted, "audit_retention_hour", _MOST_HOURS),
        "include_event_types": events,
        "dry_run": _flag(wanted, "dry_run"),
    }


def _flag(wanted: Mapping[str, Any], name: str) -> bool:
    value = wanted.get(name, False)
    if not isinstance(value, bool):
        raise BadQuery(f"bad request: {name} must be true or false")
    return value


def _whole(wanted: Mapping[str, Any], name: str, most: int, usual: int = 0) -> int:
    value = wanted.get(name, usual)
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
        raise BadQuery(f"bad request: {name} must be a number from 1 to {most}")
    return value
