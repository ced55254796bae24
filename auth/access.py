"""Who is asking, and what they may do: the one place that decides.

An account's rights are looked up when they are used. What a token grants is only an upper bound to them, so a removed
member, a disabled user or a project turned private takes effect with the next request, whatever was issued before.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from auth.permits import EVERY_PROJECT, Permits
from auth.roles import EVERYTHING, PROJECT_PERMISSIONS, Role, allowed
from auth.tokens import Grant
from storage.metadata import projects
from storage.metadata.access_tokens import AccessTokenRecord
from storage.metadata.database import Transaction
from storage.metadata.projects import ProjectRecord
from storage.metadata.robots import RobotRecord
from storage.metadata.sights import Sight
from storage.metadata.users import UserRecord


@dataclass(frozen=True, slots=True)
class Actor:
    """Whoever sends a request: a user, a robot, or nobody where both are None.

    `key` is the personal access token that a user came with, which bounds the rights; `grants` is None where no bearer
    token bounds them. `display` is the name that a robot is shown with, `session_id` names the browser's signing in.

    `good_until` is when the same credentials may mean something else though no record has changed, in seconds since the
    epoch; 0 where that is not known.
    """

    user: UserRecord | None = None
    grants: Sequence[Grant] | None = None
    robot: RobotRecord | None = None
    key: AccessTokenRecord | None = None
    display: str = ""
    session_id: int | None = None
    good_until: float = 0

    @property
    def is_anonymous(self) -> bool:
        return self.user is None and self.robot is None

    @property
    def user_id(self) -> int | None:
        return self.user.id if self.user else None

    @property
    def owner_id(self) -> int | None:
        """Whose an upload is; a robot's number is negative, so that it is nobody else's."""
        return -self.robot.id if self.robot else self.user_id

    @property
    def name(self) -> str:
        return self.user.name if self.user else self.display

    @property
    def is_admin(self) -> bool:
        """Whether it passes every check: an administrator, unless a personal token bounds what it may do."""
        return self.user is not None and self.user.is_admin and self._permissions is None

    @property
    def lapses_at(self) -> float:
        """When the robot or the personal access token comes to its end, in seconds since the epoch."""
        ends = [each.expires_at for each in (self.robot, self.key) if each and each.expires_at is not None]
        return min(ends, default=math.inf) / 1000

    @property
    def has_own_secret(self) -> bool:
        """Whether what it signs in with is in the records, and in no directory elsewhere."""
        return not self.is_anonymous and (self.user is None or self.key is not None or self.user.source != "ldap")

    @property
    def permits(self) -> Permits | None:
        """What a robot was given, or a personal access token is bounded to; None for no bounds."""
        return None if self._permissions is None else Permits.read(self._permissions)

    @property
    def _permissions(self) -> str | None:
        """The permits as they are kept; reading them is for those who have to know more than whether there are any."""
        return self.robot.permissions if self.robot else self.key.permissions if self.key else None

    def is_granted(self, type_: str, name: str, action: str, project_id: int | None = None) -> bool:
        """Whether the token, if there is one, covers the action on the thing of that name, and still the same thing."""
        return self.grants is None or any(
            grant.type == type_ and grant.name == name and grant.project == project_id and action in grant.actions
            for grant in self.grants
        )


OPERATOR = Actor(display="cove:command-line")
"""Whoever runs commands on the data, and so needs no account; no account can have this name."""


@dataclass(frozen=True, slots=True)
class Rights:
    """What an account may do in a project at this moment. No project, no rights."""

    project: ProjectRecord | None
    permissions: frozenset[str]
    roles: tuple[Role, ...] = ()


class Access:
    """The rule of who may do what. `is_open` lets everybody do everything, for set-ups without accounts."""

    def __init__(self, *, is_open: bool = False) -> None:
        self.is_open = is_open

    def rights(self, tx: Transaction, actor: Actor, project_name: str) -> Rights:
        return self._rights(actor, projects.find_with_roles(tx, project_name, actor.user_id))

    def rights_by_id(self, tx: Transaction, actor: Actor, project_id: int) -> Rights:
        return self._rights(actor, projects.find_with_roles_by_id(tx, project_id, actor.user_id))

    def _rights(self, actor: Actor, found: tuple[ProjectRecord, list[int]] | None) -> Rights:
        if found is None:
            return Rights(None, EVERYTHING if self.is_open else frozenset())
        project, numbers = found
        roles = tuple(Role(number) for number in numbers)
        if self.is_open or actor.is_admin:
            return Rights(project, EVERYTHING, roles)
        common = allowed((), public=project.is_public)
        permits = actor.permits
        if actor.user is None:
            return Rights(project, common | (permits.within(project.name) if permits else frozenset()))
        own = EVERYTHING if actor.user.is_admin else allowed(roles, public=project.is_public)
        return Rights(project, own if permits is None else common | (own & permits.within(project.name)), roles)

    def may_in_system(self, actor: Actor, permission: str) -> bool:
        """Whether something of no project is permitted: to administrators, and to robots that were given it."""
        if self.is_open or actor.is_admin:
            return True
        permits = actor.permits
        if permits is None or (actor.user is not None and not actor.user.is_admin):
            return False
        return permission in permits.system

    def sees_everything(self, actor: Actor) -> bool:
        """Whether lists over all projects need no filter for this account."""
        return self.may_in_system(actor, "catalog:read")

    def sight(self, actor: Actor, permission: str = "repository:pull", everywhere: str = "catalog:read") -> Sight:
        """Which projects lists over all of them may show: where the account has the permission, or all to those who
        have `everywhere` in the system.
        """
        if self.may_in_system(actor, everywhere):
            return Sight(everything=True)
        row, permits = PROJECT_PERMISSIONS[permission], actor.permits
        roles = None if row.roles == frozenset(Role) else tuple(sorted(row.roles))
        if permits is None:
            return Sight(user_id=actor.user_id, roles=roles, is_private=not row.public)
        named = frozenset(name for name, granted in permits.projects.items() if permission in granted)
        names, is_everywhere = tuple(sorted(named)), EVERY_PROJECT in named
        if actor.user is None or actor.user.is_admin:
            return Sight(everything=is_everywhere, names=names, is_private=not row.public)
        among = None if is_everywhere else names
        return Sight(user_id=actor.user_id, among=among, roles=roles, is_private=not row.public)
