"""Deleting artifacts, tags and repositories, and getting them back.

Whoever may push may restore. What comes back is what a push of the same content would bring, no more; it is held to
the same rules; and who may delete may push as well, so that nobody is left who cannot undo a slip.
"""

from collections.abc import Sequence

from starlette.responses import Response

from registry.core.artifact_changes import ArtifactChanges
from registry.core.artifacts import Artifacts, Wanted
from registry.core.deletions import CHOSEN_LIMIT, Deletions
from registry.core.repositories import Repositories, Repository
from registry.core.restoring import Restored, Restoring
from registry.errors import BadQuery, Conflict, NotFound, StillReferenced, TagImmutable
from registry.oci.names import Reference, parse_digest, parse_tag
from registry.ui.languages import marked
from registry.ui.lists import SIZE, listing_of, shown
from registry.ui.pages import Pages, Undo
from registry.ui.repositories import address_of, repository_of
from registry.web import Call
from storage.digest import Digest

_KEPT = marked("A rule of the project keeps some of its tags from being deleted.")
_LEFT = marked("%(name)s is back; tags that point elsewhere by now were left as they are.")


class DeletionScreens:
    def __init__(self, pages: Pages, artifacts: Artifacts, changes: ArtifactChanges, deletions: Deletions) -> None:
        self._pages = pages
        self._artifacts = artifacts
        self._changes = changes
        self._deletions = deletions

    def ask_artifacts(self, call: Call) -> Response:
        return self._asked_artifacts(call, "")

    def delete_artifacts(self, call: Call) -> Response:
        repository, digests = repository_of(call), _chosen(call)
        if len(digests) > 1 and call.form("name") != str(repository.name):
            return self._asked_artifacts(call, marked("Type the name of the repository to delete them."))
        try:
            time = self._changes.delete_all(call.actor, repository, digests)
        except TagImmutable:
            return self._asked_artifacts(call, _KEPT)
        except StillReferenced:
            return self._asked_artifacts(call, marked("An index names it: delete that first, or with it."))
        note = marked("%(name)s was deleted.") if len(digests) == 1 else marked("%(name)s artifacts were deleted.")
        name = str(digests[0])[:19] if len(digests) == 1 else len(digests)
        undo = Undo(f"{address_of(repository)}/-/restore", {"at": str(time)})
        return self._pages.go(call, address_of(repository), note, name=name, undo=undo)

    def ask_tag(self, call: Call) -> Response:
        return self._asked_tag(call, "")

    def delete_tag(self, call: Call) -> Response:
        """The artifact stays."""
        repository, tag = repository_of(call), parse_tag(call.path("tag"))
        artifact = self._artifacts.get(repository, Reference(tag=tag), Wanted(tags=False, accessories=False))
        try:
            self._changes.untag(call.actor, repository, Reference(tag=tag), tag)
        except TagImmutable:
            return self._asked_tag(call, _KEPT)
        undo = Undo(f"{address_of(repository)}/-/restore", {"tag": tag, "digest": artifact.record.digest})
        return self._pages.go(call, address_of(repository), marked("%(name)s was deleted."), name=tag, undo=undo)

    def ask_tags(self, call: Call) -> Response:
        return self._asked_tags(call, "")

    def delete_tags(self, call: Call) -> Response:
        """Several at once; their artifacts stay."""
        repository, names = repository_of(call), _chosen_tags(call)
        try:
            count = self._changes.untag_all(call.actor, repository, names)
        except TagImmutable:
            return self._asked_tags(call, marked("A rule of the project keeps some of these tags."))
        address = f"{address_of(repository)}?view=tag"
        note = marked("%(name)s was deleted.") if len(names) == 1 else marked("%(name)s tags were deleted.")
        return self._pages.go(call, address, note, name=names[0] if len(names) == 1 else count)

    def _asked_tags(self, call: Call, error: str) -> Response:
        repository, names = repository_of(call), _chosen_tags(call)
        return self._pages.show(
            call, "delete_tags.html", 422 if error else 200, repository=repository, names=names, error=error
        )

    def _asked_artifacts(self, call: Call, error: str) -> Response:
        repository, digests = repository_of(call), _chosen(call)
        going = self._deletions.preview(repository, digests)
        status = 422 if error else 200
        return self._pages.show(
            call, "delete_artifacts.html", status, repository=repository, digests=digests, going=going, error=error
        )

    def _asked_tag(self, call: Call, error: str) -> Response:
        repository, tag = repository_of(call), parse_tag(call.path("tag"))
        artifact = self._artifacts.get(repository, Reference(tag=tag), Wanted(accessories=False, immutable=True))
        status = 422 if error else 200
        return self._pages.show(
            call, "delete_tag.html", status, repository=repository, tag=tag, artifact=artifact, error=error
        )


