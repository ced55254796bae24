"""Storage and clean-up: what is used, what could be freed, and the runs that free it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from starlette.responses import Response

from registry.core.overviews import Overviews
from registry.core.schedules import CUSTOM, MANUAL, NONE, Timing
from registry.core.spaces import Spaces
from registry.core.system_jobs import SystemJobs
from registry.errors import BadQuery
from registry.ui.languages import marked
from registry.ui.pages import Pages
from registry.web import PAGES, Call
from storage.metadata.executions import PENDING, RUNNING, ExecutionRecord
from storage.metadata.listings import Listing

_STORAGE = f"{PAGES}/storage"
_RUNS = 10
TIMINGS = {
    NONE: marked("Never"),
    "Hourly": marked("Every hour"),
    "Daily": marked("Every day"),
    "Weekly": marked("Every week"),
    CUSTOM: marked("By an expression"),
}
STATUSES = {
    PENDING: marked("waiting"),
    RUNNING: marked("running"),
    "Success": marked("done"),
    "Stopped": marked("stopped"),
    "Error": marked("failed"),
}


@dataclass(frozen=True, slots=True)
class ShownRun:
    """`told` is what it was begun with, and what has come of it until now."""

    record: ExecutionRecord
    told: Mapping[str, Any]

    @property
    def is_going_on(self) -> bool:
        return self.record.status in (PENDING, RUNNING)


class StorageScreens:
    """`by_itself` is how often the server cleans up anyway, in seconds; 0 for never."""

    def __init__(
        self, pages: Pages, spaces: Spaces, overviews: Overviews, clean_ups: SystemJobs, *, by_itself: int
    ) -> None:
        self._pages = pages
        self._spaces = spaces
        self._overviews = overviews
        self._clean_ups = clean_ups
        self._by_itself = by_itself

    def get(self, call: Call) -> Response:
        return self._shown(call)

    def space(self, call: Call) -> Response:
        """What may take a moment to count."""
        return self._pages.show(call, "space.html", told=self._spaces.tell(), volumes=self._overviews.volumes())

    def run(self, call: Call) -> Response:
        dry = bool(call.form("dry_run"))
        wanted = {name: bool(call.form(name)) for name in ("delete_untagged", "free_now")}
        self._clean_ups.begin(call.actor, Timing(MANUAL), {**wanted, "dry_run": dry})
        note = marked("A dry run was begun: it tells what would go.") if dry else marked("The clean-up was begun.")
        return self._pages.go(call, _STORAGE, note)

    def schedule(self, call: Call) -> Response:
        kind = call.form("kind")
        timing = Timing(kind, call.form("cron") if kind == CUSTOM else "")
        try:
            self._clean_ups.begin(call.actor, timing, {"delete_untagged": bool(call.form("delete_untagged"))})
        except BadQuery as error:
            return self._shown(call, marked("The schedule was not set:"), error.message)
        return self._pages.go(call, _STORAGE, marked("The schedule was set."))

    def stop(self, call: Call) -> Response:
        self._clean_ups.stop(call.number("execution_id"))
        return self._pages.go(call, _STORAGE, marked("The clean-up ends after its present step."))

    def log(self, call: Call) -> Response:
        run = self._clean_ups.get(call.number("execution_id"))
        return self._pages.show(
            call, "run.html", run=_told([run])[0], log=self._clean_ups.log(run.id), statuses=STATUSES
        )

    def _shown(self, call: Call, error: str = "", detail: str = "") -> Response:
        runs, _ = self._clean_ups.page(Listing(size=_RUNS))
        return self._pages.show(
            call,
            "storage.html",
            422 if error else 200,
            runs=_told(runs),
            history=self._spaces.history(_RUNS),
            schedule=self._clean_ups.schedule(),
            timings=TIMINGS,
            statuses=STATUSES,
            minutes=self._by_itself // 60,
            error=error,
            detail=detail,
        )


def _told(runs: Sequence[ExecutionRecord]) -> list[ShownRun]:
    return [ShownRun(run, msgspec.json.decode(run.attributes, type=dict[str, Any])) for run in runs]
