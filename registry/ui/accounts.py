"""What is the reader's own: what others see of the account, its secrets, and where it is signed in."""

from starlette.responses import Response

from auth.secrets import generate_robot_secret
from registry.browsers import SignIns
from registry.core.access_tokens import AccessTokens
from registry.core.people import People, Profile
from registry.core.sessions import Sessions
from registry.errors import Conflict, NotFound, RequestInvalid
from registry.ui.grants import USUAL
from registry.ui.languages import marked
from registry.ui.pages import SIGN_IN, Pages, own_account
from registry.ui.secrets import told
from registry.ui.tokens import ACCOUNT, shown_token
from registry.web import Call
from storage.clock import now_ms


class AccountScreens:
    def __init__(
        self, pages: Pages, people: People, sessions: Sessions, sign_ins: SignIns, *, tokens: AccessTokens
    ) -> None:
        self._pages = pages
        self._people = people
        self._sessions = sessions
        self._sign_ins = sign_ins
        self._tokens = tokens

    def get(self, call: Call) -> Response:
        return self._shown(call)

    def save(self, call: Call) -> Response:
        user = own_account(call)
        profile = Profile(call.form("email"), call.form("real_name"), user.comment)
        try:
            self._people.set_profile(call.actor, user.id, profile)
        except Conflict:
            return self._shown(call, of_profile=marked("There is a user with this name or address already."))
        except RequestInvalid as error:
            return self._shown(call, of_profile=marked("The account was not changed:"), detail=error.message)
        return self._pages.go(call, ACCOUNT, marked("The account was changed."))

    def set_password(self, call: Call) -> Response:
        """Ends all sessions of the account, this one too."""
        user = own_account(call)
        if not self._sign_ins.knows(call.request, user.name, call.secret("old")):
            return self._shown(call, of_password=marked("The present password is another."))
        try:
            self._people.set_password(call.actor, user.id, call.secret("new"))
        except RequestInvalid as error:
            return self._shown(call, of_password=marked("The password was not changed:"), detail=error.message)
        return self._pages.go(call, SIGN_IN, marked("The password was changed: sign in with it."))

    def make_secret(self, call: Call) -> Response:
        """What stands for the password of an account that signs in elsewhere, for programs; ends all its sessions.

        Raises `NotFound` for an account with a password.
        """
        user, secret = own_account(call), generate_robot_secret()
        if user.source != "oidc":
            raise NotFound("the account has a password, and so no secret for the command line")
        self._people.set_password(call.actor, user.id, secret)
        shown = told(user.name, secret, self._pages.host(call.request))
        return self._pages.show(call, "secret.html", secret=shown, back=ACCOUNT)

    def revoke(self, call: Call) -> Response:
        self._sessions.revoke(call.actor, own_account(call).id, call.number("session_id"))
        return self._pages.go(call, ACCOUNT, marked("The other place is signed out."))

    def revoke_others(self, call: Call) -> Response:
        self._sessions.revoke_others(call.actor, own_account(call).id)
        return self._pages.go(call, ACCOUNT, marked("All other places are signed out."))

    def _shown(self, call: Call, *, detail: str = "", **errors: str) -> Response:
        """`errors` stand in the form that they are of: `of_profile` or `of_password`."""
        user = own_account(call)
        return self._pages.show(
            call,
            "account.html",
            422 if errors else 200,
            user=user,
            tokens=[shown_token(each) for each in self._tokens.list_of(user.id)],
            sessions=self._sessions.list_of(user.id),
            usual=USUAL,
            base=ACCOUNT,
            now=now_ms(),
            errors=errors,
            detail=detail,
        )
