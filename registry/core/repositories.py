"""Repositories, and the list of all of them."""

from dataclasses import dataclass

from auth.access import Access, Actor
from registry.core.permissions import must_be_allowed_to_list
from registry.errors import NameUnknown
from registry.oci.names import RepositoryName
from storage.metadata import projects, repositories
from storage.metadata.database import Database, Transaction
from storage.metadata.projects import ProjectRecord
from storage.metadata.repositories import RepositoryRecord


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository that somebody was allowed to act on, whether or not it exists yet."""

    project: ProjectRecord
    name: RepositoryName


def find(tx: Transaction, repository: Repository) -> RepositoryRecord | None:
    """Its row, unless the project was removed and made anew since the permission was checked."""
    row = repositories.find(tx, str(repository.name))
    return row if row and row.project_id == repository.project.id else None


def must_exist(tx: Transaction, repository: Repository) -> RepositoryRecord:
    """Raises `NameUnknown`."""
    row = find(tx, repository)
    if row is None:
        raise NameUnknown(f"repository '{repository.name}' is not known to the registry")
    return row


def get_or_create(tx: Transaction, repository: Repository, now: int) -> RepositoryRecord:
    """Raises `NameUnknown` when the project is gone."""
    row = find(tx, repository)
    if row is None:
        project = projects.find(tx, repository.project.name)
        if project is None or project.id != repository.project.id:
            raise NameUnknown(f"project '{repository.project.name}' does not exist")
        row = repositories.get_or_create(tx, project.id, str(repository.name), now)
    return row


class Catalog:
    """The list of repositories that hold something, as far as an account may see them."""

    def __init__(self, database: Database, access: Access) -> None:
        self._database = database
        self._access = access

    def list(self, actor: Actor, *, after: str, count: int) -> tuple[list[str], bool]:
        """Up to `count` names after the name `after`, in bytewise order, and whether there are more."""
        if not self._access.is_open:
            must_be_allowed_to_list(actor)
        with self._database.read() as tx:
            names = repositories.list_names(
                tx,
                actor.user_id,
                everything=self._access.sees_everything(actor),
                after=after,
                count=count + 1,
            )
        return names[:count], len(names) > count
