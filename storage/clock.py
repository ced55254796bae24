"""The time as the metadata keeps it."""

import time


def now_ms() -> int:
    """UTC in milliseconds since 1970."""
    return time.time_ns() // 1_000_000
