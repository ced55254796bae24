"""Signing in and out with a browser: `/c/login`, `/c/log_out`, and whether a name is taken."""

from starlette.responses import RedirectResponse, Response

from registry.api.answers import done, shown
from registry.browsers import Browsers, SignIns
from registry.contracts import FORM, answers
from registry.core.oidc import OidcSignIn
from registry.core.people import People
from registry.errors import BadQuery
from registry.forms import field_of, parse_form
from registry.origins import Origin
from registry.web import Call


class BrowserEndpoints:
    def __init__(self, sign_ins: SignIns, browsers: Browsers, origin: Origin, people: People, oidc: OidcSignIn) -> None:
        self._sign_ins = sign_ins
        self._browsers = browsers
        self._origin = origin
        self._people = people
        self._oidc = oidc

    @answers(takes=FORM, refuses=(401, 403, 429))
    def log_in(self, call: Call) -> Response:
        """With the form `principal` and `password` of a person: programs use Basic credentials."""
        request = call.request
        self._browsers.must_be_asked_for_here(request)
        form = parse_form(call.body)
        secret = self._sign_ins.enter(request, field_of(form, "principal"), field_of(form, "password"))
        response = done()
        self._browsers.remember(request, response, secret)
        self._browsers.tell_code(request, response, secret=secret)
        return response

    @answers(refuses=(302, 503))
    def log_out(self, call: Call) -> Response:
        user = self._sign_ins.leave(call.request)
        elsewhere = self._oidc.address_to_sign_out(user, self._origin.base(call.request))
        response = RedirectResponse(elsewhere, 302) if elsewhere else done()
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
