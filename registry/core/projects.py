"""Projects, as an administrator manages them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from auth.access import OPERATOR, Access, Actor
from auth.roles import BY_RANK, Role
from registry.core import audit
from registry.core.filters import filtered
from registry.core.permits import forget_project
from registry.errors import Conflict, NotFound, PreconditionFailed
from registry.oci.names import parse_project
from storage.blobs import BlobStore
from storage.clock import now_ms
from storage.metadata import projects, repositories, uploads, usage
from storage.metadata.database import Database, Transaction
from storage.metadata.listings import Listing
from storage.metadata.projects import ListedProject, ProjectRecord

NOT_EMPTY = "the project contains repositories, can not be deleted"
_NOBODY = Actor()


@dataclass(frozen=True, slots=True)
class Recount:
    """Bytes that a project has in use: as they were on record, and as they are."""

    project: str
    recorded: int
    used: int


class Projects:
    """Creates, changes and removes projects, for commands where no other actor is named; what is done is on record.

    `store` is where the staged bytes of their uploads are, and `quota` what
    new projects get, in bytes; None for no limit.
    """

    def __init__(
        self,
        database: Database,
        store: BlobStore,
        *,
        quota: int | None = None,
        access: Access | None = None,
        clock: Callable[[], int] = now_ms,
    ) -> None:
        self._database = database
        self._store = store
        self._quota = quota
        self._access = access or Access()
        self._clock = clock

    def find(self, name: str) -> ProjectRecord:
        """Raises `NotFound`."""
        with self._database.read() as tx:
            return must_exist(tx, name)

    def page(self, actor: Actor, listing: Listing, *, own: bool = False) -> tuple[list[ListedProject], int]:
        """A page of the projects that somebody may read, and how many there are; with `own` only those where they have
        a role. Raises `BadQuery`.
        """
        sight = self._access.sight(actor, "project:read")
        if own:
            sight = replace(sight, everything=False, user_id=actor.user_id, is_private=True)
        with self._database.read() as tx, filtered():
            return projects.list_page(tx, sight, listing)

    def roles(self, actor: Actor, project_ids: Sequence[int]) -> dict[int, list[int]]:
        """The numbers of the roles that somebody has in each of the projects, the mightiest first."""
        if actor.user_id is None:
            return {}
        with self._database.read() as tx:
            held = projects.list_roles(tx, project_ids, actor.user_id)
        return {project: sorted(set(roles), key=_rank) for project, roles in held.items()}

    def list(self) -> list[ProjectRecord]:
        with self._database.read() as tx:
            return projects.list_all(tx)

    def listed(self, project_id: int) -> ListedProject:
        """A project with what lists tell of it. Raises `NotFound`."""
        with self._database.read() as tx:
            found = projects.find_listed(tx, project_id)
        if found is None:
            raise NotFound(f"project {project_id} not found")
        return found

    def create(self, name: str, *, public: bool = False) -> ProjectRecord:
        """Raises `NameInvalid`, `Conflict`."""
        parse_project(name)
        with self._database.write() as tx:
            if projects.find(tx, name):
                raise Conflict(f"The project named {name} already exists")
            return self._add(tx, OPERATOR, name, public=public)

    def ensure_public(self, name: str) -> ProjectRecord:
        """The project of that name, made public on the spot if need be: how an open registry gets its projects."""
        with self._database.write() as tx:
            return projects.find(tx, name) or self._add(tx, _NOBODY, name, public=True)

    def _add(self, tx: Transaction, actor: Actor, name: str, *, public: bool) -> ProjectRecord:
        made = projects.add(tx, name, is_public=public, now=self._clock(), quota=self._quota)
        audit.record(tx, actor, operation="create", resource_type="project", resource=name, project_id=made.id)
        return made

    def set_public(self, name: str, *, public: bool) -> ProjectRecord:
        """Raises `NotFound`. Holds for the next request, also with tokens issued before."""
        with self._database.write() as tx:
            project = must_exist(tx, name)
            projects.set_public(tx, project.id, public=public)
            note_update(tx, OPERATOR, project, "public" if public else "private")
            return must_exist(tx, name)

    def set_quota(self, name: str, quota: int | None) -> ProjectRecord:
        """Limit what the project keeps, or do so no longer. What is beyond the limit stays. Raises `NotFound`."""
        with self._database.write() as tx:
            put_quota(tx, OPERATOR, must_exist(tx, name), quota)
            return must_exist(tx, name)

    def recount(self, name: str) -> Recount:
        """Count anew what the project has in use. Raises `NotFound`."""
        with self._database.write() as tx:
            project = must_exist(tx, name)
            return Recount(name, project.used_bytes, usage.correct(tx, project.id))

    def delete(self, name: str, *, force: bool = False, actor: Actor = OPERATOR) -> ProjectRecord:
        """Remove a project; with `force` also one that holds images. Raises `NotFound`, `Conflict`."""
        with self._database.write() as tx:
            project = must_exist(tx, name)
            held = repositories.count_in_project(tx, project.id)
            if held and not force:
                raise Conflict(f"project '{name}' still holds {held} {'repository' if held == 1 else 'repositories'}")
            staged = uploads.list_staged(tx, project.id)
            projects.remove(tx, project.id, self._clock())
            forget_project(tx, project.name)
            audit.record(tx, actor, operation="delete", resource_type="project", resource=name, project_id=project.id)
        for place in staged:
            self._store.discard(place)
        return project

    def delete_empty(self, actor: Actor, project_id: int) -> None:
        """Remove a project. Raises `NotFound`, and `PreconditionFailed` for one that holds images."""
        try:
            self.delete(self.listed(project_id).project.name, actor=actor)
        except Conflict:
            raise PreconditionFailed(NOT_EMPTY) from None


def _rank(role: int) -> int:
    return BY_RANK.index(Role(role))


def put_quota(tx: Transaction, actor: Actor, project: ProjectRecord, quota: int | None) -> None:
    """Let a project keep so many bytes, or any number for None."""
    usage.set_quota(tx, project.id, quota)
    audit.record(
        tx,
        actor,
        operation="update",
        resource_type="quota",
        resource=project.name,
        project_id=project.id,
        description=f"update quota: {project.name}, {'no limit' if quota is None else f'{quota} bytes'}",
    )


def note_update(tx: Transaction, actor: Actor, project: ProjectRecord, changed: str = "") -> None:
    """Put on record that what is set of a project is another now."""
    audit.record(
        tx,
        actor,
        operation="update",
        resource_type="project",
        resource=project.name,
        project_id=project.id,
        description=f"update project: {project.name}, {changed}" if changed else "",
    )


def must_exist(tx: Transaction, name: str) -> ProjectRecord:
    """Raises `NotFound`."""
    project = projects.find(tx, name)
    if project is None:
        raise NotFound(f"project '{name}' does not exist")
    return project
