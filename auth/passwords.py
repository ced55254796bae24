"""Passwords of people: the rule for new ones, their hashes, and a check that a crowd of sign-ins cannot block.

A hash is argon2id (RFC 9106) with 19 MiB, two passes and one lane: some 20 ms of a core. Clients send the password
again and again: one `helm push` asks for eight tokens. So a password that was right is remembered for a minute, under a
keyed hash whose key lives and dies with this process. Equal checks at the same time share one hash, and when too many
different ones wait, the next is refused rather than queued.

Accounts that come from an htpasswd file keep their bcrypt hash until they sign in; argon2id takes its place then.

Secrets that are long and random, such as those of robots, need none of this and are not this module's business.
"""

import hmac
import os
import re
import secrets
import string
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future

from passlib.context import CryptContext

MIN_LENGTH = 8
MAX_LENGTH = 128
MAX_WAITING = 32
MAX_REMEMBERED = 10_000
REMEMBER_SECONDS = 60.0

_CONTEXT = CryptContext(
    schemes=["argon2"],
    argon2__type="ID",
    argon2__memory_cost=19456,  # KiB
    argon2__time_cost=2,
    argon2__parallelism=1,
)
# bcrypt under the names that htpasswd, PHP and others give it: version, cost, 22 characters of salt, 31 of hash.
_BCRYPT = re.compile(r"\$2[aby]\$([0-9]{2})\$([./A-Za-z0-9]{22})[./A-Za-z0-9]{31}")
BCRYPT_BYTES = 72  # beyond them bcrypt does not look, so other passwords would be right as well
BCRYPT_COST = 14  # about a second of a core
_REQUIRED = tuple(map(re.compile, ("[A-Z]", "[a-z]", "[0-9]")))
_READABLE = "".join(sorted(set(string.ascii_letters + string.digits) - set("0Oo1Iil")))
_GENERATED_LENGTH = 20


class WeakPassword(ValueError):
    """The password may not be set; the message tells people the rule."""


class ForeignHash(ValueError):
    """A hash that some other program made and that cannot be checked here; the message does not repeat it."""


class TooBusy(Exception):
    """So many passwords wait to be checked that this one was not: the client shall come back in some seconds."""


def check_policy(password: str) -> None:
    """Raise `WeakPassword` unless the password may be set: Harbor's rule, and its sentence, which its clients know."""
    if not MIN_LENGTH <= len(password) <= MAX_LENGTH or not all(kind.search(password) for kind in _REQUIRED):
        raise WeakPassword(
            "the password or secret must be 8-128, inclusively, characters long with at least 1 uppercase letter, "
            "1 lowercase letter and 1 number"
        )
    check_possible(password)


def is_weak(password: str) -> bool:
    """Whether it does not meet the policy."""
    try:
        check_policy(password)
    except WeakPassword:
        return True
    return False


def check_possible(password: str) -> None:
    """Raise `WeakPassword` for a text with which nobody could ever sign in."""
    if not password or not can_be_right(password):
        raise WeakPassword(f"a password has 1 to {MAX_LENGTH} characters, and none that a client cannot send")


def generate_password() -> str:
    """A random password that meets the policy, made to be copied by eye: no two of its characters look alike."""
    while True:
        password = "".join(secrets.choice(_READABLE) for _ in range(_GENERATED_LENGTH))
        if all(kind.search(password) for kind in _REQUIRED):
            return password


def hash_password(password: str) -> str:
    """The salted argon2id hash, in PHC string form; meant to be slow. Raises `TooBusy` where there is no memory."""
    try:
        return str(_CONTEXT.hash(password))
    except ValueError as error:
        raise _without_hash(error) from None


def verify_password(password: str, stored_hash: str) -> bool:
    """Whether the hash is that of the password; as slow as hashing.

    A text that is no hash raises `ValueError`, and `TooBusy` is raised where there is no memory for it at the moment.
    """
    if is_outdated(stored_hash):
        return _verify_bcrypt(password.encode(), stored_hash.encode())
    try:
        return bool(_CONTEXT.verify(password, stored_hash))
    except (TypeError, ValueError) as error:  # a TypeError for a text that is no base64
        raise _without_hash(error) from None


def _without_hash(error: Exception) -> Exception:
    """The error as the log may have it: passlib's message has the whole hash."""
    if "Memory allocation error" in str(error):
        return TooBusy("there is no memory to check a password; try again in a few seconds")
    return ValueError("the text is no password hash that can be checked")


def is_outdated(stored_hash: str) -> bool:
    """Whether the hash was taken over from elsewhere, and argon2id shall take its place when the password is known."""
    return _BCRYPT.fullmatch(stored_hash) is not None


