"""Signing in and out, and how a reader wants the pages: language and colours."""

from starlette.responses import RedirectResponse, Response

from auth.access import Actor
from auth.accounts import Accounts
from auth.basic import BadCredentials, Credentials
from registry.browsers import Browsers
from registry.core.sessions import Sessions
from registry.origins import Origin
from registry.ui.languages import LANGUAGE_COOKIE, LANGUAGES, marked
from registry.ui.pages import SIGN_IN, THEME_COOKIE, THEMES, Pages
from registry.web import PAGES, Call

HOME = f"{PAGES}/"


class SignInScreens:
    def __init__(
        self, pages: Pages, accounts: Accounts, sessions: Sessions, browsers: Browsers, *, origin: Origin
    ) -> None:
        self._pages = pages
        self._accounts = accounts
        self._sessions = sessions
        self._browsers = browsers
        self._origin = origin

    def get(self, call: Call) -> Response:
        if not call.actor.is_anonymous:
            return self._pages.go(call, _next(call.query("next")))
        return self._form(call, _next(call.query("next")))

    def post(self, call: Call) -> Response:
        """Also while nothing may be changed."""
        self._browsers.must_be_asked_for_here(call.request)
        name, after = call.form("name"), _next(call.form("next"))
        actor = self._known(call, name)
        if actor is None or actor.user is None or actor.key or actor.user.source == "oidc":
            return self._form(call, after, name=name, error=marked("Wrong user name or password."))
        secret = self._sessions.begin(
            actor.user,
            address=self._origin.client(call.request),
            agent=call.header("user-agent") or "",
            instead_of=self._browsers.secret(call.request),
        )
        response = self._pages.go(call, after)
        self._browsers.remember(call.request, response, secret)
        return response

    def out(self, call: Call) -> Response:
        self._browsers.must_be_asked_for_here(call.request)
        secret = self._browsers.secret(call.request)
        actor = self._sessions.find(secret, renews=False) if secret else None
        if actor:
            self._sessions.end(actor)
        response = self._pages.go(call, SIGN_IN, marked("You are signed out."))
        self._browsers.forget(call.request, response)
        return response

    def prefer(self, call: Call) -> Response:
        """Remember the language or the colours, and show the same page again."""
        self._browsers.must_be_asked_for_here(call.request)
        response = RedirectResponse(_next(call.form("next")), 303)
        language, theme = call.form("language"), call.form("theme")
        if language in LANGUAGES:
            self._pages.keep(call.request, response, LANGUAGE_COOKIE, language)
        if theme in (*THEMES, "auto"):
            self._pages.keep(call.request, response, THEME_COOKIE, theme)
        return response

    def _form(self, call: Call, after: str, *, name: str = "", error: str = "") -> Response:
        status = 401 if error else 200
        return self._pages.show(call, "sign_in.html", status, next=after, name=name, error=error)

    def _known(self, call: Call, name: str) -> Actor | None:
        password = call.secret("password")
        if not (name and name.isprintable() and password):
            return None
        try:
            return self._accounts.sign_in(Credentials(name, password), self._origin.client(call.request))
        except BadCredentials:
            return None


def _next(wanted: str | None) -> str:
    """Where to go on: only an address of the page itself, however a browser may read the text."""
    is_ours = wanted and wanted.startswith(HOME) and wanted.isascii() and wanted.isprintable() and "\\" not in wanted
    return wanted if wanted and is_ours else HOME
