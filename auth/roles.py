"""Who may do what in a project: one table.

The roles, their numbers and their names are Harbor's, because its clients send and expect them. Rights only ever add
up: an account that holds several roles in a project may do what any of them allows. System administrators pass every
check and so do not appear here.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum, StrEnum


class UnknownRole(ValueError):
    """The text names no role."""


class Role(IntEnum):
    """A membership in a project; the values are Harbor's role ids and say nothing about rank."""

    PROJECT_ADMIN = 1
    DEVELOPER = 2
    GUEST = 3
    MAINTAINER = 4
    LIMITED_GUEST = 5

    @property
    def label(self) -> str:
        """Harbor's name, such as `projectAdmin`."""
        first, *others = self.name.lower().split("_")
        return first + "".join(word.capitalize() for word in others)

    @classmethod
    def parse(cls, text: str) -> "Role":
        """Read `projectAdmin`, `project-admin` or `project_admin` in any case; anything else raises `UnknownRole`."""
        wanted = text.replace("-", "").replace("_", "").lower()
        for role in cls:
            if role.label.lower() == wanted:
                return role
        raise UnknownRole(f"{text[:40]!r} is not a role: use {', '.join(role.label for role in cls)}")


class Action(StrEnum):
    """What a request does. `CATALOG` belongs to no project: every account may list, and sees what it may pull."""

    PULL = "pull"
    PUSH = "push"
    DELETE = "delete"
    CATALOG = "catalog"


@dataclass(frozen=True, slots=True)
class Row:
    """Whom one action is allowed to; `public` adds everybody, signed in or not, where the project is public."""

    roles: tuple[Role, ...]
    public: bool = False


_A, _M, _D, _G, _L = Role.PROJECT_ADMIN, Role.MAINTAINER, Role.DEVELOPER, Role.GUEST, Role.LIMITED_GUEST

PROJECT_ACTIONS: Mapping[Action, Row] = {
    Action.PULL: Row((_A, _M, _D, _G, _L), public=True),
    Action.PUSH: Row((_A, _M, _D)),
    Action.DELETE: Row((_A, _M)),
}
"""A row reads: this action in a project is for these roles. An action without a row is allowed to no role."""


def allowed(roles: Iterable[Role], *, public: bool) -> frozenset[Action]:
    """What the holder of `roles` may do in a project; no roles at all is a stranger, or nobody."""
    held = frozenset(roles)
    return frozenset(
        action for action, row in PROJECT_ACTIONS.items() if (public and row.public) or not held.isdisjoint(row.roles)
    )
