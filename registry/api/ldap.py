"""The LDAP directory that people sign in with: `/ldap`."""

import msgspec
from starlette.responses import Response

from registry.api.answers import Model, done, shown
from registry.api.bodies import parse_body
from registry.contracts import answers
from registry.core.groups import GroupKind
from registry.core.ldap import LdapSignIn
from registry.errors import BadQuery
from registry.web import Call

_PREFIX = "ldap_"


class LdapConf(Model, kw_only=True):
    """Harbor's: settings to be tried. What is left out is as it is set."""

    ldap_url: str | None = None
    ldap_search_dn: str | None = None
    ldap_search_password: str | None = None
    ldap_base_dn: str | None = None
    ldap_filter: str | None = None
    ldap_uid: str | None = None
    ldap_scope: int | None = None
    ldap_connection_timeout: int | None = None
    ldap_verify_cert: bool | None = None


class LdapPingResult(Model, kw_only=True):
    """Harbor's; the message says what is the matter."""

    success: bool = False
    message: str = ""


class LdapUser(Model, kw_only=True):
    """Harbor's."""

    username: str = ""
    realname: str = ""
    email: str = ""


class LdapGroup(Model, kw_only=True):
    """Harbor's `UserGroup`, of the directory: it has no number before it is known here."""

    group_name: str
    group_type: int
    ldap_group_dn: str


class LdapImportUsers(Model, kw_only=True):
    """Harbor's: the names of people."""

    ldap_uid_list: list[str] = msgspec.field(default_factory=list)


class LdapFailedImportUser(Model, kw_only=True):
    """Harbor's: somebody who got no account, and why."""

    uid: str = ""
    error: str = ""


class LdapEndpoints:
    def __init__(self, ldap: LdapSignIn) -> None:
        self._ldap = ldap

    @answers(LdapPingResult, takes=LdapConf)
    def ping(self, call: Call) -> Response:
        wanted = msgspec.structs.asdict(parse_body(call.body or b"{}", LdapConf))
        wanted["ldap_timeout"] = wanted.pop("ldap_connection_timeout")
        changes = {name.removeprefix(_PREFIX): value for name, value in wanted.items() if value is not None}
        message = self._ldap.ping(changes)
        return shown(LdapPingResult(success=not message, message=message))

    @answers(list[LdapUser], query=("username",), refuses=(503,))
    def people(self, call: Call) -> Response:
        """Whoever has that name in the directory, or everybody."""
        found = self._ldap.people(call.query("username") or "")
        return shown([LdapUser(username=each.name, realname=each.real_name, email=each.email) for each in found])

    @answers(takes=LdapImportUsers, refuses=(404, 503), failing=(404, list[LdapFailedImportUser]))
    def import_people(self, call: Call) -> Response:
        """Accounts for people of the directory; who gets none is told with 404."""
        failed = self._ldap.import_people(parse_body(call.body, LdapImportUsers).ldap_uid_list)
        if failed:
            return shown([LdapFailedImportUser(uid=uid, error=error) for uid, error in failed.items()], 404)
        return done()

    @answers(list[LdapGroup], query=("groupname", "groupdn"), refuses=(503,))
    def groups(self, call: Call) -> Response:
        name, dn = call.query("groupname") or "", call.query("groupdn") or ""
        if not name and not dn:
            raise BadQuery("bad request: the groupname and groupdn can't both be empty")
        kind = int(GroupKind.LDAP)
        found = self._ldap.groups(name, dn)
        return shown([LdapGroup(group_name=each.name, group_type=kind, ldap_group_dn=each.dn) for each in found])
