"""People: `/users`."""

import re

from starlette.responses import Response

from registry.api.answers import Model, created, done, listed, shown, time_text
from registry.api.bodies import parse_body
from registry.api.queries import parse_flag, parse_listing
from registry.browsers import Browsers, SignIns
from registry.contracts import PAGED, answers
from registry.core.gate import Gate
from registry.core.people import People, Profile
from registry.errors import BadQuery, Denied, PreconditionFailed, Unauthorized
from registry.web import Call, as_project
from storage.metadata.listings import Filter, Listing
from storage.metadata.users import UserRecord

_PROJECT = re.compile(r"/project/([^/]+)/?")


class User(Model, kw_only=True):
    """Harbor's `UserResp`."""

    email: str = ""
    realname: str = ""
    comment: str = ""
    user_id: int
    username: str
    sysadmin_flag: bool
    admin_role_in_auth: bool
    creation_time: str
    update_time: str


class NewUser(Model, kw_only=True):
    """Harbor's `UserCreationReq`."""

    username: str = ""
    password: str = ""
    email: str = ""
    realname: str = ""
    comment: str = ""


class UserProfile(Model, kw_only=True):
    """Harbor's `UserProfile`."""

    email: str = ""
    realname: str = ""
    comment: str = ""


class Passwords(Model, kw_only=True):
    """Harbor's `PasswordReq`."""

    old_password: str = ""
    new_password: str = ""


class Standing(Model, kw_only=True):
    """Harbor's `UserSysAdminFlag`."""

    sysadmin_flag: bool = False


class Secret(Model, kw_only=True):
    """Harbor's `OIDCCliSecretReq`."""

    secret: str = ""


class FoundUser(Model, kw_only=True):
    """Harbor's `UserSearchRespItem`."""

    user_id: int
    username: str


class UserEndpoints:
    def __init__(self, people: People, sign_ins: SignIns, gate: Gate, browsers: Browsers) -> None:
        self._browsers = browsers
        self._people = people
        self._sign_ins = sign_ins
        self._gate = gate

    @answers(list[User], query=(*PAGED, "username", "email"))
    def index(self, call: Call) -> Response:
        listing = parse_listing(call.request.query_params)
        older = [Filter(name, "contains", (value,)) for name in ("username", "email") if (value := call.query(name))]
        listing = listing.narrowed(*older)
        found, total = self._people.page(listing)
        return listed(call, listing, [_shown(user) for user in found], total)

    @answers(list[FoundUser], query=("username!", "page", "page_size"))
    def search(self, call: Call) -> Response:
        """By a part of the name: for whoever looks for people to make them members."""
        name = call.query("username")
        if not name:
            raise BadQuery("username in query is required")
        page = parse_listing(call.request.query_params)
        listing = Listing((Filter("username", "contains", (name,)),), (), page.page, page.size)
        found, total = self._people.page(listing, is_whole=True)
        return listed(call, listing, [FoundUser(user_id=user.id, username=user.name) for user in found], total)

    @answers(takes=NewUser, status=201, refuses=(401, 409))
    def post(self, call: Call) -> Response:
        self._must_be_free_to_register(call)
        wanted = parse_body(call.body, NewUser)
        profile = Profile(wanted.email, wanted.realname, wanted.comment)
        made = self._people.register(call.actor, wanted.username, wanted.password, profile)
        return created(call, made.id)

    @answers(User, refuses=(412,))
    def current(self, call: Call) -> Response:
        if call.actor.robot:
            raise PreconditionFailed("get current user not available for security context: robot")
        if call.actor.user is None:
            raise Unauthorized("unauthorized")
        return shown(_shown(call.actor.user))

    @answers(list[dict[str, str]], query=("scope", "relative"), refuses=(403, 404))
    def permissions(self, call: Call) -> Response:
        """What the account may do in the project of the scope `/project/1`, or in the system without one."""
        is_relative = parse_flag(call.request.query_params, "relative", default=False)
        match = _PROJECT.fullmatch(call.query("scope") or "")
        granted = self._gate.permissions(call.actor, as_project(match[1]) if match else None)
        scope = f"/project/{match[1]}" if match else "/system"
        return shown([_permission(each, "" if is_relative else scope) for each in granted])

    @answers(User)
    def get(self, call: Call) -> Response:
        return shown(_shown(self._people.get(self._let_in(call, "user:read"))))

    @answers(takes=UserProfile, refuses=(409,))
    def put(self, call: Call) -> Response:
        user_id = self._let_in(call, "user:update")
        wanted = parse_body(call.body, UserProfile)
        self._people.set_profile(call.actor, user_id, Profile(wanted.email, wanted.realname, wanted.comment))
        return done()

    @answers()
    def delete(self, call: Call) -> Response:
        self._people.delete(call.actor, call.number("user_id"))
        return done()

    @answers(takes=Standing, refuses=(412,))
    def put_sysadmin(self, call: Call) -> Response:
        user_id = call.number("user_id")
        self._people.set_admin(call.actor, user_id, admin=parse_body(call.body, Standing).sysadmin_flag)
        return done()

    @answers(takes=Passwords, refuses=(412,))
    def put_password(self, call: Call) -> Response:
        """One's own takes the old one, also of administrators."""
        user_id = self._let_in(call, "user:update")
        wanted = parse_body(call.body, Passwords)
        is_own = user_id == call.actor.user_id
        if is_own and not self._sign_ins.knows(call.request, call.actor.name, wanted.old_password):
            raise Denied("Current password is incorrect")
        self._people.set_password(call.actor, user_id, wanted.new_password)
        return done()

    @answers(takes=Secret, refuses=(412,))
    def put_cli_secret(self, call: Call) -> Response:
        user_id = self._let_in(call, "user:update")
        secret = parse_body(call.body, Secret).secret
        if self._people.get(user_id).source != "oidc":
            raise PreconditionFailed("the account has a password, and so no secret for the command line")
        self._people.set_password(call.actor, user_id, secret)
        return done()

    def _must_be_free_to_register(self, call: Call) -> None:
        """People make their own accounts, where they may, with a page and not with programs."""
        if not call.actor.is_anonymous or self._gate.is_open:
            self._gate.must_in_system(call.actor, "user:create")
            return
        self._people.must_be_open()
        self._browsers.must_be_asked_for_here(call.request)

    def _let_in(self, call: Call, permission: str) -> int:
        """The number of an account that is the caller's own, or that it may see or change like all others."""
        user_id = call.number("user_id")
        is_program = call.actor.key is not None and permission != "user:read"  # which must not take over the account
        if user_id != call.actor.user_id or is_program:
            self._gate.must_in_system(call.actor, permission)
        return user_id


def _permission(granted: str, scope: str) -> dict[str, str]:
    """As a resource below a scope. A project itself is the scope, or a dot."""
    resource, _, action = granted.partition(":")
    if resource == "project" and scope != "/system":
        return {"resource": scope or ".", "action": action}
    return {"resource": f"{scope}/{resource}" if scope else resource, "action": action}


def _shown(user: UserRecord) -> User:
    return User(
        email=user.email or "",
        realname=user.real_name,
        comment=user.comment,
        user_id=user.id,
        username=user.name,
        sysadmin_flag=user.is_admin,
        admin_role_in_auth=user.is_group_admin,
        creation_time=time_text(user.created_at),
        update_time=time_text(user.updated_at or user.created_at),
    )
