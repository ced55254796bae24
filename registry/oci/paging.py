"""Lists in pages: the `n` of a request and the `Link` to the next page (distribution spec, section "Listing Tags")."""

import re
from urllib.parse import quote, urlencode

from registry.errors import PageInvalid

_COUNT = re.compile(r"[0-9]{1,18}")


def parse_count(text: str | None, *, default: int, most: int) -> int:
    """How many entries a page may have; more than `most` is cut to it, and 0 is allowed. Raises `PageInvalid`."""
    if text is None:
        return default
    if not _COUNT.fullmatch(text):
        raise PageInvalid(f"n={text[:40]!r} is not a number of entries")
    return min(int(text), most)


def next_link(path: str, **query: str | int | None) -> str:
    """A `Link` header's value (RFC 8288) with a URL relative to the host; a query of None is left out.

    `path` is not encoded yet, and neither are the values.
    """
    given = {name: value for name, value in query.items() if value is not None}
    encoded = urlencode(given, quote_via=quote, safe="")
    return f'<{quote(path, safe="/:")}?{encoded}>; rel="next"'
