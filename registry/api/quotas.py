"""Quotas: `/quotas`. Each has the number of its project."""

from starlette.responses import Response

from registry.api.answers import Model, done, listed, shown, time_text
from registry.api.bodies import parse_body
from registry.api.queries import parse_listing
from registry.contracts import PAGED, answers
from registry.core.new_projects import NO_LIMIT
from registry.core.project_quotas import ProjectQuotas
from registry.errors import BadQuery
from registry.web import Call
from storage.metadata.listings import Filter
from storage.metadata.projects import ListedProject, ProjectRecord


class Usage(Model, kw_only=True):
    """Harbor's `ProjectSummaryQuota`."""

    hard: dict[str, int]
    used: dict[str, int]


class Reference(Model, kw_only=True):
    """Harbor's `QuotaRefObject`, of a project."""

    id: int
    name: str
    owner_name: str


class Quota(Usage, kw_only=True):
    """Harbor's."""

    id: int
    ref: Reference
    creation_time: str
    update_time: str


class WantedQuota(Model, kw_only=True):
    """Harbor's `QuotaUpdateReq`."""

    hard: dict[str, int] | None = None


class QuotaEndpoints:
    def __init__(self, quotas: ProjectQuotas) -> None:
        self._quotas = quotas

    @answers(list[Quota], query=(*PAGED, "reference", "reference_id"))
    def index(self, call: Call) -> Response:
        """Projects are all that has quotas, so what is asked for of anything else is empty."""
        listing = parse_listing(call.request.query_params)
        if (call.query("reference") or "project") != "project":
            return listed(call, listing, [], 0)
        wanted = call.query("reference_id")
        filters = (Filter("referenceid", "exact", (wanted,)),) if wanted else ()
        found, total = self._quotas.page(listing.narrowed(*filters))
        return listed(call, listing, [_shown(each) for each in found], total)

    @answers(Quota)
    def get(self, call: Call) -> Response:
        return shown(_shown(self._quotas.get(call.number("id"))))

    @answers(takes=WantedQuota)
    def put(self, call: Call) -> Response:
        wanted = parse_body(call.body, WantedQuota).hard or {}
        if "storage" not in wanted:
            raise BadQuery("bad request: storage in hard is required")
        self._quotas.put(call.actor, call.number("id"), wanted["storage"])
        return done()


def usage_of(project: ProjectRecord) -> Usage:
    limit = NO_LIMIT if project.quota_bytes is None else project.quota_bytes
    return Usage(hard={"storage": limit}, used={"storage": project.used_bytes})


def _shown(found: ListedProject) -> Quota:
    project, usage = found.project, usage_of(found.project)
    return Quota(
        id=project.id,
        ref=Reference(id=project.id, name=project.name, owner_name=found.owner or ""),
        hard=usage.hard,
        used=usage.used,
        creation_time=time_text(project.created_at),
        update_time=time_text(project.updated_at or project.created_at),
    )
