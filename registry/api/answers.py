"""Answers in the form that Harbor's clients depend on: status codes, headers, and what JSON leaves out.

A scalar that is zero or empty is left out (`omit_defaults` of a model); lists stand even when they are empty.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TypeVar
from urllib.parse import quote, unquote

import msgspec
from starlette.responses import Response

from registry.web import Call
from storage.metadata.listings import Listing

Item = TypeVar("Item")

NEVER = "0001-01-01T00:00:00.000Z"
"""The time of what has not happened."""
_PLAIN = "".join(set(map(chr, range(0x20, 0x7F))) - set('<>";'))  # of a query in a Link header


class Model(msgspec.Struct, omit_defaults=True, kw_only=True):
    """What an answer or a request has in its JSON. A field without a default is always written."""


def shown(content: object, status: int = 200) -> Response:
    return Response(msgspec.json.encode(content), status, media_type="application/json")


def done(status: int = 200) -> Response:
    """Success about which there is nothing to say. Never 204: clients take that for an error."""
    return Response(status_code=status)


def created(call: Call, *path: object, content: object | None = None) -> Response:
    """What was made is at this address below the one that was asked, or at `path`, when it begins with a slash."""
    place = "/".join(str(part) for part in path)
    base = call.request.scope["path"].rstrip("/")
    response = Response(status_code=201) if content is None else shown(content, 201)
    response.headers["Location"] = place if place.startswith("/") else f"{base}/{place}"
    return response


def listed(call: Call, listing: Listing, items: Sequence[object], total: int) -> Response:
    """A page of a list, with how many there are and where the pages beside it are."""
    return paged(call, listing, list(items), total)


def part_of(listing: Listing, items: Sequence[Item]) -> Sequence[Item]:
    """The page of a list that is in memory as a whole."""
    start = (max(listing.page, 1) - 1) * listing.size
    return items[start : start + listing.size] if listing.size else items


def paged(call: Call, listing: Listing, content: object, total: int) -> Response:
    """What has a page of a list in it, as `listed` tells of one."""
    response = shown(content)
    response.headers["X-Total-Count"] = str(total)
    links = _links(call, listing, total)
    if links:
        response.headers["Link"] = " , ".join(links)
    return response


def _links(call: Call, listing: Listing, total: int) -> list[str]:
    page, size = max(listing.page, 1), listing.size
    if not size:
        return []
    links = []
    if page > 1 and (page - 1) * size < total:
        links.append(f'<{_address(call, page - 1, size)}>; rel="prev"')
    if size * page < total:
        links.append(f'<{_address(call, page + 1, size)}>; rel="next"')
    return links


def _address(call: Call, page: int, size: int) -> str:
    """The address of another page: without scheme and host, which clients put before it; its query is not encoded,
    because they do that once more. What a header cannot hold, or what ends the address in it, is.
    """
    given = [pair.split("=", 1) for pair in call.request.scope["query_string"].decode("latin-1").split("&") if pair]
    others = [(name, value[0] if value else "") for name, *value in given if name not in ("page", "page_size")]
    kept = [(name, quote(unquote(value), safe=_PLAIN)) for name, value in others]
    path = call.request.scope["raw_path"].decode("latin-1")
    query = "&".join(f"{name}={value}" for name, value in [*kept, ("page", page), ("page_size", size)])
    return f"{path}?{query}"


def time_text(ms: int | None) -> str:
    """RFC 3339 in UTC with milliseconds; what has not happened has Go's zero time."""
    if ms is None:
        return NEVER
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
