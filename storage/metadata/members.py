"""Who has which role in which project."""

from dataclasses import dataclass

from sqlalchemy import Connection, delete, exists, func, select, update

from storage.metadata.database import insert_row, put
from storage.metadata.listings import Field, Listing, fetch
from storage.metadata.management_tables import user_groups
from storage.metadata.tables import members, projects, users


def put_role(tx: Connection, project_id: int, user_id: int, role: int) -> None:
    row = {"project_id": project_id, "user_id": user_id, "role": role}
    put(tx, members, ("project_id", "user_id"), row)


@dataclass(frozen=True, slots=True)
class Membership:
    """A user or a group, one of the two, with a role in a project; `name` is that of either.

    `added_at` is in milliseconds; it and `added_by`, a name, are None where nobody knows.
    """

    id: int
    project_id: int
    name: str
    role: int
    user_id: int | None
    group_id: int | None
    added_at: int | None
    added_by: str | None


_NAME = func.coalesce(users.c.name, user_groups.c.name).label("name")
_MEMBERSHIPS = select(
    members.c.id,
    members.c.project_id,
    _NAME,
    members.c.role,
    members.c.user_id,
    members.c.group_id,
    members.c.added_at,
    members.c.added_by,
).select_from(
    members.outerjoin(users, users.c.id == members.c.user_id).outerjoin(
        user_groups, user_groups.c.id == members.c.group_id
    )
)
_FIELDS = {
    "id": Field(members.c.id, "number"),
    "entity_name": Field(func.coalesce(users.c.name, user_groups.c.name)),
    "role_id": Field(members.c.role, "number"),
}


def list_page(tx: Connection, project_id: int, listing: Listing) -> tuple[list[Membership], int]:
    """A page of the members of a project, and how many there are. Raises `BadFilter`."""
    chosen = _MEMBERSHIPS.where(members.c.project_id == project_id)
    rows, total = fetch(tx, chosen, _FIELDS, listing, usual=("entity_name", "id"))
    return [Membership(*row) for row in rows], total


def find(tx: Connection, project_id: int, member: int | str) -> Membership | None:
    """A membership of that project, by its number or the name of its user."""
    is_it = members.c.id == member if isinstance(member, int) else users.c.name == member
    row = tx.execute(_MEMBERSHIPS.where(members.c.project_id == project_id, is_it)).one_or_none()
    return Membership(*row) if row else None


@dataclass(frozen=True, slots=True)
class OwnMembership:
    """The role of an account in a project."""

    id: int
    project: str
    role: int


def list_of_user(tx: Connection, user_id: int) -> list[OwnMembership]:
    """Those of an account itself, and not by its groups, by the names of the projects."""
    chosen = select(members.c.id, projects.c.name, members.c.role).join(projects, projects.c.id == members.c.project_id)
    own = chosen.where(members.c.user_id == user_id).order_by(projects.c.name)
    return [OwnMembership(*row) for row in tx.execute(own)]


def list_led_alone(tx: Connection, user_id: int, role: int) -> list[tuple[int, str]]:
    """Numbers and names of the projects in which the account has the role, and nobody else has it."""
    other = members.alias("other")
    another = (other.c.project_id == members.c.project_id) & (other.c.role == role) & (other.c.id != members.c.id)
    chosen = select(projects.c.id, projects.c.name).join(members, members.c.project_id == projects.c.id)
    alone = chosen.where(members.c.user_id == user_id, members.c.role == role, ~exists().where(another))
    return [(number, name) for number, name in tx.execute(alone.order_by(projects.c.name))]


def is_member(tx: Connection, project_id: int, *, user_id: int | None = None, group_id: int | None = None) -> bool:
    """Whether the user, or the group, has a role of its own in the project."""
    own = members.c.user_id == user_id if user_id is not None else members.c.group_id == group_id
    return tx.execute(select(members.c.id).where(members.c.project_id == project_id, own)).first() is not None


def add(
    tx: Connection,
    project_id: int,
    role: int,
    *,
    at: int,
    by: str,
    user_id: int | None = None,
    group_id: int | None = None,
) -> int:
    """A member that was none, by its user or its group; returns the number of the membership.

    `at` is in milliseconds, `by` the name of whoever adds it.
    """
    who = {"user_id": user_id, "group_id": group_id, "added_at": at, "added_by": by or None}
    return insert_row(tx, members, {"project_id": project_id, "role": role, **who})


def set_role(tx: Connection, member_id: int, role: int) -> None:
    tx.execute(update(members).where(members.c.id == member_id).values(role=role))


def remove(tx: Connection, member_id: int) -> None:
    tx.execute(delete(members).where(members.c.id == member_id))


def count_roles(tx: Connection, project_id: int) -> dict[int, int]:
    """How many members of a project have each role, by the number of the role."""
    counted = select(members.c.role, func.count()).where(members.c.project_id == project_id).group_by(members.c.role)
    return dict(tx.execute(counted).all())
