"""Projects: the list of them, a new one, and what is in one."""

from starlette.responses import Response

from auth.roles import Role
from registry.core.days import Days
from registry.core.new_projects import NewProjects, Wish
from registry.core.project_settings import PUBLIC, ProjectSettings
from registry.core.projects import Projects
from registry.core.repositories import Repositories
from registry.errors import Conflict, Forbidden, NameInvalid, PreconditionFailed, RequestInvalid
from registry.ui.languages import marked
from registry.ui.lists import listing_of, shown
from registry.ui.members import ROLES
from registry.ui.pages import Pages
from registry.values import size
from registry.web import PAGES, Call
from storage.metadata.listings import Filter

SHOWS = {"": marked("All"), "mine": marked("Mine"), "public": marked("Public"), "private": marked("Private")}
_SHOW = "show"
_PUBLICITY = {"public": "true", "private": "false"}


class ProjectScreens:
    def __init__(
        self,
        pages: Pages,
        projects: Projects,
        new: NewProjects,
        repositories: Repositories,
        settings: ProjectSettings,
        *,
        days: Days,
    ) -> None:
        self._days = days
        self._pages = pages
        self._projects = projects
        self._new = new
        self._repositories = repositories
        self._settings = settings

    def index(self, call: Call) -> Response:
        show = call.query(_SHOW) or ""
        chosen = [Filter("public", "exact", (_PUBLICITY[show],))] if show in _PUBLICITY else []
        own = show == "mine"
        found = shown(call, self._projects.page(call.actor, listing_of(call, *chosen), own=own), _SHOW)
        roles = self._projects.roles(call.actor, [each.project.id for each in found.items])
        held = {project: ROLES[Role(numbers[0])] for project, numbers in roles.items()}
        return self._pages.show(call, "projects.html", list=found, roles=held, shows=SHOWS)

    def new(self, call: Call) -> Response:
        return self._pages.show(call, "new_project.html", name="", public=False, quota="", error="")

    def create(self, call: Call) -> Response:
        name, public, quota = call.form("name"), call.form("visibility") == "public", call.form("quota")
        try:
            limit = size(quota) if quota else None
            made = self._new.create(call.actor, Wish(name, {PUBLIC: str(public).lower()}, limit))
        except NameInvalid:
            error = marked("Use lower-case letters and digits, with single dots, dashes or underscores between them.")
        except Conflict:
            error = marked("There is a project of this name already.")
        except (ValueError, RequestInvalid):
            error = marked("Write a number of bytes, such as 500MB or 10GiB, or nothing.")
        except Forbidden:
            error = marked("Only administrators may make projects here.")
        else:
            return self._pages.go(
                call, f"{PAGES}/projects/{made.name}", marked("Project %(name)s was made."), name=made.name
            )
        return self._pages.show(call, "new_project.html", 422, name=name, public=public, quota=quota, error=error)

    def repositories(self, call: Call) -> Response:
        unchanged = self._pages.unchanged(call, self._repositories.marker_of_project(call.project.id))
        if unchanged:
            return unchanged
        listing = listing_of(call, sort=("-update_time",))
        found = shown(call, self._repositories.page_of_project(call.project.id, listing))
        return self._pages.show(
            call,
            "project.html",
            list=found,
            tags=self._repositories.tag_counts([each.id for each in found.items]),
            counts=self._days.counts(call.actor, call.project.id),
            description=self._settings.description(call.project),
        )

    def settings(self, call: Call) -> Response:
        return self._pages.show(
            call,
            "project_settings.html",
            listed=self._projects.listed(call.project.id),
            description=self._settings.description(call.project),
        )

    def save(self, call: Call) -> Response:
        public = str(call.form("visibility") == "public").lower()
        self._settings.update(call.actor, call.project, {PUBLIC: public}, None)
        return self._pages.go(
            call, f"{PAGES}/projects/{call.project.name}/settings", marked("The settings were saved.")
        )

    def ask_delete(self, call: Call) -> Response:
        return self._asked(call, "")

    def delete(self, call: Call) -> Response:
        name = call.project.name
        if call.form("name") != name:
            return self._asked(call, marked("Type the name of the project to delete it."))
        try:
            self._projects.delete_empty(call.actor, call.project.id)
        except PreconditionFailed:
            return self._asked(call, marked("The project still holds repositories: delete them first."))
        return self._pages.go(call, f"{PAGES}/projects", marked("Project %(name)s was deleted."), name=name)

    def _asked(self, call: Call, error: str) -> Response:
        listed = self._projects.listed(call.project.id)
        return self._pages.show(call, "delete_project.html", 422 if error else 200, listed=listed, error=error)
