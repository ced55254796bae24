"""How clients are connected, with this registry's own address, and whether a browser finds it as they will."""

import json

from starlette.responses import Response

from registry.ui.pages import Pages
from registry.ui.snippets import clients
from registry.web import Call

TRIED_BYTES = 3 * 512 * 1024
"""Of a body that is sent to find out what stands between: proxies often let a mebibyte through, and no more."""
_LIMIT = 2 * TRIED_BYTES


class ConnectScreens:
    def __init__(self, pages: Pages) -> None:
        self._pages = pages

    def get(self, call: Call) -> Response:
        base = self._pages.base(call.request)
        shown = clients(base, call.actor.name or "USER")
        chosen = next((each for each in shown if each.key == call.query("client")), shown[0])
        return self._pages.show(call, "connect.html", clients=shown, chosen=chosen, tried=TRIED_BYTES)

    async def measure(self, call: Call) -> Response:
        """How many bytes of a body arrived; no more are taken than are sent to find out."""
        count = 0
        async for chunk in call.request.stream():
            count += len(chunk)
            if count > _LIMIT:
                break
        return Response(json.dumps({"bytes": count}), media_type="application/json")
