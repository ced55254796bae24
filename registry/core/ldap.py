"""Signing in with an LDAP directory: what administrators have set of it, and who and what is known there."""

import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields, replace
from typing import TYPE_CHECKING, TypeVar

from auth.addresses import Resolve
from auth.basic import Credentials
from auth.distinguished_names import BadName, normal_dn
from auth.ldap import LdapError, LdapGroup, LdapPerson, LdapSettings
from auth.passwords import TooBusy
from registry.core import settings
from registry.core.groups import GroupKind, Wish
from registry.core.outsiders import Outsider, Outsiders
from registry.core.setting_rules import Value
from registry.errors import BadQuery, Conflict, NotFound, RequestInvalid, Unauthorized, Unavailable
from registry.outgoing import OutgoingError
from storage.metadata import groups, users
from storage.metadata.database import Database, Transaction
from storage.metadata.users import UserRecord

if TYPE_CHECKING:
    from auth.ldap_directory import LdapDirectory

MODE = "ldap_auth"
_AT_ONCE = 16  # of the threads that check passwords: the others are for accounts that the directory does not know
Answer = TypeVar("Answer")
_SETTINGS = tuple(each.name for each in fields(LdapSettings))


class LdapSignIn:
    """One for a process, since it bounds how many ask at once."""

    def __init__(self, database: Database, outsiders: Outsiders, resolve: Resolve) -> None:
        self._database = database
        self._outsiders = outsiders
        self._resolve = resolve
        self._slots = threading.BoundedSemaphore(_AT_ONCE)

    def is_asked(self, tx: Transaction) -> bool:
        return settings.read_text(tx, "auth_mode") == MODE

    def admit(self, credentials: Credentials) -> UserRecord | None:
        """The account of whoever has that name and password there, made if need be.

        Raises `TooBusy`, and `Unavailable` where the directory cannot tell.
        """
        if not self._slots.acquire(blocking=False):
            raise TooBusy("too many sign-ins wait for the directory; try again in a few seconds")
        try:
            person = self._asked(lambda there: there.authenticate(credentials.username, credentials.password))
        except Unavailable as error:
            logging.getLogger("cove").warning("%s", error)
            raise Unavailable("the directory of the accounts does not answer: try again") from error
        finally:
            self._slots.release()
        try:
            return self._outsiders.admit(self._outsider(person, credentials.username)) if person else None
        except (Unauthorized, Conflict, RequestInvalid) as error:
            logging.getLogger("cove").warning("%r of the directory has no account here: %s", person, error)
            return None

    def confirm(self, user: UserRecord) -> None:
        """Take over what the directory tells of an account now.

        Raises `Unauthorized` where it is gone, `Unavailable`.
        """
        person = self._asked(lambda there: there.find(user.name))
        outsider = self._outsider(person, user.name) if person else None
        if outsider is None or outsider.external_id != user.external_id:
            raise Unauthorized("the directory does not know the account any more")
        self._outsiders.admit(outsider)

    def bring(self, name: str) -> None:
        """Make the account of somebody who is known there and not here yet. Raises `Unavailable`."""
        with self._database.read() as tx:
            is_here = not self.is_asked(tx) or users.find(tx, name) is not None
        if not is_here:
            self._add(name)

    def named(self, wish: Wish) -> Wish:
        """A group as the directory calls it, where people sign in with one; another is left as it is.

        Raises `NotFound`, `BadQuery`, `Unavailable`.
        """
        if wish.kind != GroupKind.LDAP or not wish.key:
            return wish
        with self._database.read() as tx:
            if not self.is_asked(tx) or groups.find(tx, wish.kind, wish.name, wish.key):
                return wish
        found = self._asked(lambda there: there.group(wish.ldap_dn))
        if found is None:
            raise NotFound(f"the directory has no group {wish.ldap_dn[:80]!r} below ldap_group_base_dn")
        return Wish(wish.name or found.name, wish.kind, wish.ldap_dn)

    def ping(self, changes: Mapping[str, object]) -> str:
        """What is the matter with a directory, or nothing: that of the settings, with some of them changed.

        The password of whoever searches is for the address of the settings alone. Raises `BadQuery`.
        """
        own, changed = self._read(), {name: _checked(name, value) for name, value in changes.items()}
        if changed.get("url", own.url) != own.url and not changed.get("search_password"):
            changed["search_password"] = ""
        try:
            with _telling():
                _directory(replace(own, **changed), self._resolve).check()  # type: ignore[arg-type]  # they are checked
        except Unavailable as error:
            return error.message
        return ""

    def people(self, name: str) -> list[LdapPerson]:
        """Those of that name, or any for none. Raises `Unavailable`."""
        return self._asked(lambda there: there.people(name))

    def groups(self, name: str, dn: str) -> list[LdapGroup]:
        """The group of that distinguished name, or those in whose name there is a text. Raises `Unavailable`."""
        if not dn:
            return self._asked(lambda there: there.groups(name))
        try:
            normal_dn(dn)
        except BadName as error:
            raise BadQuery(f"bad request: {error}") from None
        found = self._asked(lambda there: there.group(dn))
        return [found] if found else []

    def import_people(self, names: list[str]) -> dict[str, str]:
        """Make accounts for people of the directory; returns why some got none. Raises `Unavailable`."""
        failed = {}
        for name in dict.fromkeys(names):
            try:
                if not name.strip() or not self._add(name):
                    failed[name] = "unknown_user"
            except (Unauthorized, Conflict, RequestInvalid) as error:
                failed[name] = error.message
        return failed

    def _add(self, name: str) -> bool:
        person = self._asked(lambda there: there.find(name))
        if person:
            self._outsiders.admit(self._outsider(person, name))
        return person is not None

    def _outsider(self, person: LdapPerson, login: str) -> Outsider:
        """As accounts have it. Entries may be renamed, and names be given again: so it is known by its identifier."""
        with self._database.read() as tx:
            admins = settings.read_text(tx, "ldap_group_admin_dn")
            tells_groups = bool(settings.read_text(tx, "ldap_group_membership_attribute"))
        return Outsider(
            source="ldap",
            external_id=f"ldap {person.identifier or person.dn}",
            name=person.name or login,
            email=person.email,
            real_name=person.real_name,
            groups=[Wish(group.name, GroupKind.LDAP, group.dn) for group in person.groups] if tells_groups else None,
            is_admin=_is_admin(person, admins) if tells_groups or not admins else None,
        )

    def _asked(self, question: Callable[["LdapDirectory"], Answer]) -> Answer:
        """Raises `Unavailable`."""
        with _telling():
            return question(_directory(self._read(), self._resolve))

    def _read(self) -> LdapSettings:
        with self._database.read() as tx:
            return LdapSettings(**{name: settings.read(tx, f"ldap_{name}") for name in _SETTINGS})  # type: ignore[arg-type]


def _directory(own: LdapSettings, resolve: Resolve) -> "LdapDirectory":
    try:
        from auth.ldap_directory import LdapDirectory  # noqa: PLC0415 -- its library is an extra
    except ModuleNotFoundError:
        raise Unavailable("LDAP takes a package that is not installed: install cove-registry[ldap]") from None
    return LdapDirectory(own, resolve)


@contextmanager
def _telling() -> Iterator[None]:
    try:
        yield
    except (LdapError, OutgoingError) as error:
        raise Unavailable(str(error)) from error


def _checked(name: str, value: object) -> Value:
    try:
        return settings.KNOWN[f"ldap_{name}"].check(value)
    except ValueError as error:
        raise BadQuery(f"bad request: ldap_{name} must be {error}") from None


def _is_admin(person: LdapPerson, admins: str) -> bool:
    """Whether it is in the group of administrators; nobody is where no group is theirs."""
    return bool(admins) and any(_is_same(group.dn, admins) for group in person.groups)


def _is_same(one: str, other: str) -> bool:
    try:
        return normal_dn(one) == normal_dn(other)
    except BadName:
        return False
