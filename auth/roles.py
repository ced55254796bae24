"""Who may do what: one table, for the registry's own addresses, the management API and the page alike.

The roles, their numbers and their names are Harbor's, because its clients send and expect them, and so are the names of
what is permitted: `resource:action`, such as `repository:push`. Rights only ever add up: an account that holds several
roles in a project may do what any of them allows. System administrators pass every check and so do not appear here.
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


BY_RANK = (Role.PROJECT_ADMIN, Role.MAINTAINER, Role.DEVELOPER, Role.GUEST, Role.LIMITED_GUEST)
"""The columns of the table, the mightiest role first."""


class Action(StrEnum):
    """What a request to the registry does. `CATALOG` is of no project: all may list, and see what they may pull."""

    PULL = "pull"
    PUSH = "push"
    DELETE = "delete"
    CATALOG = "catalog"

    @property
    def permission(self) -> str:
        return f"repository:{self}"


@dataclass(frozen=True, slots=True)
class Row:
    """Whom something is permitted to; `public` adds everybody, signed in or not, where the project is public."""

    roles: frozenset[Role]
    public: bool = False


# C create, R read, U update, D delete, L list, O operate, S stop, + push, - pull; the last column is the public's.
_TABLE = """
resource            projectAdmin  maintainer  developer  guest  limitedGuest  public
project             RUD           R           R          R      R             R
member              CRUDL         RL          RL         RL     .             .
metadata            CRUD          R           .          .      .             .
log                 L             .           .          .      .             .
label               CRUDL         CRUDL       RL         RL     .             RL
quota               R             R           R          R      R             .
repository          CRUDL+-       CRUDL+-     CRUL+-     RL-    RL-           L-
artifact            CRDL          CRDL        CRL        RL     RL            RL
tag                 CDL           CDL         CL         L      L             L
artifact-addition   R             R           R          R      R             R
artifact-label      CD            CD          CD         .      .             .
accessory           L             L           L          L      L             L
tag-retention       CRUDLO        CRUDLO      CRUDLO     .      .             .
immutable-tag       CUDL          CUDL        .          .      .             .
configuration       RU            R           R          R      R             .
robot               CRUDL         RL          RL         RL     .             .
notification-policy CRUDL         RL          .          .      .             .
scan                CRS           CRS         R          R      R             R
sbom                CRS           CRS         R          R      R             .
scanner             CR            R           R          R      R             R
preheat-policy      CRUDL         .           .          .      .             .
export-cve          CRL           CRL         CRL        .      .             .
"""

_LETTERS = {
    "C": "create",
    "R": "read",
    "U": "update",
    "D": "delete",
    "L": "list",
    "O": "operate",
    "S": "stop",
    "+": "push",
    "-": "pull",
}


def _read(table: str) -> dict[str, Row]:
    rows: dict[str, Row] = {}
    for line in table.strip().splitlines()[1:]:
        resource, *columns, public = line.split()
        for letter, action in _LETTERS.items():
            roles = frozenset(role for role, column in zip(BY_RANK, columns, strict=True) if letter in column)
            if roles:
                rows[f"{resource}:{action}"] = Row(roles, letter in public)
    return rows


PROJECT_PERMISSIONS: Mapping[str, Row] = _read(_TABLE)
"""A row reads: this in a project is for these roles. What has no row is permitted to no role."""

EVERYTHING = frozenset(PROJECT_PERMISSIONS)


def allowed(roles: Iterable[Role], *, public: bool) -> frozenset[str]:
    """What the holder of `roles` may do in a project; no roles at all is a stranger, or nobody."""
    held = frozenset(roles)
    found = _ALLOWED.get((held, public))
    if found is None:
        found = _ALLOWED[held, public] = frozenset(
            permission
            for permission, row in PROJECT_PERMISSIONS.items()
            if (public and row.public) or not held.isdisjoint(row.roles)
        )
    return found


# At most two for each set of five roles.
_ALLOWED: dict[tuple[frozenset[Role], bool], frozenset[str]] = {}
