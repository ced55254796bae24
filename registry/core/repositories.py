"""Repositories, and the list of all of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from auth.access import Access, Actor
from registry.core import audit, events
from registry.core.events import Resource
from registry.core.filters import filtered
from registry.core.immutability import active_rules, must_lose_no_tag
from registry.core.permissions import must_be_allowed_to_list
from registry.errors import NameUnknown, NotFound
from registry.oci.names import RepositoryName
from storage.clock import now_ms
from storage.metadata import deletions, labels, projects, repositories
from storage.metadata.database import Database, Transaction
from storage.metadata.deletions import DeletedRepository
from storage.metadata.listings import Listing
from storage.metadata.projects import ProjectRecord
from storage.metadata.repositories import ListedRepository, RepositoryRecord, RepositorySize

_TOLD = 100  # artifacts that are named when a whole repository is deleted


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


def must_have_existed(tx: Transaction, repository: Repository) -> RepositoryRecord:
    """Its row, deleted or not. Raises `NotFound`."""
    row = find(tx, repository)
    if row is None:
        raise NotFound(f"there never was a repository '{repository.name}'")
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
            names = repositories.list_names(tx, self._access.sight(actor), after=after, count=count + 1)
        return names[:count], len(names) > count


class Repositories:
    """Repositories, as people manage them."""

    def __init__(self, database: Database, *, access: Access | None = None, clock: Callable[[], int] = now_ms) -> None:
        self._database = database
        self._access = access or Access()
        self._clock = clock

    def named(self, name: RepositoryName) -> Repository:
        """The repository of that name, whether or not it exists. Raises `NotFound` when its project does not."""
        with self._database.read() as tx:
            project = projects.find(tx, name.project)
        if project is None:
            raise NotFound(f"project '{name.project}' does not exist")
        return Repository(project, name)

    def list_deleted(
        self, *, after: str, count: int, project_id: int | None = None
    ) -> tuple[list[DeletedRepository], bool]:
        """Up to `count` repositories, of a project or of all, after the name `after` that can be restored, and whether
        there are more.
        """
        with self._database.read() as tx:
            found = deletions.list_repositories(tx, after=after, count=count + 1, project_id=project_id)
        return found[:count], len(found) > count

    def delete(self, actor: Actor, repository: Repository) -> RepositorySize:
        """Remove all manifests and tags of a repository; tells how many. Raises `NotFound`, `TagImmutable`.

        They can be restored until they are cleaned up.
        """
        with self._database.write() as tx:
            row = find(tx, repository)
            if row is None or not repositories.is_known(tx, row.id):
                raise NotFound(f"repository '{repository.name}' does not exist")
            must_lose_no_tag(tx, row)
            held = partial(_held, tx, row.id)
            events.announce_artifacts(tx, events.DELETED, row, held, operator=actor.name, at=self._clock())
            manifests, tags = repositories.delete_softly(tx, row.id, self._clock(), user_name=actor.name or None)
            _record(tx, actor, "delete", repository)
        return RepositorySize(row.name, manifests, tags)

    def page(self, actor: Actor, listing: Listing) -> tuple[list[ListedRepository], int]:
        """A page of the repositories that somebody may see, and how many there are. Raises `BadQuery`."""
        with self._database.read() as tx, filtered():
            return repositories.list_page(tx, listing, sight=self._access.sight(actor, "repository:list"))

    def page_of_project(self, project_id: int, listing: Listing) -> tuple[list[ListedRepository], int]:
        """Those of a project. Raises `BadQuery`."""
        with self._database.read() as tx, filtered():
            return repositories.list_page(tx, listing, project_id=project_id)

    def tag_counts(self, repository_ids: Sequence[int]) -> dict[int, int]:
        """How many tags each has, without those that have none."""
        with self._database.read() as tx:
            return repositories.count_tags(tx, repository_ids)

    def get(self, repository: Repository) -> ListedRepository:
        """With numbers that have to be counted. Raises `NotFound`."""
        with self._database.read() as tx:
            listed = repositories.find_listed(tx, must_be_known(tx, repository).id)
        assert listed is not None, "it was found in this transaction"  # noqa: S101
        return listed

    def marker_of_project(self, project_id: int) -> str:
        """What is another as soon as the list of a project's repositories is; far cheaper than the list."""
        with self._database.read() as tx:
            return str(repositories.read_marker_of_project(tx, project_id))

    def marker(self, repository: Repository) -> str:
        """The same of a repository's artifacts, tags and labels, and of the rules for them. Raises `NotFound`."""
        with self._database.read() as tx:
            row = must_be_known(tx, repository)
            labelled = labels.read_marker(tx, row.project_id)
            return str((repositories.read_marker(tx, row.id), labelled, active_rules(tx, row.project_id)))

    def count(self, repository: Repository) -> int:
        """How many manifests it has. Raises `NotFound`."""
        with self._database.read() as tx:
            return repositories.count_manifests(tx, must_be_known(tx, repository).id)

    def description(self, repository: Repository) -> str:
        """What it is for, as people said. Raises `NotFound`."""
        with self._database.read() as tx:
            return repositories.read_description(tx, must_be_known(tx, repository).id)

    def describe(self, actor: Actor, repository: Repository, description: str) -> None:
        """Say what it is for. Raises `NotFound`."""
        with self._database.write() as tx:
            repositories.describe(tx, must_be_known(tx, repository).id, description, self._clock())
            _record(tx, actor, "update", repository)

    def list(self, *, after: str, count: int) -> tuple[list[RepositorySize], bool]:
        """Up to `count` repositories after the name `after`, and whether there are more."""
        with self._database.read() as tx:
            found = repositories.list_sizes(tx, after=after, count=count + 1)
        return found[:count], len(found) > count


def must_be_known(tx: Transaction, repository: Repository) -> RepositoryRecord:
    """A repository to which something was pushed, though it may be empty now. Raises `NotFound`."""
    row = find(tx, repository)
    if row is None or not repositories.is_known(tx, row.id):
        raise NotFound(f"repository {repository.name} not found")
    return row


def _record(tx: Transaction, actor: Actor, operation: str, repository: Repository) -> None:
    audit.record(
        tx,
        actor,
        operation=operation,
        resource_type="repository",
        resource=str(repository.name),
        project_id=repository.project.id,
    )


def _held(tx: Transaction, repository_id: int) -> list[Resource]:
    """The first of the artifacts of a repository, enough to tell which it was."""
    first = deletions.list_page(tx, repository_id, deleted=False, after="", count=_TOLD)
    return [each for stored in first for each in events.resources_of(tx, repository_id, stored.id, stored.digest)]
