"""Signing in and out with a browser: `/c/login`, `/c/log_out`, and whether a name is taken."""

from starlette.responses import Response

from auth.access import Actor
from auth.accounts import Accounts
from auth.basic import BadCredentials, Credentials
from registry.api.answers import done, shown
from registry.browsers import Browsers
from registry.contracts import FORM, answers
from registry.core.people import People
from registry.core.sessions import Sessions
from registry.errors import BadQuery, Unauthorized
from registry.forms import field_of, parse_form
from registry.origins import Origin
from registry.web import Call


class BrowserEndpoints:
    def __init__(
        self, accounts: Accounts, sessions: Sessions, browsers: Browsers, people: People, *, origin: Origin
    ) -> None:
        self._accounts = accounts
        self._sessions = sessions
        self._browsers = browsers
        self._people = people
        self._origin = origin

    @answers(takes=FORM, refuses=(401, 403, 429))
    def log_in(self, call: Call) -> Response:
        """With the form `principal` and `password` of a person: programs use Basic credentials."""
        request = call.request
        self._browsers.must_be_asked_for_here(request)
        form = parse_form(call.body)
        actor = self._signed_in(call, field_of(form, "principal"), field_of(form, "password"))
        if actor.user is None or actor.key or actor.user.source == "oidc":
            raise Unauthorized("only people sign in here, with their password")
        secret = self._sessions.begin(
            actor.user,
            address=self._origin.client(request),
            agent=request.headers.get("user-agent", ""),
            instead_of=self._browsers.secret(request),
        )
        response = done()
        self._browsers.remember(request, response, secret)
        self._browsers.tell_code(request, response, secret=secret)
        return response

    @answers()
    def log_out(self, call: Call) -> Response:
        secret = self._browsers.secret(call.request)
        actor = self._sessions.find(secret, renews=False) if secret else None
        if actor:
            self._sessions.end(actor)
        response = done()
        self._browsers.forget(call.request, response)
        self._browsers.tell_code(call.request, response, secret="")
        return response

    @answers(bool, takes=FORM)
    def user_exists(self, call: Call) -> Response:
        """Whether somebody has the name, or the address: for people who are about to register. Raises `BadQuery`."""
        self._browsers.must_be_asked_for_here(call.request)
        form = parse_form(call.body)
        target, value = field_of(form, "target"), field_of(form, "value")
        if target not in ("username", "email"):
            raise BadQuery("bad request: target must be username or email")
        return shown(self._people.is_taken(call.actor, **{target: value}))

    def _signed_in(self, call: Call, name: str, password: str) -> Actor:
        # No account has a name that cannot be printed, and not every database can look for one.
        if not (name and name.isprintable() and password):
            raise Unauthorized("incorrect username or password")
        try:
            return self._accounts.sign_in(Credentials(name, password), self._origin.client(call.request))
        except BadCredentials as error:
            raise Unauthorized(str(error)) from None
