"""Labels: `/labels`, and those that an artifact has."""

from starlette.responses import Response

from registry.api.answers import Model, created, done, listed, shown, time_text
from registry.api.bodies import parse_body
from registry.api.places import reference_of, repository_of
from registry.api.queries import parse_listing
from registry.contracts import PAGED, answers
from registry.core.gate import Gate
from registry.core.labels import Labels, Look
from registry.errors import BadQuery, NotFound
from registry.web import Call
from storage.metadata.labels import LabelRecord
from storage.metadata.listings import Filter, Listing

_SYSTEM, _PROJECT = "g", "p"


class Label(Model, kw_only=True):
    """Harbor's `Label`; `scope` is `g` for those of the system, else `p`."""

    id: int
    name: str
    description: str = ""
    color: str = ""
    scope: str
    project_id: int = 0
    creation_time: str
    update_time: str


class NewLabel(Model, kw_only=True):
    """What of a `Label` somebody may choose, and by its `id` the choice of one."""

    id: int = 0
    name: str = ""
    description: str = ""
    color: str = ""
    scope: str = ""
    project_id: int = 0

    def look(self) -> Look:
        return Look(self.name, self.description, self.color)


class LabelEndpoints:
    def __init__(self, labels: Labels, gate: Gate) -> None:
        self._labels = labels
        self._gate = gate

    @answers(list[Label], query=(*PAGED, "name", "scope!", "project_id"), refuses=(404,))
    def index(self, call: Call) -> Response:
        listing = _with_name(call, parse_listing(call.request.query_params))
        project_id = _place(call.query("scope") or "", call.query("project_id") or "")
        if project_id is None:
            self._gate.must_be_known(call.actor)
        else:
            self._gate.must_in(call.actor, "label:list", project_id)
        found, total = self._labels.page(project_id, listing)
        return listed(call, listing, [shown_label(each) for each in found], total)

    @answers(takes=NewLabel, status=201, refuses=(404, 409))
    def post(self, call: Call) -> Response:
        wanted = parse_body(call.body, NewLabel)
        project_id = _place(wanted.scope, str(wanted.project_id or ""))
        self._gate.must_in(call.actor, "label:create", project_id)
        return created(call, self._labels.create(call.actor, wanted.look(), project_id).id)

    @answers(Label)
    def get(self, call: Call) -> Response:
        return shown(shown_label(self._found(call, "label:read")))

    @answers(takes=NewLabel, refuses=(409,))
    def put(self, call: Call) -> Response:
        label = self._found(call, "label:update")
        self._labels.change(call.actor, label.id, parse_body(call.body, NewLabel).look())
        return done()

    @answers()
    def delete(self, call: Call) -> Response:
        self._labels.delete(call.actor, self._found(call, "label:delete").id)
        return done()

    @answers(takes=NewLabel, refuses=(409,))
    def attach(self, call: Call) -> Response:
        label_id = parse_body(call.body, NewLabel).id
        self._labels.attach(call.actor, repository_of(call), reference_of(call), label_id)
        return done()

    @answers()
    def detach(self, call: Call) -> Response:
        self._labels.detach(call.actor, repository_of(call), reference_of(call), call.number("label_id"))
        return done()

    def _found(self, call: Call, permission: str) -> LabelRecord:
        """The label of the address, where the actor has the permission. Raises `NotFound` and what the gate raises."""
        try:
            label = self._labels.get(call.number("label_id"))
        except NotFound:
            self._gate.must_in_system(call.actor, permission)
            raise
        self._gate.must_in(call.actor, permission, label.project_id)
        return label


def shown_label(label: LabelRecord) -> Label:
    return Label(
        id=label.id,
        name=label.name,
        description=label.description,
        color=label.color,
        scope=_SYSTEM if label.project_id is None else _PROJECT,
        project_id=label.project_id or 0,
        creation_time=time_text(label.created_at),
        update_time=time_text(label.updated_at),
    )


def _place(scope: str, project: str) -> int | None:
    """The project that is meant, or None for the system. Raises `BadQuery`."""
    if scope == _SYSTEM:
        return None
    if scope != _PROJECT:
        raise BadQuery(f"bad request: invalid scope: {scope[:40]}")
    if not project.isdecimal() or len(project) > 18:
        raise BadQuery(f"bad request: invalid project_id: {project[:40]}")
    return int(project)


def _with_name(call: Call, listing: Listing) -> Listing:
    """The older parameter beside `q`."""
    name = call.query("name")
    more = (Filter("name", "contains", (name,)),) if name else ()
    return Listing((*listing.filters, *more), listing.sort, listing.page, listing.size)
