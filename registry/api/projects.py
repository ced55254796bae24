"""Projects: `/projects` and what is directly below."""

from starlette.responses import Response

from auth.roles import Role
from registry.api.allowlists import AllowedCves, WantedCves, show_allowlist
from registry.api.answers import Model, created, done, listed, shown, time_text
from registry.api.bodies import parse_body
from registry.api.queries import parse_listing
from registry.api.quotas import Usage, usage_of
from registry.contracts import PAGED, answers
from registry.core.allowlists import Allowlist
from registry.core.members import Memberships
from registry.core.new_projects import NewProjects, Wish
from registry.core.project_settings import ProjectSettings, settings_of
from registry.core.projects import NOT_EMPTY, Projects
from registry.errors import BadQuery
from registry.web import Call
from storage.metadata.listings import Filter, Listing
from storage.metadata.projects import ListedProject


class WantedProject(Model, kw_only=True):
    """Harbor's `ProjectReq`; `public` is the older place of `metadata.public`."""

    project_name: str = ""
    public: bool | None = None
    metadata: dict[str, str | None] | None = None
    storage_limit: int | None = None
    registry_id: int | None = None
    cve_allowlist: WantedCves | None = None

    @property
    def settings(self) -> dict[str, str | None]:
        older = {} if self.public is None else {"public": str(self.public).lower()}
        return {**older, **(self.metadata or {})}


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


class Summary(Model, kw_only=True):
    """Harbor's `ProjectSummary`."""

    repo_count: int
    project_admin_count: int = 0
    maintainer_count: int = 0
    developer_count: int = 0
    guest_count: int = 0
    limited_guest_count: int = 0
    quota: Usage | None = None


class ProjectEndpoints:
    def __init__(
        self, projects: Projects, new: NewProjects, settings: ProjectSettings, memberships: Memberships
    ) -> None:
        self._projects = projects
        self._new = new
        self._settings = settings
        self._memberships = memberships

    @answers(list[Project], query=(*PAGED, "name", "public", "owner"))
    def index(self, call: Call) -> Response:
        listing = _with_parameters(call, parse_listing(call.request.query_params))
        found, total = self._projects.page(call.actor, listing)
        roles = self._projects.roles(call.actor, [each.project.id for each in found])
        return listed(call, listing, [show_project(each, roles.get(each.project.id, [])) for each in found], total)

    @answers(query=("project_name!",), refuses=(404,))
    def head(self, call: Call) -> Response:
        """Whether there is a project of that name; every account may know."""
        name = call.query("project_name")
        if not name:
            raise BadQuery("project_name in query is required")
        self._projects.find(name)
        return done()

    @answers(takes=WantedProject, status=201, refuses=(404, 409))
    def post(self, call: Call) -> Response:
        wanted = parse_body(call.body, WantedProject)
        if wanted.registry_id:
            raise BadQuery("bad request: projects that stand for another registry are not supported")
        cves = wanted.cve_allowlist or WantedCves()
        project = self._new.create(
            call.actor,
            Wish(wanted.project_name, wanted.settings, wanted.storage_limit, cves.names, cves.expires_at),
        )
        by_name = call.header("x-resource-name-in-location") == "true"
        return created(call, project.name if by_name else project.id)

    @answers(takes=WantedProject)
    def put(self, call: Call) -> Response:
        """What the project is set to; as in Harbor, its name and its quota are changed elsewhere or not at all."""
        wanted = parse_body(call.body, WantedProject)
        cves = wanted.cve_allowlist
        allowed = (cves.names, cves.expires_at) if cves else None
        self._settings.update(call.actor, call.project, wanted.settings, allowed)
        return done()

    @answers(Project)
    def get(self, call: Call) -> Response:
        roles = self._projects.roles(call.actor, [call.project.id])
        return shown(show_project(self._projects.listed(call.project.id), roles.get(call.project.id, [])))

    @answers(refuses=(412,))
    def delete(self, call: Call) -> Response:
        self._projects.delete_empty(call.actor, call.project.id)
        return done()

    @answers(dict[str, bool | str])
    def deletable(self, call: Call) -> Response:
        is_empty = not self._projects.listed(call.project.id).repositories
        return shown({"deletable": True} if is_empty else {"message": NOT_EMPTY})

    @answers(Summary)
    def summary(self, call: Call) -> Response:
        """With the quota and the members for those who may know them."""
        summary = Summary(repo_count=self._projects.listed(call.project.id).repositories)
        if "quota:read" in call.permissions:
            summary.quota = usage_of(call.project)
        if "member:list" in call.permissions:
            counts = self._memberships.count_roles(call.project.id)
            summary.project_admin_count = counts.get(Role.PROJECT_ADMIN, 0)
            summary.maintainer_count = counts.get(Role.MAINTAINER, 0)
            summary.developer_count = counts.get(Role.DEVELOPER, 0)
            summary.guest_count = counts.get(Role.GUEST, 0)
            summary.limited_guest_count = counts.get(Role.LIMITED_GUEST, 0)
        return shown(summary)


def _with_parameters(call: Call, listing: Listing) -> Listing:
    """The older parameters beside `q`."""
    older = {"name": "contains", "public": "exact", "owner": "exact"}
    more = [Filter(name, how, (value,)) for name, how in older.items() if (value := call.query(name))]  # type: ignore[arg-type]  # two of its words
    return listing.narrowed(*more)


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
        metadata=settings_of(project),
        cve_allowlist=show_allowlist(Allowlist.read(project.cve_allowlist), project.id),
    )
