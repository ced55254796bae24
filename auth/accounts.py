"""Signing in: from a name and a password, or from a token, to an account that is allowed to act now."""

import threading
from collections.abc import Callable
from contextlib import suppress

from auth import throttle
from auth.access import Actor
from auth.basic import BadCredentials, Credentials
from auth.passwords import PasswordChecker, hash_password, is_outdated
from auth.throttle import USUAL, Patience
from auth.tokens import BadToken, Claims, TokenIssuer
from storage.clock import now_ms
from storage.metadata import users
from storage.metadata.database import Database, DatabaseBusy, DatabaseFull, DatabaseUnavailable
from storage.metadata.users import UserRecord

NOBODY = ""


class Throttled(Exception):
    """Too many wrong passwords came from there; `retry_after` is in whole seconds."""

    def __init__(self, retry_after: int) -> None:
        super().__init__(f"too many failed sign-ins: try again in {retry_after} s")
        self.retry_after = retry_after


class Accounts:
    """Signs accounts in. Thread-safe."""

    def __init__(
        self,
        database: Database,
        checker: PasswordChecker,
        issuer: TokenIssuer,
        *,
        patience: Patience = USUAL,
        clock: Callable[[], int] = now_ms,
    ) -> None:
        self._database = database
        self._checker = checker
        self._issuer = issuer
        self._patience = patience
        self._clock = clock
        self._renewing = threading.Lock()

    def sign_in(self, credentials: Credentials, address: str) -> UserRecord:
        """The account with that name and password, asked for from `address`.

        Raises `BadCredentials` alike for a wrong password and for an unknown or disabled account, `Throttled` after too
        many of them, and `TooBusy` when more passwords wait for their check than is sensible.
        """
        with self._database.read() as tx:
            user = users.find(tx, credentials.username)
            wait = throttle.wait_ms(tx, credentials.username, address, self._clock(), self._patience)
            failed_before = throttle.has_failures(tx, credentials.username, address)
        active = user if user and not user.is_disabled else None
        key = f"{active.id}:{active.credential_version}" if active else f"?{credentials.username}"
        if active and self._checker.is_remembered(key, credentials.password):
            return active
        if wait > 0:
            raise Throttled(-(-wait // 1000))
        right = self._checker.check(key, credentials.password, active.password_hash if active else None)
        if not active or not right:
            self._record_failure(credentials.username, address)
            raise BadCredentials("incorrect username or password")
        if failed_before:
            with self._database.write() as tx:
                throttle.forget_failures(tx, credentials.username, address)
        if is_outdated(active.password_hash):
            self._renew_hash(active, credentials.password)
        return active

    def by_token(self, token: str) -> Actor:
        """Whoever an access token speaks for, bounded by what it grants. Raises `BadToken`, also for one that is void:
        the account is gone or disabled, or has another password since.
        """
        claims = self._issuer.verify(token)
        return Actor(self._subject(claims), claims.grants)

    def by_refresh_token(self, token: str) -> UserRecord:
        """The account that keeps a refresh token. Raises `BadToken`."""
        user = self._subject(self._issuer.verify_refresh(token))
        if user is None:
            raise BadToken("a refresh token belongs to an account")
        return user

    def _subject(self, claims: Claims) -> UserRecord | None:
        if claims.subject == NOBODY:
            return None
        with self._database.read() as tx:
            # A later version may give tokens to other things than people, and share the data with this one.
            user = users.find_by_id(tx, int(claims.subject)) if claims.subject.isdecimal() else None
        if user is None or user.is_disabled or user.credential_version != claims.version:
            raise BadToken("the account that the token was issued for has changed since")
        return user

    def _renew_hash(self, user: UserRecord, password: str) -> None:
        """Keep argon2id's hash of a right password instead of another program's; what was issued stays good.

        One at a time, for many sign-ins of one account may have shared the check. Where it cannot be done now, it is
        done at another sign-in.
        """
        if not self._renewing.acquire(blocking=False):
            return
        try:
            renewed = hash_password(password)
            with suppress(DatabaseBusy, DatabaseFull, DatabaseUnavailable), self._database.write() as tx:
                users.replace_hash(tx, user.id, user.password_hash, renewed)
        finally:
            self._renewing.release()

    def _record_failure(self, name: str, address: str) -> None:
        with self._database.write() as tx:
            throttle.record_failure(tx, name, address, self._clock(), self._patience)
