"""From an address of the management API to its rule.

Names of repositories have slashes, and Harbor's clients encode them once (`a%2Fb`) or twice (`a%252Fb`): so addresses
are taken apart as they were sent, and each part is decoded by itself. Slashes at the end, or two in a row, change
nothing.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import unquote

from starlette.datastructures import URLPath
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match, NoMatchFound
from starlette.types import Receive, Scope, Send

from registry.web import Door, Rule, is_managing

Endpoint = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class _Entry:
    """A rule, its address in parts, and what answers."""

    rule: Rule
    parts: tuple[str, ...]
    endpoint: Endpoint

    def match(self, parts: Sequence[str]) -> dict[str, str] | None:
        """The values of the address's variables, or None for another address."""
        found: dict[str, str] = {}
        for wanted, part in zip(self.parts, parts, strict=True):
            if wanted.startswith("{"):
                found[wanted[1:-1]] = part
            elif wanted != part:
                return None
        return found


class ManagementRoutes(BaseRoute):
    """All rules of the management API. Of two that match an address, the first in the table is taken."""

    def __init__(self, door: Door, rules: Iterable[Rule]) -> None:
        self._entries: dict[int, list[_Entry]] = {}
        for rule in rules:
            parts = tuple(filter(None, rule.path.split("/")))
            self._entries.setdefault(len(parts), []).append(_Entry(rule, parts, door.endpoint(rule)))

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        is_ours = scope["type"] == "http" and is_managing(scope["path"])
        return (Match.FULL if is_ours else Match.NONE), {}

    def url_path_for(self, name: str, /, **path_params: object) -> URLPath:
        raise NoMatchFound(name, path_params)

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Raises `HTTPException` for an address that there is not, or not with this method."""
        request = Request(scope, receive, send)
        entry, values = self._find(request)
        scope["path_params"] = values
        response = await entry.endpoint(request)
        await response(scope, receive, send)

    def _find(self, request: Request) -> tuple[_Entry, dict[str, str]]:
        raw = request.scope["raw_path"].decode("latin-1")
        parts = [unquote(part) for part in raw.split("/") if part]
        methods: list[str] = []
        for entry in self._entries.get(len(parts), []):
            values = entry.match(parts)
            if values is None:
                continue
            if entry.rule.method == request.method:
                return entry, _decoded(values)
            methods.append(entry.rule.method)
        if methods:
            raise HTTPException(405, headers={"Allow": ", ".join(sorted(set(methods)))})
        raise HTTPException(404)


def _decoded(values: dict[str, str]) -> dict[str, str]:
    """No name of a repository has a percent sign, so one that is left was encoded once more."""
    if "repository" in values:
        values["repository"] = unquote(values["repository"])
    return values
