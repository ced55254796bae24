"""The registry as a whole: how much of everything there is, what has a name like that, and whether it works."""

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from auth.access import Access, Actor
from auth.permits import GRANTABLE, Granted
from auth.roles import Role
from registry.core.clocks import DAY_MS
from registry.core.permissions import must_be_known
from registry.errors import Forbidden
from storage.blobs import BlobStore, BlobStoreError
from storage.clock import now_ms
from storage.metadata import overviews, projects, sizes
from storage.metadata.database import Database, DatabaseError
from storage.metadata.listings import Filter, Listing
from storage.metadata.overviews import Counts, FoundRepository
from storage.metadata.projects import ListedProject
from storage.metadata.sizes import SizedArtifact

FOUND_LIMIT = 100
SIZED_LIMIT = 8
UNPULLED_DAYS = 90
_AMONG = 5000  # artifacts that are looked at for those that nobody pulls


@dataclass(frozen=True, slots=True)
class Statistics:
    """What somebody may see of projects and repositories. All of them are counted for those who may see everything."""

    private: Counts
    public: Counts
    all: Counts
    used_bytes: int


@dataclass(frozen=True, slots=True)
class Found:
    projects: list[ListedProject]
    repositories: list[FoundRepository]


class Overviews:
    """`folder` is where the blobs are on a disk, None where they are elsewhere."""

    def __init__(
        self,
        database: Database,
        store: BlobStore,
        access: Access,
        folder: Path | None,
        *,
        clock: Callable[[], int] = now_ms,
    ) -> None:
        self._clock = clock
        self._database = database
        self._store = store
        self._access = access
        self._folder = folder

    def statistics(self, actor: Actor) -> Statistics:
        sight = self._access.sight(actor, "project:read")
        with self._database.read() as tx:
            public = overviews.count(tx, sight, public=True)
            if not sight.everything:
                return Statistics(overviews.count(tx, sight, public=False), public, Counts(0, 0), 0)
            total = overviews.count_all(tx)
            private = Counts(total.projects - public.projects, total.repositories - public.repositories)
            return Statistics(private, public, total, overviews.sum_used_bytes(tx))

    def search(self, actor: Actor, part: str) -> Found:
        """Up to 100 projects and 100 repositories that somebody may see, with that part in their names."""
        listing = Listing((Filter("name", "contains", (part,)),), size=FOUND_LIMIT)
        with self._database.read() as tx:
            found, _ = projects.list_page(tx, self._access.sight(actor, "project:read"), listing)
            sight = self._access.sight(actor, "repository:list")
            return Found(found, overviews.find_repositories(tx, sight, part, count=FOUND_LIMIT))

    def grantable(self, actor: Actor) -> dict[str, tuple[Granted, ...]]:
        """What robots can be given, as far as somebody can give it. Raises `Unauthorized`, `Forbidden`."""
        if self._access.is_open or actor.is_admin:
            return dict(GRANTABLE)
        must_be_known(actor)
        with self._database.read() as tx:
            if actor.user is None or not overviews.has_role(tx, actor.user.id, Role.PROJECT_ADMIN):
                raise Forbidden(actor.name)
        return {"project": GRANTABLE["project"]}

    def largest(self, actor: Actor) -> list[SizedArtifact]:
        """The largest artifacts that somebody may see."""
        with self._database.read() as tx:
            return sizes.list_largest(tx, self._access.sight(actor, "artifact:list"), count=SIZED_LIMIT)

    def unpulled(self, actor: Actor) -> list[SizedArtifact]:
        """The largest ones that were neither pushed nor pulled for `UNPULLED_DAYS`."""
        before = self._clock() - UNPULLED_DAYS * DAY_MS
        sight = self._access.sight(actor, "artifact:list")
        with self._database.read() as tx:
            return sizes.list_unpulled(tx, sight, before, among=_AMONG, count=SIZED_LIMIT)

    def volumes(self) -> list[tuple[int, int]]:
        """Bytes in all and free ones of the disk that the blobs are on; a service tells no such numbers."""
        if self._folder is None:
            return []
        usage = shutil.disk_usage(self._folder)
        return [(usage.total, usage.free)]

    def database(self) -> tuple[str, int]:
        """What keeps the records, with its version, and the bytes that they take up."""
        return self._database.describe()

    def health(self) -> Mapping[str, bool]:
        """Whether each part works."""
        return {"database": _works(self._database.check), "registry": _works(self._store.check)}


def _works(check: Callable[[], None]) -> bool:
    try:
        check()
    except (DatabaseError, BlobStoreError):
        return False
    return True
