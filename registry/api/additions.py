"""What is told beside an artifact: `/additions`."""

from starlette.responses import Response

from registry.api.answers import shown
from registry.api.places import reference_of, repository_of
from registry.contracts import BYTES, answers
from registry.core.additions import Additions
from registry.core.artifacts import Artifacts, Wanted
from registry.web import Call

_NOTHING = Wanted(tags=False, accessories=False)


class AdditionEndpoints:
    def __init__(self, additions: Additions, artifacts: Artifacts) -> None:
        self._additions = additions
        self._artifacts = artifacts

    @answers(BYTES, refuses=(422,))
    def get(self, call: Call) -> Response:
        content, media_type = self._additions.read(repository_of(call), reference_of(call), call.path("addition"))
        return Response(content, media_type=media_type, headers={"Content-Security-Policy": "sandbox"})

    @answers(dict[str, object])
    def reports(self, call: Call) -> Response:
        """Reports by the media types of their forms. There is no scanner, and so there is none."""
        self._artifacts.get(repository_of(call), reference_of(call), _NOTHING)
        return shown({})
