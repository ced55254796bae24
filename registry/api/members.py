"""Members of a project, users and groups: `/projects/{project}/members`."""

from starlette.responses import Response

from auth.roles import Role
from registry.api.answers import Model, created, done, listed, shown
from registry.api.bodies import parse_body
from registry.api.groups import WantedGroup
from registry.api.queries import parse_listing
from registry.contracts import PAGED, answers
from registry.core.members import Memberships
from registry.errors import BadQuery
from registry.web import Call
from storage.metadata.listings import Filter
from storage.metadata.members import Membership


class Member(Model, kw_only=True):
    """Harbor's `ProjectMemberEntity`; the type of an entity is `u` or `g`."""

    id: int
    project_id: int
    entity_name: str
    role_name: str
    role_id: int
    entity_id: int
    entity_type: str


class WantedUser(Model, kw_only=True):
    """Harbor's `UserEntity`."""

    user_id: int = 0
    username: str = ""


class WantedMember(Model, kw_only=True):
    """Harbor's `ProjectMember`."""

    role_id: int = 0
    member_user: WantedUser | None = None
    member_group: WantedGroup | None = None


class WantedRole(Model, kw_only=True):
    """Harbor's `RoleRequest`."""

    role_id: int = 0


class MemberEndpoints:
    def __init__(self, memberships: Memberships) -> None:
        self._memberships = memberships

    @answers(list[Member], query=(*PAGED, "entityname"))
    def index(self, call: Call) -> Response:
        listing = parse_listing(call.request.query_params)
        name = call.query("entityname")
        filters = (Filter("entityname", "exact", (name,)),) if name else ()
        found, total = self._memberships.page(call.project.id, listing.narrowed(*filters))
        return listed(call, listing, [_shown(member) for member in found], total)

    @answers(takes=WantedMember, status=201, refuses=(409, 503))
    def post(self, call: Call) -> Response:
        wanted = parse_body(call.body, WantedMember)
        user, group = wanted.member_user, wanted.member_group
        if user and (user.user_id or user.username):
            who = user.user_id or user.username
            made = self._memberships.add_user(call.actor, call.project, who, wanted.role_id)
        elif group and (group.id or group.group_name or group.ldap_group_dn):
            made = self._memberships.add_group(call.actor, call.project, group.id or group.wish(), wanted.role_id)
        else:
            raise BadQuery("bad request: member_user or member_group must name who is to be a member")
        return created(call, made)

    @answers(Member)
    def get(self, call: Call) -> Response:
        return shown(_shown(self._memberships.get(call.project.id, call.number("member_id"))))

    @answers(takes=WantedRole, refuses=(412,))
    def put(self, call: Call) -> Response:
        role = parse_body(call.body, WantedRole).role_id
        self._memberships.set_role(call.actor, call.project, call.number("member_id"), role)
        return done()

    @answers(refuses=(412,))
    def delete(self, call: Call) -> Response:
        self._memberships.remove(call.actor, call.project, call.number("member_id"))
        return done()


def _shown(member: Membership) -> Member:
    return Member(
        id=member.id,
        project_id=member.project_id,
        entity_name=member.name,
        role_name=Role(member.role).label,
        role_id=member.role,
        entity_id=member.user_id or member.group_id or 0,
        entity_type="u" if member.user_id else "g",
    )
