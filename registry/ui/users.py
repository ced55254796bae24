"""Accounts of people, as administrators manage them."""

from collections.abc import Sequence
from dataclasses import dataclass

from starlette.responses import Response

from registry.core.access_tokens import AccessTokens
from registry.core.audit import Audit
from registry.core.members import Memberships
from registry.core.people import People, Profile
from registry.core.projects import Projects
from registry.core.sessions import Sessions
from registry.errors import BadQuery, Conflict, Denied, NotFound, RequestInvalid
from registry.ui.grants import USUAL
from registry.ui.languages import marked
from registry.ui.lists import listing_of, shown
from registry.ui.members import ROLES, sent_role
from registry.ui.pages import Pages
from registry.ui.tokens import shown_token
from registry.web import PAGES, Call
from storage.clock import now_ms
from storage.metadata.listings import Filter, Listing
from storage.metadata.members import OwnMembership
from storage.metadata.users import UserRecord

_USERS = f"{PAGES}/users"
_RECENT = 10
_LAST = marked("The last administrator stays one, and is not shut out.")


@dataclass(frozen=True, slots=True)
class Held:
    """What hangs on accounts beside themselves."""

    memberships: Memberships
    projects: Projects
    tokens: AccessTokens
    sessions: Sessions
    audit: Audit


