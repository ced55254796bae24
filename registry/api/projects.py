"""Projects: `/projects` and what is directly below."""

import json

from starlette.responses import Response

from registry.api.allowlists import AllowedCves, show_allowlist
from registry.api.answers import Model, created, done, listed, shown, time_text
from registry.api.bodies import parse_body
from registry.api.queries import parse_listing
from registry.core.allowlists import Allowlist
from registry.core.projects import Projects
from registry.errors import BadQuery
from registry.web import Call
from storage.metadata.listings import Filter, Listing
from storage.metadata.projects import ListedProject


class NewProject(Model, kw_only=True):
    """Harbor's `ProjectReq`; `public` is the older place of `metadata.public`."""

    project_name: str = ""
    public: bool | None = None
    metadata: dict[str, str | None] | None = None
    storage_limit: int | None = None


class Project(Model, kw_only=True):
    """Harbor's `Project`."""

    project_id: int
    owner_id: int = 0
    name: str
    creation_time: str
    update_time: str
    owner_name: str = ""
    current_user_role_id: int = 0
    current_user_role_ids: list[int]
    repo_count: int
    metadata: dict[str, str]
    cve_allowlist: AllowedCves


class ProjectEndpoints:
    def __init__(self, projects: Projects) -> None:
        self._projects = projects

    def index(self, call: Call) -> Response:
        listing = _with_parameters(call, parse_listing(call.request.query_params))
        found, total = self._projects.page(call.actor, listing)
        roles = self._projects.roles(call.actor, [each.project.id for each in found])
        return listed(call, listing, [show_project(each, roles.get(each.project.id, [])) for each in found], total)

    def head(self, call: Call) -> Response:
        """Whether there is a project of that name; every account may know."""
        name = call.query("project_name")
        if not name:
            raise BadQuery("project_name in query is required")
        self._projects.find(name)
        return done()

    def post(self, call: Call) -> Response:
        wanted = parse_body(call.body, NewProject)
        is_public = (wanted.metadata or {}).get("public", str(wanted.public).lower()) == "true"
        project = self._projects.create(wanted.project_name, public=is_public, owner=call.actor)
        by_name = call.header("x-resource-name-in-location") == "true"
        return created(call, project.name if by_name else project.id)

    def get(self, call: Call) -> Response:
        roles = self._projects.roles(call.actor, [call.project.id])
        return shown(show_project(self._projects.listed(call.project.id), roles.get(call.project.id, [])))

    def delete(self, call: Call) -> Response:
        self._projects.delete_empty(call.project.id)
        return done()


def _with_parameters(call: Call, listing: Listing) -> Listing:
    """The older parameters beside `q`."""
    older = {"name": "contains", "public": "exact", "owner": "exact"}
    more = [Filter(name, how, (value,)) for name, how in older.items() if (value := call.query(name))]  # type: ignore[arg-type]  # two of its words
    return Listing((*listing.filters, *more), listing.sort, listing.page, listing.size)


def show_project(found: ListedProject, roles: list[int]) -> Project:
    """`roles` are the numbers of those that whoever asks has in it, the mightiest first."""
    project = found.project
    return Project(
        project_id=project.id,
        owner_id=project.owner_id or 0,
        name=project.name,
        creation_time=time_text(project.created_at),
        update_time=time_text(project.updated_at),
        owner_name=found.owner or "",
        current_user_role_id=roles[0] if roles else 0,
        current_user_role_ids=roles,
        repo_count=found.repositories,
        metadata={"public": str(project.is_public).lower(), **json.loads(project.settings)},
        cve_allowlist=show_allowlist(Allowlist.read(project.cve_allowlist), project.id),
    )
