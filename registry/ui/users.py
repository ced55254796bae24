"""Accounts of people, as administrators manage them, and everybody's own."""

from starlette.responses import Response

from registry.browsers import SignIns
from registry.core.people import People, Profile
from registry.core.sessions import Sessions
from registry.errors import Conflict, Denied, NotFound, RequestInvalid
from registry.ui.languages import marked
from registry.ui.lists import listing_of, shown
from registry.ui.pages import SIGN_IN, Pages
from registry.web import PAGES, Call
from storage.metadata.users import UserRecord

_USERS = f"{PAGES}/users"


class UserScreens:
    def __init__(self, pages: Pages, people: People) -> None:
        self._pages = pages
        self._people = people

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

    def set_admin(self, call: Call) -> Response:
        user, admin = self._user(call), call.form("admin") == "true"
        self._people.set_admin(call.actor, user.id, admin=admin)
        note = (
            marked("%(name)s is an administrator now.") if admin else marked("%(name)s is no administrator any more.")
        )
        return self._pages.go(call, _USERS, note, name=user.name)

    def ask_delete(self, call: Call) -> Response:
        return self._asked(call, "")

    def delete(self, call: Call) -> Response:
        user = self._user(call)
        if call.form("name") != user.name:
            return self._asked(call, marked("Type the name of the user to delete the account."))
        try:
            self._people.delete(call.actor, user.id)
        except Denied:
            return self._asked(
                call, marked("One's own account, and that of the first administrator, cannot be deleted.")
            )
        return self._pages.go(call, _USERS, marked("User %(name)s was deleted."), name=user.name)

    def _user(self, call: Call) -> UserRecord:
        return self._people.get(call.number("user_id"))

    def _asked(self, call: Call, error: str) -> Response:
        return self._pages.show(call, "delete_user.html", 422 if error else 200, user=self._user(call), error=error)

    def _refused(self, call: Call, error: str, detail: str = "") -> Response:
        return self._pages.show(call, "new_user.html", 422, error=error, detail=detail)


class AccountScreens:
    """What is the reader's own: the password, and where the account is signed in."""

    def __init__(self, pages: Pages, people: People, sessions: Sessions, sign_ins: SignIns) -> None:
        self._pages = pages
        self._people = people
        self._sessions = sessions
        self._sign_ins = sign_ins

    def get(self, call: Call) -> Response:
        return self._shown(call, "")

    def set_password(self, call: Call) -> Response:
        """Ends all sessions of the account, this one too."""
        user = _own(call)
        if not self._sign_ins.knows(call.request, user.name, call.secret("old")):
            return self._shown(call, marked("The present password is another."))
        try:
            self._people.set_password(call.actor, user.id, call.secret("new"))
        except RequestInvalid as error:
            return self._shown(call, marked("The password was not changed:"), error.message)
        return self._pages.go(call, SIGN_IN, marked("The password was changed: sign in with it."))

    def revoke(self, call: Call) -> Response:
        self._sessions.revoke(call.actor, _own(call).id, call.number("session_id"))
        return self._pages.go(call, f"{PAGES}/account", marked("The other place is signed out."))

    def _shown(self, call: Call, error: str, detail: str = "") -> Response:
        user = _own(call)
        places = self._sessions.list_of(user.id)
        status = 422 if error else 200
        return self._pages.show(call, "account.html", status, user=user, sessions=places, error=error, detail=detail)


def _own(call: Call) -> UserRecord:
    """Raises `NotFound` in an open registry, where nobody has an account."""
    if call.actor.user is None:
        raise NotFound("there are no accounts here")
    return call.actor.user
