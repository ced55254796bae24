"""Whether people who come from elsewhere are still there.

Who gives a password of the directory, or comes back from the provider, was asked for just now. Their programs come with
secrets of this registry, and their browsers with a session: for these the other system is asked once an hour. Who is
gone there is not let in, and groups that somebody has left count no more.
"""

import logging
from collections.abc import Callable

from registry.core.ldap import LdapSignIn
from registry.core.oidc import OidcSignIn
from registry.errors import RegistryError, Unauthorized, Unavailable
from storage.clock import now_ms
from storage.metadata import users, vouchings
from storage.metadata.database import Database
from storage.metadata.users import UserRecord
from storage.metadata.vouchings import VouchingRecord

EVERY_MS = 60 * 60 * 1000
_AGAIN_MS = 5 * 60 * 1000
LONGEST_SILENCE_MS = 24 * 60 * 60 * 1000


class Vouching:
    """While the other system does not answer, people stay who they were, for a day."""

    def __init__(
        self, database: Database, ldap: LdapSignIn, oidc: OidcSignIn, *, clock: Callable[[], int] = now_ms
    ) -> None:
        self._database = database
        self._ldap = ldap
        self._oidc = oidc
        self._clock = clock

    def renewed(self, user: UserRecord) -> UserRecord | None:
        """The account as it is now; None where it is not let in any more. Raises `Unavailable`."""
        now = self._clock()
        with self._database.read() as tx:
            record = vouchings.find(tx, user.id)
            is_ldap = user.source == "ldap" and self._ldap.is_asked(tx)
            is_oidc = user.source == "oidc" and self._oidc.is_asked(tx)
        if record is None:
            return user
        since = now - record.asked_at
        if is_ldap or (is_oidc and record.provider_token):
            if since >= EVERY_MS and self._is_ours_to_ask(record, now):
                return self._asked(user, record, now)
            if EVERY_MS - _AGAIN_MS <= since < EVERY_MS and not record.is_gone:  # it was silent when it was asked last
                _must_not_be_silent_for_long(record, now)
        return None if record.is_gone else user

    def _is_ours_to_ask(self, record: VouchingRecord, now: int) -> bool:
        """One asks for somebody at a time: some providers take a token only once."""
        with self._database.write() as tx:
            return vouchings.claim(tx, record, now)

    def _asked(self, user: UserRecord, record: VouchingRecord, now: int) -> UserRecord | None:
        try:
            if user.source == "ldap":
                self._ldap.confirm(user)
            else:
                self._oidc.confirm(user, record.provider_token)
        except Unauthorized:
            self._note(user, asked_at=now, is_gone=True)
            return None
        except RegistryError as error:
            self._note(user, asked_at=now - EVERY_MS + _AGAIN_MS, is_gone=record.is_gone)
            logging.getLogger("cove").warning("whether %r is still there cannot be told: %s", user, error)
            _must_not_be_silent_for_long(record, now)
            return None if record.is_gone else user
        with self._database.read() as tx:
            return users.find_by_id(tx, user.id)

    def _note(self, user: UserRecord, *, asked_at: int, is_gone: bool) -> None:
        with self._database.write() as tx:
            vouchings.note(tx, user.id, asked_at=asked_at, is_gone=is_gone)


def _must_not_be_silent_for_long(record: VouchingRecord, now: int) -> None:
    """Raises `Unavailable`."""
    if now - record.confirmed_at >= LONGEST_SILENCE_MS:
        raise Unavailable("where the account is from has not answered for a day: try again")
