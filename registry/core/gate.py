"""From the name in a request to a repository that the account may act on."""

from auth.access import Access, Actor
from auth.roles import Action
from registry.core.permissions import must_be_allowed
from registry.core.projects import Projects
from registry.core.repositories import Repository
from registry.errors import NameUnknown
from registry.oci.names import RepositoryName
from storage.metadata.database import Database


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
        if project is None and action is not Action.PUSH:
            raise NameUnknown(f"project '{name.project}' does not exist")
        return Repository(project or self._projects.ensure_public(name.project), name)
