"""Who is asking, and what they may do in a project: the one place that decides.

An account's rights are looked up when they are used. What a token grants is only an upper bound to them, so a removed
member, a disabled user or a project turned private takes effect with the next request, whatever was issued before.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from auth.roles import PROJECT_ACTIONS, Action, Role, allowed
from auth.tokens import Grant
from storage.metadata import projects
from storage.metadata.database import Transaction
from storage.metadata.projects import ProjectRecord
from storage.metadata.users import UserRecord

EVERYTHING = frozenset(PROJECT_ACTIONS)


@dataclass(frozen=True, slots=True)
class Actor:
    """Whoever sends a request. `user` is None for the anonymous, `grants` is None where no token bounds the rights."""

    user: UserRecord | None = None
    grants: Sequence[Grant] | None = None

    @property
    def user_id(self) -> int | None:
        return self.user.id if self.user else None

    @property
    def name(self) -> str:
        return self.user.name if self.user else ""

    @property
    def is_admin(self) -> bool:
        return self.user is not None and self.user.is_admin

    def is_granted(self, type_: str, name: str, action: str, project_id: int | None = None) -> bool:
        """Whether the token, if there is one, covers the action on the thing of that name, and still the same thing."""
        return self.grants is None or any(
            grant.type == type_ and grant.name == name and grant.project == project_id and action in grant.actions
            for grant in self.grants
        )


@dataclass(frozen=True, slots=True)
class Rights:
    """What an account may do in a project at this moment, by its roles alone. No project, no rights."""

    project: ProjectRecord | None
    actions: frozenset[Action]


class Access:
    """The rule of who may do what. `is_open` lets everybody do everything, for set-ups without accounts."""

    def __init__(self, *, is_open: bool = False) -> None:
        self.is_open = is_open

    def rights(self, tx: Transaction, actor: Actor, project_name: str) -> Rights:
        found = projects.find_with_role(tx, project_name, actor.user_id)
        if found is None:
            return Rights(None, EVERYTHING if self.is_open else frozenset())
        project, role = found
        if self.is_open or actor.is_admin:
            return Rights(project, EVERYTHING)
        roles = [] if role is None else [Role(role)]
        return Rights(project, allowed(roles, public=project.is_public))

    def sees_everything(self, actor: Actor) -> bool:
        """Whether lists over all projects need no filter for this account."""
        return self.is_open or actor.is_admin
