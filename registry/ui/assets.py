"""Files that pages load. Their addresses tell their content, so browsers keep them for good."""

import gzip
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path

from starlette.responses import Response

from registry.errors import NotFound
from registry.web import PAGES, Call

FOLDER = Path(__file__).parent / "static"
_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_FOR_GOOD = "public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True)
class Asset:
    """`packed` is the content as gzip."""

    name: str
    media_type: str
    content: bytes
    packed: bytes


class Assets:
    """They are read, and packed, once: when the first page is shown."""

    def address(self, file: str) -> str:
        """Where browsers find a file of the folder, such as `app.css`."""
        return f"{PAGES}/static/{self._by_file[file].name}"

    def get(self, call: Call) -> Response:
        """Raises `NotFound`."""
        asset = self._by_name.get(call.path("name"))
        if asset is None:
            raise NotFound("there is no such file")
        headers = {"Cache-Control": _FOR_GOOD, "Vary": "Accept-Encoding"}
        if "gzip" not in (call.header("accept-encoding") or ""):
            return Response(asset.content, headers=headers, media_type=asset.media_type)
        return Response(asset.packed, headers=headers | {"Content-Encoding": "gzip"}, media_type=asset.media_type)

    @cached_property
    def _by_file(self) -> dict[str, Asset]:
        return {path.name: _read(path) for path in FOLDER.rglob("*") if path.suffix in _TYPES}

    @cached_property
    def _by_name(self) -> dict[str, Asset]:
        return {asset.name: asset for asset in self._by_file.values()}


def _read(path: Path) -> Asset:
    content = path.read_bytes()
    name = f"{path.stem}.{sha256(content).hexdigest()[:12]}{path.suffix}"
    return Asset(name, _TYPES[path.suffix], content, gzip.compress(content, mtime=0))
