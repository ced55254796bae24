"""Signing in: from a name and a password, or from a token, to an account that is allowed to act now."""

import json
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Protocol

from auth import setup, throttle
from auth.access import Actor
from auth.basic import BadCredentials, Credentials
from auth.passwords import PasswordChecker, can_be_right, hash_password, is_outdated
from auth.secrets import hash_secret, is_fast, is_secret, is_token
from auth.throttle import USUAL, Patience
from auth.tokens import BadToken, Claims, TokenIssuer
from storage.clock import now_ms
from storage.metadata import access_tokens, robots, settings, users
from storage.metadata.database import Database, DatabaseBusy, DatabaseFull, DatabaseUnavailable, Transaction
from storage.metadata.users import UserRecord

NOBODY = ""
ROBOT_PREFIX = "robot$"
_USE_IS_NOTED_EVERY_MS = 5 * 60 * 1000


class Directory(Protocol):
    """A system elsewhere that knows the passwords of people."""

    def is_asked(self, tx: Transaction) -> bool:
        """Whether people sign in with it now."""

    def admit(self, credentials: Credentials) -> UserRecord | None:
        """The account of whoever has that name and password there, made if need be. Raises errors of its own where it
        cannot tell.
        """


class Voucher(Protocol):
    """Who knows whether people are still there who come from elsewhere."""

    def renewed(self, user: UserRecord) -> UserRecord | None:
        """The account as it is now; None where it is not let in any more. Raises errors of its own."""


@dataclass(frozen=True, slots=True)
class _Claim:
    """Who somebody says to be. Without an actor the claim is false, whatever the secret, unless the directory knows
    better, which is asked for each of the names `elsewhere`.
    """

    key: str
    stored_hash: str | None
    actor: Actor | None
    elsewhere: tuple[str, ...] = ()


def robot_prefix(tx: Transaction) -> str:
    """What the names of all robots begin with, and of no user."""
    stored = settings.find(tx, "robot_name_prefix")
    return str(json.loads(stored)) if stored else ROBOT_PREFIX


def subject_of(actor: Actor) -> tuple[str, int]:
    """By which name and version tokens know an account."""
    if actor.robot:
        return f"robot:{actor.robot.id}", actor.robot.secret_version
    if actor.user is None:
        return NOBODY, 0
    return f"key:{actor.key.id}" if actor.key else str(actor.user.id), actor.user.credential_version


