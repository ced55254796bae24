"""The order in which people read names: numbers by what they count, `v1.9` before `v1.10`, and releases as semantic
versions have them, `2.0.0-rc.1` before `2.0.0`.
"""

import re

_NUMBER = re.compile("[0-9]+")
_VERSION = re.compile(r"v?([0-9]+(?:\.[0-9]+)*)(-?)")
_BEFORE, _RELEASE = "!", "#"  # both come before what goes on with a version: `1.0` before `1.0.1`


def sort_key(name: str) -> str:
    """A text that compares bytewise as the name does in that order; a `v` before a number does not count.

    Source: Semantic Versioning 2.0.0, section 11. Of names with the same key none is before the other.
    """
    version = _VERSION.match(name)
    if version is None:
        return _spelled(name)
    end = _BEFORE if version[2] else _RELEASE
    return _spelled(version[1]) + end + _spelled(name[version.end() :])


def _spelled(text: str) -> str:
    """Each number with its length before it: a longer one is larger."""
    return _NUMBER.sub(_sized, text)


def _sized(number: re.Match[str]) -> str:
    digits = number[0].lstrip("0") or "0"
    return f"{len(digits):03}{digits}"
