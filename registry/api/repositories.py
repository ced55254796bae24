"""Repositories: `/repositories`, and those of a project."""

import html

from starlette.responses import Response

from registry.api.answers import Model, done, listed, shown, time_text
from registry.api.bodies import parse_body
from registry.api.places import repository_of
from registry.api.queries import parse_listing
from registry.contracts import PAGED, answers
from registry.core.repositories import Repositories
from registry.web import Call
from storage.metadata.repositories import ListedRepository


class Repository(Model, kw_only=True):
    """Harbor's `Repository`."""

    id: int
    project_id: int
    name: str
    description: str = ""
    artifact_count: int
    pull_count: int
    creation_time: str
    update_time: str


class Description(Model, kw_only=True):
    """What of a `Repository` can be changed."""

    description: str = ""


class RepositoryEndpoints:
    def __init__(self, repositories: Repositories) -> None:
        self._repositories = repositories

    @answers(list[Repository], query=PAGED)
    def index(self, call: Call) -> Response:
        listing = parse_listing(call.request.query_params)
        found, total = self._repositories.page(call.actor, listing)
        return listed(call, listing, [_shown(each) for each in found], total)

    @answers(list[Repository], query=PAGED)
    def index_of_project(self, call: Call) -> Response:
        listing = parse_listing(call.request.query_params)
        found, total = self._repositories.page_of_project(call.project.id, listing)
        return listed(call, listing, [_shown(each) for each in found], total)

    @answers(Repository)
    def get(self, call: Call) -> Response:
        return shown(_shown(self._repositories.get(repository_of(call))))

    @answers(takes=Description)
    def put(self, call: Call) -> Response:
        # Harbor's clients show it as HTML.
        description = html.escape(parse_body(call.body, Description).description)
        self._repositories.describe(call.actor, repository_of(call), description)
        return done()

    @answers(refuses=(412,))
    def delete(self, call: Call) -> Response:
        self._repositories.delete(call.actor, repository_of(call))
        return done()


def _shown(found: ListedRepository) -> Repository:
    return Repository(
        id=found.id,
        project_id=found.project_id,
        name=found.name,
        description=found.description,
        artifact_count=found.artifacts,
        pull_count=found.pull_count,
        creation_time=time_text(found.created_at),
        update_time=time_text(found.updated_at),
    )
