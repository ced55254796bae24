"""The program itself: whether it works, and what it was started with."""

import platform
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version

from starlette.responses import Response

from registry.core.overviews import Overviews
from registry.ui.languages import marked
from registry.ui.pages import Pages
from registry.web import Call
from storage.clock import now_ms

HEALTH = {"database": marked("Records"), "registry": marked("Storage")}


@dataclass(frozen=True, slots=True)
class GivenSetting:
    """`is_usual` tells that it has its default."""

    name: str
    variable: str
    value: str
    help: str
    is_usual: bool


class SystemScreens:
    """`settings` are what the registry was started with, `workers` how many processes serve."""

    def __init__(self, pages: Pages, overviews: Overviews, settings: Sequence[GivenSetting], *, workers: int) -> None:
        self._pages = pages
        self._overviews = overviews
        self._given = settings
        self._workers = workers
        self._started = now_ms()

    def get(self, call: Call) -> Response:
        engine, size = self._overviews.database()
        return self._pages.show(
            call,
            "system.html",
            version=version("cove-registry"),
            python=platform.python_version(),
            machine=f"{platform.system()} {platform.machine()}",
            started=self._started,
            workers=self._workers,
            engine=engine,
            size=size,
            volumes=self._overviews.volumes(),
            health=self._overviews.health(),
            titles=HEALTH,
            base=self._pages.base(call.request),
            given=self._given,
        )
