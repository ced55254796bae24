"""Manifests: look, pull, push, delete (distribution spec, end-3, end-7 and end-9)."""

from functools import partial

from starlette.responses import Response

from registry.contracts import BYTES, answers
from registry.core.manifests import Manifests, Pushed
from registry.core.pulls import SCOPE_KEY, Pull, Pulls
from registry.errors import ManifestTooLarge
from registry.oci.names import Reference, parse_tag
from registry.threads import Threads, to_the_end
from registry.v2.conditions import etag, is_unchanged, not_modified
from registry.web import Call, read_body
from storage.metadata.manifests import ManifestRecord

_CACHE = "private, no-cache"  # kept, and asked for anew each time: it may be deleted, and tags move
_NAMED = 10  # missing digests that a warning names: all warnings together have 4 KiB


class ManifestEndpoints:
    """`limit` is the size in bytes of the largest manifest that is taken."""

    def __init__(self, manifests: Manifests, pulls: Pulls, threads: Threads, *, limit: int) -> None:
        self._manifests = manifests
        self._pulls = pulls
        self._threads = threads
        self._limit = limit

    @answers(refuses=(304, 400))
    def head(self, call: Call) -> Response:
        record = self._manifests.find(call.repository, Reference.parse(call.path("reference")))
        if is_unchanged(call, record.digest):
            return not_modified(record.digest, _CACHE)
        return Response(headers=_headers(record))

    @answers(BYTES, refuses=(304, 400))
    def get(self, call: Call) -> Response:
        reference = Reference.parse(call.path("reference"))
        record, content = self._manifests.read(call.repository, reference)
        if is_unchanged(call, record.digest):
            return not_modified(record.digest, _CACHE)
        self._count(call, reference, record)
        return Response(content, headers=_headers(record))

    @answers(takes=BYTES, status=201, query=("tag",), refuses=(400, 412, 413, 414))
    async def put(self, call: Call) -> Response:
        reference = Reference.parse(call.path("reference"))
        tags = [parse_tag(tag) for tag in call.request.query_params.getlist("tag")]
        content = await read_body(call.request, self._limit)
        if content is None:
            raise ManifestTooLarge(f"a manifest may have at most {self._limit} bytes", headers={"Connection": "close"})
        pushed = await to_the_end(
            self._threads.general,
            partial(self._manifests.push, extra_tags=tags if reference.digest else []),
            call.actor,
            call.repository,
            reference,
            call.header("content-type"),
            content,
        )
        self._pulls.count_push(call.repository.project.id)
        return _created(call, pushed)

    @answers(status=202, refuses=(400, 405, 412))
    def delete(self, call: Call) -> Response:
        self._manifests.delete(call.actor, call.repository, Reference.parse(call.path("reference")))
        return Response(status_code=202)

    def _count(self, call: Call, reference: Reference, record: ManifestRecord) -> None:
        repository = call.repository
        resource = repository.name.at(str(reference))
        pull = Pull(record.id, repository.project.id, reference.tag, resource, call.actor.name)
        call.request.scope[SCOPE_KEY] = pull
        self._pulls.count(pull)


def _created(call: Call, pushed: Pushed) -> Response:
    headers = {
        "Location": f"/v2/{call.repository.name}/manifests/{pushed.digest}",
        "Docker-Content-Digest": str(pushed.digest),
    }
    if pushed.subject:
        headers["OCI-Subject"] = str(pushed.subject)
    if pushed.missing:
        named = ", ".join(pushed.missing[:_NAMED])
        headers["Warning"] = f'299 - "the repository lacks {len(pushed.missing)} of the contents named: {named}"'
    response = Response(status_code=201, headers=headers)
    if call.request.query_params.getlist("tag"):
        for tag in pushed.tags:
            response.headers.append("OCI-Tag", tag)
    return response


def _headers(record: ManifestRecord) -> dict[str, str]:
    return {
        "Content-Length": str(record.size),
        "Content-Type": record.media_type,
        "Docker-Content-Digest": record.digest,
        "ETag": etag(record.digest),
        "Cache-Control": _CACHE,
    }
