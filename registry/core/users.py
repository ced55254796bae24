"""Accounts of people, as an administrator manages them."""

from collections.abc import Callable

from auth.passwords import WeakPassword, check_policy, hash_password
from registry.errors import Conflict, NotFound, RequestInvalid
from storage.clock import now_ms
from storage.metadata import users
from storage.metadata.database import Database, Transaction
from storage.metadata.users import UserRecord

NAME_LIMIT = 255
_FORBIDDEN = ',"~#%$:'


class Users:
    """Creates, changes and removes accounts. The last active administrator can be neither disabled nor removed."""

    def __init__(self, database: Database, *, clock: Callable[[], int] = now_ms) -> None:
        self._database = database
        self._clock = clock

    def list(self) -> list[UserRecord]:
        with self._database.read() as tx:
            return users.list_all(tx)

    def find(self, name: str) -> UserRecord:
        """Raises `NotFound`."""
        with self._database.read() as tx:
            return must_exist(tx, name)

    def create(self, name: str, password: str, *, admin: bool = False) -> UserRecord:
        """Raises `RequestInvalid` for a bad name or a weak password, `Conflict` for a name that is taken."""
        must_be_username(name)
        password_hash = hash_new(password)
        with self._database.write() as tx:
            if users.find(tx, name):
                raise Conflict(f"user '{name}' exists already")
            return users.add(tx, name, password_hash, is_admin=admin, now=self._clock())

    def set_password(self, name: str, password: str) -> UserRecord:
        """Raises `NotFound`, `RequestInvalid`. Every token issued before is void from now on."""
        password_hash = hash_new(password)
        with self._database.write() as tx:
            users.set_password(tx, must_exist(tx, name).id, password_hash)
            return must_exist(tx, name)

    def disable(self, name: str) -> UserRecord:
        """Raises `NotFound`, `Conflict`. Every token issued before is void from now on."""
        with self._database.write() as tx:
            user = must_exist(tx, name)
            must_not_be_last_admin(tx, user)
            users.set_disabled(tx, user.id, disabled=True)
            return must_exist(tx, name)

    def enable(self, name: str) -> UserRecord:
        """Raises `NotFound`."""
        with self._database.write() as tx:
            users.set_disabled(tx, must_exist(tx, name).id, disabled=False)
            return must_exist(tx, name)

    def delete(self, name: str) -> UserRecord:
        """Remove the account with its memberships; what it pushed stays. Raises `NotFound`, `Conflict`."""
        with self._database.write() as tx:
            user = must_exist(tx, name)
            must_not_be_last_admin(tx, user)
            users.remove(tx, user.id)
            return user


def must_exist(tx: Transaction, name: str) -> UserRecord:
    """Raises `NotFound`."""
    user = users.find(tx, name)
    if user is None:
        raise NotFound(f"user '{name}' does not exist")
    return user


def must_be_username(name: str) -> None:
    """Harbor's rule, and no colon, which would end the name in Basic credentials (RFC 7617, section 2)."""
    if (
        not 1 <= len(name) <= NAME_LIMIT
        or not name.isprintable()
        or name != name.strip()
        or set(name) & set(_FORBIDDEN)
    ):
        raise RequestInvalid(
            f"{name[:80]!r} is not a user name: use 1 to {NAME_LIMIT} printable characters,"
            f" none of {' '.join(_FORBIDDEN)}"
        )


def hash_new(password: str) -> str:
    """The hash of a password that somebody chose. Raises `RequestInvalid` for a weak one."""
    try:
        check_policy(password)
    except WeakPassword as error:
        raise RequestInvalid(str(error)) from None
    return hash_password(password)


def must_not_be_last_admin(tx: Transaction, user: UserRecord) -> None:
    """Raises `Conflict`."""
    if [admin.id for admin in users.list_active_admins(tx)] == [user.id]:
        raise Conflict(f"user '{user.name}' is the last active administrator")
