"""Members of a project: people and groups, each with a role."""

from starlette.responses import Response

from auth.roles import Role
from registry.core.members import Memberships
from registry.errors import BadQuery, Conflict, NotFound
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


class MemberScreens:
    def __init__(self, pages: Pages, memberships: Memberships) -> None:
        self._pages = pages
        self._memberships = memberships

    def index(self, call: Call) -> Response:
        return self._shown(call)

    def add(self, call: Call) -> Response:
        name = call.form("name")
        try:
            self._memberships.add_user(call.actor, call.project, name, sent_role(call))
        except NotFound:
            return self._shown(call, name=name, error=marked("There is no user of this name."))
        except Conflict:
            return self._shown(call, name=name, error=marked("This user is a member already."))
        return self._done(call, marked("%(name)s is a member now."), name)

    def set_role(self, call: Call) -> Response:
        member = self._memberships.get(call.project.id, call.number("member_id"))
        self._memberships.set_role(call.actor, call.project, member.id, sent_role(call))
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


def sent_role(call: Call) -> int:
    """Raises `BadQuery`."""
    text = call.form("role")
    if text not in {str(role.value) for role in Role}:
        raise BadQuery("choose a role")
    return int(text)