class RestoringScreens:
    def __init__(self, pages: Pages, repositories: Repositories, deletions: Deletions, restoring: Restoring) -> None:
        self._pages = pages
        self._repositories = repositories
        self._deletions = deletions
        self._restoring = restoring

    def index(self, call: Call) -> Response:
        return self._shown(call, "")

    def of_project(self, call: Call) -> Response:
        """Repositories that were deleted as a whole."""
        after = call.query("after") or ""
        found, is_more = self._repositories.list_deleted(after=after, count=SIZE, project_id=call.project.id)
        return self._pages.show(
            call, "deleted_repositories.html", found=found, is_more=is_more, keep_ms=self._deletions.keep_ms
        )

    def restore(self, call: Call) -> Response:
        """By `tag` and the `digest` that it is to point to; by a `digest` alone; by the time `at` which it was deleted;
        or else all that the repository had when it was deleted.
        """
        repository = repository_of(call)
        try:
            name, restored = self._restored(call, repository)
        except TagImmutable:
            return self._shown(call, marked("A rule of the project keeps the tag where it is."))
        except (Conflict, NotFound):
            return self._shown(call, marked("It cannot be restored: it is back, or cleaned up, or lacks a part."))
        note = _LEFT if restored.left_tags else marked("%(name)s is back.")
        return self._pages.go(call, address_of(repository), note, name=name)

    def _restored(self, call: Call, repository: Repository) -> tuple[object, Restored]:
        tag, digest, at = call.form("tag"), call.form("digest"), call.form("at")
        if tag:
            return tag, self._restoring.restore_tag(call.actor, repository, tag, to=parse_digest(digest), force=False)
        if digest:
            return digest[:19], self._restoring.restore_manifest(call.actor, repository, parse_digest(digest))
        if at.isdecimal() and len(at) < 19:
            return repository.name, self._restoring.restore_deletion(call.actor, repository, int(at))
        return repository.name, self._restoring.restore_repository(call.actor, repository)

    def _shown(self, call: Call, error: str) -> Response:
        repository = repository_of(call)
        lost = self._deletions.lately(repository, listing_of(call))
        found = shown(call, (lost.tags, lost.total))
        return self._pages.show(
            call,
            "deleted.html",
            422 if error else 200,
            repository=repository,
            list=found,
            tagless=lost.tagless,
            keep_ms=self._deletions.keep_ms,
            error=error,
        )


def _chosen_tags(call: Call) -> Sequence[str]:
    """Raises `BadQuery`, `TagInvalid`."""
    texts = dict.fromkeys(call.all("tag"))
    if not 0 < len(texts) <= CHOSEN_LIMIT:
        raise BadQuery(f"choose 1 to {CHOSEN_LIMIT} tags")
    return [parse_tag(text) for text in texts]


def _chosen(call: Call) -> Sequence[Digest]:
    """Raises `BadQuery`, `DigestInvalid`."""
    texts = dict.fromkeys(call.all("digest"))
    if not 0 < len(texts) <= CHOSEN_LIMIT:
        raise BadQuery(f"choose 1 to {CHOSEN_LIMIT} artifacts")
    return [parse_digest(text) for text in texts]