def _key(user: UserRecord) -> str:
    """By which a password is remembered: that of another version is another one."""
    return f"{user.id}:{user.credential_version}"


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
        directory: Directory | None = None,
        voucher: Voucher | None = None,
    ) -> None:
        self._database = database
        self._checker = checker
        self._issuer = issuer
        self._patience = patience
        self._clock = clock
        self._directory = directory
        self._voucher = voucher
        self._renewing = threading.Lock()

    def sign_in(self, credentials: Credentials, address: str) -> Actor:
        """Whoever has that name and secret, asked for from `address`: a user by the password or by a personal access
        token, or a robot.

        Raises `BadCredentials` alike for a wrong secret and for an unknown or disabled account, `Throttled` after too
        many of them, and `TooBusy` when more passwords wait for their check than is sensible; and what the directory
        raises where one is asked.
        """
        actor = self.vouched(self._signed_in(credentials, address))
        if actor is None:
            raise BadCredentials("incorrect username or password")
        return actor

    def vouched(self, actor: Actor) -> Actor | None:
        """The same, as the system tells now that the person comes from; None where that is over. Raises its errors."""
        user = actor.user
        if self._voucher is None or user is None or user.source == "local":
            return actor
        renewed = self._voucher.renewed(user)
        return replace(actor, user=renewed) if renewed else None

    def _signed_in(self, credentials: Credentials, address: str) -> Actor:
        with self._database.read() as tx:
            claim = self._claim(tx, credentials)
            wait = throttle.wait_ms(tx, credentials.username, address, self._clock(), self._patience)
            failed_before = throttle.has_failures(tx, credentials.username, address)
        if claim.actor and self._checker.is_remembered(claim.key, credentials.password):
            self._mark_used(claim.actor, address)
            return claim.actor
        if wait > 0:
            raise Throttled(-(-wait // 1000))
        actor = self._checked(claim, credentials)
        if actor is None:
            self._record_failure(credentials.username, address)
            raise BadCredentials("incorrect username or password")
        self._note(actor, credentials, address, failed_before=failed_before)
        return actor

    def _checked(self, claim: _Claim, credentials: Credentials) -> Actor | None:
        if self._directory and claim.elsewhere:
            told = (self._told(self._directory, replace(credentials, username=each), claim) for each in claim.elsewhere)
            return next(filter(None, told), None)
        is_right = self._is_right(claim, credentials.password)
        return claim.actor if is_right else None

    def _told(self, directory: Directory, credentials: Credentials, claim: _Claim) -> Actor | None:
        """Whoever the directory says it is, which is nobody else than the account of that name, where there is one."""
        user = directory.admit(credentials) if can_be_right(credentials.password) else None
        claimed = claim.actor if claim.actor and claim.actor.name == credentials.username else None
        if user is None or (claimed and claimed.user_id != user.id):
            return None
        self._checker.remember(_key(user), credentials.password)
        return Actor(user)

    def by_token(self, token: str) -> Actor:
        """Whoever an access token speaks for, bounded by what it grants. Raises `BadToken`, also for one that is void:
        the account is gone or disabled, or has another secret since.
        """
        claims = self._issuer.verify(token)
        actor = self._subject(claims)
        return replace(actor, grants=claims.grants, good_until=min(claims.expires_at, actor.lapses_at))

    def by_refresh_token(self, token: str) -> Actor:
        """Whoever keeps a refresh token. Raises `BadToken`, and as `vouched` does."""
        actor = self.vouched(self._subject(self._issuer.verify_refresh(token)))
        if actor is None or actor.is_anonymous:
            raise BadToken("a refresh token belongs to an account")
        return actor

    def _claim(self, tx: Transaction, credentials: Credentials) -> _Claim:
        prefix = robot_prefix(tx)
        if credentials.username.startswith(prefix):
            robot = robots.find(tx, credentials.username.removeprefix(prefix))
            if robot is None or not robot.is_active(self._clock()):
                return _Claim(f"?{credentials.username}", None, None)
            key = f"robot:{robot.id}:{robot.secret_version}"
            return _Claim(key, robot.secret_hash, Actor(robot=robot, display=credentials.username))
        # Asked for every account, or the statements would tell an unknown one from others.
        is_elsewhere = not is_token(credentials.password) and self._asks_elsewhere(tx)
        user = users.find_by_login(tx, credentials.username)
        if user is None or user.is_disabled:
            names = (credentials.username,) if is_elsewhere and user is None else ()
            return _Claim(f"?{credentials.username}", None, None, elsewhere=names)
        if is_token(credentials.password):
            return self._claim_by_key(tx, user, credentials.password)
        is_theirs = user.source == "ldap"
        if not (is_theirs and is_elsewhere):
            return _Claim(_key(user), None, None) if is_theirs else _Claim(_key(user), user.password_hash, Actor(user))
        # By an address that a directory tells, which checks none, nobody is kept out who has it as a name there.
        return _Claim(_key(user), None, Actor(user), tuple(dict.fromkeys((credentials.username, user.name))))

    def _asks_elsewhere(self, tx: Transaction) -> bool:
        return self._directory is not None and self._directory.is_asked(tx)

    def _claim_by_key(self, tx: Transaction, user: UserRecord, secret: str) -> _Claim:
        found = access_tokens.find_by_hash(tx, hash_secret(secret))
        if found is None or found.user_id != user.id or not found.is_active(self._clock()):
            return _Claim(f"?{user.name}", None, None)
        return _Claim(f"key:{found.id}", found.secret_hash, Actor(user, key=found))

    def _is_right(self, claim: _Claim, secret: str) -> bool:
        """A random secret takes microseconds; for a password, an unknown account takes as long as any other."""
        if is_token(secret) or (claim.stored_hash and is_fast(claim.stored_hash)):
            return claim.stored_hash is not None and is_secret(secret, claim.stored_hash)
        return self._checker.check(claim.key, secret, claim.stored_hash)

    def _note(self, actor: Actor, credentials: Credentials, address: str, *, failed_before: bool) -> None:
        """What a successful sign-in leaves behind."""
        if failed_before:
            with self._database.write() as tx:
                throttle.forget_failures(tx, credentials.username, address)
        self._mark_used(actor, address)
        if actor.user and not actor.key:
            self._note_password(actor.user, credentials.password)

    def _note_password(self, user: UserRecord, password: str) -> None:
        if is_outdated(user.password_hash):
            self._renew_hash(user, password)
        if user.is_admin:
            with self._database.read() as tx:
                is_offered = setup.is_offered(tx)
            if is_offered:
                with self._database.write() as tx:
                    setup.withdraw(tx)

    def _mark_used(self, actor: Actor, address: str) -> None:
        """When programs come, and robots from where: seldom enough for those that come all the time."""
        now, used = self._clock(), actor.key or actor.robot
        before = now - _USE_IS_NOTED_EVERY_MS
        if used is None or (used.used_at is not None and used.used_at >= before):
            return
        with self._database.write(durable=False) as tx:
            if actor.key:
                access_tokens.mark_used(tx, actor.key.id, now, before=before)
            elif actor.robot:
                robots.mark_used(tx, actor.robot.id, now, address, before=before)

    def _subject(self, claims: Claims) -> Actor:
        kind, _, number = claims.subject.rpartition(":")
        if claims.subject == NOBODY:
            return Actor()
        with self._database.read() as tx:
            actor = self._find(tx, kind, int(number)) if number.isdecimal() else None
        if actor is None or subject_of(actor) != (claims.subject, claims.version):
            raise BadToken("the account that the token was issued for has changed since")
        return actor

    def _find(self, tx: Transaction, kind: str, number: int) -> Actor | None:
        """Whoever may act by that number; a later version may give tokens to other kinds of accounts."""
        now = self._clock()
        if kind == "robot":
            robot = robots.find_by_id(tx, number)
            active = robot is not None and robot.is_active(now)
            return Actor(robot=robot, display=robot_prefix(tx) + robot.name) if robot and active else None
        key = access_tokens.find_by_id(tx, number) if kind == "key" else None
        if kind and (key is None or not key.is_active(now)):
            return None
        user = users.find_by_id(tx, key.user_id if key else number)
        return Actor(user, key=key) if user and not user.is_disabled else None

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
