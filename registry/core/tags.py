"""Lists of tags."""

from registry.core import repositories
from registry.core.repositories import Repository
from registry.errors import NameUnknown
from storage.metadata import repositories as rows
from storage.metadata import tags
from storage.metadata.database import Database


class Tags:
    def __init__(self, database: Database) -> None:
        self._database = database

    def list(self, repository: Repository, *, after: str, count: int) -> tuple[list[str], bool]:
        """Up to `count` tags after the tag `after`, in bytewise order, and whether there are more.

        Raises `NameUnknown`, also for a repository to which nothing was pushed but blobs.
        """
        with self._database.read() as tx:
            row = repositories.must_exist(tx, repository)
            names = tags.list_names(tx, row.id, after=after, count=count + 1)
            if not names and not rows.holds_manifests(tx, row.id):
                raise NameUnknown(f"repository '{repository.name}' is not known to the registry")
        return names[:count], len(names) > count
