"""A repository: its artifacts with their tags."""

from dataclasses import replace
from functools import partial

from starlette.responses import Response

from registry.core.artifacts import Artifacts, Wanted
from registry.core.clocks import DAY_MS
from registry.core.labels import Labels
from registry.core.repositories import Repositories, Repository
from registry.errors import NotFound, TagImmutable
from registry.oci.names import RepositoryName
from registry.ui.languages import marked
from registry.ui.lists import MOST, listing_of, shown
from registry.ui.pages import Pages, Undo
from registry.web import PAGES, Call
from storage.clock import now_ms
from storage.metadata.listings import Filter, Listing, plain

IDLE_DAYS = 90
SHOWS = {
    "": marked("All"),
    "untagged": marked("Without a tag"),
    "attached": marked("Attached to others"),
    "idle": marked("Unused for 90 days"),
}
_SHOW, _LABEL = "show", "label"


class RepositoryScreens:
    def __init__(self, pages: Pages, repositories: Repositories, artifacts: Artifacts, labels: Labels) -> None:
        self._pages = pages
        self._repositories = repositories
        self._artifacts = artifacts
        self._labels = labels

    def get(self, call: Call) -> Response:
        """Of one that holds nothing any more, what can be restored; for those who may."""
        repository = repository_of(call)
        try:
            unchanged = self._pages.unchanged(call, self._repositories.marker(repository))
        except NotFound:
            if "repository:push" not in call.permissions:
                raise
            return self._pages.go(call, f"{address_of(repository)}/-/deleted")
        if unchanged:
            return unchanged
        description = self._repositories.description(repository)
        is_large = self._repositories.count(repository) > MOST
        show = partial(self._pages.show, call, repository=repository, description=description, is_large=is_large)
        if call.query("view") == "tag":
            tagged = self._artifacts.page_by_tag(repository, _sortable(listing_of(call), is_large=is_large))
            return show("by_tag.html", list=shown(call, tagged))
        listing = _sortable(listing_of(call, *_chosen(call), contains="tags"), is_large=is_large)
        found = self._artifacts.page(repository, listing, Wanted(accessories=True, labels=True))
        labels = self._labels.usable(repository.project.id)
        return show("repository.html", list=shown(call, found, _SHOW, _LABEL), shows=SHOWS, labels=labels)

    def ask_delete(self, call: Call) -> Response:
        return self._asked(call, "")

    def delete(self, call: Call) -> Response:
        repository = repository_of(call)
        if call.form("name") != str(repository.name):
            return self._asked(call, marked("Type the name of the repository to delete it."))
        try:
            self._repositories.delete(call.actor, repository)
        except TagImmutable:
            return self._asked(call, marked("A rule of the project keeps some of its tags from being deleted."))
        return self._pages.go(
            call,
            f"{PAGES}/projects/{call.project.name}",
            marked("Repository %(name)s was deleted."),
            name=repository.name,
            undo=Undo(f"{address_of(repository)}/-/restore", {}),
        )

    def _asked(self, call: Call, error: str) -> Response:
        listed = self._repositories.get(repository_of(call))
        return self._pages.show(call, "delete_repository.html", 422 if error else 200, repository=listed, error=error)


def _chosen(call: Call) -> list[Filter]:
    """What of the artifacts is wanted beside their tags."""
    since = str(now_ms() - IDLE_DAYS * DAY_MS)
    filters = {
        "untagged": Filter("tags", "exact", ("nil",)),
        "attached": Filter("attached", "exact", ("true",)),
        "idle": Filter("idlesince", "exact", (since,)),
    }
    wanted, label = call.query(_SHOW), call.query(_LABEL)
    chosen = [filters[wanted]] if wanted in filters else []
    return [*chosen, Filter("labels", "any", (label,))] if label else chosen


def _sortable(listing: Listing, *, is_large: bool) -> Listing:
    """No index has when things were pulled last: in a large repository they are not sorted by that."""
    by_pull = {plain(name.removeprefix("-")) for name in listing.sort} == {"pulltime"}
    return replace(listing, sort=()) if is_large and by_pull else listing


def address_of(repository: Repository) -> str:
    """Of its page."""
    return f"{PAGES}/r/{repository.name}"


def repository_of(call: Call) -> Repository:
    """The repository below the project of the address. Raises `NotFound`, `NameInvalid`."""
    name = RepositoryName.parse(f"{call.project.name}/{call.path('repository')}")
    if name.project != call.project.name:
        raise NotFound("there is nothing at this address")
    return Repository(call.project, name)
