"""Signing in with a browser: a secret that only the browser knows stands for the account, until it is not used for an
hour, somebody ends it, or the account gets another password or standing.
"""

from collections.abc import Callable

from auth.access import Actor
from auth.secrets import generate_session_secret, hash_secret
from registry.core import audit, settings
from registry.errors import NotFound
from storage.clock import now_ms
from storage.metadata import sessions, users
from storage.metadata.database import Database, Transaction
from storage.metadata.sessions import SessionRecord
from storage.metadata.users import UserRecord

_MINUTE_MS = 60_000
_TEXT_LIMIT = 255


class Sessions:
    """How long one lasts without being used is a setting: `session_timeout`, in minutes."""

    def __init__(self, database: Database, *, clock: Callable[[], int] = now_ms) -> None:
        self._database = database
        self._clock = clock

    def begin(self, user: UserRecord, *, address: str, agent: str, instead_of: str | None = None) -> str:
        """The secret of a new session, which takes the place of the one that the browser had, if it had one."""
        secret, now = generate_session_secret(), self._clock()
        with self._database.write() as tx:
            sessions.remove_expired(tx, now)
            if instead_of:
                sessions.remove_by_hash(tx, hash_secret(instead_of))
            values = {
                "secret_hash": hash_secret(secret),
                "user_id": user.id,
                "credential_version": user.credential_version,
                "address": address[:_TEXT_LIMIT],
                "agent": agent[:_TEXT_LIMIT],
                "created_at": now,
                "used_at": now,
                "expires_at": now + _lifetime(tx),
            }
            sessions.add(tx, values)
            audit.record(tx, Actor(user), operation="login", resource_type="user", resource=user.name)
        return secret

    def find(self, secret: str, *, renews: bool) -> Actor | None:
        """Whoever is signed in with it now; unless `renews` is false, that counts as using the session."""
        now = self._clock()
        with self._database.read() as tx:
            session = sessions.find_by_hash(tx, hash_secret(secret))
            user = users.find_by_id(tx, session.user_id) if session else None
        if session is None or user is None or user.is_disabled or now >= session.expires_at:
            return None
        if user.credential_version != session.credential_version:
            return None
        if renews and now - session.used_at >= _MINUTE_MS:
            with self._database.write(durable=False) as tx:
                sessions.mark_used(tx, session.id, now=now, expires_at=now + _lifetime(tx))
        return Actor(user, session_id=session.id)

    def end(self, actor: Actor) -> None:
        """Sign the browser out; without a session there is nothing to do."""
        if actor.session_id is None:
            return
        with self._database.write() as tx:
            sessions.remove(tx, actor.session_id)
            audit.record(tx, actor, operation="logout", resource_type="user", resource=actor.name)

    def list_of(self, user_id: int) -> list[SessionRecord]:
        """Those of somebody, the last used first."""
        with self._database.read() as tx:
            return sessions.list_of(tx, user_id, self._clock())

    def revoke(self, actor: Actor, user_id: int, session_id: int) -> None:
        """End a session of somebody from elsewhere. Raises `NotFound`."""
        with self._database.write() as tx:
            if not sessions.remove(tx, session_id, user_id=user_id):
                raise NotFound(f"session {session_id} not found")
            name = user.name if (user := users.find_by_id(tx, user_id)) else ""
            audit.record(tx, actor, operation="logout", resource_type="user", resource=name)

    def revoke_others(self, actor: Actor, user_id: int) -> None:
        """End all sessions of somebody but the one that asks for it."""
        with self._database.write() as tx:
            user = users.find_by_id(tx, user_id)
            if user and sessions.remove_others(tx, user_id, actor.session_id):
                audit.record(tx, actor, operation="logout", resource_type="user", resource=user.name)


def _lifetime(tx: Transaction) -> int:
    return settings.read_number(tx, "session_timeout") * _MINUTE_MS
