"""What is in one layer, in the form in which it is kept: its files, and the packages that its lists tell of."""

import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import msgspec

from registry.oci.packages import LIST_LIMIT, is_list, parse_list
from registry.oci.tars import Entry, read_entries
from registry.oci.unpacking import USUAL_LAYER, LayerBounds, LayerUnreadable, unpack


@dataclass(frozen=True, slots=True)
class LayerIndex:
    """`lists` has the versions of packages, by their names, by the path of the list that tells of them."""

    entries: Sequence[Entry]
    lists: Mapping[str, Mapping[str, str]]

    def __len__(self) -> int:
        """Files and packages."""
        return len(self.entries) + sum(map(len, self.lists.values()))


def read_layer(pieces: Iterable[bytes], bounds: LayerBounds = USUAL_LAYER) -> LayerIndex:
    """Of the bytes of a layer, which are all read. Raises `LayerUnreadable`, and what the iteration raises."""
    entries: list[Entry] = []
    lists: dict[str, Mapping[str, str]] = {}
    packages = list_bytes = 0
    for entry in read_entries(unpack(pieces, bounds), bounds, lambda path: LIST_LIMIT if is_list(path) else 0):
        if entry.content is None:
            entries.append(entry)
            continue
        entries.append(replace(entry, content=None))
        lists[entry.path] = listed = parse_list(entry.path, entry.content)
        packages, list_bytes = packages + len(listed), list_bytes + len(entry.content)
        if packages > bounds.packages or list_bytes > bounds.list_bytes:
            raise LayerUnreadable(f"its lists tell of more than {bounds.packages:,} packages, or are too large")
    return LayerIndex(entries, lists)


def pack_index(index: LayerIndex) -> bytes:
    return zlib.compress(msgspec.msgpack.encode(index))


def unpack_index(packed: bytes) -> LayerIndex:
    return msgspec.msgpack.decode(zlib.decompress(packed), type=LayerIndex)
