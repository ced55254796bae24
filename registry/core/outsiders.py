"""People whom another system vouches for: an account is made when they first come, and kept as they are told."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from hmac import compare_digest
from typing import Literal

from auth.access import Actor
from registry.core import audit
from registry.core.groups import Wish, get_or_add_sound
from registry.core.people import must_be_free
from registry.core.users import must_be_username, must_not_be_last_admin
from registry.errors import Conflict, Unauthorized
from storage.clock import now_ms
from storage.metadata import groups, users, vouchings
from storage.metadata.database import Database, Transaction
from storage.metadata.users import UserRecord
from storage.metadata.vouchings import VouchingRecord

NO_PASSWORD = ""
_TEXT_LIMIT = 255
_NOTED_EVERY_MS = 10 * 60 * 1000


@dataclass(frozen=True, slots=True)
class Outsider:
    """Somebody as the other system tells: `external_id` is known for ever, the rest may be another one next time.

    `groups` and `is_admin` are None where it does not tell them. `provider_token` is for asking it again.
    """

    source: Literal["oidc", "ldap"]
    external_id: str
    name: str
    email: str
    real_name: str
    groups: Sequence[Wish] | None = None
    is_admin: bool | None = None
    provider_token: str = field(default="", repr=False)


class Outsiders:
    def __init__(self, database: Database, *, clock: Callable[[], int] = now_ms) -> None:
        self._database = database
        self._clock = clock

    def is_known(self, outsider: Outsider) -> bool:
        with self._database.read() as tx:
            return users.find_by_external_id(tx, outsider.external_id) is not None

    def admit(self, outsider: Outsider, *, only_new: bool = False) -> UserRecord:
        """The account as it is from now on.

        Raises `Unauthorized` for one that is disabled, with `only_new` for any that was made before; `RequestInvalid`
        and `Conflict` for a new one whose name cannot be that of an account.
        """
        with self._database.write() as tx:
            known = users.find_by_external_id(tx, outsider.external_id)
            if known and only_new:
                raise Unauthorized("the account was made before: sign in once more")
            known = known or self._add(tx, outsider)
            if known.is_disabled:
                raise Unauthorized("the account is disabled")
            self._refresh(tx, known, outsider)
            if outsider.groups is not None:
                held = {group.id for group in get_or_add_sound(tx, outsider.groups)}
                groups.put_user(tx, known.id, held)
            if outsider.is_admin is not None:
                _set_standing(tx, known, is_admin=outsider.is_admin)
            self._note(tx, known, outsider)
            refreshed = users.find_by_id(tx, known.id)
        assert refreshed is not None, "it was found or made in this transaction"  # noqa: S101
        return refreshed

    def _add(self, tx: Transaction, outsider: Outsider) -> UserRecord:
        must_be_username(outsider.name)
        must_be_free(tx, outsider.name)
        made = users.add(
            tx,
            outsider.name,
            NO_PASSWORD,
            is_admin=False,
            now=self._clock(),
            source=outsider.source,
            external_id=outsider.external_id,
        )
        audit.record(tx, Actor(made), operation="create", resource_type="user", resource=made.name)
        return made

    def _note(self, tx: Transaction, known: UserRecord, outsider: Outsider) -> None:
        """That it is there; not at every sign-in, of which there may be many."""
        now, before = self._clock(), vouchings.find(tx, known.id)
        token = outsider.provider_token or (before.provider_token if before else "")
        is_same = before and not before.is_gone and compare_digest(before.provider_token.encode(), token.encode())
        if not before or not is_same or now - before.confirmed_at >= _NOTED_EVERY_MS:
            vouchings.put_record(tx, VouchingRecord(known.id, now, now, provider_token=token))

    def _refresh(self, tx: Transaction, known: UserRecord, outsider: Outsider) -> None:
        """An address that another account has is left out: one may sign in with it."""
        email = outsider.email[:_TEXT_LIMIT] or None
        others = (users.find(tx, email), users.find_by_email(tx, email)) if email else ()
        if any(other and other.id != known.id for other in others):
            email = known.email
        real_name = outsider.real_name[:_TEXT_LIMIT]
        if (email, real_name) != (known.email, known.real_name):
            comment, now = known.comment, self._clock()
            users.set_profile(tx, known.id, email=email, real_name=real_name, comment=comment, now=now)


def _set_standing(tx: Transaction, user: UserRecord, *, is_admin: bool) -> None:
    """By its groups somebody becomes an administrator, and is one no more: but for the last, and those made by hand."""
    if is_admin and not user.is_admin:
        users.set_admin(tx, user.id, admin=True, by_group=True)
    if is_admin or not user.is_group_admin:
        return
    try:
        must_not_be_last_admin(tx, user)
    except Conflict:
        return
    users.set_admin(tx, user.id, admin=False)
