"""What clients ask of the registry as a whole."""

from starlette.responses import Response

from registry.api.answers import shown
from registry.web import Call

API_VERSION = "v2.0"


class SystemEndpoints:
    def version(self, _call: Call) -> Response:
        """By this, other registries learn that they speak to one with Harbor's API."""
        return shown({"version": API_VERSION})

    def ping(self, _call: Call) -> Response:
        return Response("Pong", media_type="text/plain")