class UserScreens:
    def __init__(self, pages: Pages, people: People, held: Held) -> None:
        self._pages = pages
        self._people = people
        self._held = held

    def index(self, call: Call) -> Response:
        found = self._people.page(listing_of(call, contains="username"), is_whole=True)
        return self._pages.show(call, "users.html", list=shown(call, found))

    def new(self, call: Call) -> Response:
        return self._pages.show(call, "new_user.html", error="", detail="")

    def create(self, call: Call) -> Response:
        name, profile = call.form("name"), Profile(call.form("email"), call.form("real_name"))
        try:
            self._people.register(call.actor, name, call.secret("password"), profile)
        except Conflict:
            return self._refused(call, marked("There is a user with this name or address already."))
        except RequestInvalid as error:
            return self._refused(call, marked("The account was not made:"), error.message)
        return self._pages.go(call, _USERS, marked("User %(name)s was made."), name=name)

    def get(self, call: Call) -> Response:
        return self._shown(call)

    def save(self, call: Call) -> Response:
        profile = Profile(call.form("email"), call.form("real_name"), call.form("comment"))
        try:
            self._people.set_profile(call.actor, call.number("user_id"), profile)
        except Conflict:
            return self._shown(call, of_profile=marked("There is a user with this name or address already."))
        except RequestInvalid as error:
            return self._shown(call, of_profile=marked("The account was not changed:"), detail=error.message)
        return self._done(call, marked("%(name)s was changed."))

    def set_password(self, call: Call) -> Response:
        try:
            self._people.set_password(call.actor, call.number("user_id"), call.secret("password"))
        except RequestInvalid as error:
            return self._shown(call, of_password=marked("The password was not changed:"), detail=error.message)
        return self._done(call, marked("%(name)s has another password, and is signed out everywhere."))

    def set_admin(self, call: Call) -> Response:
        user, admin = self._user(call), call.form("admin") == "true"
        try:
            self._people.set_admin(call.actor, user.id, admin=admin)
        except Denied:
            return self._shown(call, of_all=_LAST)
        note = (
            marked("%(name)s is an administrator now.") if admin else marked("%(name)s is no administrator any more.")
        )
        return self._done(call, note)

    def set_disabled(self, call: Call) -> Response:
        user, disabled = self._user(call), call.form("disabled") == "true"
        if disabled and user.id == call.actor.user_id:
            return self._shown(call, of_all=marked("One's own account cannot be disabled."))
        try:
            (self._people.disable if disabled else self._people.enable)(call.actor, user.id)
        except Denied:
            return self._shown(call, of_all=_LAST)
        return self._done(call, marked("%(name)s was disabled.") if disabled else marked("%(name)s was enabled."))

    def add_role(self, call: Call) -> Response:
        user = self._user(call)
        try:
            project = self._held.projects.find(call.form("project"))
            self._held.memberships.add_user(call.actor, project, user.id, sent_role(call))
        except NotFound:
            return self._shown(call, of_roles=marked("There is no project of this name."))
        except Conflict:
            return self._shown(call, of_roles=marked("This user is a member already."))
        return self._done(call, marked("The roles of %(name)s were changed."))

    def set_role(self, call: Call) -> Response:
        membership = self._membership(call)
        project = self._held.projects.find(membership.project)
        self._held.memberships.set_role(call.actor, project, membership.id, sent_role(call))
        return self._done(call, marked("The roles of %(name)s were changed."))

    def remove_role(self, call: Call) -> Response:
        membership = self._membership(call)
        self._held.memberships.remove(call.actor, self._held.projects.find(membership.project), membership.id)
        return self._done(call, marked("The roles of %(name)s were changed."))

    def revoke_token(self, call: Call) -> Response:
        self._held.tokens.revoke(call.actor, call.number("user_id"), call.number("token_id"))
        return self._done(call, marked("The token was revoked."))

    def end_session(self, call: Call) -> Response:
        self._held.sessions.revoke(call.actor, call.number("user_id"), call.number("session_id"))
        return self._done(call, marked("The other place is signed out."))

    def end_sessions(self, call: Call) -> Response:
        self._held.sessions.revoke_others(call.actor, self._user(call).id)
        return self._done(call, marked("All other places are signed out."))

    def ask_delete(self, call: Call) -> Response:
        return self._asked(call, "")

    def delete(self, call: Call) -> Response:
        user, heir = self._user(call), call.form("heir")
        if call.form("name") != user.name:
            return self._asked(call, marked("Type the name of the user to delete the account."))
        try:
            if heir:
                self._held.memberships.hand_over(call.actor, user.id, heir)
            self._people.delete(call.actor, user.id)
        except (NotFound, BadQuery):
            return self._asked(call, marked("Name another user, to whom the projects go."))
        except Denied:
            return self._asked(
                call, marked("One's own account, and that of the first administrator, cannot be deleted.")
            )
        return self._pages.go(call, _USERS, marked("User %(name)s was deleted."), name=user.name)

    def _user(self, call: Call) -> UserRecord:
        return self._people.get(call.number("user_id"))

    def _membership(self, call: Call) -> OwnMembership:
        """Raises `NotFound`."""
        number = call.number("member_id")
        for each in self._memberships(self._user(call)):
            if each.id == number:
                return each
        raise NotFound(f"membership {number} not found")

    def _memberships(self, user: UserRecord) -> Sequence[OwnMembership]:
        return self._held.memberships.list_of(user.id)

    def _shown(self, call: Call, *, detail: str = "", **errors: str) -> Response:
        """`errors` stand where they belong: `of_all`, `of_profile`, `of_password` or `of_roles`."""
        user = self._user(call)
        listing = Listing((Filter("username", "exact", (user.name,)),), size=_RECENT)
        recent, _ = self._held.audit.page(call.actor, listing)
        return self._pages.show(
            call,
            "user.html",
            422 if errors else 200,
            user=user,
            memberships=self._memberships(user),
            roles=ROLES,
            tokens=[shown_token(each) for each in self._held.tokens.list_of(user.id)],
            sessions=self._held.sessions.list_of(user.id),
            recent=recent,
            usual=USUAL,
            base=f"{_USERS}/{user.id}",
            now=now_ms(),
            errors=errors,
            detail=detail,
        )

    def _done(self, call: Call, note: str) -> Response:
        user = self._user(call)
        return self._pages.go(call, f"{_USERS}/{user.id}", note, name=user.name)

    def _asked(self, call: Call, error: str) -> Response:
        user = self._user(call)
        led, status = self._held.memberships.led_alone(user.id), 422 if error else 200
        return self._pages.show(
            call, "delete_user.html", status, user=user, led=led, heir=call.form("heir"), error=error
        )

    def _refused(self, call: Call, error: str, detail: str = "") -> Response:
        return self._pages.show(call, "new_user.html", 422, error=error, detail=detail)
