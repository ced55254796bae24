"""The settings of a project, one by one: `/projects/{project}/metadatas`."""

from starlette.responses import Response

from registry.api.answers import done, shown
from registry.api.bodies import parse_body
from registry.contracts import answers
from registry.core.project_settings import ProjectSettings, must_have, settings_of
from registry.errors import BadQuery
from registry.web import Call


class MetadataEndpoints:
    def __init__(self, settings: ProjectSettings) -> None:
        self._settings = settings

    @answers(dict[str, str])
    def index(self, call: Call) -> Response:
        return shown(settings_of(call.project))

    @answers(takes=dict[str, str], refuses=(409,))
    def post(self, call: Call) -> Response:
        name, value = _one(call)
        self._settings.add(call.actor, call.project, name, value)
        return done()

    @answers(dict[str, str])
    def get(self, call: Call) -> Response:
        name = call.path("name")
        return shown({name: must_have(call.project, name)})

    @answers(takes=dict[str, str])
    def put(self, call: Call) -> Response:
        name, value = _one(call)
        if name != call.path("name"):
            raise BadQuery("bad request: the name in the body is not that of the address")
        self._settings.change(call.actor, call.project, name, value)
        return done()

    @answers()
    def delete(self, call: Call) -> Response:
        self._settings.remove(call.actor, call.project, call.path("name"))
        return done()


def _one(call: Call) -> tuple[str, str]:
    given = parse_body(call.body, dict[str, str])
    if len(given) != 1:
        raise BadQuery("bad request: give one name with its value")
    return next(iter(given.items()))
