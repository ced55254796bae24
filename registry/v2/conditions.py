"""Conditional requests (RFC 9110, section 13). A digest is the strongest validator there is."""

from starlette.responses import Response

from registry.web import Call


def etag(digest: str) -> str:
    return f'"{digest}"'


def is_unchanged(call: Call, digest: str) -> bool:
    """Whether the client has the content already, by `If-None-Match`."""
    given = call.header("if-none-match")
    if given is None:
        return False
    candidates = [candidate.strip().removeprefix("W/") for candidate in given.split(",")]
    return given.strip() == "*" or etag(digest) in candidates


def may_range(call: Call, digest: str) -> bool:
    """Whether a `Range` counts: `If-Range` takes it back when the client's part is of other content."""
    return call.header("if-range") in (None, etag(digest))


def not_modified(digest: str, cache: str) -> Response:
    """`cache` is what the content itself would say of how long it is good (RFC 9110, section 15.4.5)."""
    headers = {"ETag": etag(digest), "Docker-Content-Digest": digest, "Cache-Control": cache}
    return Response(status_code=304, headers=headers)
