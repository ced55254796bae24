"""Quotas, one of each project, by the number of the project."""

from auth.access import Actor
from registry.core.filters import filtered
from registry.core.new_projects import bytes_of
from registry.core.projects import put_quota
from registry.errors import NotFound
from storage.metadata import projects
from storage.metadata.database import Database
from storage.metadata.listings import Listing
from storage.metadata.projects import ListedProject


class ProjectQuotas:
    def __init__(self, database: Database) -> None:
        self._database = database

    def page(self, listing: Listing) -> tuple[list[ListedProject], int]:
        """A page of all projects, and how many there are. Raises `BadQuery`."""
        with self._database.read() as tx, filtered():
            return projects.list_quotas(tx, listing)

    def get(self, project_id: int) -> ListedProject:
        """Raises `NotFound`."""
        with self._database.read() as tx:
            found = projects.find_listed(tx, project_id)
        if found is None:
            raise NotFound(f"quota {project_id} not found")
        return found

    def put(self, actor: Actor, project_id: int, limit: int) -> None:
        """Let the project keep so many bytes, or any number for -1. Raises `NotFound`, `RequestInvalid`."""
        quota = bytes_of(limit)
        with self._database.write() as tx:
            project = projects.find_by_id(tx, project_id)
            if project is None:
                raise NotFound(f"quota {project_id} not found")
            put_quota(tx, actor, project, quota)
