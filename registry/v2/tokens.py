"""The token service (Docker's "Token Authentication Specification", and its OAuth2 form for POST)."""

from starlette.responses import Response

from auth.access import Actor
from auth.accounts import Accounts
from auth.basic import BadCredentials, Credentials, parse_basic
from auth.scope import BadScope, parse_scopes
from auth.tokens import BadToken
from registry.contracts import FORM, answers
from registry.core.tokens import Issued, Tokens
from registry.errors import RequestInvalid, Unauthorized
from registry.forms import field_of, parse_form
from registry.hot import GOOD_UNTIL
from registry.origins import Origin
from registry.threads import Threads, to_the_end
from registry.web import SERVICE, Call, json_response, read_body
from storage.clock import now_ms, utc_text

_FORM_LIMIT = 64 * 1024
REPEAT_SECONDS = 10  # for which the same request gets the same token again: its time is told by `issued_at`
_WRONG = "incorrect username or password"


class TokenEndpoints:
    def __init__(self, accounts: Accounts, tokens: Tokens, origin: Origin, threads: Threads) -> None:
        self._accounts = accounts
        self._tokens = tokens
        self._origin = origin
        self._threads = threads

    @answers(dict[str, str | int], query=("service", "scope", "account", "offline_token"), refuses=(400, 401, 429))
    def get(self, call: Call) -> Response:
        """For Basic credentials, or for nobody without any.

        To sign a token takes a millisecond of a core with all that belongs to it; a pipeline whose jobs begin at once
        asks for the same one dozens of times. While the records are what they were, right credentials stay right.
        """
        _must_be_ours(call.query("service"))
        headers = call.request.headers.getlist("authorization")
        actor = self._by_header(call, headers) if headers else Actor()
        scopes = call.request.query_params.getlist("scope")
        issued = self._issue(actor, scopes, wants_refresh=call.query("offline_token") == "true")
        # What was refused may be granted with a record that is added, which a generation does not tell.
        if actor.has_own_secret and issued.is_whole and not issued.refresh_token:
            call.request.scope[GOOD_UNTIL] = min(now_ms() / 1000 + REPEAT_SECONDS, actor.lapses_at)
        return _answered(issued)

    @answers(dict[str, str | int], takes=FORM, refuses=(401, 429))
    async def post(self, call: Call) -> Response:
        """For a form with a password or a refresh token."""
        body = await read_body(call.request, _FORM_LIMIT)
        if body is None:
            raise RequestInvalid("the form is too large")
        return await to_the_end(self._threads.passwords, self._answer_form, call, parse_form(body))

    def _answer_form(self, call: Call, form: dict[str, list[str]]) -> Response:
        _must_be_ours(field_of(form, "service"))
        kind = field_of(form, "grant_type")
        if kind == "password":
            actor = self._by_password(call, Credentials(field_of(form, "username"), field_of(form, "password")))
        elif kind == "refresh_token":
            actor = self._by_refresh_token(field_of(form, "refresh_token"))
        else:
            raise RequestInvalid("grant_type must be password or refresh_token")
        wants_refresh = field_of(form, "access_type") == "offline"
        return _answered(self._issue(actor, form.get("scope", []), wants_refresh=wants_refresh))

    def _by_header(self, call: Call, headers: list[str]) -> Actor:
        try:
            credentials = parse_basic(headers[0]) if len(headers) == 1 else None
        except BadCredentials as error:
            raise Unauthorized(str(error)) from None
        if credentials is None:
            raise Unauthorized("sign in with Basic credentials")
        return self._by_password(call, credentials)

    def _by_password(self, call: Call, credentials: Credentials) -> Actor:
        # No account has a name that cannot be printed, and not every database can look for one.
        if not (credentials.username and credentials.username.isprintable() and credentials.password):
            raise Unauthorized(_WRONG)
        try:
            actor = self._accounts.sign_in(credentials, self._origin.client(call.request))
        except BadCredentials:
            raise Unauthorized(_WRONG) from None
        call.request.scope["cove.user"] = actor.name
        return actor

    def _by_refresh_token(self, token: str) -> Actor:
        try:
            return self._accounts.by_refresh_token(token)
        except BadToken as error:
            raise Unauthorized(str(error)) from None

    def _issue(self, actor: Actor, values: list[str], *, wants_refresh: bool) -> Issued:
        try:
            scopes = parse_scopes(values)
        except BadScope as error:
            raise RequestInvalid(str(error)) from None
        return self._tokens.issue(actor, scopes, wants_refresh=wants_refresh)


def _answered(issued: Issued) -> Response:
    answer: dict[str, object] = {
        "token": issued.token,
        "access_token": issued.token,
        "scope": issued.scope,
        "expires_in": issued.lifetime,
        "issued_at": utc_text(now_ms()),
    }
    if issued.refresh_token:
        answer["refresh_token"] = issued.refresh_token
    return json_response(answer, headers={"Cache-Control": "no-store"})


def _must_be_ours(service: str | None) -> None:
    if service not in (None, "", SERVICE):
        raise RequestInvalid(f"unknown service {service[:80]!r}: this is {SERVICE!r}")
