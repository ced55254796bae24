"""Asking an LDAP directory: who somebody is, whether the password is right, and which groups there are.

Each question has a connection of its own, to an address that was judged before. Names go into filters escaped (RFC
4515, section 3). An empty password is never sent: a directory lets in whoever has none, as nobody (RFC 4513, section
5.1.2). Referrals are not followed, which would send passwords elsewhere.
"""

import logging
import ssl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Literal

from ldap3 import AUTO_BIND_NONE, BASE, LEVEL, NONE, SUBTREE, SYNC, Connection, Server, Tls
from ldap3.core.exceptions import LDAPException, LDAPSASLPrepError
from ldap3.utils.conv import escape_filter_chars

from auth.addresses import Resolve
from auth.distinguished_names import BadName, is_below, normal_dn
from auth.ldap import LdapAddress, LdapError, LdapGroup, LdapPerson, LdapSettings, Security

MOST_FOUND = 1000
DEEPEST = 8  # groups in groups
Scope = Literal["BASE", "LEVEL", "SUBTREE"]
_SCOPES: tuple[Scope, ...] = (BASE, LEVEL, SUBTREE)
_SUCCESS, _TOO_MANY, _NO_SUCH_OBJECT, _WRONG_CREDENTIALS = 0, 4, 32, 49  # RFC 4511, section 4.1.9
_REFUSED = {_NO_SUCH_OBJECT, _WRONG_CREDENTIALS, 48, 50, 53}  # and what directories say of accounts that are locked
_IDENTIFIERS = ("entryUUID", "objectGUID")  # RFC 4530; Active Directory
_ALL = "(objectClass=*)"
_GROUP_NAME = "cn"

Entry = tuple[str, Mapping[str, Sequence[bytes]]]


