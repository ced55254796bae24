"""Who sends a request: by the `Authorization` header, or, for a page and its API, by the session of the browser."""

import math

from starlette.requests import Request

from auth.access import Actor
from auth.accounts import Accounts
from auth.basic import BadCredentials, parse_basic
from auth.tokens import BadToken
from registry.browsers import NO_RENEWAL_HEADER, Browsers
from registry.core.sessions import Sessions
from registry.errors import Unauthorized
from registry.origins import Origin

READER = "cove.reader"
_SAFE = ("GET", "HEAD")


class Callers:
    """With `is_open` everybody may do everything, and nobody is asked for a name."""

    def __init__(
        self, accounts: Accounts, sessions: Sessions, browsers: Browsers, origin: Origin, *, is_open: bool
    ) -> None:
        self._accounts = accounts
        self._sessions = sessions
        self._browsers = browsers
        self._origin = origin
        self._is_open = is_open

    def identify(self, request: Request) -> Actor:
        """Nobody without credentials. Raises `Unauthorized` for those that are wrong."""
        values = request.headers.getlist("authorization")
        if self._is_open:
            return Actor(good_until=math.inf)
        if not values:
            return Actor()
        if len(values) > 1:
            raise Unauthorized("the request has more than one Authorization header")
        scheme, _, token = values[0].strip().partition(" ")
        actor = self._by_token(token.strip()) if scheme.lower() == "bearer" else self._by_password(request, values[0])
        request.scope["cove.user"] = actor.name
        return actor

    def identify_browser(self, request: Request) -> Actor:
        """As `identify`, and a browser that is signed in where there are no credentials.

        Raises `Forbidden` for a change that a page of somebody else may have made the browser ask for.
        """
        actor = self.identify(request)
        secret = self._browsers.secret(request)
        if not actor.is_anonymous or self._is_open or secret is None or "authorization" in request.headers:
            return actor
        renews = request.headers.get(NO_RENEWAL_HEADER, "").lower() != "true"
        found = self._by_session(secret, renews=renews)
        if found is None:
            return actor
        if request.method not in _SAFE:
            self._browsers.must_be_asked_for_here(request)
        request.scope["cove.user"] = found.name
        return found

    def identify_page(self, request: Request) -> Actor:
        """Whoever is signed in with the browser. Raises `Forbidden` for a change that no page of ours asks for."""
        if request.method not in _SAFE:
            self._browsers.must_be_asked_for_here(request)
        secret = self._browsers.secret(request)
        found = self._by_session(secret, renews=True) if secret and not self._is_open else None
        if found is None:
            return Actor(good_until=math.inf if self._is_open else 0)
        request.scope.update({"cove.user": found.name, READER: found})
        return found

    def _by_session(self, secret: str, *, renews: bool) -> Actor | None:
        found = self._sessions.find(secret, renews=renews)
        return self._accounts.vouched(found) if found else None

    def _by_token(self, token: str) -> Actor:
        try:
            return self._accounts.by_token(token)
        except BadToken as error:
            raise Unauthorized(str(error), error="invalid_token") from None

    def _by_password(self, request: Request, header: str) -> Actor:
        try:
            credentials = parse_basic(header)
            if credentials:
                return self._accounts.sign_in(credentials, self._origin.client(request))
        except BadCredentials as error:
            raise Unauthorized(str(error)) from None
        raise Unauthorized("use Bearer or Basic credentials")
