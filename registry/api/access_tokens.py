"""Personal access tokens and browsers that are signed in: `/users/current/tokens`, `/users/current/sessions`; and those
of others, for administrators.
"""

import msgspec
from starlette.responses import Response

from auth.permits import Permit
from registry.api.answers import Model, created, done, shown, time_text
from registry.api.bodies import parse_body
from registry.contracts import answers
from registry.core.access_tokens import FOR_EVER, USUAL_DAYS, AccessTokens, Wish, must_be_in_person
from registry.core.sessions import Sessions
from registry.errors import PreconditionFailed
from registry.web import Call
from storage.metadata.access_tokens import AccessTokenRecord
from storage.metadata.sessions import SessionRecord


class AccessToken(Model, kw_only=True):
    """`expires_at` is in seconds since 1970, and -1 for never; `permissions` are null for all of the account."""

    id: int
    name: str
    permissions: list[Permit] | None
    creation_time: str
    last_used_time: str
    expires_at: int
    secret: str = ""


class NewAccessToken(Model, kw_only=True):
    """`duration` is in days, and -1 for ever."""

    name: str = ""
    duration: int = USUAL_DAYS
    permissions: list[Permit] | None = None


class Session(Model, kw_only=True):
    """A browser that is signed in; `current` is the one that asks."""

    id: int
    address: str
    agent: str
    creation_time: str
    last_used_time: str
    expiration_time: str
    current: bool = False


class AccessTokenEndpoints:
    def __init__(self, tokens: AccessTokens, sessions: Sessions) -> None:
        self._tokens = tokens
        self._sessions = sessions

    @answers(list[AccessToken], refuses=(404, 412))
    def index(self, call: Call) -> Response:
        return shown([_shown(token) for token in self._tokens.list_of(_whose(call))])

    @answers(AccessToken, takes=NewAccessToken, status=201, refuses=(409, 412))
    def post(self, call: Call) -> Response:
        """The one time that the secret is shown."""
        wanted = parse_body(call.body, NewAccessToken)
        wish = Wish(wanted.name, wanted.duration, wanted.permissions)
        token, secret = self._tokens.create(call.actor, _whose(call), wish)
        return created(call, token.id, content=_shown(token, secret))

    @answers(refuses=(412,))
    def delete(self, call: Call) -> Response:
        self._tokens.revoke(call.actor, _whose(call), call.number("token_id"))
        return done()

    @answers(list[Session], refuses=(404, 412))
    def index_sessions(self, call: Call) -> Response:
        found = self._sessions.list_of(_whose(call))
        return shown([_shown_session(each, call.actor.session_id) for each in found])

    @answers(refuses=(412,))
    def delete_session(self, call: Call) -> Response:
        must_be_in_person(call.actor)
        self._sessions.revoke(call.actor, _whose(call), call.number("session_id"))
        return done()


def _whose(call: Call) -> int:
    """The number of the account in the address, or of the one that asks."""
    if "user_id" in call.request.path_params:
        return call.number("user_id")
    if call.actor.user_id is None:
        raise PreconditionFailed("only people have access tokens and sessions")
    return call.actor.user_id


def _shown(token: AccessTokenRecord, secret: str = "") -> AccessToken:
    permissions = None if token.permissions is None else msgspec.json.decode(token.permissions, type=list[Permit])
    return AccessToken(
        id=token.id,
        name=token.name,
        permissions=permissions,
        creation_time=time_text(token.created_at),
        last_used_time=time_text(token.used_at),
        expires_at=FOR_EVER if token.expires_at is None else token.expires_at // 1000,
        secret=secret,
    )


def _shown_session(session: SessionRecord, current: int | None) -> Session:
    return Session(
        id=session.id,
        address=session.address,
        agent=session.agent,
        creation_time=time_text(session.created_at),
        last_used_time=time_text(session.used_at),
        expiration_time=time_text(session.expires_at),
        current=session.id == current,
    )
