"""Projects: the list of them, a new one, and what is in one."""

from starlette.responses import Response

from auth.roles import Role
from registry.core.days import Days
from registry.core.members import Memberships
from registry.core.new_projects import NewProjects, Wish
from registry.core.project_settings import PUBLIC, ProjectSettings
from registry.core.projects import Projects
from registry.core.repositories import Repositories
from registry.errors import BadQuery, Conflict, Forbidden, NameInvalid, NotFound, PreconditionFailed
from registry.ui.languages import marked
from registry.ui.lists import listing_of, shown
from registry.ui.pages import Pages
from registry.web import PAGES, Call

ROLES = {
    Role.PROJECT_ADMIN: marked("Project admin"),
    Role.MAINTAINER: marked("Maintainer"),
    Role.DEVELOPER: marked("Developer"),
    Role.GUEST: marked("Guest"),
    Role.LIMITED_GUEST: marked("Limited guest"),
}


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
        found = shown(call, self._projects.page(call.actor, listing_of(call)))
        roles = self._projects.roles(call.actor, [each.project.id for each in found.items])
        held = {project: ROLES[Role(numbers[0])] for project, numbers in roles.items()}
        return self._pages.show(call, "projects.html", list=found, roles=held)

    def new(self, call: Call) -> Response:
        return self._pages.show(call, "new_project.html", name="", public=False, error="")

    def create(self, call: Call) -> Response:
        name, public = call.form("name"), call.form("visibility") == "public"
        try:
            made = self._new.create(call.actor, Wish(name, {PUBLIC: str(public).lower()}))
        except NameInvalid:
            error = marked("Use lower-case letters and digits, with single dots, dashes or underscores between them.")
        except Conflict:
            error = marked("There is a project of this name already.")
        except Forbidden:
            error = marked("Only administrators may make projects here.")
        else:
            return self._pages.go(
                call, f"{PAGES}/projects/{made.name}", marked("Project %(name)s was made."), name=made.name
            )
        return self._pages.show(call, "new_project.html", 422, name=name, public=public, error=error)

    def repositories(self, call: Call) -> Response:
        unchanged = self._pages.unchanged(call, self._repositories.marker_of_project(call.project.id))
        if unchanged:
            return unchanged
        listing = listing_of(call, sort=("-update_time",))
        found = shown(call, self._repositories.page_of_project(call.project.id, listing))
        counts = self._days.counts(call.actor, call.project.id)
        return self._pages.show(call, "project.html", list=found, counts=counts)

    def settings(self, call: Call) -> Response:
        return self._pages.show(call, "project_settings.html", listed=self._projects.listed(call.project.id))

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


class MemberScreens:
    def __init__(self, pages: Pages, memberships: Memberships) -> None:
        self._pages = pages
        self._memberships = memberships

    def index(self, call: Call) -> Response:
        return self._shown(call)

    def add(self, call: Call) -> Response:
        name = call.form("name")
        try:
            self._memberships.add_user(call.actor, call.project, name, _role(call))
        except NotFound:
            return self._shown(call, name=name, error=marked("There is no user of this name."))
        except Conflict:
            return self._shown(call, name=name, error=marked("This user is a member already."))
        return self._done(call, marked("%(name)s is a member now."), name)

    def set_role(self, call: Call) -> Response:
        member = self._memberships.get(call.project.id, call.number("member_id"))
        self._memberships.set_role(call.actor, call.project, member.id, _role(call))
        return self._done(call, marked("The role of %(name)s was changed."), member.name)

    def ask_remove(self, call: Call) -> Response:
        member = self._memberships.get(call.project.id, call.number("member_id"))
        return self._pages.show(call, "remove_member.html", member=member, is_self=member.user_id == call.actor.user_id)

    def remove(self, call: Call) -> Response:
        member = self._memberships.get(call.project.id, call.number("member_id"))
        self._memberships.remove(call.actor, call.project, member.id)
        return self._done(call, marked("%(name)s is no member any more."), member.name)

    def _shown(self, call: Call, *, name: str = "", error: str = "") -> Response:
        listing = listing_of(call, contains="entityname")
        found = shown(call, self._memberships.page(call.project.id, listing))
        return self._pages.show(
            call, "members.html", 422 if error else 200, list=found, roles=ROLES, name=name, error=error
        )

    def _done(self, call: Call, note: str, name: str) -> Response:
        return self._pages.go(call, f"{PAGES}/projects/{call.project.name}/members", note, name=name)


def _role(call: Call) -> int:
    """Raises `BadQuery`."""
    text = call.form("role")
    if text not in {str(role.value) for role in Role}:
        raise BadQuery("choose a role")
    return int(text)
