"""Groups of people, as LDAP or OpenID Connect tell them, or an administrator names them beforehand."""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol

from auth.access import Actor
from auth.distinguished_names import BadName, normal_dn
from registry.core import audit
from registry.core.filters import filtered
from registry.errors import BadQuery, Conflict, NotFound
from storage.metadata import groups
from storage.metadata.database import Database, Transaction
from storage.metadata.groups import GroupRecord
from storage.metadata.listings import Listing

_NAME_LIMIT = 255


class GroupKind(IntEnum):
    """Where a group comes from; the numbers are Harbor's."""

    LDAP = 1
    HTTP = 2
    OIDC = 3


@dataclass(frozen=True, slots=True)
class Wish:
    """A group as somebody names it; an LDAP group has a distinguished name, and may have no other."""

    name: str
    kind: int
    ldap_dn: str = ""

    @property
    def key(self) -> str:
        """By which an LDAP group is known, however its name is written. Raises `BadQuery`."""
        try:
            return normal_dn(self.ldap_dn) if self.ldap_dn else ""
        except BadName as error:
            raise BadQuery(f"bad request: {error}") from None

    def must_be_sound(self) -> None:
        """Raises `BadQuery` for what can be no group."""
        if self.kind not in tuple(GroupKind):
            raise BadQuery("bad request: group_type must be 1 (LDAP), 2 (HTTP) or 3 (OIDC)")
        if (self.kind == GroupKind.LDAP) != bool(self.key):
            raise BadQuery("bad request: ldap_group_dn belongs to LDAP groups, and each of them has one")
        if not 1 <= len(self.name) <= _NAME_LIMIT or not self.name.isprintable():
            raise BadQuery(f"bad request: the name of a group has 1 to {_NAME_LIMIT} printable characters")


class Namer(Protocol):
    """Who knows groups elsewhere."""

    def named(self, wish: Wish) -> Wish:
        """The group as it is called there. Raises `NotFound` where there is no such group."""


class Groups:
    """What is done to them is on record."""

    def __init__(self, database: Database, namer: Namer) -> None:
        self._database = database
        self._namer = namer

    def page(self, listing: Listing) -> tuple[list[GroupRecord], int]:
        """A page of the groups, and how many there are. Raises `BadQuery`."""
        with self._database.read() as tx, filtered():
            return groups.list_page(tx, listing)

    def get(self, group_id: int) -> GroupRecord:
        """Raises `NotFound`."""
        with self._database.read() as tx:
            return must_exist(tx, group_id)

    def create(self, actor: Actor, wish: Wish) -> GroupRecord:
        """Raises `BadQuery`, `Conflict`, `NotFound`."""
        wish = self._namer.named(wish)
        with self._database.write() as tx:
            if groups.find(tx, wish.kind, wish.name, wish.key):
                raise Conflict(f"user group {wish.name or wish.ldap_dn} already exists")
            made = get_or_add(tx, wish)
            audit.record(tx, actor, operation="create", resource_type="user-group", resource=made.name)
            return made

    def rename(self, actor: Actor, group_id: int, name: str) -> None:
        """Raises `NotFound`, `BadQuery`, `Conflict`."""
        with self._database.write() as tx:
            group = must_exist(tx, group_id)
            Wish(name, group.kind, group.ldap_dn).must_be_sound()
            other = None if group.ldap_dn else groups.find(tx, group.kind, name)
            if other and other.id != group_id:
                raise Conflict(f"user group {name} already exists")
            groups.rename(tx, group_id, name)
            audit.record(tx, actor, operation="update", resource_type="user-group", resource=name)

    def delete(self, actor: Actor, group_id: int) -> None:
        """With its roles in projects. Raises `NotFound`."""
        with self._database.write() as tx:
            group = must_exist(tx, group_id)
            groups.remove(tx, group_id)
            audit.record(tx, actor, operation="delete", resource_type="user-group", resource=group.name)


def get_or_add(tx: Transaction, wish: Wish) -> GroupRecord:
    """The group that is meant, which may have been unknown till now. Raises `BadQuery`."""
    named = Wish(wish.name or wish.ldap_dn[:_NAME_LIMIT], wish.kind, wish.ldap_dn)
    named.must_be_sound()
    found = groups.find(tx, named.kind, named.name, named.key)
    return found or groups.add(tx, named.kind, named.name, named.ldap_dn, named.key)


def get_or_add_sound(tx: Transaction, wishes: Iterable[Wish]) -> list[GroupRecord]:
    """Likewise for several that somebody else tells; what can be no group here is left out."""
    found = []
    for wish in wishes:
        with suppress(BadQuery):
            found.append(get_or_add(tx, wish))
    return found


def must_exist(tx: Transaction, group_id: int) -> GroupRecord:
    """Raises `NotFound`."""
    group = groups.find_by_id(tx, group_id)
    if group is None:
        raise NotFound(f"user group {group_id} not found")
    return group
