"""Members of a project: people and groups, each with a role."""

from collections.abc import Sequence

from starlette.responses import Response

from auth.roles import Role
from registry.core.groups import GroupKind, Groups
from registry.core.groups import Wish as WantedGroup
from registry.core.members import Memberships
from registry.core.people import People
from registry.errors import BadQuery, Conflict, NotFound
from registry.ui.languages import marked
from registry.ui.lists import listing_of, shown
from registry.ui.pages import Pages
from registry.ui.texts import reason
from registry.web import PAGES, Call
from storage.metadata.groups import GroupRecord
from storage.metadata.listings import Filter, Listing

ROLES = {
    Role.PROJECT_ADMIN: marked("Project admin"),
    Role.MAINTAINER: marked("Maintainer"),
    Role.DEVELOPER: marked("Developer"),
    Role.GUEST: marked("Guest"),
    Role.LIMITED_GUEST: marked("Limited guest"),
}
GROUP = "group"
_SUGGESTED = 10


class MemberScreens:
    def __init__(self, pages: Pages, memberships: Memberships, people: People, groups: Groups) -> None:
        self._pages = pages
        self._memberships = memberships
        self._people = people
        self._groups = groups

    def index(self, call: Call) -> Response:
        return self._shown(call)

    def add(self, call: Call) -> Response:
        """A person by the name, or a group, which may have been unknown till now."""
        name, role = call.form("name"), sent_role(call)
        try:
            if call.form("kind") == GROUP:
                known = [each for each in self._known_groups(name) if each.name == name]
                group = known[0].id if known else WantedGroup(name, GroupKind.OIDC)
                self._memberships.add_group(call.actor, call.project, group, role)
            else:
                self._memberships.add_user(call.actor, call.project, name, role)
        except NotFound:
            return self._shown(call, name=name, error=marked("There is no user of this name."))
        except Conflict:
            return self._shown(call, name=name, error=marked("This user is a member already."))
        except BadQuery as error:
            return self._shown(call, name=name, error=marked("The group was not added:"), detail=reason(error))
        return self._done(call, marked("%(name)s is a member now."), name)

    def suggest(self, call: Call) -> Response:
        """Names that the one being typed may become."""
        name = (call.query("name") or "").strip()
        if call.query("kind") == GROUP:
            found: Sequence[tuple[str, str]] = [(each.name, "") for each in self._known_groups(name)]
        else:
            wanted = Listing((Filter("username", "contains", (name,)),), size=_SUGGESTED)
            found = [(each.name, each.real_name) for each in self._people.page(wanted, is_whole=True)[0]]
        return self._pages.show(call, "suggested.html", found=found if name else ())

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

    def _known_groups(self, name: str) -> Sequence[GroupRecord]:
        return self._groups.page(Listing((Filter("groupname", "contains", (name,)),), size=_SUGGESTED))[0]

    def _shown(self, call: Call, *, name: str = "", error: str = "", detail: str = "") -> Response:
        listing = listing_of(call, contains="entityname")
        found = shown(call, self._memberships.page(call.project.id, listing))
        return self._pages.show(
            call,
            "members.html",
            422 if error else 200,
            list=found,
            roles=ROLES,
            name=name,
            kind=call.form("kind"),
            error=error,
            detail=detail,
        )

    def _done(self, call: Call, note: str, name: str) -> Response:
        return self._pages.go(call, f"{PAGES}/projects/{call.project.name}/members", note, name=name)


def sent_role(call: Call) -> int:
    """Raises `BadQuery`."""
    text = call.form("role")
    if text not in {str(role.value) for role in Role}:
        raise BadQuery("choose a role")
    return int(text)
