"""Labels of a project or of the system, and which of them an artifact has."""

from collections.abc import Mapping

from starlette.responses import Response

from registry.core.artifacts import Artifacts, Wanted
from registry.core.labels import Labels, Look
from registry.errors import BadQuery, Conflict, NotFound
from registry.oci.names import Reference
from registry.ui.languages import marked
from registry.ui.lists import listing_of, shown
from registry.ui.pages import Pages
from registry.ui.repositories import address_of, repository_of
from registry.ui.texts import is_paintable, reason
from registry.web import PAGES, Call
from storage.metadata.labels import LabelRecord

_USUAL_COLOR = "#0f766e"


class LabelScreens:
    def __init__(self, pages: Pages, labels: Labels, artifacts: Artifacts) -> None:
        self._pages = pages
        self._labels = labels
        self._artifacts = artifacts

    def index(self, call: Call) -> Response:
        return self._shown(call, Look("", color=_USUAL_COLOR))

    def add(self, call: Call) -> Response:
        look = _look(call)
        try:
            self._labels.create(call.actor, look, _project_id(call))
        except Conflict:
            return self._shown(call, look, marked("There is a label of this name already."))
        except BadQuery as error:
            return self._shown(call, look, marked("The label was not made:"), reason(error))
        return self._done(call, marked("Label %(name)s was made."), look.name)

    def get(self, call: Call) -> Response:
        label = self._found(call)
        return self._form(call, label, Look(label.name, label.description, label.color))

    def change(self, call: Call) -> Response:
        label, look = self._found(call), _look(call)
        try:
            self._labels.change(call.actor, label.id, look)
        except Conflict:
            return self._form(call, label, look, marked("There is a label of this name already."))
        except BadQuery as error:
            return self._form(call, label, look, marked("The label was not changed:"), reason(error))
        return self._done(call, marked("Label %(name)s was changed."), look.name)

    def ask_delete(self, call: Call) -> Response:
        return self._pages.show(call, "delete_label.html", label=self._found(call), base=_base(call))

    def delete(self, call: Call) -> Response:
        label = self._found(call)
        self._labels.delete(call.actor, label.id)
        return self._done(call, marked("Label %(name)s was deleted."), label.name)

    def ask_of_artifact(self, call: Call) -> Response:
        return self._pages.show(
            call,
            "artifact_labels.html",
            repository=repository_of(call),
            reference=_reference(call),
            choices=self._choices(call).values(),
            held=self._held(call),
        )

    def set_of_artifact(self, call: Call) -> Response:
        """Exactly those that are ticked: whoever may give labels may also take them."""
        repository, reference = repository_of(call), _reference(call)
        held, wanted = self._held(call), {int(each) for each in call.fields.get("label", ()) if each.isdecimal()}
        for label_id in self._choices(call):
            if label_id in wanted - held:
                self._labels.attach(call.actor, repository, reference, label_id)
            elif label_id in held - wanted:
                self._labels.detach(call.actor, repository, reference, label_id)
        address = f"{address_of(repository)}/-/artifacts/{reference}"
        return self._pages.go(call, address, marked("The labels were set."))

    def _choices(self, call: Call) -> Mapping[int, LabelRecord]:
        """Those of the project and of the system, by their numbers."""
        return {label.id: label for label in self._labels.usable(call.project.id)}

    def _held(self, call: Call) -> set[int]:
        wanted = Wanted(tags=False, accessories=False, labels=True)
        return {label.id for label in self._artifacts.get(repository_of(call), _reference(call), wanted).labels}

    def _found(self, call: Call) -> LabelRecord:
        """Raises `NotFound`."""
        label = self._labels.get(call.number("label_id"))
        if label.project_id != _project_id(call):
            raise NotFound(f"label {label.id} not found")
        return label

    def _shown(self, call: Call, look: Look, error: str = "", detail: str = "") -> Response:
        found = shown(call, self._labels.page(_project_id(call), listing_of(call)))
        told = {"list": found, "look": look, "error": error, "detail": detail, "base": _base(call)}
        return self._pages.show(call, "labels.html", 422 if error else 200, **told)

    def _form(self, call: Call, label: LabelRecord, look: Look, error: str = "", detail: str = "") -> Response:
        told = {"label": label, "look": look, "error": error, "detail": detail, "base": _base(call)}
        return self._pages.show(call, "label.html", 422 if error else 200, **told)

    def _done(self, call: Call, note: str, name: str) -> Response:
        return self._pages.go(call, _base(call), note, name=name)


def _project_id(call: Call) -> int | None:
    return call.place.project.id if call.place else None


def _base(call: Call) -> str:
    """The address of the list."""
    return f"{PAGES}/projects/{call.place.project.name}/labels" if call.place else f"{PAGES}/labels"


def _look(call: Call) -> Look:
    color = call.form("color")
    return Look(call.form("name"), call.form("description"), color if is_paintable(color) else _USUAL_COLOR)


def _reference(call: Call) -> Reference:
    return Reference.parse(call.path("reference"))
