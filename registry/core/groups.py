"""Groups of people, as LDAP or OpenID Connect tell them, or an administrator names them beforehand."""

from dataclasses import dataclass
from enum import IntEnum

from auth.access import Actor
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


class Groups:
    """What is done to them is on record."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def page(self, listing: Listing) -> tuple[list[GroupRecord], int]:
        """A page of the groups, and how many there are. Raises `BadQuery`."""
        with self._database.read() as tx, filtered():
            return groups.list_page(tx, listing)

    def get(self, group_id: int) -> GroupRecord:
        """Raises `NotFound`."""
        with self._database.read() as tx:
            return must_exist(tx, group_id)

    def create(self, actor: Actor, wish: Wish) -> GroupRecord:
        """Raises `BadQuery`, `Conflict`."""
        with self._database.write() as tx:
            if groups.find(tx, wish.kind, wish.name, wish.ldap_dn):
                raise Conflict(f"user group {wish.name or wish.ldap_dn} already exists")
            made = get_or_add(tx, wish)
            audit.record(tx, actor, operation="create", resource_type="user-group", resource=made.name)
            return made

    def rename(self, actor: Actor, group_id: int, name: str) -> None:
        """Raises `NotFound`, `BadQuery`, `Conflict`."""
        with self._database.write() as tx:
            group = must_exist(tx, group_id)
            _must_be_sound(Wish(name, group.kind, group.ldap_dn))
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
    name = wish.name or wish.ldap_dn[:_NAME_LIMIT]
    _must_be_sound(Wish(name, wish.kind, wish.ldap_dn))
    return groups.find(tx, wish.kind, name, wish.ldap_dn) or groups.add(tx, wish.kind, name, wish.ldap_dn)


def must_exist(tx: Transaction, group_id: int) -> GroupRecord:
    """Raises `NotFound`."""
    group = groups.find_by_id(tx, group_id)
    if group is None:
        raise NotFound(f"user group {group_id} not found")
    return group


def _must_be_sound(wish: Wish) -> None:
    if wish.kind not in tuple(GroupKind):
        raise BadQuery("bad request: group_type must be 1 (LDAP), 2 (HTTP) or 3 (OIDC)")
    if (wish.kind == GroupKind.LDAP) != bool(wish.ldap_dn):
        raise BadQuery("bad request: ldap_group_dn belongs to LDAP groups, and each of them has one")
    if not 1 <= len(wish.name) <= _NAME_LIMIT or not wish.name.isprintable() or not wish.ldap_dn.isprintable():
        raise BadQuery(f"bad request: the name of a group has 1 to {_NAME_LIMIT} printable characters")
