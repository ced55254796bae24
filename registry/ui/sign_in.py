"""Signing in and out, and how a reader wants the pages: language and colours."""

import logging

from starlette.responses import RedirectResponse, Response

from registry.browsers import NEWCOMER_COOKIE, Browsers, SignIns
from registry.core.oidc import OidcSignIn
from registry.errors import Conflict, RequestInvalid, Unauthorized, Unavailable
from registry.origins import Origin
from registry.ui.languages import LANGUAGE_COOKIE, LANGUAGES, marked
from registry.ui.pages import KEYS, KEYS_COOKIE, SIGN_IN, THEME_COOKIE, THEMES, Pages
from registry.web import PAGES, Call
from storage.metadata.users import UserRecord

HOME = f"{PAGES}/"


class SignInScreens:
    def __init__(self, pages: Pages, sign_ins: SignIns, browsers: Browsers, oidc: OidcSignIn, origin: Origin) -> None:
        self._pages = pages
        self._sign_ins = sign_ins
        self._browsers = browsers
        self._oidc = oidc
        self._origin = origin

    def get(self, call: Call) -> Response:
        if not call.actor.is_anonymous:
            return self._pages.go(call, _next(call.query("next")))
        return self._form(call, _next(call.query("next")))

    def post(self, call: Call) -> Response:
        """Also while nothing may be changed."""
        self._browsers.must_be_asked_for_here(call.request)
        name, after = call.form("name"), _next(call.form("next"))
        try:
            secret = self._sign_ins.enter(call.request, name, call.secret("password"))
        except Unauthorized:
            return self._form(call, after, name=name, error=marked("Wrong user name or password."))
        response = self._pages.go(call, after)
        self._browsers.remember(call.request, response, secret)
        return response

    def out(self, call: Call) -> Response:
        """And on to the provider, for whoever came from there: by a page, since what a form leads to stays here."""
        self._browsers.must_be_asked_for_here(call.request)
        elsewhere = self._elsewhere(call, self._sign_ins.leave(call.request))
        if elsewhere:
            response = self._pages.show(call, "signed_out.html", elsewhere=elsewhere)
        else:
            response = self._pages.go(call, SIGN_IN, marked("You are signed out."))
        self._browsers.forget(call.request, response)
        return response

    def _elsewhere(self, call: Call, user: UserRecord | None) -> str | None:
        """Where somebody is signed out too; None also while that does not answer: here they are signed out."""
        try:
            return self._oidc.address_to_sign_out(user, self._origin.base(call.request))
        except Unavailable as error:
            logging.getLogger("cove").warning("%r is not signed out at the provider: %s", user, error)
            return None

    def prefer(self, call: Call) -> Response:
        """Remember the language, the colours, or whether keys do anything, and show the same page again."""
        self._browsers.must_be_asked_for_here(call.request)
        response = RedirectResponse(_next(call.form("next")), 303)
        language, theme, keys = call.form("language"), call.form("theme"), call.form("keys")
        if language in LANGUAGES:
            self._pages.keep(call.request, response, LANGUAGE_COOKIE, language)
        if theme in (*THEMES, "auto"):
            self._pages.keep(call.request, response, THEME_COOKIE, theme)
        if keys in KEYS:
            self._pages.keep(call.request, response, KEYS_COOKIE, keys)
        return response

    def _form(self, call: Call, after: str, *, name: str = "", error: str = "") -> Response:
        values = {"next": after, "name": name, "error": error, "offer": self._oidc.offer()}
        return self._pages.show(call, "sign_in.html", 401 if error else 200, **values)


class NewcomerScreens:
    """Where people choose a name who have come from an OpenID provider for the first time."""

    def __init__(self, pages: Pages, sign_ins: SignIns, browsers: Browsers, oidc: OidcSignIn) -> None:
        self._pages = pages
        self._sign_ins = sign_ins
        self._browsers = browsers
        self._oidc = oidc

    def get(self, call: Call) -> Response:
        return self._form(call, call.query("username") or "")

    def post(self, call: Call) -> Response:
        request = call.request
        self._browsers.must_be_asked_for_here(request)
        name = call.form("name")
        try:
            arrival = self._oidc.onboard(request.cookies.get(NEWCOMER_COOKIE, ""), name)
        except Conflict:
            return self._form(call, name, marked("There is a user with this name or address already."))
        except RequestInvalid as error:
            return self._form(call, name, marked("The account was not made:"), error.message)
        except Unauthorized:
            return self._pages.go(call, SIGN_IN, marked("That took too long: sign in once more."))
        response = self._pages.go(call, arrival.target)
        self._browsers.give(request, response, NEWCOMER_COOKIE, "", seconds=0)
        if arrival.user:
            self._browsers.remember(request, response, self._sign_ins.begin(request, arrival.user))
        return response

    def _form(self, call: Call, name: str, error: str = "", detail: str = "") -> Response:
        status = 422 if error else 200
        return self._pages.show(call, "newcomer.html", status, name=name, error=error, detail=detail)


def _next(wanted: str | None) -> str:
    """Where to go on: only an address of the page itself, however a browser may read the text."""
    is_ours = wanted and wanted.startswith(HOME) and wanted.isascii() and wanted.isprintable() and "\\" not in wanted
    return wanted if wanted and is_ours else HOME
