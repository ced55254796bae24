"""The bytes of a layer without their compression (image-spec layer.md, section "+gzip Media Types"), within bounds.

How they are compressed is told by their first bytes, as programs that run images tell it: media types may be wrong.
"""

import sys
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Protocol

_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"  # RFC 1952, section 2.3.1; RFC 8878, section 3.1.1
_GZIP_FORMAT = 31  # zlib's number
_FED = 16 * 1024  # bytes at once: what follows the end of a member is copied, and members can be tiny
_STEP = 1 << 20  # bytes that one call may make of them
_WINDOW = 25  # the binary logarithm of the bytes of zstd's memory at most; programs that pack layers use 8 MiB


class LayerUnreadable(Exception):
    """A layer is no archive of which the files can be told; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerBounds:
    """How much a layer may hold: bytes without compression, `ratio` of them for each byte of the layer beyond the
    `free_bytes` that any may come to, tar headers, bytes of an extended header, of a path and of all paths together,
    nested folders, packages, and bytes of the lists that tell of them.
    """

    unpacked_bytes: int = 32 << 30
    free_bytes: int = 64 << 20
    ratio: int = 200
    headers: int = 200_000
    extension_bytes: int = 1 << 20
    path_bytes: int = 4096  # Linux's PATH_MAX
    all_path_bytes: int = 32 << 20
    depth: int = 256
    packages: int = 100_000
    list_bytes: int = 64 << 20


USUAL_LAYER = LayerBounds()


class _Meter:
    """Holds what comes out of a layer against what went in."""

    def __init__(self, bounds: LayerBounds) -> None:
        self._bounds = bounds
        self._read = self._given = 0

    def reading(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        for piece in pieces:
            self._read += len(piece)
            yield piece

    def giving(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        for piece in pieces:
            self._given += len(piece)
            if self._given > self._bounds.unpacked_bytes:
                raise LayerUnreadable(f"it unpacks to more than {self._bounds.unpacked_bytes:,} bytes")
            if self._given > self._bounds.free_bytes + self._bounds.ratio * self._read:
                raise LayerUnreadable(f"it unpacks to more than {self._bounds.ratio} times its size")
            yield piece


def unpack(pieces: Iterable[bytes], bounds: LayerBounds = USUAL_LAYER) -> Iterator[bytes]:
    """What a layer holds, in pieces of at most 1 MiB or as large as they come; only one is in memory at a time.

    The iteration raises `LayerUnreadable`, and what that of `pieces` raises.
    """
    meter = _Meter(bounds)
    given = meter.reading(pieces)
    first = _beginning(given)
    packed = chain((first,), given)
    members = _MEMBERS.get(first[:4]) or _MEMBERS.get(first[:2])
    yield from meter.giving(_unpacked(packed, members) if members else packed)


def _beginning(pieces: Iterator[bytes]) -> bytes:
    """Enough of it to tell the compression."""
    first = b""
    while len(first) < len(_ZSTD) and (piece := next(pieces, None)) is not None:
        first += piece
    return first


class _Member(Protocol):
    """A part that is compressed by itself; what follows its end is `unused_data`."""

    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def give(self, packed: bytes) -> Iterator[bytes]: ...


class _Gzip:
    def __init__(self) -> None:
        self._packed = zlib.decompressobj(_GZIP_FORMAT)

    @property
    def eof(self) -> bool:
        return self._packed.eof

    @property
    def unused_data(self) -> bytes:
        return self._packed.unused_data

    def give(self, packed: bytes) -> Iterator[bytes]:
        while packed and not self.eof:
            try:
                yield self._packed.decompress(packed, _STEP)
            except zlib.error as error:
                raise LayerUnreadable(f"its gzip is damaged: {error}") from None
            packed = self._packed.unconsumed_tail


class _Zstd:
    def __init__(self) -> None:
        # Most registries never see a layer that is packed so.
        if sys.version_info >= (3, 14):
            from compression import zstd  # noqa: PLC0415
        else:
            from backports import zstd  # noqa: PLC0415

        self._error = zstd.ZstdError
        self._packed = zstd.ZstdDecompressor(options={zstd.DecompressionParameter.window_log_max: _WINDOW})

    @property
    def eof(self) -> bool:
        return self._packed.eof

    @property
    def unused_data(self) -> bytes:
        return self._packed.unused_data

    def give(self, packed: bytes) -> Iterator[bytes]:
        while not self.eof:
            try:
                yield self._packed.decompress(packed, _STEP)
            except self._error as error:
                raise LayerUnreadable(f"its zstd is damaged, or takes too much memory: {error}") from None
            if self.eof or self._packed.needs_input:
                return
            packed = b""


_MEMBERS: dict[bytes, Callable[[], _Member]] = {_GZIP: _Gzip, _ZSTD: _Zstd}


def _unpacked(pieces: Iterable[bytes], open_member: Callable[[], _Member]) -> Iterator[bytes]:
    """Of one member after the other (RFC 1952, section 2.2; RFC 8878, section 3); zeros between them are padding."""
    member = open_member()
    for fed in _fed(pieces):
        left = fed
        while left:
            if member.eof:
                left = left.lstrip(b"\0")
                member = open_member() if left else member
                continue
            yield from member.give(left)
            left = member.unused_data if member.eof else b""
    if not member.eof:
        raise LayerUnreadable("its compressed content ends too early")


def _fed(pieces: Iterable[bytes]) -> Iterator[bytes]:
    for piece in pieces:
        for start in range(0, len(piece), _FED):
            yield piece[start : start + _FED]
