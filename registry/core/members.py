"""Memberships: who has which role in a project."""

from collections.abc import Callable
from typing import Protocol

from auth.access import Actor
from auth.roles import Role
from registry.core import audit, groups, people
from registry.core.filters import filtered
from registry.errors import BadQuery, Conflict, NotFound
from storage.clock import now_ms
from storage.metadata import members, projects
from storage.metadata.database import Database, Transaction
from storage.metadata.listings import Filter, Listing
from storage.metadata.members import Membership, OwnMembership
from storage.metadata.projects import ProjectRecord
from storage.metadata.users import UserRecord


class Directory(groups.Namer, Protocol):
    """Who knows people and groups elsewhere."""

    def bring(self, name: str) -> None:
        """Make the account of somebody who is known there and not here yet; others are left as they are."""


_NAMED = 5  # administrators who are told of


class Memberships:
    """Gives and takes roles, of users and of groups; each takes effect with the next request, and is on record.

    Members are given by the numbers of their memberships, and users also by their names. With a directory, users and
    groups may be named that nobody but that knows yet.
    """

    def __init__(
        self, database: Database, directory: Directory | None = None, *, clock: Callable[[], int] = now_ms
    ) -> None:
        self._database = database
        self._directory = directory
        self._clock = clock

    def page(self, project_id: int, listing: Listing) -> tuple[list[Membership], int]:
        """A page of a project's members, and how many there are. Raises `BadQuery`."""
        with self._database.read() as tx, filtered():
            return members.list_page(tx, project_id, listing)

    def administrators(self, project: str) -> list[str]:
        """The names of a few who administer a project; none where it is not there."""
        of_them = Listing((Filter("roleid", "exact", (str(Role.PROJECT_ADMIN.value),)),), size=_NAMED)
        with self._database.read() as tx:
            found = projects.find(tx, project)
            return [each.name for each in members.list_page(tx, found.id, of_them)[0]] if found else []

    def get(self, project_id: int, member: int | str) -> Membership:
        """Raises `NotFound`."""
        with self._database.read() as tx:
            return _must_be_member(tx, project_id, member)

    def list_of(self, user_id: int) -> list[OwnMembership]:
        """The roles of an account that it has by itself, by the names of the projects."""
        with self._database.read() as tx:
            return members.list_of_user(tx, user_id)

    def led_alone(self, user_id: int) -> list[str]:
        """Names of the projects of which the account is the only administrator."""
        with self._database.read() as tx:
            return [name for _, name in members.list_led_alone(tx, user_id, Role.PROJECT_ADMIN)]

    def hand_over(self, actor: Actor, user_id: int, heir: str) -> None:
        """Make somebody administrator of what an account leads alone. Raises `NotFound`, and `BadQuery` for itself."""
        with self._database.write() as tx:
            found = people.must_exist(tx, heir)
            if found.id == user_id:
                raise BadQuery("bad request: name somebody else")
            for project_id, _ in members.list_led_alone(tx, user_id, Role.PROJECT_ADMIN):
                project = projects.find_by_id(tx, project_id)
                assert project is not None, "it was found in this transaction"  # noqa: S101
                self._put_admin(tx, actor, project, found)

    def _put_admin(self, tx: Transaction, actor: Actor, project: ProjectRecord, user: UserRecord) -> None:
        held, role = members.find(tx, project.id, user.name), Role.PROJECT_ADMIN
        if held:
            members.set_role(tx, held.id, role)
        else:
            members.add(tx, project.id, role, at=self._clock(), by=actor.name, user_id=user.id)
        _note(tx, actor, "update" if held else "create", project, name=user.name, role=role)

    def add_user(self, actor: Actor, project: ProjectRecord, user: int | str, role: int) -> int:
        """Make a user, named or numbered, a member; returns the number of the membership.

        Raises `NotFound`, `BadQuery` for a number that is no role, and `Conflict`.
        """
        _must_be_role(role)
        if self._directory and isinstance(user, str):
            self._directory.bring(user)
        with self._database.write() as tx:
            found = people.must_exist(tx, user)
            if members.is_member(tx, project.id, user_id=found.id):
                raise Conflict(f"The project member specified already exist: {found.name}")
            made = members.add(tx, project.id, role, at=self._clock(), by=actor.name, user_id=found.id)
            _note(tx, actor, "create", project, name=found.name, role=role)
            return made

    def add_group(self, actor: Actor, project: ProjectRecord, group: int | groups.Wish, role: int) -> int:
        """Likewise for a group, which may have been unknown till now, unless it is numbered."""
        _must_be_role(role)
        if self._directory and not isinstance(group, int):
            group = self._directory.named(group)
        with self._database.write() as tx:
            found = groups.must_exist(tx, group) if isinstance(group, int) else groups.get_or_add(tx, group)
            if members.is_member(tx, project.id, group_id=found.id):
                raise Conflict(f"The project member specified already exist: {found.name}")
            made = members.add(tx, project.id, role, at=self._clock(), by=actor.name, group_id=found.id)
            _note(tx, actor, "create", project, name=found.name, role=role)
            return made

    def set_role(self, actor: Actor, project: ProjectRecord, member: int | str, role: int) -> None:
        """Raises `NotFound`, `BadQuery`."""
        _must_be_role(role)
        with self._database.write() as tx:
            held = _must_be_member(tx, project.id, member)
            members.set_role(tx, held.id, role)
            _note(tx, actor, "update", project, name=held.name, role=role)

    def remove(self, actor: Actor, project: ProjectRecord, member: int | str) -> Membership:
        """What it was. Raises `NotFound`."""
        with self._database.write() as tx:
            held = _must_be_member(tx, project.id, member)
            members.remove(tx, held.id)
            _note(tx, actor, "delete", project, name=held.name, role=held.role)
            return held

    def count_roles(self, project_id: int) -> dict[int, int]:
        """How many members have each role, by the number of the role."""
        with self._database.read() as tx:
            return members.count_roles(tx, project_id)


def _must_be_role(role: int) -> None:
    if role not in tuple(Role):
        raise BadQuery(f"bad request: role_id {role} is invalid")


def _must_be_member(tx: Transaction, project_id: int, member: int | str) -> Membership:
    found = members.find(tx, project_id, member)
    if found is None:
        raise NotFound(f"project member {member} not found")
    return found


def _note(tx: Transaction, actor: Actor, operation: str, project: ProjectRecord, *, name: str, role: int) -> None:
    audit.record(
        tx,
        actor,
        operation=operation,
        resource_type="member",
        resource=name,
        project_id=project.id,
        description=f"{operation} member: {name} of project {project.name}, {Role(role).label}",
    )
