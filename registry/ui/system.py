"""The program itself: whether it works, and what it was started with."""

import platform
from dataclasses import dataclass, fields
from importlib.metadata import version

from starlette.responses import Response

from registry.config import SETTINGS, Config
from registry.core.overviews import Overviews
from registry.ui.languages import marked
from registry.ui.pages import Pages
from registry.web import Call
from storage.clock import now_ms

HEALTH = {"database": marked("Records"), "registry": marked("Storage")}
_HIDDEN = "••••••"


@dataclass(frozen=True, slots=True)
class ShownSetting:
    """`is_usual` tells that it has its default."""

    name: str
    variable: str
    value: str
    help: str
    is_usual: bool


class SystemScreens:
    """`started` is when this process began, in milliseconds."""

    def __init__(self, pages: Pages, overviews: Overviews, config: Config) -> None:
        self._pages = pages
        self._overviews = overviews
        self._config = config
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
            workers=self._config.workers,
            engine=engine,
            size=size,
            volumes=self._overviews.volumes(),
            health=self._overviews.health(),
            titles=HEALTH,
            base=self._pages.base(call.request),
            config=shown_settings(self._config),
        )


def shown_settings(config: Config) -> list[ShownSetting]:
    """All of them, secrets hidden."""
    usual, shown = Config(), []
    for field in fields(Config):
        setting, value = SETTINGS[field.name], getattr(config, field.name)
        text = _HIDDEN if setting.secret and value is not None else _text(value)
        is_usual = value == getattr(usual, field.name)
        shown.append(ShownSetting(setting.name, setting.variable, text, setting.rule.help, is_usual))
    return shown


def _text(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)