class LdapDirectory:
    """Every method raises `LdapError`, and what `resolve` raises."""

    def __init__(self, settings: LdapSettings, resolve: Resolve) -> None:
        self._settings = settings
        self._resolve = resolve

    def check(self) -> None:
        """Whether the directory lets in whoever searches, and has the place where people are."""
        with self._searching() as connection:
            self._find(connection, self._settings.base_dn, _ALL, BASE, [], most=1)
            if connection.result["result"] != _SUCCESS:
                raise LdapError(f"the directory has nothing at {self._settings.base_dn[:80]!r}")

    def authenticate(self, login: str, password: str) -> LdapPerson | None:
        """Whoever has that name and password, with the groups."""
        with self._searching() as connection:
            entry = self._only(self._entries_of_people(connection, login), login)
            if entry is None or not self._is_let_in(connection, entry[0], password):
                return None
            self._bind_to_search(connection)
            return self._person(entry, self._groups(connection, entry))

    def find(self, login: str) -> LdapPerson | None:
        """Whoever has that name, with the groups."""
        with self._searching() as connection:
            entry = self._only(self._entries_of_people(connection, login), login)
            return self._person(entry, self._groups(connection, entry)) if entry else None

    def people(self, login: str) -> list[LdapPerson]:
        """Those of that name, without their groups; an empty name stands for any."""
        with self._searching() as connection:
            return [self._person(entry, ()) for entry in self._entries_of_people(connection, login)]

    def groups(self, name: str) -> list[LdapGroup]:
        """Those in whose name there is that text."""
        own = self._settings
        attribute = own.group_attribute_name or _GROUP_NAME
        part = f"({attribute}=*{escape_filter_chars(name)}*)" if name else f"({attribute}=*)"
        wanted = _both(own.group_search_filter, part)
        with self._searching() as connection:
            base, scope = own.group_base_dn or own.base_dn, _SCOPES[own.group_search_scope]
            found = self._find(connection, base, wanted, scope, [attribute])
            return [self._as_group(entry) for entry in found]

    def group(self, dn: str) -> LdapGroup | None:
        """The group of that distinguished name, if it is one of those that the settings are about."""
        with self._searching() as connection:
            return self._group(connection, dn)

    @contextmanager
    def _searching(self) -> Iterator[Connection]:
        """A connection by which people are looked for."""
        try:
            connection = self._opened()
            try:
                self._bind_to_search(connection)
                yield connection
            finally:
                _close(connection)
        except (LDAPException, OSError) as error:
            raise LdapError(f"the directory does not answer as it should: {_reason(error)}") from error

    def _opened(self) -> Connection:
        """To the first of the host's addresses that takes a connection."""
        try:
            place = LdapAddress.parse(self._settings.url)
        except ValueError as error:
            raise LdapError(f"the directory must have {error}") from None
        tls = None if place.security is Security.NONE else _Tls(place.host, verifies=self._settings.verify_cert)
        failed = "its name has no address"
        for address in self._resolve(place.host, place.port):
            connection = self._connection(place, address, tls)
            try:
                connection.open(read_server_info=False)
                if place.security is Security.START_TLS:
                    connection.start_tls(read_server_info=False)
            except LDAPException as error:
                _close(connection)
                failed = _reason(error)
            else:
                return connection
        raise LdapError(f"the directory takes no connection: {failed}")

    def _connection(self, place: LdapAddress, address: str, tls: "_Tls | None") -> Connection:
        seconds, uses_tls = self._settings.timeout, place.security is Security.TLS
        return Connection(
            Server(address, place.port, use_ssl=uses_tls, tls=tls, get_info=NONE, connect_timeout=seconds),
            auto_bind=AUTO_BIND_NONE,
            client_strategy=SYNC,
            receive_timeout=seconds,
            auto_referrals=False,
            check_names=False,
        )

    def _bind_to_search(self, connection: Connection) -> None:
        own = self._settings
        if own.search_dn and not own.search_password:
            raise LdapError("whoever searches the directory has no password")
        if not self._bind(connection, own.search_dn, own.search_password):
            raise LdapError(f"the directory does not let in whoever searches: {connection.result['description']}")

    def _is_let_in(self, connection: Connection, dn: str, password: str) -> bool:
        """Without a name or a password nobody is, whom a directory would let in as nobody."""
        if not dn or not password:
            return False
        try:
            if self._bind(connection, dn, password):
                return True
        except LDAPSASLPrepError:  # nothing is left of it, or it has what no password has (RFC 4513, section 5.1.3)
            return False
        if connection.result["result"] not in _REFUSED:
            raise LdapError(f"the directory cannot tell: {connection.result['description']}")
        return False

    def _bind(self, connection: Connection, dn: str, password: str) -> bool:
        """Without a name as nobody. Another one takes the place of who was bound before (RFC 4511, section 4.2.1)."""
        authentication = "SIMPLE" if dn else "ANONYMOUS"
        connection.user, connection.password, connection.authentication = dn or None, password or None, authentication
        return bool(connection.bind(read_server_info=False))

    def _entries_of_people(self, connection: Connection, login: str) -> list[Entry]:
        own = self._settings
        wanted = _both(own.filter, f"({own.uid}={escape_filter_chars(login) if login else '*'})")
        attributes = [own.uid, "uid", "cn", "mail", "email", own.group_membership_attribute, *_IDENTIFIERS]
        return self._find(connection, own.base_dn, wanted, _SCOPES[own.scope], [each for each in attributes if each])

    def _only(self, entries: Sequence[Entry], login: str) -> Entry | None:
        if len(entries) > 1:
            # Whose password would it be?
            logging.getLogger("cove").warning("the directory has several entries of the name %r", login[:80])
        return entries[0] if len(entries) == 1 else None

    def _find(
        self,
        connection: Connection,
        base: str,
        wanted: str,
        scope: Scope,
        attributes: Sequence[str],
        *,
        most: int = MOST_FOUND,
    ) -> list[Entry]:
        connection.search(base, wanted, scope, attributes=list(attributes) or ["1.1"], size_limit=most)
        if connection.result["result"] not in (_SUCCESS, _TOO_MANY, _NO_SUCH_OBJECT):
            raise LdapError(f"the directory cannot be searched: {connection.result['description']}")
        found = [each for each in connection.response or () if each["type"] == "searchResEntry"]
        return [(each["dn"], each["raw_attributes"]) for each in found]

    def _groups(self, connection: Connection, person: Entry) -> tuple[LdapGroup, ...]:
        """Those that the person is in, those that these are in, and so on, each once however they hold each other.

        Groups that the settings are not about lead nowhere.
        """
        member, level = self._settings.group_membership_attribute, [person]
        found: list[LdapGroup] = []
        seen: set[str] = set()
        for _ in range(DEEPEST):
            names = {_key(dn): dn for entry in level for dn in _texts(entry, member)}
            fresh = [dn for key, dn in names.items() if key not in seen][: MOST_FOUND - len(seen)]
            seen |= names.keys()
            level = [entry for dn in fresh if (entry := self._entry_of_group(connection, dn))]
            found += [self._as_group(entry) for entry in level]
        return tuple(found)

    def _group(self, connection: Connection, dn: str) -> LdapGroup | None:
        entry = self._entry_of_group(connection, dn)
        return self._as_group(entry) if entry else None

    def _entry_of_group(self, connection: Connection, dn: str) -> Entry | None:
        own = self._settings
        try:
            if not is_below(dn, own.group_base_dn):
                return None
        except BadName:
            return None
        wanted = [own.group_attribute_name or _GROUP_NAME, own.group_membership_attribute]
        attributes = [each for each in wanted if each]
        entries = self._find(connection, dn, _both(own.group_search_filter, ""), BASE, attributes, most=1)
        return (dn, entries[0][1]) if entries else None

    def _as_group(self, entry: Entry) -> LdapGroup:
        return LdapGroup(entry[0], _text(entry, self._settings.group_attribute_name or _GROUP_NAME) or entry[0])

    def _person(self, entry: Entry, groups: Sequence[LdapGroup]) -> LdapPerson:
        return LdapPerson(
            dn=entry[0],
            identifier=_identifier(entry),
            name=_text(entry, self._settings.uid),
            email=_text(entry, "mail") or _text(entry, "email"),
            real_name=_text(entry, "cn") or _text(entry, "uid"),
            groups=tuple(groups),
        )


