"""What accounts may be called, which passwords they may have, and that one administrator has to be left."""

from auth.passwords import WeakPassword, check_policy, hash_password
from registry.errors import Conflict, RequestInvalid
from storage.metadata import users
from storage.metadata.database import Transaction
from storage.metadata.users import UserRecord

NAME_LIMIT = 255
_FORBIDDEN = ',"~#%$:'


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
