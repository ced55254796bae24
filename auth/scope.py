"""The scopes that clients ask a token for: `type[(class)]:name:action,action` (Docker's "Token Scope Documentation").

Reading a scope grants nothing. What is asked for is kept as it is, unknown types and actions included; whoever grants
answers with the part that is allowed, so whatever means nothing here simply stays ungranted.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

MAX_SCOPES = 64
MAX_VALUE = 8 * 1024

_TYPE = re.compile(r"([^():]+)(?:\([^():]*\))?")
_USUAL_ORDER = ("pull", "push", "delete")


class BadScope(ValueError):
    """More is asked for than a request may ask."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Actions asked for on one thing, `*` among them as it came. A class, as in `repository(plugin)`, is not kept."""

    type: str
    name: str
    actions: frozenset[str]


def parse_scopes(values: Iterable[str]) -> list[Scope]:
    """Read the values of all `scope` parameters, each of which may hold several scopes with spaces between them.

    Scopes of the same thing are united, in the order of their first mention. Malformed ones are dropped, as clients
    expect. Raises `BadScope` beyond 64 scopes, or for a value of more than 8,192 characters.
    """
    asked: dict[tuple[str, str], frozenset[str]] = {}
    for scope in filter(None, map(_parse, _split(values))):
        thing = scope.type, scope.name
        asked[thing] = asked.get(thing, frozenset()) | scope.actions
    return [Scope(type_, name, actions) for (type_, name), actions in asked.items()]


def format_scope(type_: str, name: str, actions: Iterable[str]) -> str:
    """Write a scope, its actions as clients usually do: pull, push, delete, then the others by alphabet."""
    others = set(actions)
    usual = [action for action in _USUAL_ORDER if action in others]
    return f"{type_}:{name}:{','.join(usual + sorted(others.difference(usual)))}"


def _split(values: Iterable[str]) -> list[str]:
    entries: list[str] = []
    for value in values:
        if len(value) > MAX_VALUE:
            raise BadScope("a scope is too long")
        # Only the space separates: a line break inside a scope must spoil it, not make two of one.
        entries += filter(None, value.split(" "))
        if len(entries) > MAX_SCOPES:
            raise BadScope(f"more than {MAX_SCOPES} scopes are asked for")
    return entries


def _parse(entry: str) -> Scope | None:
    """None for what is malformed. The name is all between the first and the last colon: it may hold a host and port."""
    type_, _, rest = entry.partition(":")
    name, _, actions = rest.rpartition(":")
    typed = _TYPE.fullmatch(type_)
    if not typed or not name or not entry.isprintable():
        return None
    return Scope(typed[1], name, frozenset(filter(None, actions.split(","))))