class _Tls(Tls):
    """TLS as Python's own library checks it: ldap3 has a check of names of its own."""

    def __init__(self, host: str, *, verifies: bool) -> None:
        super().__init__(validate=ssl.CERT_REQUIRED if verifies else ssl.CERT_NONE)
        self._host = host
        self._context = ssl.create_default_context()
        if not verifies:
            self._context.check_hostname = False
            self._context.verify_mode = ssl.CERT_NONE

    def wrap_socket(self, connection: Connection, do_handshake: bool = False) -> None:
        connection.socket = self._context.wrap_socket(
            connection.socket, server_hostname=self._host, do_handshake_on_connect=do_handshake
        )


def _close(connection: Connection) -> None:
    """Without a farewell, for which one might have to wait; the library keeps the socket of a failed attempt open."""
    if connection.socket:
        connection.socket.close()


def _both(own: str, part: str) -> str:
    """A filter of the settings, which may lack its parentheses, and another one; either may be empty."""
    first = own.strip() if not own.strip() or own.strip().startswith("(") else f"({own.strip()})"
    return f"(&{first}{part})" if first and part else first or part or _ALL


def _texts(entry: Entry, attribute: str) -> list[str]:
    return [value.decode("utf-8", "replace") for value in entry[1].get(attribute, ())] if attribute else []


def _text(entry: Entry, attribute: str) -> str:
    return next(iter(_texts(entry, attribute)), "")


def _key(dn: str) -> str:
    """By which a group is known whichever way its name is written."""
    try:
        return normal_dn(dn)
    except BadName:
        return dn


def _identifier(entry: Entry) -> str:
    """Directories tell it as a text, or as bytes."""
    for attribute in _IDENTIFIERS:
        for value in entry[1].get(attribute, ()):
            return value.decode() if value.isascii() and len(value) != 16 else value.hex()
    return ""


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error)[:200]}"
