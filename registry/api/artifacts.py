"""Artifacts of a repository or of a project, their tags and accessories."""

from urllib.parse import quote

from starlette.responses import Response

from registry.api.answers import Model, created, done, listed, shown
from registry.api.artifact_models import Accessory, Artifact, Tag, shown_accessories, shown_artifact, shown_tag
from registry.api.bodies import parse_body
from registry.api.places import reference_of, repository_of
from registry.api.queries import parse_flag, parse_listing
from registry.contracts import DETAILS, PAGED, answers
from registry.core.artifact_changes import ArtifactChanges
from registry.core.artifacts import Artifacts, Wanted
from registry.core.gate import Gate
from registry.core.repositories import Repository
from registry.errors import BadQuery
from registry.oci.names import Reference, RepositoryName, parse_tag
from registry.web import Call


class NewTag(Model, kw_only=True):
    """Harbor's `NewTag`."""

    name: str


class ArtifactEndpoints:
    def __init__(self, artifacts: Artifacts, changes: ArtifactChanges, gate: Gate) -> None:
        self._artifacts = artifacts
        self._changes = changes
        self._gate = gate

    @answers(list[Artifact], query=(*PAGED, *DETAILS))
    def index(self, call: Call) -> Response:
        listing = parse_listing(call.request.query_params)
        found, total = self._artifacts.page(repository_of(call), listing, _wanted(call))
        return listed(call, listing, [shown_artifact(each) for each in found], total)

    @answers(list[Artifact], query=(*PAGED, *DETAILS, "latest_in_repository"))
    def index_of_project(self, call: Call) -> Response:
        listing = parse_listing(call.request.query_params)
        only_latest = _flag(call, "latest_in_repository", default=False)
        kinds = [key for key in ("media_type", "artifact_type") if listing.wanted(key)]
        if only_latest and len(kinds) != 1:
            raise BadQuery("bad request: latest_in_repository takes either media_type or artifact_type in q")
        found, total = self._artifacts.page_of_project(call.project, listing, _wanted(call), only_latest=only_latest)
        return listed(call, listing, [shown_artifact(each) for each in found], total)

    @answers(Artifact, query=DETAILS)
    def get(self, call: Call) -> Response:
        return shown(shown_artifact(self._artifacts.get(repository_of(call), reference_of(call), _wanted(call))))

    @answers(refuses=(412,))
    def delete(self, call: Call) -> Response:
        self._changes.delete(call.actor, repository_of(call), reference_of(call))
        return done()

    @answers(status=201, query=("from!",), refuses=(409, 412))
    def copy(self, call: Call) -> Response:
        target = repository_of(call)
        name, reference = _source(call.query("from") or "")
        place = self._gate.enter_project(call.actor, "artifact:read", name.project)
        self._changes.copy(call.actor, Repository(place.project, name), reference, target)
        project, path = target.name.project, quote(quote(target.name.path, safe=""), safe="")
        return created(call, f"/api/v2.0/projects/{project}/repositories/{path}/artifacts/{reference}")

    @answers(list[Tag], query=(*PAGED, "with_immutable_status"))
    def tags(self, call: Call) -> Response:
        listing = parse_listing(call.request.query_params)
        immutable = _flag(call, "with_immutable_status", default=False)
        found, total = self._artifacts.page_tags(repository_of(call), reference_of(call), listing, immutable=immutable)
        return listed(call, listing, [shown_tag(each) for each in found], total)

    @answers(takes=NewTag, status=201, refuses=(409, 412))
    def add_tag(self, call: Call) -> Response:
        name = parse_tag(parse_body(call.body, NewTag).name)
        self._changes.tag(call.actor, repository_of(call), reference_of(call), name)
        return created(call, name)

    @answers(refuses=(412,))
    def delete_tag(self, call: Call) -> Response:
        self._changes.untag(call.actor, repository_of(call), reference_of(call), call.path("tag"))
        return done()

    @answers(list[Accessory], query=PAGED)
    def accessories(self, call: Call) -> Response:
        listing, repository = parse_listing(call.request.query_params), repository_of(call)
        found = self._artifacts.list_accessories(repository, reference_of(call))
        start = (max(listing.page, 1) - 1) * listing.size
        page = found[start : start + listing.size] if listing.size else found
        return listed(call, listing, shown_accessories(page, str(repository.name)), len(found))


def _flag(call: Call, name: str, *, default: bool) -> bool:
    return parse_flag(call.request.query_params, name, default=default)


def _wanted(call: Call) -> Wanted:
    return Wanted(
        tags=_flag(call, "with_tag", default=True),
        labels=_flag(call, "with_label", default=False),
        accessories=_flag(call, "with_accessory", default=True),
        immutable=_flag(call, "with_immutable_status", default=False),
        inherited=_flag(call, "with_inherited_accessory", default=False),
    )


def _source(text: str) -> tuple[RepositoryName, Reference]:
    """The artifact of `project/repository:tag` or `project/repository@digest`. Raises `BadQuery` and as names do."""
    name, at, reference = text.partition("@") if "@" in text else text.rpartition(":")
    if not at or "/" not in name:
        raise BadQuery("bad request: from in query must be project/repository:tag or project/repository@digest")
    return RepositoryName.parse(name), Reference.parse(reference)
