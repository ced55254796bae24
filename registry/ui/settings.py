"""Settings that administrators change while the registry runs."""

from collections.abc import Mapping

from starlette.responses import Response

from registry.core.setting_rules import Value
from registry.core.settings import Settings
from registry.errors import Denied, NotFound, RequestInvalid
from registry.ui.languages import marked
from registry.ui.pages import Pages
from registry.ui.setting_fields import GROUPS, Field, Group
from registry.values import size
from registry.web import PAGES, Call

_UNLIMITED = -1


class SettingScreens:
    def __init__(self, pages: Pages, settings: Settings) -> None:
        self._pages = pages
        self._settings = settings

    def get(self, call: Call) -> Response:
        return self._shown(call)

    def save(self, call: Call) -> Response:
        """One group of them. What the registry was started with is not sent, and stays."""
        group = next((each for each in GROUPS if each.key == call.form("group")), None)
        if group is None:
            raise NotFound("there are no such settings")
        try:
            self._settings.change(call.actor, self._wanted(call, group))
        except (RequestInvalid, Denied) as error:
            return self._shown(call, group.key, error.message)
        return self._pages.go(call, f"{PAGES}/settings#{group.key}", marked("The settings were saved."))

    def _wanted(self, call: Call, group: Group) -> dict[str, Value]:
        """Raises `RequestInvalid`."""
        wanted: dict[str, Value] = {}
        for field in group.fields:
            value = _value(field, call.secret(field.name).strip())
            if self._settings.is_editable(field.name) and not (field.kind == "secret" and not value):
                wanted[field.name] = value
        return wanted

    def _shown(self, call: Call, failed: str = "", detail: str = "") -> Response:
        values = self._settings.all()
        return self._pages.show(
            call,
            "settings.html",
            422 if failed else 200,
            groups=GROUPS,
            values={field.name: _text(field, values) for group in GROUPS for field in group.fields},
            fixed={
                field.name for group in GROUPS for field in group.fields if not self._settings.is_editable(field.name)
            },
            failed=failed,
            error=marked("The settings were not saved:"),
            detail=detail,
        )


def _value(field: Field, text: str) -> Value:
    """What was sent for a field. Raises `RequestInvalid`."""
    if field.kind == "flag":
        return bool(text)
    if field.kind != "size":
        return text
    try:
        return size(text) if text else _UNLIMITED
    except ValueError as error:
        raise RequestInvalid(f"{field.name} {error}") from None


def _text(field: Field, values: Mapping[str, Value]) -> str:
    """As it stands in its field; a flag that is set is any text, and a secret none."""
    value = values[field.name]
    if field.kind == "secret" or value is False:
        return ""
    return "" if field.kind == "size" and value == _UNLIMITED else str(value)
