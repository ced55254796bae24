"""Signing in with an OpenID provider: `/c/oidc/login`, where it sends the browser back to, and choosing a name."""

from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from registry.api.answers import Model, done
from registry.api.bodies import parse_body
from registry.browsers import NEWCOMER_COOKIE, Browsers, SignIns
from registry.contracts import FORM, answers
from registry.core.oidc import ATTEMPT_SECONDS, Arrival, OidcSignIn
from registry.errors import BadQuery
from registry.forms import field_of, parse_form
from registry.origins import Origin
from registry.web import PAGES, Call
from storage.metadata.users import UserRecord

ONBOARDING_PAGE = f"{PAGES}/oidc-onboard"
_ATTEMPT_COOKIE = "oidc_attempt"


class Ping(Model, kw_only=True):
    """A provider to be looked for."""

    url: str = ""
    verify_cert: bool = True


class OidcEndpoints:
    def __init__(self, oidc: OidcSignIn, sign_ins: SignIns, browsers: Browsers, origin: Origin) -> None:
        self._oidc = oidc
        self._sign_ins = sign_ins
        self._browsers = browsers
        self._origin = origin

    @answers(status=302, query=("redirect_url",), refuses=(412, 503))
    def log_in(self, call: Call) -> Response:
        """To the provider."""
        target = call.query("redirect_url") or "/"
        address, sealed = self._oidc.begin(self._origin.base(call.request), target)
        response = RedirectResponse(address, 302)
        self._browsers.give(call.request, response, _ATTEMPT_COOKIE, sealed, seconds=ATTEMPT_SECONDS)
        return response

    @answers(status=302, query=("state", "code"), refuses=(401, 409, 412))
    def callback(self, call: Call) -> Response:
        """From the provider: on to where the browser wanted to go, or to the page where newcomers choose a name."""
        request = call.request
        arrival = self._oidc.finish(
            self._origin.base(request),
            request.cookies.get(_ATTEMPT_COOKIE, ""),
            state=call.query("state") or "",
            code=call.query("code") or "",
        )
        response = RedirectResponse(_next_place(arrival), 302)
        self._browsers.give(request, response, _ATTEMPT_COOKIE, "", seconds=0)
        if arrival.user:
            self._remember(request, response, arrival.user)
        else:
            self._browsers.give(request, response, NEWCOMER_COOKIE, arrival.newcomer, seconds=ATTEMPT_SECONDS)
        return response

    @answers(takes=FORM, refuses=(401, 403, 409))
    def onboard(self, call: Call) -> Response:
        """With the form `username`, from the browser of a newcomer."""
        request = call.request
        self._browsers.must_be_asked_for_here(request)
        name = field_of(parse_form(call.body), "username")
        arrival = self._oidc.onboard(request.cookies.get(NEWCOMER_COOKIE, ""), name)
        response = done()
        self._browsers.give(request, response, NEWCOMER_COOKIE, "", seconds=0)
        if arrival.user:
            self._remember(request, response, arrival.user)
        return response

    def _remember(self, request: Request, response: Response, user: UserRecord) -> None:
        secret = self._sign_ins.begin(request, user)
        self._browsers.remember(request, response, secret)
        self._browsers.tell_code(request, response, secret=secret)

    @answers(takes=Ping)
    def ping(self, call: Call) -> Response:
        wanted = parse_body(call.body, Ping)
        if not wanted.url.startswith(("https://", "http://")):
            raise BadQuery("bad request: url must be the address of an OpenID provider")
        self._oidc.ping(wanted.url, verifies_certificates=wanted.verify_cert)
        return done()


def _next_place(arrival: Arrival) -> str:
    if arrival.user:
        return arrival.target
    return f"{ONBOARDING_PAGE}?{urlencode({'username': arrival.suggestion, 'redirect_url': arrival.target})}"
