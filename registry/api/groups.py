"""Groups of people: `/usergroups`."""

from starlette.responses import Response

from registry.api.answers import Model, created, done, listed, shown
from registry.api.bodies import parse_body
from registry.api.queries import parse_listing
from registry.contracts import PAGED, answers
from registry.core.groups import GroupKind, Groups, Wish
from registry.errors import BadQuery
from registry.web import Call
from storage.metadata.groups import GroupRecord
from storage.metadata.listings import Filter, Listing


class Group(Model, kw_only=True):
    """Harbor's `UserGroup`."""

    id: int
    group_name: str
    group_type: int
    ldap_group_dn: str = ""


class WantedGroup(Model, kw_only=True):
    """A `UserGroup` as a request has it; one with a distinguished name is of LDAP."""

    id: int = 0
    group_name: str = ""
    group_type: int = 0
    ldap_group_dn: str = ""

    def wish(self) -> Wish:
        kind = self.group_type or (GroupKind.LDAP if self.ldap_group_dn else GroupKind.OIDC)
        return Wish(self.group_name, kind, self.ldap_group_dn)


class FoundGroup(Model, kw_only=True):
    """Harbor's `UserGroupSearchItem`."""

    id: int
    group_name: str
    group_type: int


class GroupEndpoints:
    def __init__(self, groups: Groups) -> None:
        self._groups = groups

    @answers(list[Group], query=(*PAGED, "ldap_group_dn", "group_name"))
    def index(self, call: Call) -> Response:
        listing = parse_listing(call.request.query_params)
        dn, name = call.query("ldap_group_dn"), call.query("group_name")
        filters = [
            *([Filter("dnkey", "exact", (Wish("", GroupKind.LDAP, dn).key,))] if dn else []),
            *([Filter("groupname", "contains", (name,))] if name else []),
        ]
        found, total = self._groups.page(listing.narrowed(*filters))
        return listed(call, listing, [_shown(group) for group in found], total)

    @answers(list[FoundGroup], query=("groupname!", "page", "page_size"))
    def search(self, call: Call) -> Response:
        """By a part of the name: for whoever looks for groups to make them members."""
        name = call.query("groupname")
        if not name:
            raise BadQuery("groupname in query is required")
        page = parse_listing(call.request.query_params)
        found, total = self._groups.page(Listing((Filter("groupname", "contains", (name,)),), (), page.page, page.size))
        items = [FoundGroup(id=group.id, group_name=group.name, group_type=group.kind) for group in found]
        return listed(call, page, items, total)

    @answers(takes=WantedGroup, status=201, refuses=(404, 409, 503))
    def post(self, call: Call) -> Response:
        wanted = parse_body(call.body, WantedGroup)
        return created(call, self._groups.create(call.actor, wanted.wish()).id)

    @answers(Group)
    def get(self, call: Call) -> Response:
        return shown(_shown(self._groups.get(call.number("group_id"))))

    @answers(takes=WantedGroup, refuses=(409,))
    def put(self, call: Call) -> Response:
        self._groups.rename(call.actor, call.number("group_id"), parse_body(call.body, WantedGroup).group_name)
        return done()

    @answers()
    def delete(self, call: Call) -> Response:
        self._groups.delete(call.actor, call.number("group_id"))
        return done()


def _shown(group: GroupRecord) -> Group:
    return Group(id=group.id, group_name=group.name, group_type=group.kind, ldap_group_dn=group.ldap_dn)
