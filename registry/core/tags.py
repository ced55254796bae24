"""Lists of tags, of those that are gone, and of what became of each."""

from dataclasses import dataclass

from registry.core import repositories
from registry.core.repositories import Repository
from registry.errors import NameUnknown, NotFound
from storage.metadata import deletions, tag_changes, tags
from storage.metadata import repositories as rows
from storage.metadata.database import Database, Transaction
from storage.metadata.deletions import RemovedTag
from storage.metadata.repositories import RepositoryRecord
from storage.metadata.tag_changes import TagChange
from storage.metadata.tags import TagOf


@dataclass(frozen=True, slots=True)
class TagVersion:
    """A change of a tag, and whether the manifest that it pointed to from then on is still there, deleted or not."""

    change: TagChange
    is_restorable: bool


class Tags:
    def __init__(self, database: Database) -> None:
        self._database = database

    def list_targets(self, repository: Repository, *, after: str, count: int) -> tuple[list[tuple[TagOf, int]], bool]:
        """As `list`, with the manifests that they point to, and the times of the last pushes in milliseconds."""
        with self._database.read() as tx:
            row = repositories.must_exist(tx, repository)
            found = tags.list_page(tx, row.id, after=after, count=count + 1)
            if not found:
                _must_hold_manifests(tx, row)
        return found[:count], len(found) > count

    def list_deleted(self, repository: Repository) -> list[RemovedTag]:
        """The tags that are gone and can be restored. Raises `NotFound`."""
        with self._database.read() as tx:
            return deletions.list_lost_tags(tx, repositories.must_have_existed(tx, repository).id)

    def history(
        self, repository: Repository, tag: str, *, before: int | None = None, count: int
    ) -> tuple[list[TagVersion], bool]:
        """Up to `count` changes of a tag, the newest first, and whether there are more.

        With `before`, those that came before the change with that id. Raises `NotFound`.
        """
        with self._database.read() as tx:
            row = repositories.must_have_existed(tx, repository)
            changes = tag_changes.list_newest(tx, row.id, tag, count + 1, before=before)
            if not changes and before is None:
                raise no_such_tag(row.name, tag)
            here = deletions.list_known(tx, row.id, {change.digest for change in changes if change.digest})
        return [TagVersion(change, change.digest in here) for change in changes[:count]], len(changes) > count

    def list(self, repository: Repository, *, after: str, count: int) -> tuple[list[str], bool]:
        """Up to `count` tags after the tag `after`, in bytewise order, and whether there are more.

        Raises `NameUnknown`, also for a repository to which nothing was pushed but blobs.
        """
        with self._database.read() as tx:
            row = repositories.must_exist(tx, repository)
            names = tags.list_names(tx, row.id, after=after, count=count + 1)
            if not names:
                _must_hold_manifests(tx, row)
        return names[:count], len(names) > count


def no_such_tag(repository: str, tag: str) -> NotFound:
    return NotFound(f"there never was a tag '{tag}' in repository '{repository}'")


def _must_hold_manifests(tx: Transaction, row: RepositoryRecord) -> None:
    if not rows.holds_manifests(tx, row.id):
        raise NameUnknown(f"repository '{row.name}' is not known to the registry")