def check_foreign_hash(text: str) -> None:
    """Raise `ForeignHash` unless the text is a bcrypt hash that `verify_password` can check within about a second."""
    match = _BCRYPT.fullmatch(text)
    if match is None:
        raise ForeignHash("the hash is not bcrypt's: make it with `htpasswd -B`")
    if not 4 <= int(match[1]) <= BCRYPT_COST:
        raise ForeignHash(f"the hash has a cost of {int(match[1])}: only 4 to {BCRYPT_COST} is taken")
    import bcrypt  # noqa: PLC0415 -- most registries never have such a hash

    try:
        bcrypt.hashpw(b"", f"$2b$04${match[2]}".encode())
    except ValueError:  # the salt's last character stands for two bits only, and most values are none of the four
        raise ForeignHash("the hash is damaged: bcrypt never writes such a salt") from None


def _verify_bcrypt(password: bytes, stored_hash: bytes) -> bool:
    import bcrypt  # noqa: PLC0415 -- as above

    # A longer password is wrong, but takes as long as any other.
    return bcrypt.checkpw(password[:BCRYPT_BYTES], stored_hash) and len(password) <= BCRYPT_BYTES


class PasswordChecker:
    """Checks passwords for one process, from any of its threads.

    `cores` is how many hashes are computed at once, `clock` a monotonic count of seconds, `verify` the slow check.
    """

    def __init__(
        self,
        *,
        cores: int | None = None,
        clock: Callable[[], float] = time.monotonic,
        verify: Callable[[str, str], bool] = verify_password,
    ) -> None:
        self._cores = cores or os.cpu_count() or 1
        self._clock = clock
        self._verify = verify
        self._pepper = secrets.token_bytes(32)
        self._dummy = hash_password(generate_password())
        self._slots = threading.Semaphore(self._cores)
        self._lock = threading.Lock()  # guards the two below
        self._remembered: dict[bytes, float] = {}  # fingerprint -> when it is forgotten, the soonest first
        self._running: dict[tuple[bytes, str], Future[bool]] = {}

    def check(self, key: str, password: str, stored_hash: str | None) -> bool:
        """Whether the password is right; may block for as long as 32 waiting hashes take.

        `key` names the account and the version of its password: a new password, a new key. `stored_hash` is None for
        an account that does not exist or may not sign in: False then, after the work of a real check, so that the time
        tells nobody which accounts there are. Raises `TooBusy`.
        """
        if not can_be_right(password):
            return False
        fingerprint = self._fingerprint(key, password)
        job = fingerprint, stored_hash or self._dummy
        with self._lock:
            if stored_hash is not None and self._recalls(fingerprint):
                return True
            running = self._running.get(job)
            if running is None:
                own = self._admit(job)
        if running is None:
            self._compute(job, own, password)
            running = own
        return running.result() and stored_hash is not None

    def is_remembered(self, key: str, password: str) -> bool:
        """Whether `check` found this password right within the last minute; takes microseconds."""
        if not can_be_right(password):
            return False
        fingerprint = self._fingerprint(key, password)
        with self._lock:
            return self._recalls(fingerprint)

    def remember(self, key: str, password: str) -> None:
        """Take a password for right that was checked elsewhere, for as long as one that was checked here."""
        with self._lock:
            self._remember(self._fingerprint(key, password))

    def _fingerprint(self, key: str, password: str) -> bytes:
        # The password has no NUL, so the last one always separates the two.
        message = f"{key}\0{password}".encode("utf-8", "surrogatepass")
        return hmac.digest(self._pepper, message, "sha256")

    def _admit(self, job: tuple[bytes, str]) -> "Future[bool]":
        if len(self._running) >= self._cores + MAX_WAITING:
            raise TooBusy("too many sign-ins at once; try again in a few seconds")
        return self._running.setdefault(job, Future())

    def _compute(self, job: tuple[bytes, str], future: "Future[bool]", password: str) -> None:
        """Compute one hash for everybody who waits on `future`; an error goes to all of them."""
        fingerprint, stored_hash = job
        try:
            with self._slots:
                right = self._verify(password, stored_hash)
        except BaseException as error:
            with self._lock:
                del self._running[job]
            future.set_exception(error)
            return
        # One step: whoever comes next finds the job or the memory of it, and never has to hash again.
        with self._lock:
            del self._running[job]
            if right:
                self._remember(fingerprint)
        future.set_result(right)

    def _recalls(self, fingerprint: bytes) -> bool:
        until = self._remembered.get(fingerprint)
        return until is not None and until > self._clock()

    def _remember(self, fingerprint: bytes) -> None:
        # All live equally long, so the first is the next to go: that is the one to drop, for its age or for room.
        now = self._clock()
        while self._remembered:
            oldest, until = next(iter(self._remembered.items()))
            if until > now and len(self._remembered) < MAX_REMEMBERED:
                break
            del self._remembered[oldest]
        self._remembered[fingerprint] = now + REMEMBER_SECONDS


def can_be_right(password: str) -> bool:
    """False for what is nobody's password, before any work is spent on it; such texts also have no hash."""
    if len(password) > MAX_LENGTH or "\0" in password:
        return False
    try:
        password.encode()
    except UnicodeEncodeError:
        return False
    return True
