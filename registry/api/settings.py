"""Settings that administrators change while the registry runs: `/configurations`."""

from starlette.responses import Response

from registry.api.answers import Model, done, shown
from registry.api.bodies import parse_body
from registry.contracts import answers
from registry.core.setting_rules import Value
from registry.core.settings import KNOWN, Settings
from registry.web import Call


class Item(Model, kw_only=True):
    """Harbor's `StringConfigItem`, `BoolConfigItem` and `IntegerConfigItem`."""

    value: Value
    editable: bool


class SettingEndpoints:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    @answers(dict[str, Item])
    def index(self, _call: Call) -> Response:
        """All but the secrets."""
        values, locked = self._settings.all().items(), self._settings.locked()
        return shown(
            {
                name: Item(value=value, editable=self._settings.is_editable(name) and name not in locked)
                for name, value in values
                if not KNOWN[name].is_secret
            }
        )

    @answers(takes=dict[str, object])
    def put(self, call: Call) -> Response:
        self._settings.change(call.actor, parse_body(call.body, dict[str, object]))
        return done()
