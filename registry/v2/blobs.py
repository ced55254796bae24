"""Blobs: look, pull, delete (distribution spec, end-2 and end-10)."""

import secrets

from starlette.responses import Response

from registry.contracts import BYTES, answers
from registry.core.blobs import Blobs, OpenBlob
from registry.core.transfers import Transfers
from registry.errors import RangeNotSatisfiable
from registry.oci.names import parse_digest
from registry.oci.ranges import Slice, parse_range
from registry.threads import Threads
from registry.v2.conditions import etag, is_unchanged, may_range, not_modified
from registry.v2.redirects import can_follow
from registry.v2.streams import BlobResponse
from registry.v2.transfers import transfer_of
from registry.web import Call
from storage.blobs import BlobStoreError
from storage.digest import Digest

_CACHE = "private, max-age=31536000, immutable"


class BlobEndpoints:
    """With `redirect_seconds`, clients that can follow are sent to the store's own address of a blob, if it has one."""

    def __init__(self, blobs: Blobs, threads: Threads, transfers: Transfers, *, redirect_seconds: int = 0) -> None:
        self._blobs = blobs
        self._threads = threads
        self._transfers = transfers
        self._redirect_seconds = redirect_seconds

    @answers(refuses=(400,))
    def head(self, call: Call) -> Response:
        digest = parse_digest(call.path("digest"))
        blob = self._blobs.stat(call.repository, digest)
        call.repeat_until(blob.told_until / 1000)
        if is_unchanged(call, str(digest)):
            return not_modified(str(digest), _CACHE)
        return Response(headers=_headers(digest, blob.size))

    @answers(BYTES, refuses=(206, 304, 307, 400, 416))
    def get(self, call: Call) -> Response:
        digest = parse_digest(call.path("digest"))
        if self._redirect_seconds and not is_unchanged(call, str(digest)):
            url = self._blobs.url(call.repository, digest, self._redirect_seconds)
            if url and _can_follow(call, url):
                return _redirect(digest, url)
        blob = self._blobs.open(call.repository, digest)
        if is_unchanged(call, str(digest)):
            blob.reader.close()
            return not_modified(str(digest), _CACHE)
        try:
            wanted = call.header("range") if may_range(call, str(digest)) else None
            return self._respond(call, blob, parse_range(wanted, blob.size))
        except (RangeNotSatisfiable, BlobStoreError):
            blob.reader.close()
            raise

    @answers(status=202, refuses=(400,))
    def delete(self, call: Call) -> Response:
        self._blobs.delete(call.repository, parse_digest(call.path("digest")))
        return Response(status_code=202)

    def _respond(self, call: Call, blob: OpenBlob, wanted: list[Slice] | None) -> Response:
        headers, threads = _headers(blob.digest, blob.size), self._threads.general
        slices = wanted or [Slice(0, blob.size - 1)]
        total = sum(part.length for part in slices)
        shown = self._transfers.going_on(transfer_of(call, "download", blob.digest, total))
        if wanted is None:
            return BlobResponse(blob, slices, 200, headers, threads, shown=shown)
        if len(slices) == 1:
            headers |= {"Content-Length": str(total), "Content-Range": _content_range(slices[0], blob.size)}
            return BlobResponse(blob, slices, 206, headers, threads, shown=shown)
        boundary = secrets.token_hex(16)
        prologues = [
            f"\r\n--{boundary}\r\nContent-Type: application/octet-stream\r\n"
            f"Content-Range: {_content_range(part, blob.size)}\r\n\r\n".encode()
            for part in slices
        ]
        epilogue = f"\r\n--{boundary}--\r\n".encode()
        length = sum(map(len, prologues)) + total + len(epilogue)
        headers |= {"Content-Length": str(length), "Content-Type": f"multipart/byteranges; boundary={boundary}"}
        response = BlobResponse(blob, slices, 206, headers, threads, shown=shown)
        response.frame(prologues, epilogue)
        return response


def _can_follow(call: Call, url: str) -> bool:
    agent, wanted = call.header("user-agent") or "", call.header("range") or ""
    return can_follow(url, agent=agent, wanted=wanted, http_version=call.request.scope["http_version"])


def _redirect(digest: Digest, url: str) -> Response:
    """The address is a key to the content, so nobody may keep it."""
    return Response(
        status_code=307,
        headers={"Location": url, "Docker-Content-Digest": str(digest), "Cache-Control": "no-store"},
    )


def _content_range(part: Slice, size: int) -> str:
    return f"bytes {part.start}-{part.end}/{size}"


def _headers(digest: Digest, size: int) -> dict[str, str]:
    return {
        "Content-Length": str(size),
        "Content-Type": "application/octet-stream",
        "Content-Disposition": "attachment",
        "Docker-Content-Digest": str(digest),
        "ETag": etag(str(digest)),
        "Accept-Ranges": "bytes",
        "Cache-Control": _CACHE,
    }
