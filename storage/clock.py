"""The time as the metadata keeps it."""

import time
from datetime import UTC, datetime


def now_ms() -> int:
    """UTC in milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def utc_text(ms: int) -> str:
    """A time in milliseconds since 1970, as RFC 3339 in UTC to the second."""
    return datetime.fromtimestamp(ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
