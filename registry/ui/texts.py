"""Numbers and times as people read them; the filters of the templates."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from urllib.parse import quote

from registry.errors import RegistryError
from storage.clock import utc_text

_DIGEST = re.compile(r"\b(sha(?:256|512):)([0-9a-f]{12})[0-9a-f]{52,}")
_COLOR = re.compile(r"#[0-9A-Fa-f]{6}")
_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")


def bytes_text(count: int) -> str:
    """In binary units, with one decimal below ten."""
    value, unit = float(count), 0
    while value >= 1024 and unit < len(_UNITS) - 1:
        value, unit = value / 1024, unit + 1
    return f"{value:.{1 if unit and value < 10 else 0}f} {_UNITS[unit]}"


def exact_size(count: int | None) -> str:
    """To the byte, as `registry.values.size` reads it; nothing for None."""
    if count is None:
        return ""
    value, unit = count, 0
    while value and value % 1024 == 0 and unit < len(_UNITS) - 1:
        value, unit = value // 1024, unit + 1
    return f"{value}{_UNITS[unit] if unit else ''}"


def count_text(count: int) -> str:
    return f"{count:,}"


def time_text(ms: int) -> str:
    """To the minute, in UTC; `time.js` puts it into the reader's zone."""
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d %H:%M UTC")


def day_text(day: int) -> str:
    """Of days that count from 1970, in UTC."""
    return (date(1970, 1, 1) + timedelta(days=day)).isoformat()


def short_digest(digest: str) -> str:
    """Enough of it to tell two apart."""
    return digest.partition(":")[2][:12]


def brief(text: str) -> str:
    """A text whose digests are shortened."""
    return _DIGEST.sub(r"\1\2…", text)


def part(text: str) -> str:
    """As a part of an address, slashes left as they are."""
    return quote(text, safe="/:")


def is_paintable(color: str) -> bool:
    """Whether a picture can have the colour of a label, which may be any text."""
    return _COLOR.fullmatch(color) is not None


def reason(error: RegistryError) -> str:
    """Why something was refused, without the class of the error before it."""
    return error.message.removeprefix("bad request: ")


FILTERS: Mapping[str, Callable[..., str]] = {
    "bytes": bytes_text,
    "exact": exact_size,
    "count": count_text,
    "time": time_text,
    "day": day_text,
    "iso": utc_text,
    "short": short_digest,
    "brief": brief,
    "part": part,
}
