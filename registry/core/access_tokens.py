"""Personal access tokens: secrets that people make for their programs, to be used in place of the password.

What a program may do with one is never more than its account may, nor than the token says; and it ends by itself.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from auth.access import Actor
from auth.permits import Permit
from auth.secrets import generate_token, hash_secret
from registry.core import audit, people
from registry.core.clocks import DAY_MS
from registry.core.permits import must_be_grantable, permits_text
from registry.errors import BadQuery, Conflict, Denied, NotFound
from storage.clock import now_ms
from storage.metadata import access_tokens
from storage.metadata.access_tokens import AccessTokenRecord
from storage.metadata.database import Database, Transaction
from storage.metadata.users import UserRecord

FOR_EVER = -1
USUAL_DAYS = 30
MOST = 100
_DAYS_LIMIT = 36_500
_NAME_LIMIT = 255


@dataclass(frozen=True, slots=True)
class Wish:
    """What a token is to be. `days` is -1 for one that does not expire; no `permissions` are all of the account."""

    name: str
    days: int = USUAL_DAYS
    permissions: Sequence[Permit] | None = None


class AccessTokens:
    """What is done to them is on record."""

    def __init__(self, database: Database, *, clock: Callable[[], int] = now_ms) -> None:
        self._database = database
        self._clock = clock

    def list_of(self, user_id: int) -> list[AccessTokenRecord]:
        """Those of somebody by their names, also those that have expired. Raises `NotFound`."""
        with self._database.read() as tx:
            people.must_exist(tx, user_id)
            return access_tokens.list_of(tx, user_id)

    def create(self, actor: Actor, user_id: int, wish: Wish) -> tuple[AccessTokenRecord, str]:
        """A new token of somebody, and its secret, which nobody can read again.

        Raises `BadQuery`, `NotFound`, `Conflict`; and `Denied` for a program that has only a token itself.
        """
        must_be_in_person(actor)
        _must_be_sound(wish)
        secret, now = generate_token(), self._clock()
        with self._database.write() as tx:
            user = people.must_exist(tx, user_id)
            if len(access_tokens.list_of(tx, user_id)) >= MOST:
                raise Conflict(f"user {user.name} has {MOST} access tokens: revoke some")
            if access_tokens.find(tx, user_id, wish.name):
                raise Conflict(f"access token {wish.name} of user {user.name} already exists")
            values = {
                "user_id": user_id,
                "name": wish.name,
                "secret_hash": hash_secret(secret),
                "permissions": None if wish.permissions is None else permits_text(wish.permissions),
                "created_at": now,
                "expires_at": None if wish.days == FOR_EVER else now + wish.days * DAY_MS,
                "used_at": None,
            }
            made = access_tokens.add(tx, values)
            _note(tx, actor, "create", user, made)
        return made, secret

    def revoke(self, actor: Actor, user_id: int, number: int) -> AccessTokenRecord:
        """From now on nobody can use it, nor what was issued for it. Raises `NotFound`, `Denied` as for `create`."""
        if not actor.key or actor.key.id != number:
            must_be_in_person(actor)
        with self._database.write() as tx:
            user = people.must_exist(tx, user_id)
            token = access_tokens.find_by_id(tx, number)
            if token is None or token.user_id != user_id:
                raise NotFound(f"access token {number} not found")
            access_tokens.remove(tx, token.id)
            _note(tx, actor, "delete", user, token)
            return token


def must_be_in_person(actor: Actor) -> None:
    """Raises `Denied` for a program that has only a token: it must not outlive that, nor lock its owner out."""
    if actor.key:
        raise Denied("a personal access token is not enough for this: sign in with the password")


def _must_be_sound(wish: Wish) -> None:
    if not 1 <= len(wish.name) <= _NAME_LIMIT or not wish.name.isprintable() or wish.name != wish.name.strip():
        raise BadQuery(f"bad request: the name of an access token has 1 to {_NAME_LIMIT} printable characters")
    if wish.days != FOR_EVER and not 1 <= wish.days <= _DAYS_LIMIT:
        raise BadQuery(f"bad request: an access token lasts for 1 to {_DAYS_LIMIT} days, or for ever with {FOR_EVER}")
    if wish.permissions is not None:
        must_be_grantable(wish.permissions)


def _note(tx: Transaction, actor: Actor, operation: str, user: UserRecord, token: AccessTokenRecord) -> None:
    audit.record(
        tx,
        actor,
        operation=operation,
        resource_type="access-token",
        resource=token.name,
        description=f"{operation} access token: {token.name} of user {user.name}",
    )
