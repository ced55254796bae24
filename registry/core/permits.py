"""Written permissions: what may stand in them, and what becomes of them when a project that they name is removed."""

import json
from collections.abc import Sequence

import msgspec

from auth.permits import GRANTABLE, Permit
from registry.errors import BadQuery
from storage.metadata import access_tokens, robots
from storage.metadata.database import Transaction

_GRANTABLE = {kind: frozenset(each.permission for each in granted) for kind, granted in GRANTABLE.items()}


def must_be_grantable(wanted: Sequence[Permit]) -> None:
    """Raises `BadQuery` for permissions that nobody can be given."""
    if not wanted or not all(permit.access for permit in wanted):
        raise BadQuery("bad request: permissions and the access of each must not be empty")
    for permit in wanted:
        for access in permit.access:
            if access.permission not in _GRANTABLE.get(permit.kind, ()):
                raise BadQuery(f"bad request permission: {access.permission[:80]}")


def permits_text(permits: Sequence[Permit]) -> str:
    """As the database has them."""
    return msgspec.json.encode(permits).decode()


def forget_project(tx: Transaction, name: str) -> None:
    """Take from the system's robots, and from personal access tokens, what they may do in the project of that name:
    one that gets the name later is another.
    """
    for robot in robots.list_naming(tx, json.dumps(name)):
        robots.change(tx, robot.id, permissions=_without(robot.permissions, name))
    for token in access_tokens.list_naming(tx, json.dumps(name)):
        access_tokens.set_permissions(tx, token.id, _without(token.permissions or "[]", name))


def _without(permissions: str, project: str) -> str:
    permits = msgspec.json.decode(permissions, type=list[Permit])
    left = [permit for permit in permits if permit.kind == "system" or permit.namespace != project]
    return permits_text(left)
