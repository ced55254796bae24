"""What becomes of written permissions when the project that they name is removed."""

import json

import msgspec

from auth.permits import Permit
from storage.metadata import access_tokens, robots
from storage.metadata.database import Transaction


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
    return msgspec.json.encode(left).decode()
