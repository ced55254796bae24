"""Tags: what became of one, and giving one to an artifact."""

from starlette.responses import Response

from registry.core.artifact_changes import ArtifactChanges
from registry.core.tags import Tags
from registry.errors import Conflict, TagImmutable, TagInvalid
from registry.oci.names import Reference, parse_tag
from registry.ui.languages import marked
from registry.ui.pages import Pages
from registry.ui.repositories import address_of, repository_of
from registry.web import Call

_STEPS = 50  # of a tag's history on one page


class TagScreens:
    def __init__(self, pages: Pages, tags: Tags, changes: ArtifactChanges) -> None:
        self._pages = pages
        self._tags = tags
        self._changes = changes

    def history(self, call: Call) -> Response:
        repository, tag = repository_of(call), parse_tag(call.path("tag"))
        text = call.query("before") or ""
        before = int(text) if text.isdecimal() and len(text) < 19 else None
        steps, is_more = self._tags.history(repository, tag, before=before, count=_STEPS)
        return self._pages.show(
            call, "history.html", repository=repository, tag=tag, steps=steps, is_first=before is None, is_more=is_more
        )

    def ask(self, call: Call) -> Response:
        return self._asked(call)

    def add(self, call: Call) -> Response:
        repository, reference = repository_of(call), Reference.parse(call.path("reference"))
        try:
            name = parse_tag(call.form("name"))
            self._changes.tag(call.actor, repository, reference, name, moves=bool(call.form("moves")))
        except TagInvalid:
            error = marked("Use at most 128 letters, digits, dots, dashes or underscores, neither dot nor dash first.")
        except Conflict:
            error = marked("There is a tag of this name: say below that it is to be moved, or choose another.")
        except TagImmutable:
            error = marked("A rule of the project keeps the tag where it is.")
        else:
            note = marked("The artifact has the tag %(name)s now.")
            return self._pages.go(call, f"{address_of(repository)}/-/artifacts/{name}", note, name=name)
        return self._asked(call, error)

    def _asked(self, call: Call, error: str = "") -> Response:
        reference = Reference.parse(call.path("reference"))
        return self._pages.show(
            call,
            "new_tag.html",
            422 if error else 200,
            repository=repository_of(call),
            reference=reference,
            name=call.form("name"),
            error=error,
        )
