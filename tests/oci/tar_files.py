"""Tar archives as tests need them: sound ones by `tarfile`, and hostile ones block by block."""

import io
import tarfile
from collections.abc import Iterable

from registry.oci.tars import BLOCK, Entry, read_entries

END = bytes(2 * BLOCK)


def member(
    name: str, content: bytes = b"", *, type_: bytes = tarfile.REGTYPE, target: str = "", mode: int = 0o644
) -> bytes:
    """A file with its headers, in pax's format."""
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.mode, info.size = type_, target, mode, len(content)
    return info.tobuf(tarfile.PAX_FORMAT) + padded(content)


def padded(content: bytes) -> bytes:
    return content + bytes(-len(content) % BLOCK)


def header(name: bytes, *, size: int = 0, flag: bytes = b"0", changed: Iterable[tuple[int, bytes]] = ()) -> bytes:
    """A header alone, with other bytes at some places, and the checksum that goes with them."""
    block = bytearray(BLOCK)
    fields = [(0, name), (100, b"0000644\0"), (124, b"%011o\0" % size), (156, flag), (257, b"ustar\00000"), *changed]
    for place, value in fields:
        block[place : place + len(value)] = value
    return sealed(bytes(block))


def sealed(block: bytes) -> bytes:
    """With its right checksum."""
    others = block[:148] + b" " * 8 + block[156:]
    return block[:148] + b"%06o\0 " % sum(others) + block[156:]


def extension(flag: bytes, content: bytes) -> bytes:
    return header(b"more", size=len(content), flag=flag) + padded(content)


def layer(*members: bytes) -> bytes:
    return b"".join(members) + END


def entries(*members: bytes) -> list[Entry]:
    return list(read_entries([layer(*members)]))


def packed_by_tarfile(form: int, **files: bytes) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=form) as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return packed.getvalue()
