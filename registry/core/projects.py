"""Projects, as an administrator manages them."""

from collections.abc import Callable
from dataclasses import dataclass

from registry.errors import Conflict, NotFound
from registry.oci.names import parse_project
from storage.blobs import BlobStore
from storage.clock import now_ms
from storage.metadata import projects, repositories, uploads, usage
from storage.metadata.database import Database, Transaction
from storage.metadata.projects import ProjectRecord


@dataclass(frozen=True, slots=True)
class Recount:
    """Bytes that a project has in use: as they were on record, and as they are."""

    project: str
    recorded: int
    used: int


class Projects:
    """Creates, changes and removes projects. `store` is where the staged bytes of their uploads are, and `quota` what
    new projects get, in bytes; None for no limit.
    """

    def __init__(
        self,
        database: Database,
        store: BlobStore,
        *,
        quota: int | None = None,
        clock: Callable[[], int] = now_ms,
    ) -> None:
        self._database = database
        self._store = store
        self._quota = quota
        self._clock = clock

    def list(self) -> list[ProjectRecord]:
        with self._database.read() as tx:
            return projects.list_all(tx)

    def find(self, name: str) -> ProjectRecord:
        """Raises `NotFound`."""
        with self._database.read() as tx:
            return must_exist(tx, name)

    def create(self, name: str, *, public: bool = False) -> ProjectRecord:
        """Raises `NameInvalid`, `Conflict`."""
        parse_project(name)
        with self._database.write() as tx:
            if projects.find(tx, name):
                raise Conflict(f"project '{name}' exists already")
            return projects.add(tx, name, is_public=public, now=self._clock(), quota=self._quota)

    def ensure_public(self, name: str) -> ProjectRecord:
        """The project of that name, made public on the spot if need be: how an open registry gets its projects."""
        with self._database.write() as tx:
            known = projects.find(tx, name)
            return known or projects.add(tx, name, is_public=True, now=self._clock(), quota=self._quota)

    def set_public(self, name: str, *, public: bool) -> ProjectRecord:
        """Raises `NotFound`. Holds for the next request, also with tokens issued before."""
        with self._database.write() as tx:
            projects.set_public(tx, must_exist(tx, name).id, public=public)
            return must_exist(tx, name)

    def set_quota(self, name: str, quota: int | None) -> ProjectRecord:
        """Limit what the project keeps, or do so no longer. What is beyond the limit stays. Raises `NotFound`."""
        with self._database.write() as tx:
            usage.set_quota(tx, must_exist(tx, name).id, quota)
            return must_exist(tx, name)

    def recount(self, name: str) -> Recount:
        """Count anew what the project has in use. Raises `NotFound`."""
        with self._database.write() as tx:
            project = must_exist(tx, name)
            return Recount(name, project.used_bytes, usage.correct(tx, project.id))

    def delete(self, name: str, *, force: bool = False) -> ProjectRecord:
        """Remove a project; with `force` also one that holds images. Raises `NotFound`, `Conflict`."""
        with self._database.write() as tx:
            project = must_exist(tx, name)
            held = repositories.count_in_project(tx, project.id)
            if held and not force:
                raise Conflict(f"project '{name}' still holds {held} {'repository' if held == 1 else 'repositories'}")
            staged = uploads.list_staged(tx, project.id)
            projects.remove(tx, project.id, self._clock())
        for place in staged:
            self._store.discard(place)
        return project


def must_exist(tx: Transaction, name: str) -> ProjectRecord:
    """Raises `NotFound`."""
    project = projects.find(tx, name)
    if project is None:
        raise NotFound(f"project '{name}' does not exist")
    return project
