"""Accounts of people: administrators, commands and people themselves make and change them by one set of rules."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from auth.access import Actor
from auth.accounts import robot_prefix
from auth.passwords import verify_password
from registry.core import audit, settings
from registry.core.filters import filtered
from registry.core.users import hash_new, must_be_username, must_not_be_last_admin
from registry.errors import Conflict, Denied, NotFound, RequestInvalid, Unauthorized
from storage.clock import now_ms
from storage.metadata import users
from storage.metadata.database import Database, Transaction
from storage.metadata.listings import Listing
from storage.metadata.users import UserRecord

FIRST_ADMINISTRATOR = 1
_TEXT_LIMIT = 255
_COMMENT_LIMIT = 30
_FORBIDDEN = ',"~#%$'
_EMAIL = re.compile(r"[^\s@<>()\[\],;:\\\"]+@(?:[A-Za-z0-9-]+\.)+[A-Za-z0-9-]{2,}")


@dataclass(frozen=True, slots=True)
class Profile:
    """What people tell of themselves."""

    email: str
    real_name: str
    comment: str = ""

    def must_be_sound(self) -> None:
        """Harbor's rules. Raises `RequestInvalid`."""
        if len(self.email) > _TEXT_LIMIT or not _EMAIL.fullmatch(self.email):
            raise RequestInvalid(f"{self.email[:80]!r} is not an e-mail address")
        is_named = self.real_name.isprintable() and 1 <= len(self.real_name) <= _TEXT_LIMIT
        if not is_named or set(self.real_name) & set(_FORBIDDEN):
            raise RequestInvalid(
                f"realname must have 1 to {_TEXT_LIMIT} printable characters, none of {' '.join(_FORBIDDEN)}"
            )
        if len(self.comment) > _COMMENT_LIMIT or not self.comment.isprintable():
            raise RequestInvalid(f"comment must have at most {_COMMENT_LIMIT} characters")


