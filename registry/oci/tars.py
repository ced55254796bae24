"""Tar archives as layers are (image-spec layer.md), read from a stream: what is in them is told, contents pass by.

POSIX's ustar and pax (IEEE Std 1003.1, pax, "ustar Interchange Format"), and GNU's long names, large numbers and
sparse files. Python's own `tarfile` takes extended headers of any size into memory. Where readers differ, this one
does as Go's `archive/tar`, by which images are run: so nothing is hidden from it that they see.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from registry.oci.unpacking import USUAL_LAYER, LayerBounds, LayerUnreadable

BLOCK = 512
SIZE_LIMIT = 2**53  # the largest whole number of JSON

Kind = Literal["file", "folder", "link", "symlink", "device", "pipe", "whiteout", "opaque"]

_KINDS: Mapping[bytes, Kind] = {
    b"1": "link",
    b"2": "symlink",
    b"3": "device",
    b"4": "device",
    b"5": "folder",
    b"6": "pipe",
}
"""By the type flag; whatever is not here is a file. What is here has no content, whatever its size says."""
_PAX, _GLOBAL_PAX, _LONG_NAME, _LONG_TARGET, _SPARSE = b"x", b"g", b"L", b"K", b"S"
_EXTENSIONS = frozenset({_PAX, _GLOBAL_PAX, _LONG_NAME, _LONG_TARGET})
_WHITEOUT, _OWN, _OPAQUE = ".wh.", ".wh..wh.", ".wh..wh..opq"
_HASHED = 1 << 20  # bytes at once


@dataclass(frozen=True, slots=True)
class Entry:
    """What a layer says of a path, which has no slash at its ends.

    `size` is in bytes, `target` is of links. `mark` is the same for files with the same content; of sparse files it is
    of what is stored. A `whiteout` is of the path that is removed, `opaque` of the folder whose lower content is. Bytes
    of names that are no UTF-8 are written as `\\xff`. `content` is of files that were to be kept.
    """

    path: str
    kind: Kind
    mode: int = 0
    size: int = 0
    target: str = ""
    mark: str = ""
    content: bytes | None = None


def read_entries(
    pieces: Iterable[bytes],
    bounds: LayerBounds = USUAL_LAYER,
    keep: Callable[[str], int] = lambda _: 0,
) -> Iterator[Entry]:
    """What is in an archive, in its order; the same path may come again, and the last is the one that holds.

    `keep` tells, by a path, how many bytes of content at most are to be kept; of larger files nothing is. All of the
    pieces are read, also what follows the archive. The iteration raises `LayerUnreadable`.
    """
    stream, extended = _Stream(pieces), dict[bytes, bytes]()
    headers = named = 0
    while (block := stream.take(BLOCK)).strip(b"\0"):
        headers += 1
        if headers > bounds.headers:
            raise LayerUnreadable(f"it has more than {bounds.headers:,} headers")
        header = _parse_header(block)
        if header.flag in _EXTENSIONS:
            extended |= _read_extension(header, stream, bounds)
            continue
        entry = _read_entry(header, extended, stream, bounds, keep)
        extended = {}
        if entry:
            named += len(entry.path) + len(entry.target)
            if named > bounds.all_path_bytes:
                raise LayerUnreadable(f"its paths have more than {bounds.all_path_bytes:,} bytes together")
            yield entry
    stream.drain()


class _Stream:
    """Bytes in their order, as many as are asked for."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)
        self._held = b""
        self._at = 0

    def take(self, count: int) -> bytes:
        """So many bytes; fewer only at the end."""
        return b"".join(self._up_to(count))

    def must_take(self, count: int) -> bytes:
        taken = self.take(count)
        _must_be_whole(len(taken), count)
        return taken

    def digest(self, count: int) -> str:
        """Of so many bytes."""
        hasher, taken = hashlib.blake2b(digest_size=16), 0
        for part in self._up_to(count):
            hasher.update(part)
            taken += len(part)
        _must_be_whole(taken, count)
        return hasher.hexdigest()

    def drain(self) -> None:
        for _ in self._pieces:
            pass

    def _up_to(self, count: int) -> Iterator[bytes]:
        while count:
            if self._at == len(self._held):
                piece = next(self._pieces, None)
                if piece is None:
                    return
                self._held, self._at = piece, 0
            part = self._held[self._at : self._at + min(count, _HASHED)]
            self._at += len(part)
            count -= len(part)
            yield part


def _must_be_whole(found: int, wanted: int) -> None:
    if found < wanted:
        raise LayerUnreadable("its archive ends too early")


@dataclass(frozen=True, slots=True)
class _Header:
    name: bytes
    mode: int
    size: int
    flag: bytes
    target: bytes
    block: bytes


def _parse_header(block: bytes) -> _Header:
    _must_be_whole(len(block), BLOCK)
    _must_match(block)
    name = _text(block[:100])
    if block[257:263] == b"ustar\0":
        prefix = _text(block[345:500])
        name = prefix + b"/" + name if prefix else name
    mode, size = _number(block[100:108]) & 0o7777, _number(block[124:136])
    return _Header(name, mode, size, block[156:157], _text(block[157:257]), block)


def _must_match(block: bytes) -> None:
    """Its checksum is of all its bytes, with spaces in its own place; old programs took the bytes as signed."""
    others = block[:148] + b" " * 8 + block[156:]
    told, unsigned = _number(block[148:156]), sum(others)
    if told != unsigned and told != unsigned - 256 * sum(byte > 127 for byte in others):
        raise LayerUnreadable("it is no tar archive, or a damaged one: a checksum is wrong")


