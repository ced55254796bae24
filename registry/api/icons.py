"""Pictures of the kinds of artifacts: `/icons`. Clients ask for them by digests, which artifacts name."""

import base64

from starlette.responses import Response

from registry.api.answers import shown
from registry.contracts import answers
from registry.errors import NotFound
from registry.web import Call
from storage.digest import Digest

_FRAME = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" width="24" height="24" fill="none" stroke="#3a6ea5"'
    ' stroke-width="1.5" stroke-linejoin="round" stroke-linecap="round">{}</svg>'
)
_SHAPES = {
    "IMAGE": '<path d="M12 3 20 7.5v9L12 21 4 16.5v-9z"/><path d="M4 7.5 12 12l8-4.5M12 12v9"/>',
    "CHART": '<circle cx="12" cy="12" r="7"/><path d="M12 2v20M2 12h20M5 5l14 14M19 5 5 19"/>',
    "signature": '<path d="M12 3 20 6v6c0 4.5-3.5 7.5-8 9-4.5-1.5-8-4.5-8-9V6z"/><path d="m8.5 12 2.5 2.5 4.5-5"/>',
    "sbom": '<path d="M6 3h9l4 4v14H6z"/><path d="M9 11h7M9 14h7M9 17h4"/>',
    "": '<path d="M4 8h16v12H4zM4 8l2-4h12l2 4M10 12h4"/>',
}
_ICONS = {name: _FRAME.format(shape).encode() for name, shape in _SHAPES.items()}
_BY_DIGEST = {str(Digest.of(icon)): icon for icon in _ICONS.values()}
_DIGESTS = {name: str(Digest.of(icon)) for name, icon in _ICONS.items()}


def icon_of(kind: str) -> str:
    """The digest of the picture of a kind of artifact or accessory."""
    return _DIGESTS.get(kind) or _DIGESTS.get(kind.partition(".")[0]) or _DIGESTS[""]


class IconEndpoints:
    @answers(dict[str, str])
    def get(self, call: Call) -> Response:
        icon = _BY_DIGEST.get(call.path("digest"))
        if icon is None:
            raise NotFound("icon not found")
        return shown({"content-type": "image/svg+xml", "content": base64.b64encode(icon).decode()})
