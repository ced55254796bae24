"""What a request asks of a list: `q`, `sort`, `page` and `page_size`, in the grammar of Harbor's API.

q=name=~app,public=true,creation_time=[2026-01-01 00:00:00~],id={1 2},labels=(1 2)
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import unquote

from registry.errors import BadQuery, PageSizeTooLarge
from storage.metadata.listings import Filter, Listing, plain

DEFAULT_SIZE = 10
MOST = 100
_NUMBER = re.compile(r"[0-9]{1,9}")
_TIMES = ("%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d")


def parse_listing(query: Mapping[str, str]) -> Listing:
    """Raises `BadQuery`, and `PageSizeTooLarge` for pages of more than 100."""
    size = parse_number(query, "page_size", DEFAULT_SIZE)
    if size > MOST:
        raise PageSizeTooLarge("page_size in query should be less than or equal to 100")
    sort = tuple(name.strip() for name in query.get("sort", "").split(",") if name.strip())
    return Listing(parse_filters(query.get("q", "")), sort, parse_number(query, "page", 1), size)


def parse_flag(query: Mapping[str, str], name: str, *, default: bool) -> bool:
    """A query parameter that is true or false. Raises `BadQuery`."""
    text = query.get(name, "").lower()
    if text in ("", "true", "false", "1", "0", "t", "f"):
        return default if not text else text in ("true", "1", "t")
    raise BadQuery(f"{name} in query must be true or false")


def parse_filters(text: str) -> tuple[Filter, ...]:
    """The conditions of a `q`. Raises `BadQuery`."""
    # harbor-cli encodes it once more than HTTP asks for.
    decoded = unquote(text) if "%" in text else text
    return tuple(_parse_filter(each) for each in _split(decoded))


def _split(text: str) -> list[str]:
    """At the commas that are in no brackets."""
    parts, depth, start = [], 0, 0
    for position, char in enumerate(text):
        depth += (char in "[{(") - (char in "]})")
        if char == "," and depth <= 0:
            parts.append(text[start:position])
            start = position + 1
    parts.append(text[start:])
    return [part for part in parts if part.strip()]


def _parse_filter(text: str) -> Filter:
    key, equals, value = text.partition("=")
    if not equals or not key.strip() or not value.strip():
        raise BadQuery('the query string must contain "=" and the key/value cannot be empty')
    return _with_value(plain(key.strip()), value.strip())


def _with_value(key: str, value: str) -> Filter:
    inner = value[1:-1]
    if value.startswith("~"):
        return Filter(key, "contains", (value[1:],))
    if value.startswith("[") and value.endswith("]"):
        least, tilde, most = inner.partition("~")
        if not tilde:
            raise BadQuery(f"{value[:40]!r} is not a range: write [least~most]")
        return Filter(key, "range", (_bound(least), _bound(most)))
    if value.startswith("{") and value.endswith("}"):
        return Filter(key, "any", tuple(map(_item, inner.split())))
    if value.startswith("(") and value.endswith(")"):
        return Filter(key, "all", tuple(map(_item, inner.split())))
    return Filter(key, "exact", (value.removeprefix("\\"),))


def _item(text: str) -> str:
    return text.strip("'\"")


def _bound(text: str) -> str | None:
    """An end of a range; times become milliseconds, as they are kept."""
    bare = _item(text.strip())
    for form in _TIMES:
        try:
            return str(int(datetime.strptime(bare, form).replace(tzinfo=UTC).timestamp() * 1000))
        except ValueError:
            continue
    return bare or None


def parse_number(query: Mapping[str, str], name: str, default: int) -> int:
    """A query parameter that is a whole number. Raises `BadQuery`."""
    text = query.get(name, "")
    if not text:
        return default
    if not _NUMBER.fullmatch(text):
        raise BadQuery(f"{name} in query must be a number of at most nine digits")
    return int(text)
