"""From the name in a request to a repository that the account may act on."""

from dataclasses import dataclass

from auth.access import Access, Actor, Rights
from auth.permits import GRANTABLE
from auth.roles import Action, Role
from registry.core import settings
from registry.core.permissions import must_be_allowed, must_be_known, must_be_permitted
from registry.core.projects import Projects
from registry.core.repositories import Repository
from registry.errors import Denied, Forbidden, NameUnknown
from registry.oci.names import RepositoryName
from storage.metadata.database import Database, Transaction
from storage.metadata.projects import ProjectRecord


@dataclass(frozen=True, slots=True)
class Place:
    """A project that somebody was let into, what it may do there, and the roles by which it may."""

    project: ProjectRecord
    permissions: frozenset[str]
    roles: tuple[Role, ...]


class Gate:
    """Lets requests in, or raises why not."""

    def __init__(self, database: Database, access: Access, projects: Projects) -> None:
        self._database = database
        self._access = access
        self._projects = projects

    @property
    def is_open(self) -> bool:
        """Whether everybody may do everything, without an account."""
        return self._access.is_open

    def enter(self, actor: Actor, action: Action, name: RepositoryName) -> Repository:
        """Raises `Unauthorized`, `Denied`, `NameUnknown`. In an open registry a push makes its project."""
        with self._database.read() as tx:
            project = must_be_allowed(tx, self._access, actor, action, name)
            if action is not Action.PULL:
                _must_be_writable(tx)
        if project is None and action is not Action.PUSH:
            raise NameUnknown(f"project '{name.project}' does not exist")
        return Repository(project or self._projects.ensure_public(name.project), name)

    def must_be_writable(self) -> None:
        """Raises `Denied` while an administrator wants nothing to change."""
        with self._database.read() as tx:
            _must_be_writable(tx)

    def must_be_known(self, actor: Actor) -> None:
        """Raises `Unauthorized` for the anonymous, unless the registry is open."""
        if not self.is_open:
            must_be_known(actor)

    def may_in_system(self, actor: Actor, permission: str) -> bool:
        """Whether `must_in_system` lets an account in."""
        return self._access.may_in_system(actor, permission)

    def must_in_system(self, actor: Actor, permission: str) -> None:
        """Raises `Unauthorized` for the anonymous, `Forbidden` for everybody else without the permission."""
        if not self._access.may_in_system(actor, permission):
            must_be_known(actor)
            raise Forbidden(actor.name)

    def permissions(self, actor: Actor, project: int | str | None) -> list[str]:
        """What an account may do in a project, or in the system without one: nothing where there is no such project."""
        if project is None:
            known = [each.permission for each in GRANTABLE["system"]]
            return [each for each in known if self._access.may_in_system(actor, each)]
        rights = self._rights(actor, project)
        return sorted(rights.permissions) if rights.project else []

    def enter_project(self, actor: Actor, permission: str, project: int | str) -> Place:
        """The project of a number or a name. Raises `Unauthorized`, `Forbidden`; `NotFound` for those who may know."""
        rights = self._rights(actor, project)
        found = must_be_permitted(rights, self._access, actor, permission, project)
        return Place(found, rights.permissions, rights.roles)

    def _rights(self, actor: Actor, project: int | str) -> Rights:
        with self._database.read() as tx:
            if isinstance(project, int):
                return self._access.rights_by_id(tx, actor, project)
            return self._access.rights(tx, actor, project)

    def must_in(self, actor: Actor, permission: str, project_id: int | None) -> None:
        """For what belongs to a project, or to the system without one. Raises as the two above do."""
        if project_id is None:
            self.must_in_system(actor, permission)
        else:
            self.enter_project(actor, permission, project_id)


def _must_be_writable(tx: Transaction) -> None:
    if settings.read_flag(tx, "read_only"):
        raise Denied("The system is in read only mode. Any modification is prohibited.")
