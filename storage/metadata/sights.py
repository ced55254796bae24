"""What of all projects an account gets to see in lists over them."""

from dataclasses import dataclass

from sqlalchemy import BindParameter, ColumnElement, CompoundSelect, exists, false, or_, select, true, union

from storage.metadata.management_tables import group_members
from storage.metadata.tables import members, projects


def held_by(user_id: int | BindParameter[int]) -> ColumnElement[bool]:
    """A condition on `members`: the role is the user's, or one of its groups'."""
    groups = select(group_members.c.group_id).where(group_members.c.user_id == user_id)
    return or_(members.c.user_id == user_id, members.c.group_id.in_(groups))


_project = projects.alias("seen_project")  # the statement that asks may be about projects itself


@dataclass(frozen=True, slots=True)
class Sight:
    """Which projects somebody sees: all with `everything`; else public ones, those that the user is a member of, by
    itself or by a group, and those of the `names`. `among` leaves of the user's own only those of these names, `roles`
    those where it has one of these, and `is_private` leaves out what is seen because it is public.
    """

    everything: bool = False
    user_id: int | None = None
    names: tuple[str, ...] = ()
    among: tuple[str, ...] | None = None
    roles: tuple[int, ...] | None = None
    is_private: bool = False

    def shows(self, project_id: ColumnElement[int]) -> ColumnElement[bool]:
        """A condition on whatever belongs to the project of that id."""
        if self.everything:
            return true()
        of_project = exists().where(_project.c.id == project_id)
        seen: list[ColumnElement[bool]] = [false() if self.is_private else of_project.where(_project.c.is_public)]
        if self.names:
            seen.append(of_project.where(_project.c.name.in_(self.names)))
        if self.user_id is not None:
            own = exists().where(members.c.project_id == project_id, held_by(self.user_id))
            if self.roles is not None:
                own = own.where(members.c.role.in_(self.roles))
            seen.append(own if self.among is None else own & of_project.where(_project.c.name.in_(self.among)))
        return or_(*seen)

    def projects(self) -> CompoundSelect[int]:
        """The ids of all of them: for lists of so much that each of them would be looked at again and again."""
        parts = [select(_project.c.id).where(true() if self.everything else false())]
        if not (self.everything or self.is_private):
            parts.append(select(_project.c.id).where(_project.c.is_public))
        if self.names:
            parts.append(select(_project.c.id).where(_project.c.name.in_(self.names)))
        if self.user_id is not None:
            own = select(members.c.project_id).where(held_by(self.user_id))
            if self.roles is not None:
                own = own.where(members.c.role.in_(self.roles))
            if self.among is not None:
                among = select(_project.c.id).where(_project.c.name.in_(self.among))
                own = own.where(members.c.project_id.in_(among))
            parts.append(own)
        return union(*parts)
