"""Vulnerabilities that are of no concern: `/system/CVEAllowlist`, and what projects tell of theirs."""

from starlette.responses import Response

from registry.api.answers import Model, done, shown, time_text
from registry.api.bodies import parse_body
from registry.contracts import answers
from registry.core.allowlists import Allowlist, Allowlists
from registry.web import Call


class Item(Model, kw_only=True):
    """Harbor's `CVEAllowlistItem`."""

    cve_id: str = ""


class AllowedCves(Model, kw_only=True):
    """Harbor's `CVEAllowlist`."""

    id: int = 0
    project_id: int = 0
    expires_at: int | None = None
    items: list[Item]
    creation_time: str
    update_time: str


class WantedCves(Model, kw_only=True):
    """What of a `CVEAllowlist` can be set."""

    expires_at: int | None = None
    items: list[Item] | None = None

    @property
    def names(self) -> list[str]:
        return [item.cve_id for item in self.items or []]


class AllowlistEndpoints:
    def __init__(self, allowlists: Allowlists) -> None:
        self._allowlists = allowlists

    @answers(AllowedCves)
    def get(self, _call: Call) -> Response:
        return shown(show_allowlist(self._allowlists.get()))

    @answers(takes=WantedCves)
    def put(self, call: Call) -> Response:
        wanted = parse_body(call.body, WantedCves)
        self._allowlists.put(call.actor, wanted.names, wanted.expires_at)
        return done()


def show_allowlist(found: Allowlist, project_id: int = 0) -> AllowedCves:
    """That of a project has the number of the project for its own."""
    return AllowedCves(
        id=project_id,
        project_id=project_id,
        expires_at=found.expires_at,
        items=[Item(cve_id=item) for item in found.items],
        creation_time=time_text(found.created_at),
        update_time=time_text(found.updated_at),
    )
