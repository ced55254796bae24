"""Byte ranges: of a download (RFC 9110, section 14), and of a chunk (distribution spec, section "Pushing Blobs")."""

import re
from typing import NamedTuple

from registry.errors import BlobUploadInvalid, RangeNotSatisfiable

RANGES_LIMIT = 1024  # what podman and skopeo ask for at once in a zstd:chunked layer

_RANGE = re.compile(r"([0-9]{1,20})-([0-9]{0,20})|-([0-9]{1,20})")
_CHUNK = re.compile(r"(?:bytes[ =])?([0-9]{1,18})-(-1|[0-9]{1,18})(?:/(?:\*|([0-9]{1,18})))?")


class Slice(NamedTuple):
    """The bytes from `start` to `end`, both included, counted from 0."""

    start: int
    end: int

    @property
    def length(self) -> int:
        return self.end - self.start + 1


def parse_range(header: str | None, size: int) -> list[Slice] | None:
    """What a `Range` header asks for of content of `size` bytes, in the order asked, or None to send all of it.

    Clients that ask for several ranges want exactly as many parts, and take the whole content for an answer but no 416:
    a set with a part that does not exist, with more than 1,024 parts, or larger than the content itself gets the whole.
    So do other units, a header that cannot be read, and empty content, of which no range exists.

    Raises `RangeNotSatisfiable` when no byte asked for exists; a range that ends before it starts counts as that.
    """
    matches = _ranges(header) if header and size else None
    if not matches:
        return None
    slices = [found for match in matches if (found := _slice(match, size))]
    if not slices:
        raise RangeNotSatisfiable(
            f"no byte of the {size} there are is in the range", headers={"Content-Range": f"bytes */{size}"}
        )
    if len(slices) < len(matches) or sum(found.length for found in slices) > size:
        return None
    return slices


def parse_content_range(header: str | None) -> tuple[int, int] | None:
    """First and last byte of an upload's chunk, counted from 0: `0-9`, and clients' `bytes 0-9/*`, `bytes=0-9`.

    An empty chunk ends one before it starts: `10-9`, and `0--1` at the beginning. Raises `BlobUploadInvalid`.
    """
    if header is None:
        return None
    match = _CHUNK.fullmatch(header)
    if match is None:
        raise BlobUploadInvalid(f"Content-Range {header[:80]!r} is not of the form FIRST-LAST")
    start, end = int(match[1]), int(match[2])
    if end < start - 1 or (match[3] and end >= int(match[3])):
        raise BlobUploadInvalid(f"Content-Range {header[:80]!r} ends where it cannot")
    return start, end


def _ranges(header: str) -> list[re.Match[str]] | None:
    unit, _, text = header.partition("=")
    parts = [part for part in map(_trimmed, text.split(",")) if part]
    if unit.lower() != "bytes" or len(parts) > RANGES_LIMIT:
        return None
    matches = [match for part in parts if (match := _RANGE.fullmatch(part))]
    return matches if len(matches) == len(parts) else None


def _trimmed(text: str) -> str:
    return text.strip(" \t")


def _slice(match: re.Match[str], size: int) -> Slice | None:
    first, last, suffix = match.groups()
    if suffix:
        start, end = max(size - int(suffix), 0), size - 1
    else:
        start, end = int(first), min(int(last or size), size - 1)
    return Slice(start, end) if start <= end else None