class People:
    """Finds, adds and changes accounts, which are given by their numbers or names; what is done is on record.

    The last active administrator can be neither disabled nor removed.
    """

    def __init__(self, database: Database, *, clock: Callable[[], int] = now_ms) -> None:
        self._database = database
        self._clock = clock

    def page(self, listing: Listing, *, is_whole: bool = False) -> tuple[list[UserRecord], int]:
        """A page of the accounts, and how many there are: as in Harbor without the first administrator, unless the
        list is to be whole. Raises `BadQuery`.
        """
        with self._database.read() as tx, filtered():
            return users.list_page(tx, listing, without=None if is_whole else FIRST_ADMINISTRATOR)

    def list(self) -> list[UserRecord]:
        """All of them by their names."""
        with self._database.read() as tx:
            return users.list_all(tx)

    def get(self, who: int | str) -> UserRecord:
        """Raises `NotFound`."""
        with self._database.read() as tx:
            return must_exist(tx, who)

    def is_taken(self, actor: Actor, *, username: str = "", email: str = "") -> bool:
        """Whether an account has the name or the address: for people with an account, and for those who may make one.

        Raises `Unauthorized` for others.
        """
        if actor.is_anonymous:
            self.must_be_open()
        with self._database.read() as tx:
            found = users.find(tx, username) if username else users.find_by_email(tx, email)
        return found is not None

    def must_be_open(self) -> None:
        """Raises `Unauthorized` unless people may make their own accounts, which they may only where they do not come
        from elsewhere: they could take the name of somebody who is yet to come.
        """
        with self._database.read() as tx:
            has_own = settings.read_text(tx, "auth_mode") == "db_auth"
            if not has_own or not settings.read_flag(tx, "self_registration"):
                raise Unauthorized("unauthorized")

    def register(
        self, actor: Actor, name: str, password: str, profile: Profile | None = None, *, admin: bool = False
    ) -> UserRecord:
        """A new account; people may make their own, as nobody. Raises `RequestInvalid`, `Conflict`."""
        must_be_username(name)
        if profile:
            profile.must_be_sound()
        password_hash = hash_new(password)
        more = {"email": profile.email, "real_name": profile.real_name, "comment": profile.comment} if profile else {}
        with self._database.write() as tx:
            must_be_free(tx, name, profile.email if profile else "")
            made = users.add(tx, name, password_hash, is_admin=admin, now=self._clock(), **more)
            who = actor if actor.name else Actor(user=made)
            audit.record(tx, who, operation="create", resource_type="user", resource=name)
            return made

    def set_profile(self, actor: Actor, user_id: int, profile: Profile) -> None:
        """Raises `NotFound`, `RequestInvalid`, `Conflict`."""
        profile.must_be_sound()
        with self._database.write() as tx:
            user = must_exist(tx, user_id)
            other = users.find_by_email(tx, profile.email) or users.find(tx, profile.email)
            if other and other.id != user_id:
                raise Conflict(f"email {profile.email} already exists")
            users.set_profile(
                tx,
                user_id,
                email=profile.email,
                real_name=profile.real_name,
                comment=profile.comment,
                now=self._clock(),
            )
            _note(tx, actor, user, "profile")

    def set_admin(self, actor: Actor, user_id: int, *, admin: bool) -> None:
        """Make somebody an administrator, or so no longer. Raises `NotFound`, `Denied` for the last one."""
        with self._database.write() as tx:
            user = must_exist(tx, user_id)
            if user.is_admin == admin:
                return
            if not admin:
                _must_not_be_last(tx, user)
            users.set_admin(tx, user_id, admin=admin)
            _note(tx, actor, user, "system administrator" if admin else "no system administrator")

    def set_password(self, actor: Actor, who: int | str, password: str) -> UserRecord:
        """Every token issued before is void from now on. Raises `NotFound`; `Denied` where a directory knows it; and
        `RequestInvalid` for one that is weak or the same as before.
        """
        password_hash = hash_new(password)
        before = self.get(who)
        if before.source == "ldap":
            raise Denied(f"the password of '{before.name}' is that of the LDAP directory: it can only be changed there")
        if before.password_hash and verify_password(password, before.password_hash):
            raise RequestInvalid("New password is identical to old password")
        with self._database.write() as tx:
            user = must_exist(tx, who)
            users.set_password(tx, user.id, password_hash)
            _note(tx, actor, user, "password")
            return must_exist(tx, user.id)

    def disable(self, actor: Actor, who: int | str) -> UserRecord:
        """Every token issued before is void from now on. Raises `NotFound`; `Denied` for the last administrator."""
        with self._database.write() as tx:
            user = must_exist(tx, who)
            _must_not_be_last(tx, user)
            users.set_disabled(tx, user.id, disabled=True)
            _note(tx, actor, user, "disabled")
            return must_exist(tx, user.id)

    def enable(self, actor: Actor, who: int | str) -> UserRecord:
        """Raises `NotFound`."""
        with self._database.write() as tx:
            user = must_exist(tx, who)
            users.set_disabled(tx, user.id, disabled=False)
            _note(tx, actor, user, "enabled")
            return must_exist(tx, user.id)

    def delete(self, actor: Actor, who: int | str) -> UserRecord:
        """Remove an account with its memberships; what it pushed stays.

        Raises `NotFound`; `Denied` for one's own, for the first, and for the last administrator.
        """
        with self._database.write() as tx:
            user = must_exist(tx, who)
            _must_not_be_last(tx, user)
            if user.id in (FIRST_ADMINISTRATOR, actor.user_id):
                raise Denied(f"user {user.name} cannot be deleted: it is the first administrator's account, or yours")
            users.remove(tx, user.id)
            audit.record(tx, actor, operation="delete", resource_type="user", resource=user.name)
            return user


def must_be_free(tx: Transaction, name: str, email: str = "") -> None:
    """For a new account. Raises `RequestInvalid` for what could be a robot's name, and `Conflict` for what is taken:
    one may sign in with a name or with an address. The address of somebody from a directory, which checks none, takes
    no name away.
    """
    if name.startswith(robot_prefix(tx)):
        raise RequestInvalid(f"the names of robots begin with {robot_prefix(tx)}")
    other = users.find_by_login(tx, name)
    is_taken = other and (other.name == name or other.source != "ldap")
    if is_taken or (email and users.find_by_email(tx, email)):
        raise Conflict(f"user {name}{f' or email {email}' if email else ''} already exists")


def must_exist(tx: Transaction, who: int | str) -> UserRecord:
    """The account of that number or name. Raises `NotFound`."""
    user = users.find_by_id(tx, who) if isinstance(who, int) else users.find(tx, who)
    if user is None:
        raise NotFound(f"user {who} not found")
    return user


def _must_not_be_last(tx: Transaction, user: UserRecord) -> None:
    try:
        must_not_be_last_admin(tx, user)
    except Conflict as error:
        raise Denied(error.message) from None


def _note(tx: Transaction, actor: Actor, user: UserRecord, changed: str) -> None:
    description = f"update user: {user.name}, {changed}"
    audit.record(tx, actor, operation="update", resource_type="user", resource=user.name, description=description)
