"""What keeps a browser signed in, and keeps others from using that.

A browser sends its cookies also when a page of somebody else makes it ask. So whatever changes something takes a header
or a form's field that only pages of this registry know: a code over the session's secret and a random cookie. Requests
that carry credentials of their own need none of this, and get no cookie. The names are those that Harbor has.
"""

import hmac
import re
import secrets
from base64 import urlsafe_b64encode

from starlette.requests import Request
from starlette.responses import Response

from auth.accounts import Accounts
from auth.basic import BadCredentials, Credentials
from registry.core.sessions import Sessions
from registry.errors import Forbidden, Unauthorized
from registry.origins import Origin
from storage.metadata.users import UserRecord

SESSION_COOKIE = "sid"
PROOF_COOKIE = "_gorilla_csrf"
PROOF_HEADER = "X-Harbor-CSRF-Token"
NEWCOMER_COOKIE = "oidc_newcomer"
NO_RENEWAL_HEADER = "X-Harbor-No-Session-Renewal"
PROOF_FIELD = "proof"
GIVEN_PROOF, _SEED = "cove.proof", "cove.proof_seed"
_SECRET = re.compile(r"[A-Za-z0-9_-]{20,100}")


class Browsers:
    def __init__(self, origin: Origin) -> None:
        self._origin = origin

    def secret(self, request: Request) -> str | None:
        """That of the session, if the browser has one."""
        return _cookie(request, SESSION_COOKIE)

    def must_be_asked_for_here(self, request: Request) -> None:
        """Raises `Forbidden` for what a page of somebody else may have sent; the answer tells ours the code."""
        seed = _cookie(request, PROOF_COOKIE)
        given = request.scope.get(GIVEN_PROOF) or request.headers.get(PROOF_HEADER)
        if given and seed and hmac.compare_digest(given.encode(), _code(seed, self.secret(request)).encode()):
            return
        answer = Response()
        self.tell_code(request, answer)
        told = {name: answer.headers[name] for name in (PROOF_HEADER, "Set-Cookie") if name in answer.headers}
        raise Forbidden(f"CSRF token {'invalid' if given else 'not found in request'}", headers=told)

    def tell_code(self, request: Request, response: Response, *, secret: str | None = None) -> None:
        """Let the page know what to send with its next change: for a new session, that of `secret`."""
        if _cookie(request, PROOF_COOKIE) is None:
            self._set(request, response, PROOF_COOKIE, _seed(request), "strict")
        response.headers[PROOF_HEADER] = _code(_seed(request), secret or self.secret(request))

    def code(self, request: Request) -> str:
        """What the forms of the page that answers this request have to send; `tell_code` completes the answer."""
        return _code(_seed(request), self.secret(request))

    def remember(self, request: Request, response: Response, secret: str) -> None:
        """Sign the browser in with a session's secret."""
        self._set(request, response, SESSION_COOKIE, secret, "lax")

    def forget(self, request: Request, response: Response) -> None:
        response.delete_cookie(SESSION_COOKIE, secure=self._is_secure(request), httponly=True, samesite="lax")

    def give(self, request: Request, response: Response, name: str, value: str, *, seconds: int) -> None:
        """Have a browser bring something back soon, also when it comes from another site; without a value, no more."""
        response.set_cookie(
            name, value, max_age=seconds, secure=self._is_secure(request), httponly=True, samesite="lax"
        )

    def _set(self, request: Request, response: Response, name: str, value: str, same_site: str) -> None:
        response.set_cookie(
            name,
            value,
            secure=self._is_secure(request),
            httponly=True,
            samesite=same_site,  # type: ignore[arg-type]  # one of its words
        )

    def _is_secure(self, request: Request) -> bool:
        return self._origin.base(request).startswith("https:")


class SignIns:
    """People who sign in with a browser, by name and password; programs send their credentials with each request."""

    def __init__(self, accounts: Accounts, sessions: Sessions, browsers: Browsers, origin: Origin) -> None:
        self._accounts = accounts
        self._sessions = sessions
        self._browsers = browsers
        self._origin = origin

    def enter(self, request: Request, name: str, password: str) -> str:
        """Begin a session in place of the one that the browser has, and return its secret.

        Raises `Unauthorized` for who is not known, or is no person with a password here.
        """
        # No account has a name that cannot be printed, and not every database can look for one.
        if not (name and name.isprintable() and password):
            raise Unauthorized("incorrect username or password")
        try:
            actor = self._accounts.sign_in(Credentials(name, password), self._origin.client(request))
        except BadCredentials as error:
            raise Unauthorized(str(error)) from None
        if actor.user is None or actor.key or actor.user.source == "oidc":
            raise Unauthorized("only people sign in here, with their password")
        return self.begin(request, actor.user)

    def begin(self, request: Request, user: UserRecord) -> str:
        """As `enter`, for somebody of whom it is known who that is."""
        address, agent = self._origin.client(request), request.headers.get("user-agent", "")
        return self._sessions.begin(user, address=address, agent=agent, instead_of=self._browsers.secret(request))

    def leave(self, request: Request) -> UserRecord | None:
        """End the session of the browser, if there is one, and tell whose it was."""
        secret = self._browsers.secret(request)
        actor = self._sessions.find(secret, renews=False) if secret else None
        if actor is None:
            return None
        self._sessions.end(actor)
        return actor.user

    def knows(self, request: Request, name: str, password: str) -> bool:
        """Whether that is the password of the account, and no token of it."""
        try:
            return self._accounts.sign_in(Credentials(name, password), self._origin.client(request)).key is None
        except BadCredentials:
            return False


def _cookie(request: Request, name: str) -> str | None:
    value = request.cookies.get(name)
    return value if value and _SECRET.fullmatch(value) else None


def _seed(request: Request) -> str:
    """The random cookie of the browser, or what is to become it."""
    seed: str = request.scope.setdefault(_SEED, _cookie(request, PROOF_COOKIE) or _random())
    return seed


def _code(seed: str, secret: str | None) -> str:
    """Without a padding: some clients cut a cookie at its first `=`."""
    return urlsafe_b64encode(hmac.digest(seed.encode(), (secret or "").encode(), "sha256")).decode().rstrip("=")


def _random() -> str:
    return secrets.token_urlsafe(32)
