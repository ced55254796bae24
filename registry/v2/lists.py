"""Lists in pages: tags, referrers, repositories (distribution spec, end-8, end-12; Docker's catalog)."""

from starlette.responses import Response

from registry.contracts import answers
from registry.core.referrers import Referrers
from registry.core.repositories import Catalog
from registry.core.tags import Tags
from registry.oci.manifests import referrers_index
from registry.oci.media_types import OCI_INDEX
from registry.oci.names import parse_digest
from registry.oci.paging import next_link, parse_count
from registry.web import Call, json_response

MOST = 1000


class ListEndpoints:
    def __init__(self, tags: Tags, referrers: Referrers, catalog: Catalog) -> None:
        self._tags = tags
        self._referrers = referrers
        self._catalog = catalog

    @answers(dict[str, str | list[str]], query=("n", "last"))
    def tags(self, call: Call) -> Response:
        count = parse_count(call.query("n"), default=MOST, most=MOST)
        names, more = self._tags.list(call.repository, after=call.query("last") or "", count=count)
        name = str(call.repository.name)
        headers = _link(f"/v2/{name}/tags/list", names, count, more)
        return json_response({"name": name, "tags": names}, headers=headers)

    @answers(dict[str, list[str]], query=("n", "last"))
    def catalog(self, call: Call) -> Response:
        count = parse_count(call.query("n"), default=MOST, most=MOST)
        names, more = self._catalog.list(call.actor, after=call.query("last") or "", count=count)
        return json_response({"repositories": names}, headers=_link("/v2/_catalog", names, count, more))

    @answers(dict[str, object], query=("n", "last", "artifactType"))
    def referrers(self, call: Call) -> Response:
        subject = parse_digest(call.path("digest"))
        count = parse_count(call.query("n"), default=MOST, most=MOST)
        wanted = call.request.query_params.getlist("artifactType")
        types = [part.strip() for value in wanted for part in value.split(",") if part.strip()]
        found, more = self._referrers.list(
            call.repository, subject, artifact_types=types, after=call.query("last") or "", count=count
        )
        headers = _link(
            f"/v2/{call.repository.name}/referrers/{subject}",
            [str(descriptor["digest"]) for descriptor in found],
            count,
            more,
            artifactType=",".join(types) or None,
        )
        if types:
            headers["OCI-Filters-Applied"] = "artifactType"
        return Response(referrers_index(found), 200, headers, OCI_INDEX)


def _link(path: str, page: list[str], count: int, more: bool, **query: str | None) -> dict[str, str]:
    if not more or not page:
        return {}
    return {"Link": next_link(path, n=count, last=page[-1], **query)}
