"""The page that the link of the first start leads to."""

import hmac

from starlette.responses import Response

from registry.browsers import Browsers, SignIns
from registry.core.first_passwords import FirstPasswords
from registry.errors import RequestInvalid
from registry.ui.languages import marked
from registry.ui.pages import Pages
from registry.web import PAGES, Call


class SetupScreens:
    def __init__(self, pages: Pages, passwords: FirstPasswords, sign_ins: SignIns, browsers: Browsers) -> None:
        self._pages = pages
        self._passwords = passwords
        self._sign_ins = sign_ins
        self._browsers = browsers

    def get(self, call: Call) -> Response:
        return self._form(call, call.query("token") or "")

    def post(self, call: Call) -> Response:
        """Choose the password, and go on signed in."""
        self._browsers.must_be_asked_for_here(call.request)
        token, password = call.form("token"), call.secret("password")
        if not hmac.compare_digest(
            *(call.secret(name).encode(errors="surrogatepass") for name in ("password", "again"))
        ):
            return self._form(call, token, marked("The two passwords differ."))
        try:
            user = self._passwords.choose(token, password)
        except RequestInvalid as error:
            return self._form(call, token, marked("The password was not changed:"), error.message)
        secret = self._sign_ins.enter(call.request, user.name, password)
        response = self._pages.go(
            call, f"{PAGES}/", marked("Welcome, %(name)s: the registry is yours."), name=user.name
        )
        self._browsers.remember(call.request, response, secret)
        return response

    def _form(self, call: Call, token: str, error: str = "", detail: str = "") -> Response:
        """Raises `NotFound` for a link that is not good any more."""
        user, status = self._passwords.find(token), 422 if error else 200
        return self._pages.show(call, "setup.html", status, user=user, token=token, error=error, detail=detail)