def _text(field: bytes) -> bytes:
    return field.partition(b"\0")[0]


def _number(field: bytes) -> int:
    """Octal digits, or the bytes of a number themselves where the first bit says so (GNU)."""
    if field[0] & 0x80:
        value = int.from_bytes(field, "big") & ~(0x80 << 8 * (len(field) - 1))
        return _checked(value)
    digits = _text(field.strip(b" \0"))
    if digits.strip(b"01234567"):
        raise LayerUnreadable("it is no tar archive, or a damaged one: a number is none")
    return _checked(int(digits or b"0", 8))


def _checked(value: int) -> int:
    if value > SIZE_LIMIT:
        raise LayerUnreadable("a number in its archive is too large")
    return value


def _read_extension(header: _Header, stream: _Stream, bounds: LayerBounds) -> dict[bytes, bytes]:
    """What the header that follows is to have in place of its own, by pax's names."""
    if header.size > bounds.extension_bytes:
        raise LayerUnreadable(f"a header of its archive has more than {bounds.extension_bytes:,} bytes")
    content = stream.must_take(header.size)
    _skip_padding(stream, header.size)
    match header.flag:
        case b"L":
            return {b"path": _text(content)}
        case b"K":
            return {b"linkpath": _text(content)}
        case b"x":
            return _parse_pax(content)
    return {}  # what holds for all files is of times and owners


def _parse_pax(content: bytes) -> dict[bytes, bytes]:
    """Records `LENGTH NAME=VALUE\\n`, each as long as it says."""
    found: dict[bytes, bytes] = {}
    start = 0
    while start < len(content):
        space = content.find(b" ", start, start + 20)
        length = content[start:space] if space > start else b""
        end = start + (int(length) if length.isdigit() else 0)
        name, equals, value = content[start + len(length) + 1 : end].partition(b"=")
        if not equals or not value.endswith(b"\n") or end > len(content):
            raise LayerUnreadable("an extended header of its archive is damaged")
        found[name] = value[:-1]
        start = end
    return found


def _read_entry(
    header: _Header,
    extended: Mapping[bytes, bytes],
    stream: _Stream,
    bounds: LayerBounds,
    keep: Callable[[str], int],
) -> Entry | None:
    """None for what is no file of the image: the root, and what programs noted for themselves."""
    kind: Kind = _KINDS.get(header.flag, "file")
    stored = 0 if header.flag in _KINDS else _decimal(extended, b"size", header.size)
    size = _real_size(header, extended, stored, stream)
    name = extended.get(b"GNU.sparse.name", extended.get(b"path", header.name))
    target = extended.get(b"linkpath", header.target)
    path = _path(name, bounds)
    limit = keep(path) if kind == "file" else 0
    content = stream.must_take(stored) if 0 < stored <= limit else None
    mark = stream.digest(stored) if content is None else _Stream([content]).digest(stored)
    _skip_padding(stream, stored)
    if header.flag == b"\0" and name.endswith(b"/"):  # from before there were flags for folders
        kind = "folder"
    if kind == "file":
        return _whiteout(path) or _named(Entry(path, kind, header.mode, size, "", mark, content))
    shown = _path(target, bounds) if kind == "link" else _name(target, bounds) if kind == "symlink" else ""
    return _named(Entry(path, kind, header.mode, 0, shown))


def _named(entry: Entry) -> Entry | None:
    base = entry.path.rpartition("/")[2]
    return None if not base or base.startswith(_WHITEOUT) else entry


def _whiteout(path: str) -> Entry | None:
    """What an empty file of such a name stands for (image-spec layer.md, section "Whiteouts")."""
    folder, slash, base = path.rpartition("/")
    if base == _OPAQUE:
        return Entry(folder, "opaque")
    removed = base.removeprefix(_WHITEOUT)
    is_own = base.startswith(_OWN) or removed in ("", ".", "..")
    return None if removed == base or is_own else Entry(folder + slash + removed, "whiteout")


def _real_size(header: _Header, extended: Mapping[bytes, bytes], stored: int, stream: _Stream) -> int:
    """With the holes of a sparse file. An old one's header goes on in blocks before its content."""
    if header.flag == _SPARSE:
        goes_on = header.block[482]
        while goes_on:
            goes_on = stream.must_take(BLOCK)[504]
        return _number(header.block[483:495])
    size = _decimal(extended, b"GNU.sparse.size", stored)
    return _decimal(extended, b"GNU.sparse.realsize", size)


def _decimal(extended: Mapping[bytes, bytes], name: bytes, usual: int) -> int:
    value = extended.get(name)
    if value is None:
        return usual
    if not value.isdigit() or len(value) > 20:
        raise LayerUnreadable("an extended header of its archive is damaged")
    return _checked(int(value))


def _skip_padding(stream: _Stream, size: int) -> None:
    """The last block may be cut off after the content: some programs write no more."""
    stream.take(-size % BLOCK)


def _path(name: bytes, bounds: LayerBounds) -> str:
    """As it is below the root, which `..` does not leave."""
    parts: list[str] = []
    for part in _name(name, bounds).split("/"):
        if part == "..":
            parts[-1:] = []
        elif part not in ("", "."):
            parts.append(part)
    if len(parts) > bounds.depth:
        raise LayerUnreadable(f"it has folders in more than {bounds.depth} levels")
    return "/".join(parts)


def _name(name: bytes, bounds: LayerBounds) -> str:
    if len(name) > bounds.path_bytes or b"\0" in name:
        raise LayerUnreadable(f"it has a path of more than {bounds.path_bytes:,} bytes, or with a NUL")
    return name.decode(errors="backslashreplace")
